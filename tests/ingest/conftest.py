"""The walk that these tests take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from databases import copied
from pydantic import SecretStr

from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.sandbox.server import TOKEN
from stock_assistant_pipelines.tushare.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.sandbox.server import Running
    from stock_assistant_pipelines.warehouse.database import Database

from walk import NOW, Walk


@pytest.fixture(scope="session")
def calendar(postgres: URL, sandbox_server: Running) -> Iterator[str]:
    """The name of a database in which the walk has landed the calendar, to be copied: it takes as long as ten days do."""
    sandbox_server.heal()
    with copied(postgres) as database:
        engine = database.engine()
        with Transport(SecretStr(TOKEN), sandbox_server.url) as transport:
            Walk(Ingest(engine, transport, now=lambda: NOW), sandbox_server, [NOW]).land("trade_cal")
        engine.dispose()
        yield str(database.url.database)


@pytest.fixture
def dated(postgres: URL, calendar: str) -> Iterator[Database]:
    """A database that knows the calendar."""
    with copied(postgres, calendar) as database:
        yield database


@pytest.fixture
def walk(engine: Engine, transport: Transport, sandbox: Running) -> Walk:
    """The walk from the sandbox into the test's database, a fortnight after the days that it lands, one call at a time."""
    clock = [NOW]
    return Walk(Ingest(engine, transport, concurrency=1, now=lambda: clock[0]), sandbox, clock)
