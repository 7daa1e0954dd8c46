"""A landing as the pipelines' role, which makes no table: rows are staged and merged, what they said before is kept."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from databases import working_as
from sqlalchemy import func, select, text
from walk import DAY, NOW, Walk

from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.settings.database import WRITER_ROLE
from stock_assistant_pipelines.warehouse.tables import METADATA, SUPERSEDED

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stock_assistant_pipelines.sandbox.server import Running
    from stock_assistant_pipelines.tushare.transport import Transport
    from stock_assistant_pipelines.warehouse.database import Database


@pytest.fixture
def walk(database: Database, transport: Transport, sandbox: Running) -> Iterator[Walk]:
    clock = [NOW]
    engine = working_as(database, WRITER_ROLE).engine()
    yield Walk(Ingest(engine, transport, now=lambda: clock[0]), sandbox, clock)
    engine.dispose()


def test_a_day_lands_and_is_corrected_and_so_does_a_report_period(walk: Walk) -> None:
    assert walk.land_one("daily", DAY).settled
    with walk.engine.begin() as connection:
        connection.execute(text("update daily set close = close + 1"))
    walk.clock[0] += timedelta(hours=1)
    (entry,) = walk.land("daily", DAY, since=walk.clock[0]).values()
    assert entry.updated == entry.landed > 0
    assert walk.land_one("income", date(2025, 9, 30)).landed > 0
    with walk.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(SUPERSEDED)).scalar_one() == entry.landed
        versions = select(func.count()).select_from(METADATA.tables["income"])
        assert connection.execute(versions).scalar_one() > 0
