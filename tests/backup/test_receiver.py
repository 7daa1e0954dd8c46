"""WAL that forks, or was forgotten by the server: it is received on, told of, and leads back to whatever it can."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.backup import bases, status, wal
from stock_assistant_pipelines.backup import receiver as module
from stock_assistant_pipelines.backup.programs import BackupFailed, Programs
from stock_assistant_pipelines.backup.receiver import SLOT, Receiver, due, identify
from stock_assistant_pipelines.backup.service import Service
from stock_assistant_pipelines.settings.database import BACKUP_ROLE
from stock_assistant_pipelines.warehouse import embedded
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.backup.keeper import Keeper

SWITCH = "SELECT pg_switch_wal()"


def execute(url: URL, *statements: str) -> Any:
    cursor = None
    with psycopg.connect(conninfo(url), autocommit=True) as connection:
        for statement in statements:
            cursor = connection.execute(statement)
        return cursor.fetchone()[0] if cursor and cursor.description else None


def add(*numbers: int) -> list[str]:
    """Rows, each in a segment of its own."""
    return [statement for number in numbers for statement in (f"INSERT INTO kept VALUES ({number})", SWITCH)]


def rows(url: URL) -> Any:
    return execute(url, "SELECT array_agg(i ORDER BY i) FROM kept")


@pytest.fixture(scope="module")
def server() -> Iterator[URL]:
    """A server of its own, whose log is forgotten and left behind here."""
    with tempfile.TemporaryDirectory(prefix="sa-", dir="/tmp") as name:
        Path(name).chmod(0o755)
        with embedded.running(Path(name) / "server") as url:
            execute(url, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
            execute(url, f"CREATE ROLE {BACKUP_ROLE} LOGIN REPLICATION", f"GRANT pg_read_all_data TO {BACKUP_ROLE}")
            yield url


@pytest.fixture
def url(server: URL) -> Iterator[URL]:
    """The same, with an empty table, and no slot."""
    execute(server, "DROP TABLE IF EXISTS kept", "CREATE TABLE kept (i int)")
    yield server
    execute(server, f"SELECT pg_drop_replication_slot('{SLOT}')")


@pytest.fixture
def room(url: URL) -> Iterator[Path]:
    """Somewhere that whoever runs servers here can enter."""
    directory = Path(execute(url, "SHOW data_directory")).with_name("room")
    directory.mkdir()
    yield directory
    shutil.rmtree(directory)


def started(keeper: Keeper, url: URL) -> Receiver:
    receiver = Receiver(url, keeper.store, keeper.seal, keeper.programs)
    receiver.keep()
    return receiver


def received(receiver: Receiver) -> None:
    """Wait until all is received, and keep it."""
    deadline = time.monotonic() + 60
    while receiver.keep():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    wal.keep(receiver.store, receiver.seal)


def given(directory: Path, url: URL) -> Path:
    """An empty directory of whoever runs servers here."""
    own = Path(execute(url, "SHOW data_directory"))
    directory.mkdir()
    shutil.chown(directory, own.owner(), own.group())
    return directory


@contextmanager
def restored(directory: Path) -> Iterator[URL]:
    """A server that has come back there."""
    with embedded.running(directory) as url:
        while execute(url, "SELECT pg_is_in_recovery()"):
            time.sleep(0.05)
        yield url


@pytest.mark.slow
def test_a_slot_that_was_lost_is_made_anew_and_moments_before_the_gap_can_still_be_gone_back_to(
    keeper: Keeper, url: URL, room: Path
) -> None:
    receiver = started(keeper, url)
    first = keeper.base(url)
    execute(url, *add(1))
    received(receiver)
    moment = calendar.now()
    execute(url, "INSERT INTO kept VALUES (2)")
    received(receiver)
    receiver.stop()
    execute(url, f"SELECT pg_drop_replication_slot('{SLOT}')", *add(3, 4, 5), "CHECKPOINT", *add(6), "CHECKPOINT")
    service = Service(keeper, url)
    try:
        while not due(keeper.store):
            service._attempt(lambda: service.receive(calendar.now()))
        service.receive(calendar.now())
        (told,) = (each for each in status.results(keeper.status) if each.kind == "wal" and each.ok)
        assert "it is received anew" in told.detail
        execute(url, *add(7))
        received(service.receiver)
        with pytest.raises(BackupFailed, match="is missing"):
            keeper.go_back(room / "refused", None)
        second = keeper.base(url)
        assert not due(keeper.store)
    finally:
        service.receiver.stop()
    assert keeper.go_back(given(room / "newest", url), None).name == second.name
    with pytest.raises(BackupFailed, match=r"and .* more: say a moment before it"):
        keeper.go_back(room / "refused", None, first.name)
    with pytest.raises(BackupFailed, match="holds no base backup named"):
        keeper.go_back(room / "refused", moment, second.name)
    assert keeper.go_back(given(room / "before", url), moment).name == first.name
    with restored(room / "before") as before:
        assert rows(before) == [1]


@pytest.mark.slow
def test_after_going_back_to_a_moment_wal_is_received_on_the_new_timeline_and_leads_back_again(
    keeper: Keeper, url: URL, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = started(keeper, url)
    keeper.base(url)
    execute(url, *add(1))
    moment = calendar.now()
    time.sleep(0.01)
    execute(url, *add(2, 3), "INSERT INTO kept VALUES (4)")
    received(receiver)
    receiver.stop()
    keeper.go_back(given(room / "once", url), moment)
    with restored(room / "once") as again:
        assert rows(again) == [1]
        receiver = started(keeper, again)
        try:
            assert due(keeper.store)
            base = keeper.base(again)
            monkeypatch.setenv("PGCLIENTENCODING", "UTF8")
            _, line = identify(again)
            execute(again, *add(100), "INSERT INTO kept VALUES (101)")
            received(receiver)
        finally:
            receiver.stop()
    assert base.label["first_segment"].startswith("00000002")
    assert bases.line_of(base) == line
    assert any(path.name.endswith(".partial.gz") for path in keeper.store.wal.iterdir())  # of the old timeline
    assert keeper.go_back(given(room / "twice", url), None).name == base.name
    with restored(room / "twice") as twice:
        assert rows(twice) == [1, 100, 101]
    for path in keeper.store.wal.glob("00000002?*.gz"):
        if "history" not in path.name:
            path.unlink()
    with pytest.raises(BackupFailed, match=f"segment {base.label['first_segment']} is missing"):
        keeper.go_back(room / "refused", None)


def test_from_a_base_backup_that_outlasts_checkpoints_and_wal_to_the_moment_between_two_writes(
    sealed: Keeper, url: URL, room: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, mine = Programs.reading, url.set(username=BACKUP_ROLE)
    receiver = started(sealed, mine)

    @contextmanager
    def late(*words: Any, **options: Any) -> Iterator[Any]:
        with reading(*words, **options) as output:
            assert output.peek(1)  # it has begun, and waits for us to read on
            began = execute(url, "SELECT pg_walfile_name(pg_current_wal_lsn())")
            execute(url, *add(1))
            received(receiver)
            execute(url, "CHECKPOINT")
            assert execute(url, f"SELECT count(*) FROM pg_ls_waldir() WHERE name = '{began}'") == 0  # it is forgotten
            yield output

    with monkeypatch.context() as patched:
        patched.setattr(Programs, "reading", late)
        base = sealed.base(mine)
    execute(url, "INSERT INTO kept VALUES (2)")
    moment = calendar.now()
    time.sleep(0.01)
    execute(url, "DELETE FROM kept WHERE i > 1", SWITCH, "DROP TABLE kept")
    received(receiver)
    receiver.stop()
    target = given(room / "restored", url)
    assert sealed.go_back(target, moment).name == base.name
    with restored(target) as again:
        assert rows(again) == [1, 2]
    with pytest.raises(BackupFailed, match="is not empty"):
        sealed.go_back(target, moment)
    with pytest.raises(BackupFailed, match="no base backup that was whole before"):
        sealed.go_back(room / "elsewhere", bases.ended(base))
    shutil.rmtree(room / "restored.wal")
    (command,) = (
        line.partition("= ")[2].strip("'").replace("''", "'")
        for line in (target / "postgresql.auto.conf").read_text().splitlines()
        if line.startswith("restore_command")
    )
    assert subprocess.run(command, shell=True, check=False).returncode > 125  # by which PostgreSQL stops


def test_without_wal_that_is_received_there_is_no_base_backup(
    keeper: Keeper, url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.0)
    execute(url, module.MADE.replace("%s", f"'{SLOT}'"))
    with pytest.raises(BackupFailed, match="no WAL is being received"):
        keeper.base(url)
    assert keeper.store.backups("bases") == []
