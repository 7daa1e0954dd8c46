"""The market of the collectors, laid once for each worker, a transaction of it for each test, and the sandbox model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from desks import laid_out
from evidence_market import sheet

from stock_assistant_pipelines.sandbox.model.server import RunningModel, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.research.evidence import Sheet


@pytest.fixture(scope="session")
def evidence_engine(postgres: URL) -> Iterator[Engine]:
    """A database with the market made by hand. Nobody commits anything to it."""
    with laid_out(postgres) as engine:
        yield engine


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
