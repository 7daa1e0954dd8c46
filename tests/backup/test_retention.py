"""What is kept: any moment of so many days can be gone back to, and the last good backups are never deleted."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from stock_assistant_pipelines.backup.programs import BackupFailed
from stock_assistant_pipelines.backup.retention import tidy
from stock_assistant_pipelines.backup.store import NAME, Store
from stock_assistant_pipelines.backup.timelines import SIZE, segment

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = datetime(2026, 3, 31, 2, 30, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A dump and a base backup of each of 20 nights, with a segment of WAL for each, the base taking an hour."""
    store = Store(tmp_path)
    store.wal.mkdir()
    for night in range(20):
        made(store, night, segment(1, night))
    (store.wal / "00000002.history.gz.age").touch()
    return store


@pytest.fixture
def forked(tmp_path: Path) -> Store:
    """The same of 20 nights; in the day after the tenth the server has gone back to the moment in the middle of segment 5."""
    store = Store(tmp_path)
    store.wal.mkdir()
    for night in range(10):
        made(store, night, segment(1, night))
    for night in range(10, 20):
        made(store, night, segment(2, night - 5), forks=[[1, 5 * SIZE + SIZE // 2]])
    return store


def made(store: Store, night: int, first: str, **more: object) -> None:
    """A dump, a base backup and the segment with which it begins."""
    began = NOW - timedelta(days=19 - night)
    (store.wal / f"{first}.gz.age").touch()
    label = {"first_segment": first, "ended_at": (began + timedelta(hours=1)).isoformat(), **more}
    for kind in ("dumps", "bases"):
        path = store.directory / kind / began.strftime(NAME)
        path.mkdir(parents=True)
        (path / "label.json").write_text(json.dumps(label))


def nights(store: Store, kind: str) -> list[int]:
    return [19 - (NOW - backup.began).days for backup in store.backups(kind)]


def segments(store: Store) -> list[int]:
    return sorted(int(path.name[22:24], 16) for path in store.wal.glob("*0000*.gz.age") if "history" not in path.name)


def names(store: Store) -> list[str]:
    return sorted(path.name.partition(".")[0] for path in store.wal.iterdir())


def test_any_moment_of_the_days_can_be_gone_back_to(store: Store) -> None:
    since = NOW - timedelta(days=5)
    gone = tidy(store, since, at_least=1)
    assert nights(store, "dumps") == [14, 15, 16, 17, 18, 19]
    assert nights(store, "bases") == [13, 14, 15, 16, 17, 18, 19]  # that of night 14 was not whole by then
    assert segments(store) == list(range(13, 20))
    assert (store.wal / "00000002.history.gz.age").exists()
    assert len(gone) == 14 + 13 + 1


def test_after_a_way_back_any_moment_of_the_days_on_either_branch_can_be_gone_back_to(forked: Store) -> None:
    tidy(forked, NOW - timedelta(days=9, hours=12), at_least=1)  # the day in which the branch was left
    assert nights(forked, "bases") == [5, *range(9, 20)]  # of the fifth's end nothing is known but where it began
    assert names(forked) == [*(segment(1, number) for number in range(5, 10)), *(segment(2, n) for n in range(5, 15))]


def test_once_the_branch_was_left_before_those_days_nothing_of_it_stays(forked: Store) -> None:
    tidy(forked, NOW - timedelta(days=8, hours=12), at_least=1)
    assert nights(forked, "bases") == list(range(10, 20))
    assert names(forked) == [segment(2, number) for number in range(5, 15)]


def test_the_last_ones_stay_whatever_their_age(store: Store) -> None:
    tidy(store, NOW + timedelta(days=365), at_least=3)
    assert nights(store, "dumps") == nights(store, "bases") == segments(store) == [17, 18, 19]


def test_a_second_time_nothing_is_deleted(store: Store) -> None:
    since = NOW - timedelta(days=5)
    tidy(store, since, at_least=3)
    assert tidy(store, since, at_least=3) == []


def test_without_a_base_backup_all_wal_stays(store: Store) -> None:
    for backup in store.backups("bases"):
        store.remove(backup)
    tidy(store, NOW, at_least=3)
    assert segments(store) == list(range(20))


def test_two_do_not_make_the_same_at_once(store: Store) -> None:
    with store.making("dumps", NOW + timedelta(days=2), {"shop": {}}) as path:
        with pytest.raises(BackupFailed, match="another backup is being made"), store.making("dumps", NOW, {}):
            pass
        (path / "shop.dump").touch()
    assert store.backup("dumps").label == {"shop": {}}


def nothing(store: Store, then: Callable[[Path], object]) -> None:
    with store.making("dumps", NOW + timedelta(days=1), {}) as path:
        then(path)


@pytest.mark.parametrize(("then", "error"), [(lambda _: None, BackupFailed), (shutil.rmtree, FileNotFoundError)])
def test_where_nothing_is_there_is_no_backup(
    store: Store, then: Callable[[Path], object], error: type[Exception]
) -> None:
    before = len(store.backups("dumps"))
    with pytest.raises(error):
        nothing(store, then)
    assert len(store.backups("dumps")) == before


def half(store: Store) -> None:
    with store.making("dumps", NOW + timedelta(days=1), {}) as path:
        (path / "half").touch()
        raise ZeroDivisionError


def test_what_was_not_finished_is_no_backup_and_goes_with_the_next(store: Store) -> None:
    before = len(store.backups("dumps"))
    with pytest.raises(ZeroDivisionError):
        half(store)
    left = store.directory / "dumps" / f"{NOW.strftime(NAME)}.unfinished"  # as after a kill
    left.mkdir()
    assert len(store.backups("dumps")) == before
    with store.making("dumps", NOW + timedelta(days=1), {"shop": {}}) as path:
        (path / "shop.dump").touch()
    assert store.backup("dumps").label == {"shop": {}}
    assert not list(store.directory.glob("dumps/*.unfinished"))
