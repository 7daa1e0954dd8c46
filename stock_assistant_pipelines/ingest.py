"""The walk of a trading day, once: plan, ask, decode, land, book. `land` gives one result per partition, as each is done."""

from __future__ import annotations

import logging
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from stock_assistant_pipelines import calendar as clock
from stock_assistant_pipelines import lateness
from stock_assistant_pipelines.calendar import Calendar
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.calls import Whole
from stock_assistant_pipelines.clock import may_be_open
from stock_assistant_pipelines.evening import Evening
from stock_assistant_pipelines.filings import Filings
from stock_assistant_pipelines.logs import Pool, bound
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.tushare.decode import by_day, complete_rows, unique, wire_types
from stock_assistant_pipelines.tushare.errors import HOPELESS, TushareError
from stock_assistant_pipelines.tushare.plan import DEFAULT_CAP, Call, plan, too_few
from stock_assistant_pipelines.warehouse import asked, coverage, space
from stock_assistant_pipelines.warehouse.coverage import Coverage
from stock_assistant_pipelines.warehouse.landing import partition_key
from stock_assistant_pipelines.warehouse.partition import (
    Delivery,
    book_closed,
    book_failure,
    land_day,
    land_snapshot,
    needs_confirmation,
    status_of,
)
from stock_assistant_pipelines.warehouse.space import DiskFull
from stock_assistant_pipelines.warehouse.tables import CODE, METADATA, SNAPSHOT, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Engine

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.increment import Limits
    from stock_assistant_pipelines.tushare.decode import Row
    from stock_assistant_pipelines.tushare.transport import Answer, Transport

LOG = logging.getLogger(__name__)

ALL: Mapping[date, Sequence[str]] = MappingProxyType({})
"""No day of which only the missing keys are asked for."""


@dataclass(frozen=True, slots=True)
class Told:
    """What one call told: its rows by day, or why it told nothing."""

    call: Call
    rows: dict[date, list[Row]] = field(default_factory=dict)
    calls: int = 0
    source: str = ""
    error: TushareError | None = None
    differs: frozenset[date] = frozenset()
    """The days of which a second answer told something else."""


@dataclass
class _Day:
    """A trading day under way: what its calls have told so far, and how many are still out."""

    waiting: int = 0
    rows: list[Row] = field(default_factory=list)
    calls: int = 0
    source: str = ""
    errors: list[TushareError] = field(default_factory=list)
    doubt: str | None = None
    late: bool = False
    patch: bool = False
    """Whether only its missing keys are asked for."""

    def take(self, told: Told, day: date) -> None:
        """Add what one call told of this day."""
        self.waiting -= 1
        self.calls += told.calls if day == told.call.days[0] else 0  # a shared call is counted once
        if told.error:
            self.errors.append(told.error)
            return
        self.source = told.source
        self.rows += told.rows.get(day, [])
        if day in told.differs:
            self.doubt = "two answers in a row told different rows"


class _Harvest:
    """The days under way in one landing: which of them are ready, and whether asking on is hopeless."""

    def __init__(self, calls: Sequence[Call], late: Container[date]) -> None:
        self.days: dict[date, _Day] = {}
        self.hopeless: TushareError | None = None
        for call in calls:
            for day in call.days:
                self.days.setdefault(day, _Day(late=day in late, patch=day in call.patched)).waiting += 1

    def take(self, told: Told) -> list[tuple[date, _Day]]:
        """Add what one call told; return the days that wait for nothing more."""
        if isinstance(told.error, HOPELESS):
            self.hopeless = self.hopeless or told.error
        for day in told.call.days:
            self.days[day].take(told, day)
        return [(day, self.days.pop(day)) for day in told.call.days if self.days[day].waiting == 0]


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


