"""The walk through the house, once: plan, ask, decode, land, book. `Ingest.land` gives one result per partition, as it is done.

Each grain of the catalog has a walk of its own: `days`, `periods` (whose reports `filings` asks for), `snapshots`. They ask by
`source` and know by `books` what is there. What is new of open periods is landed by `evening`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from stock_assistant_pipelines import calendar as clock
from stock_assistant_pipelines import lateness
from stock_assistant_pipelines.ingest.books import Books
from stock_assistant_pipelines.ingest.days import Days
from stock_assistant_pipelines.ingest.evening import Evening
from stock_assistant_pipelines.ingest.filings import Filings
from stock_assistant_pipelines.ingest.periods import Periods
from stock_assistant_pipelines.ingest.snapshots import Snapshots
from stock_assistant_pipelines.ingest.source import Source
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse import space
from stock_assistant_pipelines.warehouse.landing import partition_key
from stock_assistant_pipelines.warehouse.space import DiskFull
from stock_assistant_pipelines.warehouse.tables import SNAPSHOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Engine

    from stock_assistant_pipelines.calendar import Calendar
    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.ingest.increment import Limits
    from stock_assistant_pipelines.tushare.transport import Transport
    from stock_assistant_pipelines.warehouse.coverage import Coverage

LOG = logging.getLogger(__name__)


@dataclass
class Ingest:
    """Lands partitions of datasets from Tushare into the warehouse."""

    engine: Engine
    transport: Transport
    concurrency: int = 4
    points: int | None = None
    """The token's points; datasets that ask for more are not asked for. None: Tushare decides."""
    run_id: str | None = None
    now: Callable[[], datetime] = clock.now
    when_full: Callable[[DiskFull], None] | None = None
    """Who is told before space is waited for."""
    tried: set[tuple[str, date, date]] = field(default_factory=set, repr=False)
    """The plans that were asked for, their periods, and on which day: not once for each dataset that rests on them."""

    def land(
        self,
        dataset: Dataset,
        days: Sequence[date] = (),
        *,
        since: datetime | None = None,
        whole: bool = True,
        begun: datetime | None = None,
        failed: bool = False,
    ) -> Iterator[Coverage]:
        """Land these trading days or report periods (or the snapshot), and yield each partition's coverage as it is done.

        What completeness rests on is landed first: the calendar, the stocks of that day, and the dataset that proves this
        one. Partitions that were settled at `since` or later are not asked for again. Of a day that is known to lack some
        keys those alone are asked for where that takes no more calls, unless `whole`. Of report periods, what was
        answered for since `begun` is not asked again, and with `failed` only what an error kept from being answered. A
        partition that fails is booked and yielded with its reason; only a broken database or a mixed source raises. Where
        PostgreSQL has no space, it is waited for.
        """
        left = list(days)
        done: set[str] = set()
        while True:
            try:
                for entry in self._land(dataset, left, since=since, whole=whole, begun=begun, failed=failed):
                    done.add(entry.partition)
                    _note(entry)
                    yield entry
            except DiskFull as full:
                if self.when_full:
                    self.when_full(full)
                space.wait(self.engine)
                left = [day for day in left if partition_key(day) not in done]
            else:
                return

    def _land(
        self,
        dataset: Dataset,
        days: Sequence[date],
        *,
        since: datetime | None,
        whole: bool,
        begun: datetime | None,
        failed: bool,
    ) -> Iterator[Coverage]:
        """Land these partitions. Raises `DiskFull` where there is no space."""
        if dataset.by_period:
            begun = begun or (since if whole else None)
            yield from self._periods.land(dataset, days, since, begun, whole=whole, failed=failed)
        elif dataset.partitioned:
            walk = Days(self._books, self._source, self._snapshots, self.concurrency)
            yield from walk.land(dataset, days, since, whole=whole)
        else:
            yield self._snapshots.land(dataset, since)

    def prepare_periods(self, dataset: Dataset, periods: Sequence[date]) -> None:
        """Land what the completeness of these periods rests on: the stocks of today, and the plan where it is not there."""
        self._periods.prepare(dataset, periods)

    def open_periods(self, plan: str | None, stocks: str) -> list[date]:
        """The report periods that companies are disclosing, newest first: while the plan lacks somebody, and a week more."""
        today = self.now().astimezone(SHANGHAI).date()
        with self.engine.connect() as connection:
            return lateness.open_periods(connection, plan, stocks, today)

    def increment(
        self, dataset: Dataset, periods: Sequence[date], plan: str | None, limits: Limits, *, begun: datetime
    ) -> Iterator[Coverage]:
        """Land what is new of these report periods, which are open; what they rest on has been landed."""
        for entry in self.evening(begun).increment(dataset, periods, plan, limits):
            _note(entry)
            yield entry

    def evening(self, begun: datetime) -> Evening:
        """The walk of the evening that began then."""
        return Evening(self._filings, begun)

    def reviewed(self, dataset: Dataset, landed: Sequence[Coverage]) -> list[Coverage]:
        """These results as they stand now: a later landing may have shown that a settled one is not complete after all."""
        days = {
            entry.partition: None if entry.partition == SNAPSHOT else date.fromisoformat(entry.partition)
            for entry in landed
        }
        now = {entry.partition: entry for entry in self._books.entries(dataset, days.values()).values()}
        return [now[entry.partition] if entry.settled and entry.partition in now else entry for entry in landed]

    def calendar(self, dataset: Dataset, days: Sequence[date]) -> Calendar:
        """The calendar that tells which of these days are trading days, landed first when it does not know them all."""
        return self.find_calendar(dataset, days)[0]

    def find_calendar(self, dataset: Dataset, days: Sequence[date]) -> tuple[Calendar, str | None]:
        """The calendar, and why it is not whole when it has just been landed."""
        return self._snapshots.calendar(dataset, days)

    @property
    def _books(self) -> Books:
        return Books(self.engine, self.now, self.run_id)

    @property
    def _source(self) -> Source:
        return Source(self.transport, self.points)

    @property
    def _snapshots(self) -> Snapshots:
        return Snapshots(self._books, self._source)

    @property
    def _filings(self) -> Filings:
        return Filings(self._books, self._source, self.concurrency)

    @property
    def _periods(self) -> Periods:
        return Periods(self._books, self._snapshots, self._filings, self.tried)


def _note(entry: Coverage) -> None:
    """Log what came of a partition."""
    told = {name: getattr(entry, name) for name in ("dataset", "partition", "status", "landed", "calls", "reason")}
    LOG.log(logging.INFO if entry.settled else logging.WARNING, "a partition is judged", extra=told)
