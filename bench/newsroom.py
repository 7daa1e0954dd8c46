"""The ground of research: a database with all that evidence is made of, of the sandbox's market."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import text

from bench import ground
from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.research import store
from stock_assistant_pipelines.research.collect.ground import INDEX
from stock_assistant_pipelines.research.editions import RULES
from stock_assistant_pipelines.research.providers.endpoint import Endpoint
from stock_assistant_pipelines.research.providers.prices import price
from stock_assistant_pipelines.research.providers.quirks import quirks
from stock_assistant_pipelines.sandbox.keyed import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from sqlalchemy import Engine

    from bench.ground import Market, Server
    from stock_assistant_pipelines.warehouse.database import Database

BARS = ("daily", "adj_factor", "daily_basic", "suspend_d")
FILED = ("income", "balancesheet", "cashflow", "fina_indicator", "forecast", "express", "dividend")
YEARS = 5
"""Of report periods: eight quarters, what twelve months to the first of them are made of, and the year before."""
POINTS = 5000
"""With which reports are asked for by period."""

LISTED = """
select bar.ts_code from daily as bar join stock_basic as stock using (ts_code)
where bar.trade_date = :day and stock.list_status = 'L' order by 1 limit :count
"""


@dataclass(frozen=True)
class Newsroom:
    """What there is to write of."""

    database: Database
    days: Sequence[date]
    """The trading days with bars, oldest first."""


def expect(engine: Engine, day: date, count: int) -> None:
    """Expect reports of so many stocks that trade on a day."""
    with engine.begin() as connection:
        codes = connection.execute(text(LISTED), {"day": day, "count": count}).scalars().all()
        store.watch(connection, day, dict.fromkeys(codes, "bench"))


def endpoint(url: str) -> Endpoint:
    """The sandbox model at an address, as it is configured."""
    return Endpoint("sandbox", RULES, url, KEY, quirks("sandbox", RULES), price("sandbox", RULES))


@contextmanager
def newsroom(server: Server, stocks: int, days: int) -> Iterator[Newsroom]:
    """A database in which the evidence of so many stocks can be collected; nobody is connected to it."""
    with server.database("newsroom") as (database, engine):
        with ground.market(engine, stocks) as market:
            land(engine, market, market.days[-days:])
        engine.dispose()
        yield Newsroom(database, market.days[-days:])


def land(engine: Engine, market: Market, days: Sequence[date]) -> None:
    """Land what the evidence of these days is made of, up to the last of them."""
    for name in BARS:
        ground.fill(engine, market, CATALOG[name], days)
    span = {"start_date": f"{days[0]:%Y%m%d}", "end_date": f"{days[-1]:%Y%m%d}"}
    index = CATALOG["index_daily"]
    ground.copy(engine, index, index.api, market.rows(index, ts_code=INDEX, **span))
    ground.book_history(engine, [*(CATALOG[name] for name in BARS), index], days[-1])
    ingest = Ingest(engine, market.transport, points=POINTS)
    list(ingest.land(CATALOG["namechange"]))
    periods = list(calendar.periods(days[-1] - timedelta(days=YEARS * 366), days[-1]))
    for name in ("disclosure_date", *FILED):
        list(ingest.land(CATALOG[name], periods))
    ground.vacuum(engine)
