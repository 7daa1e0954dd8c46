"""The market of the collectors, laid once for each worker, and a transaction of it for each test."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from databases import copied
from evidence_market import lay, sheet

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.research.evidence import Sheet


@pytest.fixture(scope="session")
def evidence_engine(postgres: URL) -> Iterator[Engine]:
    """A database with the market made by hand. Nobody commits anything to it."""
    with copied(postgres) as database:
        engine = database.engine()
        with engine.begin() as connection:
            lay(connection)
        yield engine
        engine.dispose()


@pytest.fixture
def market(evidence_engine: Engine) -> Iterator[Connection]:
    """The market, in a transaction that is taken back."""
    with evidence_engine.connect() as connection:
        yield connection
        connection.rollback()


@pytest.fixture(scope="session")
def known(evidence_engine: Engine) -> Sheet:
    """The sheet of the main stock, of the market as it was laid."""
    with evidence_engine.connect() as connection:
        return sheet(connection)
