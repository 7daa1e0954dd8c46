"""What a backfill is going to do, told beforehand: which days of which datasets are left, in which order, at what price."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import groupby
from typing import TYPE_CHECKING

from sqlalchemy import and_, func, or_, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from stock_assistant_pipelines.calendar import Calendar, over, periods, weekdays
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.expected import Listed, NeverFewer
from stock_assistant_pipelines.ingest.inquiry import inquire
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.tushare.plan import Estimate, estimate, plan
from stock_assistant_pipelines.warehouse import coverage
from stock_assistant_pipelines.warehouse.asked import ANNOUNCED, EVERYBODY
from stock_assistant_pipelines.warehouse.freshness import read_calendar, read_snapshot
from stock_assistant_pipelines.warehouse.holes import published
from stock_assistant_pipelines.warehouse.tables import ASKED, COVERAGE, METADATA, SETTLED, SNAPSHOT, Status

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence
    from datetime import date, datetime

    from sqlalchemy import ColumnElement, Connection

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.tushare.quota import Limits
    from stock_assistant_pipelines.warehouse.coverage import Coverage


@dataclass(frozen=True, slots=True)
class Target:
    """What is to be complete in the end: these datasets from `first` to `last`, and the snapshots among them."""

    datasets: tuple[str, ...]
    first: date
    last: date
    refetch: bool = False

    def days(self, dataset: Dataset, now: datetime) -> list[date]:
        """The weekdays of a dataset, as far as they are published, or its report periods that have ended; newest first."""
        if dataset.by_period:
            return periods(self.first, min(self.last, over(now)))[::-1]
        return list(reversed(weekdays(self.first, min(self.last, published(dataset, now)))))

    def partitions(self, now: datetime) -> dict[str, int]:
        """How many partitions each dataset has."""
        known = [CATALOG[name] for name in self.datasets]
        return {each.api: len(self.days(each, now)) if each.dated else 1 for each in known}

    @property
    def covered(self) -> ColumnElement[bool]:
        """Which rows of the coverage it is about."""
        key = COVERAGE.c.partition
        between = or_(key.between(self.first.isoformat(), self.last.isoformat()), key == SNAPSHOT)
        return and_(COVERAGE.c.dataset.in_(self.datasets), between)


@dataclass(frozen=True, slots=True)
class Part:
    """What is left to do of one dataset."""

    dataset: Dataset
    days: tuple[date, ...]
    """The weekdays that are asked for or booked as closed, or the report periods, newest first; none of a snapshot."""
    settled: int
    """The weekdays that are complete or closed, and are skipped."""
    estimate: Estimate

    @property
    def partitions(self) -> int:
        """How many partitions are landed."""
        return len(self.days) or 1


@dataclass(frozen=True, slots=True)
class Slice:
    """What one Dagster backfill lands: the snapshots, a dataset's report periods, or some datasets over days of one year."""

    datasets: tuple[Dataset, ...]
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True, slots=True)
class Outlook:
    """All that is left to do, and what it takes."""

    parts: tuple[Part, ...]
    calendar_known: bool
    """Whether the trading days are known; where not, every weekday counts as one."""
    complete: int = field(default=0)
    """The partitions that are skipped."""

    @property
    def calls(self) -> int:
        """Answers that are needed."""
        return sum(part.estimate.calls for part in self.parts)

    @property
    def rows(self) -> int:
        """Rows to expect, of the datasets of which that is known."""
        return sum(part.estimate.rows or 0 for part in self.parts)

    @property
    def minutes(self) -> float | None:
        """Minutes of the quota at the least: each interface has its own, and the longest decides. None: nothing limits it."""
        return max((part.estimate.minutes for part in self.parts if part.estimate.minutes), default=None)

    @property
    def slices(self) -> list[Slice]:
        """In which order it is done: the snapshots, then year by year, the newest first, and then the reports.

        All report periods of a dataset at once, since one answer about a stock tells of all; each dataset by itself, since
        each interface has its own minutes.
        """
        snapshots = tuple(part.dataset for part in self.parts if not part.dataset.dated)
        daily = [part for part in self.parts if part.dataset.partitioned]
        years = sorted({day.year for part in daily for day in part.days}, reverse=True)
        reports = [part for part in self.parts if part.dataset.by_period]
        return [
            *([Slice(snapshots)] if snapshots else []),
            *(self._year(daily, year) for year in years),
            *(Slice((part.dataset,), min(part.days), max(part.days)) for part in reports),
        ]

    def _year(self, parts: Sequence[Part], year: int) -> Slice:
        wanted = {part.dataset: [day for day in part.days if day.year == year] for part in parts}
        days = [day for each in wanted.values() for day in each]
        return Slice(tuple(dataset for dataset, each in wanted.items() if each), min(days), max(days))


