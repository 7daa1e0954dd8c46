"""A dump holds what it says, made by a role that only reads and replicates; what is no base backup does not become one."""

from __future__ import annotations

import io
import random
import tarfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from databases import copied, working_as

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.backup import bases, dumps
from stock_assistant_pipelines.backup.contents import contents, differences
from stock_assistant_pipelines.backup.programs import BackupFailed, Programs
from stock_assistant_pipelines.backup.status import results
from stock_assistant_pipelines.settings.database import BACKUP_ROLE
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.backup.keeper import Keeper
    from stock_assistant_pipelines.warehouse.database import Database


@pytest.fixture(scope="module")
def database(postgres: URL) -> Iterator[Database]:
    """A database with a table of a hundred rows."""
    with copied(postgres) as database:
        with psycopg.connect(conninfo(database.url)) as connection:
            connection.execute(
                "CREATE TABLE kept AS SELECT i, i::text AS name, now() AS at FROM generate_series(1, 100) i"
            )
        yield database


@pytest.fixture(scope="module")
def url(database: Database) -> URL:
    """The same, as the owner sees it."""
    return database.url


@pytest.fixture(scope="module")
def mine(database: Database) -> URL:
    """The same, as the role of the backups sees it."""
    return working_as(database, BACKUP_ROLE).url


def held(url: URL) -> dict[str, dict[str, object]]:
    with psycopg.connect(conninfo(url)) as connection:
        return contents(connection)


def execute(url: URL, *statements: str) -> None:
    with psycopg.connect(conninfo(url), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def test_what_a_table_holds_does_not_depend_on_the_order_of_its_rows_and_on_who_looks(url: URL) -> None:
    before = held(url)
    assert before["public.kept"]["rows"] == 100
    execute(url, "UPDATE kept SET name = name WHERE i < 50")  # which writes them anew, behind the others
    with psycopg.connect(conninfo(url)) as connection:
        connection.execute("SET TimeZone = 'Asia/Shanghai'; SET DateStyle = 'German'")
        assert differences(before, contents(connection)) == []


def test_what_differs_is_named() -> None:
    one, other, more = ({"rows": rows, "checksum": checksum} for rows, checksum in ((1, "7"), (1, "8"), (2, "7")))
    assert differences({"a": one, "b": one, "c": one, "d": one}, {"a": one, "b": other, "c": more, "e": one}) == [
        "b has as many rows, and others",
        "c has 2 rows and had 1",
        "d is missing",
        "e is there and was not",
    ]


def test_a_dump_restored_into_a_server_of_its_own_holds_what_it_held(sealed: Keeper, url: URL, mine: URL) -> None:
    dump = sealed.dump(mine)
    dagsters = f"{url.database}_dagster"
    assert dump.label == {url.database: held(url), dagsters: held(url.set(database=dagsters))}
    assert {path.name for path in dump.path.glob("*.dump*")} == {f"{url.database}.dump.age", f"{dagsters}.dump.age"}
    assert sealed.rehearse().endswith(" tables as they were")
    with pytest.raises(BackupFailed, match="a dump is restored beside what there is, never over it"):
        dumps.restore(dump, url, sealed.seal, sealed.programs)
    assert {each.kind: each.ok for each in results(sealed.status)} == {"dump": True, "restore_test": True}


def test_what_is_written_while_the_dump_runs_is_in_neither_the_dump_nor_its_counts(
    keeper: Keeper, url: URL, mine: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = held(url)

    reading = Programs.reading

    def late(*words: Any, **options: Any) -> Any:
        execute(url, "INSERT INTO kept VALUES (101, 'late', now())")
        return reading(*words, **options)

    with monkeypatch.context() as patched:
        patched.setattr(Programs, "reading", late)
        dump = keeper.dump(mine)
    assert dump.label[str(url.database)] == before
    file = dump.path / f"{url.database}.dump"
    rows = keeper.programs.run("pg_restore", "--data-only", "-t", "kept", "-f", "-", str(file))
    assert "100\t100" in rows
    assert "late" not in rows
    execute(url, "DELETE FROM kept WHERE i = 101")


def test_a_database_that_is_not_there_is_no_backup(keeper: Keeper, mine: URL) -> None:
    with pytest.raises(BackupFailed, match="there is no database nowhere"):
        keeper.dump(mine.set(database="nowhere"))
    (result,) = results(keeper.status)
    assert (result.kind, result.ok) == ("dump", False)
    assert keeper.store.backups("dumps") == []


def test_a_copy_during_which_wal_was_received_anew_is_no_base_backup(
    keeper: Keeper, mine: URL, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def reading(*_: Any, **__: Any) -> Iterator[Any]:
        yield io.BytesIO(b"the server")
        if lost:
            keeper.store.mark_gap()

    monkeypatch.setattr(Programs, "reading", reading)
    for name in ("receiving", "arrived"):
        monkeypatch.setattr(bases.receiver, name, lambda *_: None)
    lost = False
    whole = keeper.base(mine)
    lost = True
    with pytest.raises(BackupFailed, match="WAL was received anew while the server was copied"):
        keeper.base(mine)
    assert keeper.store.backups("bases") == [whole]


@pytest.mark.parametrize(
    "harm", [lambda whole: whole[:-200], lambda whole: whole[:2000] + b"harmed" + whole[2006:], lambda _: b""]
)
def test_a_base_backup_that_was_harmed_is_refused(
    keeper: Keeper, harm: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        archive.addfile(tarfile.TarInfo("PG_VERSION"), io.BytesIO())
        content = random.Random(1).randbytes(10_000)
        page = tarfile.TarInfo("page")
        page.size = len(content)
        archive.addfile(page, io.BytesIO(content))
    with keeper.store.making("bases", calendar.now(), {}) as path:
        (path / bases.FILE).write_bytes(harm(packed.getvalue()))
    with pytest.raises(BackupFailed, match=r"base backup .* (cannot be unpacked|is not what it was)"):
        bases.unpack(keeper.store.backup("bases"), tmp_path / "unpacked", keeper.seal)
