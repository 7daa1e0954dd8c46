"""One market made by hand for all tests of the research assets, and a desk with nothing on it for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pytest
from desks import clear, laid_out
from evidence_market import DAY, book, change
from research_location import BEFORE, CLOSED, Research

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.sandbox.model.server import RunningModel


@pytest.fixture(scope="session")
def research_engine(postgres: URL) -> Iterator[Engine]:
    with laid_out(postgres) as engine:
        with engine.begin() as connection:
            for api in ("daily", "adj_factor", "daily_basic", "suspend_d", "index_daily"):
                book(connection, api, BEFORE.isoformat())
            change(connection, "update trade_cal set is_open = 0 where cal_date = :closed", closed=CLOSED)
        yield engine


@pytest.fixture
def research(research_engine: Engine, rules: RunningModel) -> Iterator[Research]:
    """Nothing was written yet; the watchlist is everybody."""
    clear(research_engine)
    assert DAY > BEFORE > CLOSED
    with dg.DagsterInstance.ephemeral() as instance:
        yield Research(research_engine, rules, instance)
