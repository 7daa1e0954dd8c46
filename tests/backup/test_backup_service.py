"""The service does what is due, once: after the night's hour, when a failure has rested, the restore test each week."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from threading import Semaphore
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from sqlalchemy.engine import make_url

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.backup import keeper as module
from stock_assistant_pipelines.backup import programs, status
from stock_assistant_pipelines.backup.keeper import Keeper
from stock_assistant_pipelines.backup.programs import BackupFailed, Programs
from stock_assistant_pipelines.backup.service import Service, last_night
from stock_assistant_pipelines.settings import SHANGHAI, Settings

if TYPE_CHECKING:
    from pathlib import Path

NIGHT = datetime(2026, 3, 4, 2, 30, tzinfo=SHANGHAI)
NOWHERE = make_url("postgresql://nobody@127.0.0.1:1/nowhere")


@dataclass(frozen=True)
class Counting(Keeper):
    """A keeper that writes down what it would do, and fails where it is told to."""

    done: list[str] = field(default_factory=list)
    failing: set[str] = field(default_factory=set)

    def act(self, kind: status.Kind) -> Any:
        with status.doing(self.status, kind):
            self.done.append(kind)
            if kind in self.failing:
                raise BackupFailed("no room")

    def dump(self, url: Any) -> Any:
        self.act("dump")

    def base(self, url: Any) -> Any:
        self.act("base")

    def rehearse(self) -> str:
        self.act("restore_test")
        return ""


@pytest.fixture
def counting(tmp_path: Path) -> Counting:
    return Counting(Settings(_env_file=None, data_dir=tmp_path))


def look(keeper: Counting, moment: datetime, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What one look at a moment did."""
    keeper.done.clear()
    with monkeypatch.context() as patched:
        patched.setattr(calendar, "now", lambda: moment)
        Service(keeper, NOWHERE).look(moment)
    return list(keeper.done)


