"""The database of the ledger, empty for every test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from databases import copied
from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine
    from sqlalchemy.engine import URL


@pytest.fixture(scope="session")
def books(postgres: URL) -> Iterator[Engine]:
    """A database for all these tests: they write in two tables only."""
    with copied(postgres) as database:
        engine = database.engine()
        yield engine
        engine.dispose()


@pytest.fixture
def engine(books: Engine) -> Engine:
    """The database of the ledger, in which nothing is booked."""
    with books.begin() as connection:
        connection.execute(text("TRUNCATE llm_call, llm_spending"))
    return books
