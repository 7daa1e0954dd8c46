"""What the receiver looks at before it starts, and what it has left where it is cut off or nothing can be packed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.backup import bases, status, wal
from stock_assistant_pipelines.backup import receiver as module
from stock_assistant_pipelines.backup.programs import BackupFailed
from stock_assistant_pipelines.backup.receiver import SLOT, Receiver, due, identify
from stock_assistant_pipelines.backup.service import Service
from stock_assistant_pipelines.backup.timelines import Line
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.backup.keeper import Keeper

FIRST, FOREIGN = "000000010000000000000001", "000000090000000000000001"
"""A segment of a new server, and one of a timeline on which it never was."""


@pytest.fixture
def url(postgres: URL) -> Iterator[URL]:
    """The tests' own server, without a slot."""
    yield postgres
    with psycopg.connect(conninfo(postgres), autocommit=True) as connection:
        connection.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")


def slots(url: URL) -> list[str]:
    with psycopg.connect(conninfo(url)) as connection:
        return [name for (name,) in connection.execute("SELECT slot_name FROM pg_replication_slots")]


def start(keeper: Keeper, url: URL) -> None:
    Receiver(url, keeper.store, keeper.seal, keeper.programs).keep()


def test_of_another_server_nothing_is_received_and_nothing_of_the_first_is_written_over(
    keeper: Keeper, url: URL
) -> None:
    with keeper.store.making("bases", calendar.now(), {"system": "another", "first_segment": "0" * 24}) as path:
        (path / bases.FILE).touch()
    keeper.store.incoming.mkdir(parents=True)
    (keeper.store.incoming / f"{FIRST}.partial").touch()
    for act in (lambda: start(keeper, url), lambda: keeper.base(url)):
        with pytest.raises(BackupFailed, match="holds the backups of another server"):
            act()
    assert (keeper.store.incoming / f"{FIRST}.partial").exists()
    assert not keeper.store.wal.exists()
    assert not slots(url)


def test_segments_of_another_size_are_refused(keeper: Keeper, url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SIZE", 1 << 20)
    with pytest.raises(BackupFailed, match="segments of 16777216 bytes: only those of 1048576"):
        start(keeper, url)
    assert not slots(url)


@pytest.mark.parametrize("encoding", ["SQL_ASCII", "UTF8"])
def test_who_a_server_is_does_not_depend_on_the_encoding(
    url: URL, encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(conninfo(url)) as connection:
        ((system,),) = connection.execute("SELECT system_identifier::text FROM pg_control_system()").fetchall()
    monkeypatch.setenv("PGCLIENTENCODING", encoding)
    assert identify(url) == (system, Line(1))


def test_who_is_killed_while_what_was_begun_is_set_aside_has_left_the_mark_of_a_gap(
    keeper: Keeper, url: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    keeper.store.incoming.mkdir(parents=True)
    (keeper.store.incoming / f"{FOREIGN}.partial").touch()
    with monkeypatch.context() as patched:
        patched.setattr(wal, "put", killed)
        with pytest.raises(KeyboardInterrupt):
            start(keeper, url)
    assert due(keeper.store)
    assert not slots(url)  # so that without anything begun, the next start sees what is missing, too


def test_where_nothing_can_be_packed_wal_is_received_all_the_same_and_it_is_told(keeper: Keeper, url: URL) -> None:
    keeper.store.incoming.mkdir(parents=True)
    (keeper.store.incoming / "00000009.history").touch()
    keeper.store.wal.touch()  # where there should be a directory
    service = Service(keeper, url)
    try:
        with pytest.raises(FileExistsError):
            service.receive(calendar.now())
        assert service.receiver.runs
        assert slots(url) == [SLOT]
        (told,) = status.results(keeper.status)
        assert (told.kind, told.ok) == ("wal", False)
        keeper.store.wal.unlink()
        service.receive(calendar.now())
        (told,) = status.results(keeper.status)
        assert told.ok
        assert (keeper.store.wal / "00000009.history.gz").exists()
        keeper.store.wal.rename(keeper.store.wal.with_name("away"))
        keeper.store.wal.touch()
        (keeper.store.incoming / "0000000A.history").touch()
        with pytest.raises(FileExistsError):  # although it was told a moment ago that all is well
            service.receive(calendar.now())
        assert [each.ok for each in status.results(keeper.status)] == [True, False]
    finally:
        service.receiver.stop()