def with_prerequisites(datasets: Sequence[Dataset]) -> list[Dataset]:
    """These datasets and all that says whether they are complete, in the order of the catalog."""
    names = {dataset.api for dataset in datasets}
    todo = list(names)
    while todo:
        new = set(CATALOG[todo.pop()].reads) - names
        names |= new
        todo += new
    return [dataset for dataset in CATALOG.values() if dataset.api in names]


def look_ahead(
    connection: Connection, target: Target, now: datetime, limits: Limits, *, named: Container[str] = ()
) -> Outlook:
    """Tell what is left to do. A snapshot is left when it is `named`, or not of today."""
    parts = []
    complete = 0
    known = True
    for dataset in (CATALOG[name] for name in target.datasets):
        if dataset.by_period:
            ended = target.days(dataset, now)
            told = _reports(connection, dataset, ended, now, limits, refetch=target.refetch)
            complete += told.settled
            parts += [told] if told.days else []
            continue
        if dataset.calendar is None:
            if part := _snapshot(connection, dataset, now, limits, named=dataset.api in named):
                parts.append(part)
            continue
        calendar = read_calendar(connection, dataset.calendar)
        days = target.days(dataset, now)
        known = known and all(calendar.knows(day) for day in days)
        part = _days(connection, dataset, days, calendar, limits, refetch=target.refetch)
        complete += part.settled
        if part.days:
            parts.append(part)
    return Outlook(tuple(parts), known, complete)


def _snapshot(connection: Connection, dataset: Dataset, now: datetime, limits: Limits, *, named: bool) -> Part | None:
    """A snapshot is left to do when it is asked for by name, is not complete, or was not fetched today."""
    entry = read_snapshot(connection, dataset)
    settled = entry is not None and entry.settled
    if (
        entry
        and settled
        and not named
        and entry.landed_at.astimezone(SHANGHAI).date() == now.astimezone(SHANGHAI).date()
    ):
        return None
    twice = isinstance(dataset.expected, NeverFewer) and not settled  # the first answer is confirmed by a second
    calls = len(plan(dataset, (), Calendar({}))) * (2 if twice else 1)
    return Part(dataset, (), 0, Estimate(calls, None, calls / limits.per_minute(dataset.api)))


def _reports(
    connection: Connection, dataset: Dataset, ended: Sequence[date], now: datetime, limits: Limits, *, refetch: bool
) -> Part:
    """What is left of a dataset's report periods, priced as one run does it."""
    booked = coverage.entries(connection, dataset, ended)
    left = [period for period in ended if refetch or not (period in booked and booked[period].settled)]
    today = now.astimezone(SHANGHAI).date()
    inquiry = inquire(connection, dataset, left, today=today, points=limits.points, everything=refetch)
    taken = inquiry.estimate(calls_per_minute=limits.per_minute(dataset.api))
    return Part(dataset, tuple(left), len(ended) - len(left), taken)


def _days(
    connection: Connection, dataset: Dataset, days: Sequence[date], calendar: Calendar, limits: Limits, *, refetch: bool
) -> Part:
    """What is left of a dataset's days, priced year by year, as the runs do it."""
    booked = coverage.entries(connection, dataset, days)
    left = [day for day in days if refetch or not (day in booked and booked[day].settled)]
    asked = [day for day in left if calendar.is_open(day) or not calendar.knows(day)]
    missing = {} if refetch else coverage.lacking(booked)
    rows = _expected_rows(connection, dataset, asked, booked)
    taken = [
        estimate(
            dataset,
            plan(dataset, list(year), _believed(calendar, asked), missing=missing, rows=rows),
            calls_per_minute=limits.per_minute(dataset.api),
        )
        for _, year in groupby(asked, key=lambda day: day.year)
    ]
    counts = [each.rows for each in taken]
    return Part(
        dataset,
        tuple(left),
        len(days) - len(left),
        Estimate(
            sum(each.calls for each in taken),
            None if None in counts else sum(count or 0 for count in counts),
            sum(each.minutes or 0.0 for each in taken),
        ),
    )


def _believed(calendar: Calendar, days: Sequence[date]) -> Calendar:
    """The calendar, in which a day that it does not know is a trading day."""
    return Calendar({**dict.fromkeys(days, True), **calendar.days})


