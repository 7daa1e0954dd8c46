"""The database of the ledger, empty for every test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import text

from stock_assistant_pipelines.warehouse.database import Database
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine
    from sqlalchemy.engine import URL


@pytest.fixture(scope="session")
def books(postgres: URL) -> Iterator[Engine]:
    """A database for all these tests: they write in two tables only."""
    database = Database(postgres.set(database="ledgers"))
    with psycopg.connect(conninfo(postgres), autocommit=True) as connection:
        connection.execute("CREATE DATABASE ledgers TEMPLATE template STRATEGY file_copy")
    engine = database.engine()
    yield engine
    engine.dispose()
    database.drop()


@pytest.fixture
def engine(books: Engine) -> Engine:
    """The database of the ledger, in which nothing is booked."""
    with books.begin() as connection:
        connection.execute(text("TRUNCATE llm_call, llm_spending"))
    return books