def test_each_night_once_and_the_restore_test_each_week(counting: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = {}
    for hours in range(0, 24 * 15, 3):
        moment = NIGHT + timedelta(hours=hours, minutes=1)
        for kind in look(counting, moment, monkeypatch):
            seen.setdefault(kind, []).append(moment)
    nights = [NIGHT + timedelta(days=day, minutes=1) for day in range(15)]
    assert seen == {"dump": nights, "base": nights, "restore_test": nights[::7]}


def test_what_failed_rests_and_is_tried_again(counting: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    counting.failing.add("base")
    assert look(counting, NIGHT, monkeypatch) == ["dump", "base", "restore_test"]
    assert look(counting, NIGHT + timedelta(minutes=29), monkeypatch) == []
    assert look(counting, NIGHT + timedelta(minutes=31), monkeypatch) == ["base"]
    counting.failing.clear()
    assert look(counting, NIGHT + timedelta(minutes=62), monkeypatch) == ["base"]
    assert look(counting, NIGHT + timedelta(minutes=99), monkeypatch) == []


def test_what_we_cannot_open_we_do_not_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keeper = Counting(Settings(_env_file=None, data_dir=tmp_path, backup_recipient=f"age1{'q' * 58}"))
    assert look(keeper, NIGHT, monkeypatch) == ["dump", "base"]


def test_that_no_wal_is_received_is_told_and_what_is_here_is_kept(counting: Counting) -> None:
    counting.store.incoming.mkdir(parents=True)
    (counting.store.incoming / "00000002.history").touch()
    with pytest.raises(psycopg.OperationalError):
        Service(counting, NOWHERE).receive(NIGHT)
    (wal,) = (each for each in status.results(counting.status) if each.kind == "wal")
    assert not wal.ok
    assert wal.detail.startswith("connection failed: ")
    assert [path.name for path in counting.store.wal.iterdir()] == ["00000002.history.gz"]


def test_wal_does_not_wait_for_a_backup_that_is_being_made(counting: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = Semaphore(0)

    def dump(_: object) -> None:
        for _ in range(3):
            assert looks.acquire(timeout=60)
        raise KeyboardInterrupt  # as one who stops the service

    service = Service(counting, NOWHERE)
    monkeypatch.setattr(service, "receive", lambda _: looks.release())
    monkeypatch.setattr(Counting, "dump", lambda _, url: dump(url))
    monkeypatch.setattr("stock_assistant_pipelines.backup.service.PAUSE", 0.01)
    with pytest.raises(KeyboardInterrupt):
        service.run()


def test_what_nobody_expected_of_the_wal_ends_the_service(counting: Counting, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(counting, NOWHERE)
    monkeypatch.setattr(service, "look", lambda _: None)
    monkeypatch.setattr("stock_assistant_pipelines.backup.service.PAUSE", 0.01)
    answers = iter([None])
    monkeypatch.setattr(service, "receive", lambda _: next(answers))
    with pytest.raises(StopIteration):
        service.run()


@pytest.mark.parametrize(
    ("moment", "night"),
    [
        (NIGHT, NIGHT),
        (NIGHT - timedelta(minutes=1), NIGHT - timedelta(days=1)),
        (NIGHT + timedelta(hours=23), NIGHT),
    ],
)
def test_the_night_is_that_of_shanghai(moment: datetime, night: datetime) -> None:
    assert last_night(moment.astimezone(), "02:30") == night


def test_what_the_command_says_is_told_without_secrets(tmp_path: Path) -> None:
    command = "sh -c 'echo refused: password=canary-9e1d at https://me:canary-9e2d@elsewhere >&2; exit 1'"
    keeper = Keeper(Settings(_env_file=None, data_dir=tmp_path, backup_command=command))
    with keeper.store.making("dumps", calendar.now(), {}) as path:
        (path / "shop.dump").touch()
    with pytest.raises(BackupFailed):
        keeper.hand_on()
    assert "refused: password=***" in keeper.status.read_text()
    assert "canary" not in keeper.status.read_text()


def test_what_hangs_is_ended_with_all_that_it_has_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "LIMIT", 0.2)
    keeper = Keeper(Settings(_env_file=None, data_dir=tmp_path, backup_command="sh -c 'sleep 600; true'"))
    with keeper.store.making("dumps", calendar.now(), {}) as path:
        (path / "shop.dump").touch()
    with pytest.raises(BackupFailed, match=r"BACKUP_COMMAND has not ended within 0\.2 seconds"):
        keeper.hand_on()
    (tmp_path / "sleep").symlink_to("/bin/sleep")
    with pytest.raises(BackupFailed, match="sleep was killed"):
        Programs(tmp_path).run("sleep", "600")


def test_what_one_who_was_killed_has_left_is_deleted_at_the_start_and_what_others_use_is_not(
    counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    scratch = counting.store.scratch
    (scratch / "server").mkdir(parents=True)
    (scratch / "plain").touch()

    def stop(_: object) -> None:
        raise KeyboardInterrupt

    service = Service(counting, NOWHERE)
    monkeypatch.setattr(service, "look", stop)
    with counting.store.room() as room:
        with pytest.raises(KeyboardInterrupt):
            service.run()
        assert room.exists()
        assert (scratch / "plain").exists()
    with pytest.raises(KeyboardInterrupt):
        service.run()
    assert list(scratch.iterdir()) == []


def test_when_wal_is_received_anew_a_base_backup_is_due_at_once(
    counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    look(counting, NIGHT, monkeypatch)
    assert look(counting, NIGHT + timedelta(hours=1), monkeypatch) == []
    counting.store.mark_gap()
    assert look(counting, NIGHT + timedelta(hours=2), monkeypatch) == ["base"]


def test_the_command_that_copies_elsewhere_runs_when_there_is_something_new_and_it_has_rested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "told"
    command = f"sh -c 'test -e {tmp_path}/good && echo copied >> {told}'"
    keeper = Keeper(Settings(_env_file=None, data_dir=tmp_path, backup_command=command))
    keeper.hand_on()
    assert not told.exists()  # nothing to copy
    with keeper.store.making("dumps", calendar.now(), {}) as path:
        (path / "shop.dump").touch()
    with pytest.raises(BackupFailed, match="BACKUP_COMMAND ended with code 1"):
        keeper.hand_on()
    (tmp_path / "good").touch()
    keeper.hand_on()
    assert not told.exists()  # it rests
    monkeypatch.setattr(module, "RESTED", 0.0)
    for _ in range(2):
        keeper.hand_on()
    assert told.read_text() == "copied\n"
    assert [(each.kind, each.ok) for each in status.results(keeper.status)] == [("off_site", True)]
