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
        began = NOW - timedelta(days=19 - night)
        segment = f"0000000100000000000000{night:02X}"
        (store.wal / f"{segment}.gz.age").touch()
        label = {"first_segment": segment, "ended_at": (began + timedelta(hours=1)).isoformat()}
        for kind in ("dumps", "bases"):
            path = tmp_path / kind / began.strftime(NAME)
            path.mkdir(parents=True)
            (path / "label.json").write_text(json.dumps(label))
    (store.wal / "00000002.history.gz.age").touch()
    return store


def nights(store: Store, kind: str) -> list[int]:
    return [19 - (NOW - backup.began).days for backup in store.backups(kind)]


def segments(store: Store) -> list[int]:
    return sorted(int(path.name[22:24], 16) for path in store.wal.glob("*0000*.gz.age") if "history" not in path.name)


def test_any_moment_of_the_days_can_be_gone_back_to(store: Store) -> None:
    since = NOW - timedelta(days=5)
    gone = tidy(store, since, at_least=1)
    assert nights(store, "dumps") == [14, 15, 16, 17, 18, 19]
    assert nights(store, "bases") == [13, 14, 15, 16, 17, 18, 19]  # that of night 14 was not whole by then
    assert segments(store) == list(range(13, 20))
    assert (store.wal / "00000002.history.gz.age").exists()
    assert len(gone) == 14 + 13 + 1


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
