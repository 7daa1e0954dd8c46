"""An ingest whose clock stands still, and days of the sandbox's market to walk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.calls import PerCode
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse import coverage
from stock_assistant_pipelines.warehouse.tables import METADATA

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from stock_assistant_pipelines.ingest import Ingest
    from stock_assistant_pipelines.sandbox.server import Running
    from stock_assistant_pipelines.warehouse.coverage import Coverage

DAY = date(2026, 3, 4)
HOLIDAY = date(2026, 2, 23)
WEEK = [date(2026, 2, 26), date(2026, 2, 27), date(2026, 3, 2), date(2026, 3, 3), DAY]
"""Five trading days. 600005.SH is suspended on all of them, 688007.SH on 2 March."""
NOW = datetime(2026, 3, 20, 20, 0, tzinfo=SHANGHAI)
QUIET = date(2023, 1, 4)
"""A day on which every stock trades and none was suspended before."""

DAILY, ADJ_FACTOR, SUSPEND_D, INDEX_DAILY = (
    CATALOG[api] for api in ("daily", "adj_factor", "suspend_d", "index_daily")
)
STOCK_BASIC, TRADE_CAL = CATALOG["stock_basic"], CATALOG["trade_cal"]
assert isinstance(INDEX_DAILY.calls, PerCode)
INDICES = INDEX_DAILY.calls.codes
DAY_BY_DAY = [api for api, dataset in CATALOG.items() if not dataset.by_period]
TIMELESS = [api for api in DAY_BY_DAY if not CATALOG[api].partitioned]


@dataclass
class Walk:
    """An ingest whose clock stands still, and what can be asked about what it did."""

    ingest: Ingest
    sandbox: Running
    clock: list[datetime]

    @property
    def engine(self) -> Engine:
        return self.ingest.engine

    def land(self, api: str, *days: date, since: datetime | None = None) -> dict[str, Coverage]:
        """Land days, or a snapshot; the results by partition."""
        return {entry.partition: entry for entry in self.ingest.land(CATALOG[api], days, since=since)}

    def land_one(self, api: str, *days: date) -> Coverage:
        (entry,) = self.ingest.land(CATALOG[api], days)
        return entry

    def booked(self, api: str, day: date | None = None) -> Coverage | None:
        with self.engine.connect() as connection:
            return coverage.entries(connection, CATALOG[api], [day]).get(day)

    def rows(self, api: str, day: date | None = None) -> list[dict[str, Any]]:
        table = METADATA.tables[api]
        query = select(table).order_by(*(table.c[name] for name in CATALOG[api].key))
        with self.engine.connect() as connection:
            found = connection.execute(query if day is None else query.where(table.c.trade_date == day))
            return [dict(row) for row in found.mappings()]

    def codes(self, api: str, day: date | None = None) -> set[str]:
        return {row["ts_code"] for row in self.rows(api, day)}

    def asked(self, *apis: str) -> list[dict[str, Any]]:
        """The parameters of the calls to these interfaces so far."""
        return [call["params"] for call in self.sandbox.calls() if call["api"] in apis]

    def pass_time(self, **span: float) -> datetime:
        self.clock[0] += timedelta(**span)
        return self.clock[0]