@dataclass
class _Whole:
    """What the calls of a snapshot told, together."""

    rows: list[Row] = field(default_factory=list)
    calls: int = 0
    source: str = ""
    lacks: str | None = None


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
            yield from self._periods(
                dataset, days, since, begun or (since if whole else None), whole=whole, failed=failed
            )
            return
        if not dataset.partitioned:
            known = self._entries(dataset, [None]).get(None)
            yield known if known and _settled_since(known, since) else self._snapshot(dataset)
            return
        calendar, trouble = self.find_calendar(dataset, days)
        settled = self._entries(dataset, days)
        todo = []
        for day in days:
            entry = settled.get(day)
            if entry and _settled_since(entry, since):
                yield entry
            elif not calendar.knows(day):
                reason = f"{dataset.calendar} does not know {day}" + (f": {trouble}" if trouble else "")
                yield self._failure(dataset, day, reason, Status.FAILED, "calendar")
            elif not calendar.is_open(day):
                yield book_closed(self.engine, dataset, day, at=self.now(), run_id=self.run_id)
            elif (published := dataset.published_at(day)) and self.now() < published:
                reason = f"is published at {published:%H:%M} in Shanghai: it was not asked for"
                yield Coverage(
                    dataset.api, day.isoformat(), Status.EMPTY, self.now(), cause="unpublished", reason=reason
                )
            else:
                todo.append(day)
        if todo:
            self._prepare(dataset, todo, calendar)
            now = self._entries(dataset, todo)
            judged = [entry for entry in now.values() if _settled_since(entry, since)]
            yield from judged  # by what they rest on, which was not there before
            todo = [day for day in todo if now.get(day) not in judged]
            yield from self._days(dataset, todo, calendar, {} if whole else coverage.lacking(now))

    def _periods(
        self,
        dataset: Dataset,
        periods: Sequence[date],
        since: datetime | None,
        begun: datetime | None,
        *,
        whole: bool,
        failed: bool = False,
    ) -> Iterator[Coverage]:
        """Land these report periods, as far as they have ended."""
        settled = self._fetched(dataset, periods, since, whole=whole)
        todo = []
        for period in periods:
            if entry := settled.get(period):
                yield entry
            elif period > clock.over(self.now()):
                reason = "has not ended: it was not asked for"
                key = period.isoformat()
                yield Coverage(dataset.api, key, Status.EMPTY, self.now(), cause="unpublished", reason=reason)
            else:
                todo.append(period)
        if todo:
            self.prepare_periods(dataset, todo)
            judged = self._fetched(dataset, todo, since, whole=whole)
            yield from judged.values()  # by what they rest on, which was not there before
            todo = [period for period in todo if period not in judged]
            yield from self.filings.land(dataset, todo, begun=begun, whole=whole, failed=failed)

    def _fetched(
        self, dataset: Dataset, periods: Sequence[date], since: datetime | None, *, whole: bool
    ) -> dict[date, Coverage]:
        """The periods that were settled since, and need not be asked for.

        Where they are fetched again, only those of which all was asked: an evening may have asked for one variant alone.
        """
        found = self._entries(dataset, periods).items()
        settled = {period: entry for period, entry in found if period and _settled_since(entry, since)}
        if not (settled and since and whole):
            return settled
        answered = self.filings.answered(dataset, settled, since)
        return {period: entry for period, entry in settled.items() if period in answered}

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
        return Evening(self.filings, begun)

    @property
    def filings(self) -> Filings:
        """The walk of report periods."""
        return Filings(self.engine, self._fetch, self.now, self.concurrency, self.points, self.run_id)

    def prepare_periods(self, dataset: Dataset, periods: Sequence[date]) -> None:
        """Land what the completeness of these periods rests on: the stocks of today, and the plan where it is not there."""
        for name in dataset.expected.reads:
            read = CATALOG[name]
            if not read.by_period:
                self._renew(read, self.now().date())
                continue
            today = self.now().astimezone(SHANGHAI).date()
            absent = [
                period
                for period in periods
                if (name, period, today) not in self.tried and not self._is_told(read, period, today)
            ]
            if absent:
                self.tried |= {(name, period, today) for period in absent}
                for _ in self._periods(read, absent, None, None, whole=True):
                    pass
            if lacking := self._lacking(read, periods, today):
                for _ in self._periods(read, lacking, None, None, whole=False):
                    pass

    def _lacking(self, plan: Dataset, periods: Sequence[date], today: date) -> list[date]:
        """The old periods of which a plan lacks companies by one answer: a second one has to say so."""
        entries = self._entries(plan, [period for period in periods if period not in may_be_open(today)])
        once = {period for period, each in entries.items() if each.landed and not each.settled and each.attempts == 1}
        return [period for period in periods if period in once]

    def _is_told(self, plan: Dataset, period: date, today: date) -> bool:
        with self.engine.connect() as connection:
            entry = coverage.entries(connection, plan, [period]).get(period)
            return is_told(entry, asked.last_answer(connection, plan, period), period, today)

    def reviewed(self, dataset: Dataset, landed: Sequence[Coverage]) -> list[Coverage]:
        """These results as they stand now: a later landing may have shown that a settled one is not complete after all."""
        days = {
            entry.partition: None if entry.partition == SNAPSHOT else date.fromisoformat(entry.partition)
            for entry in landed
        }
        now = {entry.partition: entry for entry in self._entries(dataset, days.values()).values()}
        return [now[entry.partition] if entry.settled and entry.partition in now else entry for entry in landed]

    def calendar(self, dataset: Dataset, days: Sequence[date]) -> Calendar:
        """The calendar that tells which of these days are trading days, landed first when it does not know them all."""
        return self.find_calendar(dataset, days)[0]

    def find_calendar(self, dataset: Dataset, days: Sequence[date]) -> tuple[Calendar, str | None]:
        """The calendar, and why it is not whole when it has just been landed."""
        assert dataset.calendar is not None
        declared = CATALOG[dataset.calendar]
        calendar = self._read_calendar(declared)
        if all(calendar.knows(day) for day in days):
            return calendar, None
        landed = self._snapshot(declared)
        return self._read_calendar(declared), landed.reason

    def _read_calendar(self, dataset: Dataset) -> Calendar:
        table = METADATA.tables[dataset.api]
        with self.engine.connect() as connection:
            rows = connection.execute(select(table.c.cal_date, table.c.is_open))
            return Calendar({day: is_open == 1 for day, is_open in rows})

    def _prepare(self, dataset: Dataset, days: Sequence[date], calendar: Calendar) -> None:
        """Land what the completeness of these days rests on, where it is not there yet."""
        newest = min(max(days), self.now().date())
        for name in dataset.expected.reads:
            read = CATALOG[name]
            if not read.partitioned:
                self._renew(read, newest)
                continue
            entries = self._entries(read, days)
            unsettled = [day for day in days if not (day in entries and entries[day].settled)]
            for _ in self._days(read, unsettled, calendar):
                pass

    def _renew(self, snapshot: Dataset, newest: date) -> None:
        """Land a snapshot that is not complete, or older than this day."""
        entry = self._entries(snapshot, [None]).get(None)
        if not (entry and entry.settled and entry.landed_at.astimezone(SHANGHAI).date() >= newest):
            self._snapshot(snapshot)

    def _entries(self, dataset: Dataset, days: Iterable[date | None]) -> dict[date | None, Coverage]:
        with self.engine.connect() as connection:
            return coverage.entries(connection, dataset, days)

    def _failure(self, dataset: Dataset, day: date | None, reason: str, status: Status, cause: str) -> Coverage:
        return book_failure(self.engine, dataset, day, reason, status, cause=cause, at=self.now(), run_id=self.run_id)

    def _refused(self, dataset: Dataset, day: date | None, error: TushareError) -> Coverage:
        return self._failure(dataset, day, str(error), status_of(error), error.cause)

    def _days(
        self, dataset: Dataset, days: Sequence[date], calendar: Calendar, missing: Mapping[date, Sequence[str]] = ALL
    ) -> Iterator[Coverage]:
        """Ask for these trading days with a few calls under way at once; land each day when all that it needs is there.

        An answer that is refused because another day holds the same rows is tried again at the end: that day's own rows
        may have come meanwhile.
        """
        planned = plan(dataset, days, calendar, missing=missing)
        harvest = _Harvest(planned, self._late(dataset, calendar))
        calls = iter(planned)
        under_way: set[Future[Any]] = set()
        refused: list[_Landed] = []
        with Pool(self.concurrency, dataset=dataset.api) as workers:
            under_way |= {workers.submit(self._ask, dataset, call) for call in islice(calls, self.concurrency)}
            while under_way:
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                for result in (future.result() for future in done):
                    if isinstance(result, Told):
                        ready = harvest.take(result)
                        under_way |= {workers.submit(self._land_day, dataset, *each) for each in ready}
                        more = () if harvest.hopeless else islice(calls, 1)
                        under_way |= {workers.submit(self._ask, dataset, call) for call in more}
                    elif result.refused:
                        refused.append(result)
                    else:
                        yield result.entry
        for landed in refused:
            assert landed.delivery is not None
            yield self._deliver(dataset, landed.day, landed.delivery)
        for day in harvest.days:
            assert harvest.hopeless is not None
            yield self._refused(dataset, day, harvest.hopeless)

    def _land_day(self, dataset: Dataset, day: date, told: _Day) -> _Landed:
        """Land what was told of a day; when no call told anything, book why."""
        with bound(partition=day.isoformat()):
            return self._land_rows(dataset, day, told)

    def _land_rows(self, dataset: Dataset, day: date, told: _Day) -> _Landed:
        if not told.source:
            return _Landed(day, self._refused(dataset, day, told.errors[0]))
        try:
            rows = unique(dataset, told.rows)
        except TushareError as error:
            return _Landed(day, self._refused(dataset, day, error))
        lacks = str(told.errors[0]) if told.errors else None
        delivery = Delivery(
            rows, told.source, told.calls, self.now(), self.run_id, lacks, told.doubt, told.late, told.patch
        )
        return _Landed(day, self._deliver(dataset, day, delivery), delivery)

    def _late(self, dataset: Dataset, calendar: Calendar) -> set[date]:
        """The recent trading days that should be whole by now."""
        now = self.now()
        recent = calendar.last(dataset.window, now.date())
        return {day for day in recent if (due := dataset.due_at(day)) and now >= due}

    def _deliver(self, dataset: Dataset, day: date, delivery: Delivery) -> Coverage:
        """Land a delivery; when its rows cannot be stored, book why."""
        try:
            return land_day(self.engine, dataset, day, delivery)
        except TushareError as error:
            return self._refused(dataset, day, error)

    def _snapshot(self, dataset: Dataset) -> Coverage:
        """Ask for a snapshot, twice where only a second answer can confirm it, and land it."""
        try:
            told = self._whole(dataset)
            rows = unique(dataset, told.rows)
            calls = told.calls
            confirmed = None
            if needs_confirmation(self.engine, dataset, rows):
                second = self._whole(dataset)
                calls += second.calls
                confirmed = _keys(dataset, second.rows) == _keys(dataset, told.rows)
            delivery = Delivery(rows, told.source, calls, self.now(), self.run_id, told.lacks)
            return land_snapshot(self.engine, dataset, delivery, confirmed=confirmed)
        except TushareError as error:
            return self._refused(dataset, None, error)

    def _whole(self, dataset: Dataset) -> _Whole:
        """Ask all calls of a snapshot, one after the other; note a call that is without a row and should not be."""
        assert isinstance(dataset.calls, Whole)
        whole = _Whole()
        for at, call in enumerate(plan(dataset, (), Calendar({}))):
            answer = self._fetch(dataset, call)
            whole.rows += complete_rows(dataset, answer.rows, dict(call.params))
            whole.calls += answer.calls
            whole.source = answer.source
            if not answer.rows and at not in dataset.calls.may_be_empty:
                whole.lacks = f"the source answered without a row for {dict(call.params) or dataset.api}"
        return whole

    def _ask(self, dataset: Dataset, call: Call) -> Told:
        """Make one call, and split its answer by day. An error is told, not raised: it concerns this call's days only.

        Where a second answer has to confirm the first, the rows of both are told, and on which days they differ.
        """
        try:
            rows, calls, source = self._answer(dataset, call)
            if not dataset.confirm:
                return Told(call, rows, calls, source)
            again, more, _ = self._answer(dataset, call)
        except TushareError as error:
            return Told(call, error=error)
        both = {day: list({*rows.get(day, ()), *again.get(day, ())}) for day in rows.keys() | again.keys()}
        differs = frozenset(day for day in both if set(rows.get(day, ())) != set(again.get(day, ())))
        return Told(call, both, calls + more, source, differs=differs)

    def _answer(self, dataset: Dataset, call: Call) -> tuple[dict[date, list[Row]], int, str]:
        """The rows of a call by day, the answers that took, and who gave them."""
        answer = self._fetch(dataset, call)
        rows = complete_rows(dataset, answer.rows, dict(call.params))
        if call.codes:
            at = dataset.fields.index(CODE)
            rows = [row for row in rows if row[at] in call.codes]
        return by_day(dataset, rows, min(call.days), max(call.days)), answer.calls, answer.source

    def _fetch(self, dataset: Dataset, call: Call) -> Answer:
        if refusal := too_few(dataset, self.points):
            raise refusal
        cap = dataset.row_cap if call.api == dataset.api else DEFAULT_CAP
        return self.transport.fetch(call.api, dict(call.params), wire_types(dataset), row_cap=cap)


def is_told(entry: Coverage | None, answered: datetime | None, period: date, today: date) -> bool:
    """Whether a plan was answered for; that of a period which may be open, today. A try in vain is no answer."""
    if entry is None or entry.status not in coverage.JUDGED:
        return False
    return period not in may_be_open(today) or bool(answered and answered.astimezone(SHANGHAI).date() >= today)


def _note(entry: Coverage) -> None:
    """Log what came of a partition."""
    told = {name: getattr(entry, name) for name in ("dataset", "partition", "status", "landed", "calls", "reason")}
    LOG.log(logging.INFO if entry.settled else logging.WARNING, "a partition is judged", extra=told)


def _settled_since(entry: Coverage, since: datetime | None) -> bool:
    return entry.settled and since is not None and entry.landed_at >= since


def _keys(dataset: Dataset, rows: Iterable[Row]) -> set[Any]:
    positions = [dataset.fields.index(name) for name in dataset.key]
    return {tuple(row[at] for at in positions) for row in rows}
