"""The market of the collectors, laid once for each worker, a transaction of it for each test, and the sandbox model."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest
from evidence_market import lay, sheet
from psycopg import sql

from stock_assistant_pipelines.sandbox.model.server import RunningModel, running
from stock_assistant_pipelines.warehouse import embedded
from stock_assistant_pipelines.warehouse.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.research.evidence import Sheet


@pytest.fixture(scope="session")
def evidence_engine(postgres: URL) -> Iterator[Engine]:
    """A database with the market made by hand. Nobody commits anything to it."""
    database = Database(postgres.set(database=f"evidence_{uuid4().hex[:12]}"))
    with psycopg.connect(embedded.conninfo(postgres), autocommit=True) as connection:
        copy = "CREATE DATABASE {} TEMPLATE template STRATEGY file_copy"
        connection.execute(sql.SQL(copy).format(sql.Identifier(str(database.url.database))))
    engine = database.engine()
    with engine.begin() as connection:
        lay(connection)
    yield engine
    engine.dispose()
    database.drop()


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


@pytest.fixture(scope="session")
def rules_server() -> Iterator[RunningModel]:
    with running() as server:
        yield server


@pytest.fixture
def rules(rules_server: RunningModel) -> Iterator[RunningModel]:
    """The session's sandbox model, without faults and with nothing counted."""
    rules_server.heal()
    rules_server.forget()
    yield rules_server
    rules_server.heal()
