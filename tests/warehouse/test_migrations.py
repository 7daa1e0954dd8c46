"""The migrations make what the catalog declares, on any database, and can be taken back."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import alembic.command
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from made_market import CODES, bar, held, land, list_stocks
from moneyflow import MONEYFLOW
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.warehouse.database import Database
from stock_assistant_pipelines.warehouse.revision import HEAD
from stock_assistant_pipelines.warehouse.tables import METADATA, build

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine
    from sqlalchemy.engine import URL


@pytest.fixture
def bare(postgres: URL) -> Iterator[Database]:
    """A database without a table."""
    database = Database(postgres.set(database=f"test_{uuid4().hex[:12]}"))
    database.create()
    yield database
    database.drop()


def query(database: Database, statement: str) -> list[tuple[Any, ...]]:
    engine = create_engine(database.url.set(drivername="postgresql+psycopg"), poolclass=NullPool)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(statement))]


STRUCTURE = """
SELECT 'column', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull::text,
       coalesce(col_description(c.oid, a.attnum), '')
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL
SELECT 'constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid), '', ''
FROM pg_constraint WHERE connamespace = 'public'::regnamespace
UNION ALL
SELECT 'index', tablename, indexname, indexdef, '', '' FROM pg_indexes WHERE schemaname = 'public'
UNION ALL
SELECT 'table', relname, '', '', '', coalesce(obj_description(oid, 'pg_class'), '')
FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
ORDER BY 1, 2, 3, 4
"""
"""All that a database holds of ours, as PostgreSQL writes it."""


def structure(database: Database) -> list[tuple[Any, ...]]:
    return [row for row in query(database, STRUCTURE) if row[1] != "alembic_version"]


def test_autogenerate_finds_nothing_to_add_to_the_migrations(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, METADATA) == []


def test_the_migrations_make_exactly_the_tables_of_the_catalog(database: Database, bare: Database) -> None:
    METADATA.create_all(create_engine(bare.url.set(drivername="postgresql+psycopg"), poolclass=NullPool))
    assert structure(database) == structure(bare)


def test_an_empty_database_is_upgraded_to_the_newest_revision(bare: Database) -> None:
    bare.upgrade()
    assert query(bare, "SELECT version_num FROM alembic_version") == [(HEAD,)]


def test_a_filled_database_keeps_its_rows(database: Database, engine: Engine) -> None:
    list_stocks(engine)
    land(engine, "daily", *(bar(code) for code in CODES))
    database.upgrade()
    assert held(engine, "daily", "ts_code") == sorted(CODES)


def test_the_newest_revision_is_the_one_that_the_api_compares_with(database: Database) -> None:
    assert ScriptDirectory.from_config(database.migrations()).get_current_head() == HEAD


def test_there_is_one_line_of_migrations(database: Database) -> None:
    script = ScriptDirectory.from_config(database.migrations())
    assert script.get_heads() == [HEAD]
    assert len(script.get_bases()) == 1


def test_everything_can_be_taken_back(database: Database) -> None:
    alembic.command.downgrade(database.migrations(), "base")
    assert structure(database) == []
    assert query(database, "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace") == []


def test_what_was_taken_back_can_be_made_again(database: Database) -> None:
    before = structure(database)
    alembic.command.downgrade(database.migrations(), "base")
    database.upgrade()
    assert structure(database) == before


UPGRADE = """
import sys
from sqlalchemy.engine import make_url
from stock_assistant_pipelines.warehouse.database import Database
database = Database(make_url(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
database.upgrade()
"""


def test_two_processes_may_upgrade_at_the_same_time(bare: Database) -> None:
    command = [sys.executable, "-c", UPGRADE, bare.url.render_as_string(hide_password=False)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    ends = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], ends
    assert query(bare, "SELECT version_num FROM alembic_version") == [(HEAD,)]


def test_a_catalog_with_one_dataset_more_is_noticed(engine: Engine) -> None:
    with engine.connect() as connection:
        more = build([*CATALOG.values(), MONEYFLOW])
        changes = compare_metadata(MigrationContext.configure(connection), more)
    assert {change[0] for change in changes} == {"add_table", "add_index"}
    assert next(change[1].name for change in changes if change[0] == "add_table") == "moneyflow_x"
