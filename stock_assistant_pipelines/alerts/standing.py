"""How it stands: the unsettled partitions of the coverage, how fresh each dataset is, how old each snapshot.

Read at one moment, then judged.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from sqlalchemy import case, func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by

from stock_assistant_pipelines import lateness
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.coverage import sources
from stock_assistant_pipelines.warehouse.freshness import Booked, Freshness, judge, read_calendar
from stock_assistant_pipelines.warehouse.tables import COVERAGE, SETTLED, SNAPSHOT, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from stock_assistant_pipelines.calendar import Calendar
    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.lateness import Lateness

RECENT = timedelta(days=45)
"""How far back days are looked at one by one. Every window of trading days lies within, holidays included."""

TUSHARE = "tushare"


@dataclass(frozen=True, slots=True)
class Unsettled:
    """Partitions of one dataset that are not whole, for one reason: one recent day, or all the older ones together."""

    dataset: str
    status: Status
    cause: str | None
    partitions: int
    first: str
    last: str
    tried_at: datetime
    """When one of them was last tried."""
    attempts: int
    """How often the one was tried that was tried most often."""
    reason: str | None
    """Of the one that was tried last."""


@dataclass(frozen=True, slots=True)
class Recent:
    """The recent days of a dataset with trading days."""

    dataset: Dataset
    calendar: Calendar
    booked: Mapping[date, Booked]
    """Recent days, and the last complete one."""
    freshness: Freshness

    def window(self, now: datetime) -> list[date]:
        """The last trading days, which are asked for again and again."""
        return self.calendar.last(self.dataset.window, now.astimezone(SHANGHAI).date())

    def overdue(self, now: datetime) -> list[date]:
        """Those of the last trading days that should be whole by now."""
        return [day for day in self.window(now) if due_at(self.dataset, day) <= now]


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known at one moment."""

    now: datetime
    unsettled: Sequence[Unsettled]
    recent: Mapping[str, Recent] = field(default_factory=dict)
    """By dataset, of those with trading days."""
    snapshots: Mapping[str, datetime] = field(default_factory=dict)
    """When the whole ones last landed, by dataset."""
    lateness: Mapping[str, Lateness] = field(default_factory=dict)
    """By dataset, of the reports that are kept."""
    sandboxed: bool = False
    """Whether the rows are the sandbox's."""


def due_at(dataset: Dataset, day: date) -> datetime:
    """By when a trading day should be whole; its end where the catalog does not say."""
    return dataset.due_at(day) or datetime.combine(day + timedelta(days=1), datetime.min.time(), SHANGHAI)


def read(connection: Connection, now: datetime) -> Standing:
    """Read how it stands."""
    since = now.astimezone(SHANGHAI).date() - RECENT
    calendars: dict[str, Calendar] = {}
    recent = {}
    for dataset in CATALOG.values():
        if dataset.calendar is None:
            continue
        if dataset.calendar not in calendars:
            calendars[dataset.calendar] = read_calendar(connection, dataset.calendar)
        calendar, booked = calendars[dataset.calendar], _booked(connection, dataset, since)
        recent[dataset.api] = Recent(dataset, calendar, booked, judge(dataset, booked, calendar, now))
    sandboxed = bool(sources(connection) - {TUSHARE})
    return Standing(
        now, _unsettled(connection, since), recent, _snapshots(connection), lateness.look(connection, now), sandboxed
    )


def _unsettled(connection: Connection, since: date) -> list[Unsettled]:
    """The partitions that are not whole, grouped: 4,000 days for one reason are one row."""
    table = COVERAGE.c
    day = case((table.partition >= since.isoformat(), table.partition), else_=None)
    reasons = func.array_agg(aggregate_order_by(table.reason, table.landed_at.desc()))
    query = (
        select(
            table.dataset,
            table.status,
            table.cause,
            func.count(),
            func.min(table.partition),
            func.max(table.partition),
            func.max(table.landed_at),
            func.max(table.attempts),
            reasons[1],
        )
        .where(table.status.not_in([status.value for status in SETTLED]), table.dataset.in_(list(CATALOG)))
        .group_by(table.dataset, table.status, table.cause, day)
        .order_by(table.dataset, func.min(table.partition))
    )
    return [Unsettled(name, Status(status), *rest) for name, status, *rest in connection.execute(query)]


def _snapshots(connection: Connection) -> dict[str, datetime]:
    """When the snapshots landed that are whole: of a refresh that fails the coverage says nothing."""
    table = COVERAGE.c
    names = [dataset.api for dataset in CATALOG.values() if not dataset.dated]
    whole = (table.partition == SNAPSHOT, table.status == Status.COMPLETE, table.dataset.in_(names))
    return dict(connection.execute(select(table.dataset, table.landed_at).where(*whole)).tuples().all())


def _booked(connection: Connection, dataset: Dataset, since: date) -> dict[date, Booked]:
    """What is booked of the recent days, and of the last complete one."""
    table = COVERAGE.c
    mine = (table.dataset == dataset.api, table.partition != SNAPSHOT)
    complete = (
        select(func.max(table.partition))
        .where(*mine, table.status == Status.COMPLETE)
        .correlate(None)
        .scalar_subquery()
    )
    rows = connection.execute(
        select(table.partition, table.status, table.landed_at, table.attempts, table.cause).where(
            *mine, (table.partition >= since.isoformat()) | (table.partition == complete)
        )
    )
    return {date.fromisoformat(key): Booked(Status(status), *rest) for key, status, *rest in rows}
