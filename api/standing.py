"""Standing: what is known of the partitions that an answer was taken from, so that it can tell whether it is whole."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Date, Text, any_, bindparam, func, select, text
from sqlalchemy.dialects.postgresql import ARRAY

from api.database import fetch
from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.catalog.grain import MARKET_OPENED
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.tables import COVERAGE, SETTLED, SNAPSHOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date, datetime

    from asyncpg import Record
    from sqlalchemy.ext.asyncio import AsyncConnection
    from sqlalchemy.sql.elements import ClauseElement

    from api.versions import Versions
    from stock_assistant_pipelines.catalog.dataset import Dataset

REMEMBERED = 4096
"""Answers that are kept: a few hundred bytes each."""

EXCHANGE = "SSE"
"""The exchange whose calendar tells trading days; the one that is kept."""

QUERY = text(Path(__file__).with_name("standing.sql").read_text(encoding="utf-8")).bindparams(
    bindparam("dataset", type_=Text),
    bindparam("first", type_=Text),
    bindparam("last", type_=Text),
    bindparam("exchange", EXCHANGE, type_=Text),
    bindparam("since", type_=Date),
    bindparam("due", type_=Date),
)

PERIODS = (
    select(
        COVERAGE.c.status,
        COVERAGE.c.source,
        func.count().label("partitions"),
        func.max(COVERAGE.c.landed_at).label("landed_at"),
    )
    .where(
        COVERAGE.c.dataset == bindparam("dataset"), COVERAGE.c.partition == any_(bindparam("keys", type_=ARRAY(Text)))
    )
    .group_by(COVERAGE.c.status, COVERAGE.c.source)
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
    row = await _read(connection, dataset, first.isoformat(), last.isoformat(), first, until)
    told = until < first or (
        row["calendar_since"] is not None and row["calendar_since"] <= first and row["calendar_until"] >= until
    )
    return _counted(
        row["statuses"], row["sources"], row["partitions"], row["landed_at"], row["not_landed"] if told else None
    )


async def of_periods(connection: AsyncConnection, dataset: Dataset, periods: Iterable[date]) -> Standing:
    """Count the partitions of these report periods. Those that have not ended yet are not waited for."""
    over = calendar.over(calendar.now())
    keys = tuple(period.isoformat() for period in periods if period <= over)
    rows = await _remembered(connection, PERIODS, (dataset.api,), {"dataset": dataset.api, "keys": keys})
    counts = [row["partitions"] for row in rows]
    return _counted(
        [row["status"] for row in rows],
        [row["source"] for row in rows],
        counts,
        max((row["landed_at"] for row in rows), default=None),
        len(keys) - sum(counts),
    )


async def of_snapshot(connection: AsyncConnection, dataset: Dataset) -> Standing:
    """Tell what is known of a dataset without a time axis."""
    row = await _read(connection, dataset, SNAPSHOT, SNAPSHOT, MARKET_OPENED, MARKET_OPENED - timedelta(days=1))
    absent = 0 if row["statuses"] else 1
    return _counted(row["statuses"], row["sources"], row["partitions"], row["landed_at"], absent)


async def _read(connection: AsyncConnection, dataset: Dataset, first: str, last: str, since: date, due: date) -> Record:
    values = {"dataset": dataset.api, "first": first, "last": last, "since": since, "due": due}
    (row,) = await _remembered(connection, QUERY, (dataset.api, "trade_cal"), values)
    return row


async def _remembered(
    connection: AsyncConnection, query: ClauseElement, datasets: tuple[str, ...], values: Mapping[str, Any]
) -> list[Record]:
    """The rows of a query on the coverage of these datasets, asked for once while they stay as they are in this snapshot.

    Over a long range it takes longer than to read the rows of a stock, and is the same for all stocks.
    """
    versions: Versions | None = connection.info["versions"]
    if versions is None:
        return await fetch(connection, query, values)
    kept: dict[Any, tuple[str, list[Record]]] = connection.info["standings"]
    key, state = (query, *values.values()), versions.of(frozenset(datasets))
    known, rows = kept.pop(key, (None, []))
    if known != state:
        rows = await fetch(connection, query, values)
    kept[key] = state, rows
    if len(kept) > REMEMBERED:
        del kept[next(iter(kept))]
    return rows


def _counted(
    statuses: Sequence[str],
    sources: Sequence[str | None],
    partitions: Sequence[int],
    landed_at: datetime | None,
    not_landed: int | None,
) -> Standing:
    """Put together what is counted by status and by who answered."""
    by_status: Counter[str] = Counter()
    for status, count in zip(statuses, partitions, strict=True):
        by_status[status] += count
    return Standing(dict(by_status), tuple(sorted({name for name in sources if name})), landed_at, not_landed)


def source(standings: Iterable[Standing]) -> str | None:
    """Name everyone who answered, `; ` between them; None when nothing has landed."""
    return "; ".join(sorted({name for standing in standings for name in standing.sources})) or None
