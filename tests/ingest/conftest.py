"""The walk that these tests take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stock_assistant_pipelines.ingest import Ingest

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from stock_assistant_pipelines.sandbox.server import Running
    from stock_assistant_pipelines.tushare.transport import Transport

from walk import NOW, Walk


@pytest.fixture
def walk(engine: Engine, transport: Transport, sandbox: Running) -> Walk:
    """The walk from the sandbox into the test's database, a fortnight after the days that it lands, one call at a time."""
    clock = [NOW]
    return Walk(Ingest(engine, transport, concurrency=1, now=lambda: clock[0]), sandbox, clock)
