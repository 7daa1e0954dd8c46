"""The database of an installation: it is there when it is asked for, and reached under one URL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest
from databases import place
from sqlalchemy import text
from sqlalchemy.engine import make_url

from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.settings.database import dagsters
from stock_assistant_pipelines.warehouse.database import Database, available
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL


@pytest.fixture
def wanted(postgres: URL) -> Iterator[Database]:
    """A database that does not exist yet, with a name that SQL has to quote."""
    database = Database(postgres.set(database=f'Test-{uuid4().hex[:8]}"x'))
    yield database
    database.drop()


def databases(server: URL) -> set[str]:
    with psycopg.connect(conninfo(server)) as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database")}


def both(database: Database) -> set[str]:
    return {str(database.url.database), dagsters(database.url.database)}


def test_the_tables_and_dagster_each_get_a_database(postgres: URL, wanted: Database) -> None:
    wanted.create()
    assert both(wanted) <= databases(postgres)


def test_creating_again_changes_nothing(wanted: Database) -> None:
    wanted.create()
    wanted.upgrade()
    wanted.create()
    with wanted.engine().connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM daily")).scalar_one() == 0


def test_several_may_create_at_the_same_time(postgres: URL, wanted: Database) -> None:
    with ThreadPoolExecutor(4) as workers:
        for done in [workers.submit(wanted.create) for _ in range(4)]:
            done.result()
    assert both(wanted) <= databases(postgres)


def test_dropping_takes_both_away_under_whoever_is_connected(postgres: URL, wanted: Database) -> None:
    wanted.create()
    with psycopg.connect(conninfo(wanted.url)):
        wanted.drop()
    assert not both(wanted) & databases(postgres)


def test_dropping_what_is_not_there_is_no_error(wanted: Database) -> None:
    wanted.drop()


def test_dagster_s_database_is_reached_with_the_driver_that_dagster_has() -> None:
    database = Database(make_url("postgresql://u:p%40ss@h:5433/market"))
    address, _, query = database.dagster_url.partition("?")
    assert address == "postgresql+psycopg2://u:p%40ss@h:5433/market_dagster"
    assert "-ctimezone%3DUTC" in query


def test_the_password_is_not_shown() -> None:
    database = Database(make_url("postgresql://u:geheim@h/market"))
    assert "geheim" not in repr(database)
    assert "geheim" not in repr(database.engine())


def test_a_lost_connection_is_replaced(database: Database) -> None:
    engine = database.engine(pool_size=1)
    with engine.connect() as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
    with psycopg.connect(conninfo(database.url)) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    with engine.connect() as connection:
        assert connection.execute(text("SELECT 1")).scalar_one() == 1
    engine.dispose()


def test_a_configured_database_is_taken_as_it_is(postgres: URL, wanted: Database) -> None:
    url = wanted.url.render_as_string(hide_password=False)
    with available(Settings(database_url=url)) as database:  # type: ignore[arg-type]
        assert database.url == wanted.url
    assert not both(wanted) & databases(postgres)


def test_without_one_a_server_is_started_with_both_databases_in_the_data_directory() -> None:
    with place() as directory:
        with available(Settings(data_dir=directory / "data", tushare_token=None)) as database:
            assert database.url.database == "stock_assistant_sandbox"
            assert both(database) <= databases(database.url.set(database="postgres"))
        assert (directory / "data" / "postgres" / "PG_VERSION").exists()
