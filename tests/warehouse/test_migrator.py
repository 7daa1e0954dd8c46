"""Migrations run beside code that works: they wait briefly, say what to do when they fail, and leave a newer database alone."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import psycopg
import pytest
from click.testing import CliRunner

import stock_assistant_pipelines.cli
from drill.expansion import later
from stock_assistant_pipelines.cli import main
from stock_assistant_pipelines.defs.resources import Platform
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.warehouse import migrator
from stock_assistant_pipelines.warehouse.database import Database
from stock_assistant_pipelines.warehouse.embedded import conninfo
from stock_assistant_pipelines.warehouse.migrator import LockNotHad, MigrationFailed, NotMigrated, Pace, Retired
from stock_assistant_pipelines.warehouse.revision import HEAD

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from alembic.config import Config

BRISK = Pace(lock=0.1, pause=0.05, patience=0.5)

MIGRATION = """
import sqlalchemy as sa
from alembic import op
from stock_assistant_pipelines.warehouse.evolution import add_index, raise_floor

revision = "{revision}"
down_revision = "{before}"


def upgrade():
    {body}
"""

ADD = 'op.add_column("daily", sa.Column("more", sa.Text()))'
INDEX = 'add_index("daily_by_volume", "daily", ["vol"])'


def of_later(database: Database, folder: Path, *bodies: str) -> Config:
    """The migrations of this version, and of a later one: 9001, 9002, …"""
    before = HEAD
    for number, body in enumerate(bodies, 9001):
        text = MIGRATION.format(revision=number, before=before, body=body)
        folder.joinpath(f"{number}_later.py").write_text(text, encoding="utf-8")
        before = str(number)
    return later(database, folder)


def ask(database: Database, statement: str) -> Any:
    with psycopg.connect(conninfo(database.url)) as connection:
        row = connection.execute(statement.encode()).fetchone()
        return row and row[0]


def revision(database: Database) -> Any:
    return ask(database, "select version_num from alembic_version")


@pytest.fixture
def installation(database: Database) -> Settings:
    """What the pipelines of this version are told."""
    return Settings(_env_file=None, database_url=conninfo(database.url))


@contextmanager
def held(database: Database, mode: str = "access share") -> Iterator[psycopg.Connection[Any]]:
    """Somebody who has `daily` and does not let go of it."""
    with psycopg.connect(conninfo(database.url)) as connection:
        connection.execute(f"lock table daily in {mode} mode".encode())
        yield connection


def test_a_lock_that_is_not_to_be_had_leaves_everything_as_it_was(database: Database, tmp_path: Path) -> None:
    config = of_later(database, tmp_path, ADD)
    with held(database), pytest.raises(LockNotHad, match=r"Nothing has changed.*`stock-assistant db upgrade`") as told:
        migrator.upgrade(config, pace=BRISK)
    assert "the oldest open transaction: pid" in str(told.value)
    assert "lock table daily in access share mode" in str(told.value)
    assert revision(database) == HEAD


def test_a_migration_that_waits_lets_others_through_and_gets_its_lock_in_the_end(
    database: Database, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    config = of_later(database, tmp_path, ADD)
    read, patient = threading.Event(), Pace(lock=0.1, pause=0.3, patience=60)
    with held(database) as holder:

        def read_and_let_go() -> None:
            """Queue behind the migration as a reader does, and get through while the first still holds on."""
            with psycopg.connect(conninfo(database.url)) as reader:
                reader.execute("select 1 from daily limit 1")
            read.set()
            holder.rollback()

        class Tried(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                if not readers:
                    readers.append(threading.Thread(target=read_and_let_go))
                    readers[0].start()

        readers: list[threading.Thread] = []
        handler = Tried()
        migrator.LOG.addHandler(handler)
        try:
            assert migrator.upgrade(config, pace=patient) == "9001"
        finally:
            migrator.LOG.removeHandler(handler)
            readers[0].join()
    assert read.is_set()
    assert "it is tried again" in caplog.text


def test_what_fails_is_taken_back_and_told(database: Database, tmp_path: Path) -> None:
    config = of_later(database, tmp_path, 'op.execute("create table fine (a int)")', f"{ADD}; op.execute('select 1/0')")
    with pytest.raises(MigrationFailed, match=r"migration 9002 failed: division by zero. The database stands at 9001"):
        migrator.upgrade(config, pace=BRISK)
    assert revision(database) == "9001"
    assert not ask(database, "select 1 from pg_attribute where attrelid = 'daily'::regclass and attname = 'more'")


def test_an_index_that_was_cut_off_is_built_anew(database: Database, tmp_path: Path) -> None:
    config = of_later(database, tmp_path, INDEX)
    with psycopg.connect(conninfo(database.url), autocommit=True) as connection:
        connection.execute(
            "insert into daily (ts_code, trade_date, vol) values ('a', '2026-03-04', 1), ('b', '2026-03-04', 1)"
        )
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute("create unique index concurrently daily_by_volume on daily (vol)")
    invalid = "select not indisvalid from pg_index where indexrelid = 'daily_by_volume'::regclass"
    assert ask(database, invalid)
    migrator.upgrade(config, pace=BRISK)
    assert not ask(database, invalid)


def test_an_index_is_built_while_another_process_waits_for_its_turn(database: Database, tmp_path: Path) -> None:
    config = of_later(database, tmp_path, INDEX)
    with held(
        database, "row exclusive"
    ) as holder:  # the index waits for this transaction, and the other process for the index
        ends: list[str] = []
        threads = [threading.Thread(target=lambda: ends.append(migrator.upgrade(config, pace=BRISK))) for _ in range(2)]
        for thread in threads:
            thread.start()
        building = "select 1 from pg_stat_progress_create_index where relid = 'daily'::regclass"
        while not ask(database, building):
            assert any(thread.is_alive() for thread in threads)
        holder.rollback()
        for thread in threads:
            thread.join()
    assert ends == ["9001", "9001"]


def test_a_newer_database_is_left_alone_and_worked_with(
    database: Database, installation: Settings, tmp_path: Path
) -> None:
    migrator.upgrade(of_later(database, tmp_path, ADD), pace=BRISK)
    assert database.upgrade() == "9001"
    database.prepare()
    with Platform(installation).look() as connection:
        assert connection.exec_driver_sql("select count(*) from daily").scalar_one() == 0


def test_a_version_that_the_database_has_left_behind_is_refused(
    database: Database, installation: Settings, tmp_path: Path
) -> None:
    body = """raise_floor("9001", "9000", "the column amount"); op.drop_column("daily", "amount")"""
    migrator.upgrade(of_later(database, tmp_path, body), pace=BRISK)
    told = f"at revision 9001 and takes versions that know 9000 or more; this one knows {HEAD}. Deploy a newer version"
    with pytest.raises(Retired, match=told):
        database.prepare()
    with pytest.raises(Retired, match=told), Platform(installation).look():
        pass


def test_a_database_that_lacks_migrations_is_refused(database: Database, installation: Settings) -> None:
    with psycopg.connect(conninfo(database.url)) as connection:
        connection.execute("update alembic_version set version_num = '0012'")
    with (
        pytest.raises(NotMigrated, match=f"at revision 0012, this version needs {HEAD}"),
        Platform(installation).look(),
    ):
        pass
    with psycopg.connect(conninfo(database.url)) as connection:
        connection.execute("drop table alembic_version")
    with pytest.raises(NotMigrated, match="at revision none"), Platform(installation).look():
        pass


@pytest.mark.parametrize(
    ("error", "code"), [(LockNotHad("wait"), 75), (MigrationFailed("mend"), 1), (Retired("deploy"), 1)]
)
def test_the_command_says_what_to_do_in_one_line(
    error: Exception, code: int, installation: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Database) -> None:
        raise error

    monkeypatch.setattr(stock_assistant_pipelines.cli, "configured", lambda: installation)
    monkeypatch.setattr(Database, "install", fail)
    result = CliRunner().invoke(main, ["db", "upgrade"])
    assert (result.exit_code, result.output) == (code, f"Error: {error}\n")


def test_a_fresh_database_that_fails_says_where_it_stands(postgres: Any, tmp_path: Path) -> None:
    database = Database(postgres.set(database=f"test_{uuid4().hex[:12]}"))
    database.create()
    try:
        with pytest.raises(MigrationFailed, match=f"failed: division by zero. The database stands at {HEAD}"):
            migrator.upgrade(of_later(database, tmp_path, "op.execute('select 1/0')"), pace=BRISK)
    finally:
        database.drop()
