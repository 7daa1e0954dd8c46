"""The sandbox search, healthy for every test, and a database in which nothing was searched for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import text

from stock_assistant_pipelines.sandbox.search.server import running
from stock_assistant_pipelines.warehouse.database import Database
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.sandbox.server import Door


@pytest.fixture(scope="session")
def searched(postgres: URL) -> Iterator[Engine]:
    """A database for all these tests: they write in two tables only."""
    database = Database(postgres.set(database="searches"))
    with psycopg.connect(conninfo(postgres), autocommit=True) as connection:
        connection.execute("CREATE DATABASE searches TEMPLATE template STRATEGY file_copy")
    engine = database.engine()
    yield engine
    engine.dispose()
    database.drop()


@pytest.fixture
def engine(searched: Engine) -> Engine:
    """That database, empty."""
    with searched.begin() as connection:
        connection.execute(text("TRUNCATE research_search, research_page"))
    return searched


@pytest.fixture(scope="session")
def search_server() -> Iterator[Door]:
    with running() as server:
        yield server


@pytest.fixture
def web(search_server: Door) -> Iterator[Door]:
    """The session's sandbox search, without faults and with nothing counted."""
    search_server.heal()
    search_server.forget()
    yield search_server
    search_server.heal()