def _expected_rows(
    connection: Connection, dataset: Dataset, days: Sequence[date], booked: Mapping[date | None, Coverage]
) -> dict[date, int]:
    """How many rows a day is expected to hold: as it was judged before, or as many as stocks are listed."""
    rows = {day: entry.expected for day, entry in booked.items() if day and entry.expected}
    if isinstance(dataset.expected, Listed):
        stocks = METADATA.tables[dataset.expected.stocks]
        found = connection.execute(select(stocks.c.list_date, stocks.c.delist_date)).all()
        listed = sorted(row.list_date for row in found if row.list_date)
        delisted = sorted(row.delist_date for row in found if row.delist_date)
        if listed:
            rows = {day: bisect_right(listed, day) - bisect_right(delisted, day) for day in days} | rows
    return rows


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a backfill is."""

    total: int
    """The partitions that were not complete when it began."""
    done: int
    """Those that were landed or tried since."""
    calls: int
    rows: int
    incomplete: int
    """Those that were tried and are not complete."""
    reason: str | None
    """What the first of them lacks."""


def standing(connection: Connection, target: Target, began: datetime, now: datetime) -> Standing:
    """Tell how far a backfill is that began at this moment."""
    since = COVERAGE.c.landed_at >= began
    settled = COVERAGE.c.status.in_(SETTLED)

    def total(column: ColumnElement[int]) -> ColumnElement[int]:
        return func.coalesce(func.sum(column).filter(since), 0)

    counted = select(
        func.count().filter(since),
        func.count().filter(~since, settled),
        total(COVERAGE.c.calls),
        total(COVERAGE.c.landed),
        func.count().filter(since, ~settled),
    ).where(target.covered)
    done, before, calls, rows, incomplete = connection.execute(counted).one()
    calls += _calls_ahead(connection, target, began)
    first = select(COVERAGE.c.dataset, COVERAGE.c.partition, COVERAGE.c.reason).where(target.covered, since, ~settled)
    found = connection.execute(first.order_by(COVERAGE.c.landed_at).limit(1)).one_or_none() if incomplete else None
    whole = sum(target.partitions(now).values())
    return Standing(
        whole if target.refetch else max(whole - before, done),
        done,
        calls,
        rows,
        incomplete,
        f"{found.dataset} {found.partition}: {found.reason}" if found else None,
    )


def _calls_ahead(connection: Connection, target: Target, began: datetime) -> int:
    """The calls for single stocks that no period is booked with yet: by stock, periods are booked after hundreds of them."""
    names = [name for name in target.datasets if CATALOG[name].by_period]
    asked = (
        select(ASKED.c.dataset, func.count().label("calls"))
        .where(ASKED.c.dataset.in_(names), ASKED.c.asked_at >= began, ASKED.c.ts_code.not_in((EVERYBODY, ANNOUNCED)))
        .group_by(ASKED.c.dataset)
        .subquery()
    )
    booked = (
        select(COVERAGE.c.dataset, func.sum(COVERAGE.c.calls).label("calls"))
        .where(COVERAGE.c.dataset.in_(names), COVERAGE.c.landed_at >= began)
        .group_by(COVERAGE.c.dataset)
        .subquery()
    )
    ahead = func.greatest(asked.c.calls - func.coalesce(booked.c.calls, 0), 0)
    joined = asked.outerjoin(booked, booked.c.dataset == asked.c.dataset)
    return int(connection.execute(select(func.coalesce(func.sum(ahead), 0)).select_from(joined)).scalar_one())


@dataclass(frozen=True, slots=True)
class Left:
    """What of a dataset is not complete, for one reason of many."""

    dataset: str
    status: Status | None
    """None: it was never asked for."""
    partitions: int
    reason: str


def left(connection: Connection, target: Target, now: datetime) -> list[Left]:
    """What is not complete in the end, by dataset and status, with the reason of the newest partition."""
    newest = func.array_agg(aggregate_order_by(COVERAGE.c.reason, COVERAGE.c.partition.desc()))
    counted = (
        select(COVERAGE.c.dataset, COVERAGE.c.status, func.count(), newest)
        .where(target.covered)
        .group_by(COVERAGE.c.dataset, COVERAGE.c.status)
        .order_by(COVERAGE.c.status)
    )
    whole = target.partitions(now)
    found = []
    for name, status, partitions, reasons in connection.execute(counted):
        whole[name] -= partitions
        if status not in SETTLED:
            found.append(Left(name, Status(status), partitions, reasons[0] or ""))
    never = [Left(name, None, count, "was never asked for") for name, count in whole.items() if count > 0]
    return sorted(found + never, key=lambda each: target.datasets.index(each.dataset))
