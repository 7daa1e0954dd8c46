"""The walk of trading days: leave out what need not be asked for, land what the others rest on, ask, land each day."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from datetime import date
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.ingest.books import settled_since
from stock_assistant_pipelines.ingest.harvest import Harvest
from stock_assistant_pipelines.ingest.source import Told
from stock_assistant_pipelines.logs import Pool, bound
from stock_assistant_pipelines.tushare.decode import unique
from stock_assistant_pipelines.tushare.errors import TushareError
from stock_assistant_pipelines.tushare.plan import plan
from stock_assistant_pipelines.warehouse import coverage
from stock_assistant_pipelines.warehouse.partition import Delivery, land_day
from stock_assistant_pipelines.warehouse.tables import Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from stock_assistant_pipelines.calendar import Calendar
    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.ingest.books import Books
    from stock_assistant_pipelines.ingest.harvest import Day
    from stock_assistant_pipelines.ingest.snapshots import Snapshots
    from stock_assistant_pipelines.ingest.source import Source
    from stock_assistant_pipelines.warehouse.coverage import Coverage

ALL: Mapping[date, Sequence[str]] = MappingProxyType({})
"""No day of which only the missing keys are asked for."""


@dataclass(frozen=True, slots=True)
class _Landed:
    """A day as it was booked, and the rows that were to land."""

    day: date
    entry: Coverage
    delivery: Delivery | None = None

    @property
    def refused(self) -> bool:
        """Whether rows were told and not let in: they are another day's."""
        rows = self.delivery.rows if self.delivery else None
        if self.delivery is None or self.delivery.patch:
            return False
        return rows is not None and bool(rows.rows) and rows.revision != self.entry.revision


@dataclass(frozen=True, slots=True)
class Days:
    """Lands trading days."""

    books: Books
    source: Source
    snapshots: Snapshots
    concurrency: int

    def land(
        self, dataset: Dataset, days: Sequence[date], since: datetime | None, *, whole: bool
    ) -> Iterator[Coverage]:
        """Land these days, and yield each one's coverage as it is done. Of a day that lacks some keys those, unless `whole`."""
        calendar, trouble = self.snapshots.calendar(dataset, days, since=min(days, default=date.max))
        settled = self.books.entries(dataset, days)
        todo = []
        for day in days:
            entry = settled.get(day)
            if entry and settled_since(entry, since):
                yield entry
            elif not calendar.knows(day):
                reason = f"{dataset.calendar} does not know {day}" + (f": {trouble}" if trouble else "")
                yield self.books.failure(dataset, day, reason, Status.FAILED, "calendar")
            elif not calendar.is_open(day):
                yield self.books.closed(dataset, day)
            elif (published := dataset.published_at(day)) and self.books.now() < published:
                reason = f"is published at {published:%H:%M} in Shanghai: it was not asked for"
                yield self.books.early(dataset, day, reason)
            else:
                todo.append(day)
        if todo:
            self._prepare(dataset, todo, calendar)
            now = self.books.entries(dataset, todo)
            judged = [entry for entry in now.values() if settled_since(entry, since)]
            yield from judged  # by what they rest on, which was not there before
            todo = [day for day in todo if now.get(day) not in judged]
            yield from self._walk(dataset, todo, calendar, ALL if whole else coverage.lacking(now))

    def _prepare(self, dataset: Dataset, days: Sequence[date], calendar: Calendar) -> None:
        """Land what the completeness of these days rests on, where it is not there yet."""
        newest = min(max(days), self.books.now().date())
        for name in dataset.expected.reads:
            read = CATALOG[name]
            if not read.partitioned:
                self.snapshots.renew(read, newest)
                continue
            entries = self.books.entries(read, days)
            unsettled = [day for day in days if not (day in entries and entries[day].settled)]
            for _ in self._walk(read, unsettled, calendar, ALL):
                pass

    def _walk(
        self, dataset: Dataset, days: Sequence[date], calendar: Calendar, missing: Mapping[date, Sequence[str]]
    ) -> Iterator[Coverage]:
        """Ask for these trading days with a few calls under way at once; land each day when all that it needs is there.

        An answer that is refused because another day holds the same rows is tried again at the end: that day's own rows
        may have come meanwhile.
        """
        planned = plan(dataset, days, calendar, missing=missing)
        harvest = Harvest(planned, self._late(dataset, calendar))
        calls = iter(planned)
        under_way: set[Future[Any]] = set()
        refused: list[_Landed] = []
        with Pool(self.concurrency, dataset=dataset.api) as workers:
            under_way |= {workers.submit(self.source.ask, dataset, call) for call in islice(calls, self.concurrency)}
            while under_way:
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                for result in (future.result() for future in done):
                    if isinstance(result, Told):
                        ready = harvest.take(result)
                        under_way |= {workers.submit(self._land_day, dataset, *each) for each in ready}
                        more = () if harvest.hopeless else islice(calls, 1)
                        under_way |= {workers.submit(self.source.ask, dataset, call) for call in more}
                    elif result.refused:
                        refused.append(result)
                    else:
                        yield result.entry
        for landed in refused:
            assert landed.delivery is not None
            yield self._deliver(dataset, landed.day, landed.delivery)
        for day in harvest.days:
            assert harvest.hopeless is not None
            yield self.books.refused(dataset, day, harvest.hopeless)

    def _late(self, dataset: Dataset, calendar: Calendar) -> set[date]:
        """The recent trading days that should be whole by now."""
        now = self.books.now()
        recent = calendar.last(dataset.window, now.date())
        return {day for day in recent if (due := dataset.due_at(day)) and now >= due}

    def _land_day(self, dataset: Dataset, day: date, told: Day) -> _Landed:
        """Land what was told of a day; when no call told anything, book why."""
        with bound(partition=day.isoformat()):
            return self._land_rows(dataset, day, told)

    def _land_rows(self, dataset: Dataset, day: date, told: Day) -> _Landed:
        books = self.books
        if not told.source:
            return _Landed(day, books.refused(dataset, day, told.errors[0]))
        try:
            rows = unique(dataset, told.rows)
        except TushareError as error:
            return _Landed(day, books.refused(dataset, day, error))
        lacks = str(told.errors[0]) if told.errors else None
        delivery = Delivery(
            rows, told.source, told.calls, books.now(), books.run_id, lacks, told.doubt, told.late, told.patch
        )
        return _Landed(day, self._deliver(dataset, day, delivery), delivery)

    def _deliver(self, dataset: Dataset, day: date, delivery: Delivery) -> Coverage:
        """Land a delivery; when its rows cannot be stored, book why."""
        try:
            return land_day(self.books.engine, dataset, day, delivery)
        except TushareError as error:
            return self.books.refused(dataset, day, error)
