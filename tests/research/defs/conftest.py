"""One market made by hand for all tests of the research assets, and a desk with nothing on it for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg
import pytest
from desks import clear, laid_out
from evidence_market import DAY, book, change
from research_location import BEFORE, CLOSED, FEW, Research
from sqlalchemy import func, select

from stock_assistant_pipelines.warehouse.tables import LLM_CALL

if TYPE_CHECKING:
    from collections.abc import Iterator
    from decimal import Decimal

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


@pytest.fixture(scope="session")
def spending(research_engine: Engine, rules_server: RunningModel) -> tuple[Decimal, Decimal]:
    """What a day of a few stocks costs, and the most that a call could cost."""
    clear(research_engine)
    with dg.DagsterInstance.ephemeral() as instance:
        assert Research(research_engine, rules_server, instance, {"research_watchlist": list(FEW)}).run().success
    with research_engine.connect() as connection:
        query = select(func.sum(LLM_CALL.c.cost_cny), func.max(LLM_CALL.c.reserved_cny))
        spent, most = connection.execute(query).one()
    return spent, most


@pytest.fixture
def stopped(spending: tuple[Decimal, Decimal], research: Research) -> dg.ExecuteInProcessResult:
    """A run over two days that a budget stopped in the middle of the notes."""
    spent, most = spending
    research.options |= {"research_watchlist": list(FEW), "llm_budget_day": spent / 2 + most, "llm_concurrency": 1}
    return research.run(first=BEFORE)
