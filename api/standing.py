"""Standing: what is known of the partitions that an answer was taken from, so that it can tell whether it is whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Date, DateTime, Text, any_, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.catalog.dataset import MARKET_OPENED
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.tables import COVERAGE, SETTLED, SNAPSHOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date, datetime

    from sqlalchemy.ext.asyncio import AsyncConnection

    from stock_assistant_pipelines.catalog.dataset import Dataset

EXCHANGE = "SSE"
"""The exchange whose calendar tells trading days; the one that is kept."""

QUERY = (
    text(Path(__file__).with_name("standing.sql").read_text(encoding="utf-8"))
    .bindparams(
        bindparam("dataset", type_=Text),
        bindparam("first", type_=Text),
        bindparam("last", type_=Text),
        bindparam("exchange", EXCHANGE, type_=Text),
        bindparam("since", type_=Date),
        bindparam("due", type_=Date),
    )
    .columns(
        statuses=JSONB,
        sources=ARRAY(Text),
        landed_at=DateTime(timezone=True),
        not_landed=BigInteger,
        calendar_since=Date,
        calendar_until=Date,
    )
)

PERIODS = (
    select(
        COVERAGE.c.status,
        func.count().label("partitions"),
        func.array_agg(COVERAGE.c.source.distinct()).filter(COVERAGE.c.source.is_not(None)).label("sources"),
        func.max(COVERAGE.c.landed_at).label("landed_at"),
    )
    .where(
        COVERAGE.c.dataset == bindparam("dataset"), COVERAGE.c.partition == any_(bindparam("keys", type_=ARRAY(Text)))
    )
    .group_by(COVERAGE.c.status)
)
"""Report periods by status, who answered, and when."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Partitions of one dataset, counted."""

    statuses: Mapping[str, int]
    """Partitions by status."""
    sources: tuple[str, ...]
    """Who answered: `tushare`, or the sandbox."""
    landed_at: datetime | None
    """When one of them was last landed or tried."""
    not_landed: int | None
    """Published trading days, or ended report periods, of which nothing is known; None where the calendar does not reach."""

    @property
    def complete(self) -> bool:
        """Whether every partition holds all that is expected of it."""
        return self.not_landed == 0 and all(status in SETTLED for status in self.statuses)

    @property
    def counts(self) -> dict[str, int | None]:
        """Partitions by status, and those that never landed."""
        return {**self.statuses, "not_landed": self.not_landed}


def due(dataset: Dataset, moment: datetime) -> date:
    """The last day whose rows are published by `moment`, were it a trading day."""
    here = moment.astimezone(SHANGHAI)
    out = dataset.published is not None and here.time() >= dataset.published
    return here.date() if out else here.date() - timedelta(days=1)


async def of_range(connection: AsyncConnection, dataset: Dataset, first: date, last: date) -> Standing:
    """Count the partitions of a trading-day dataset from `first` to `last`."""
    until = min(last, due(dataset, calendar.now()))
    query = {"dataset": dataset.api, "first": first.isoformat(), "last": last.isoformat(), "since": first, "due": until}
    row = (await connection.execute(QUERY, query)).one()
    told = until < first or (
        row.calendar_since is not None and row.calendar_since <= first and row.calendar_until >= until
    )
    return Standing(row.statuses, tuple(row.sources or ()), row.landed_at, row.not_landed if told else None)


async def of_periods(connection: AsyncConnection, dataset: Dataset, periods: Iterable[date]) -> Standing:
    """Count the partitions of these report periods. Those that have not ended yet are not waited for."""
    over = calendar.over(calendar.now())
    keys = [period.isoformat() for period in periods if period <= over]
    rows = (await connection.execute(PERIODS, {"dataset": dataset.api, "keys": keys})).all()
    return Standing(
        {row.status: row.partitions for row in rows},
        tuple(sorted({source for row in rows for source in row.sources or ()})),
        max((row.landed_at for row in rows), default=None),
        len(keys) - sum(row.partitions for row in rows),
    )


async def of_snapshot(connection: AsyncConnection, dataset: Dataset) -> Standing:
    """Tell what is known of a dataset without a time axis."""
    query = {
        "dataset": dataset.api,
        "first": SNAPSHOT,
        "last": SNAPSHOT,
        "since": MARKET_OPENED,
        "due": MARKET_OPENED - timedelta(days=1),
    }
    row = (await connection.execute(QUERY, query)).one()
    return Standing(row.statuses, tuple(row.sources or ()), row.landed_at, 0 if row.statuses else 1)


def source(standings: Iterable[Standing]) -> str | None:
    """Name everyone who answered, `; ` between them; None when nothing has landed."""
    return "; ".join(sorted({name for standing in standings for name in standing.sources})) or None
