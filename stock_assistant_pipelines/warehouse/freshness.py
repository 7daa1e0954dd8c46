"""Freshness: whether the newest day that should be whole by now is whole. Read from the coverage, day by day.

When something last landed says nothing of it: a backfill of an old day is not news of today.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import Text, bindparam, case, select, text, tuple_
from sqlalchemy.dialects.postgresql import ARRAY

from stock_assistant_pipelines.calendar import Calendar
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.statement import sql
from stock_assistant_pipelines.warehouse.tables import COVERAGE, METADATA, SETTLED, SNAPSHOT, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from stock_assistant_pipelines.catalog.dataset import Dataset


BREAK = timedelta(days=31)
"""The day before any trading day that is looked at lies within it: no holidays have ever been as long."""


@dataclass(frozen=True, slots=True)
class Booked:
    """What is known of a partition that was asked for."""

    status: Status
    landed_at: datetime
    attempts: int = 0
    cause: str | None = None

    @property
    def settled(self) -> bool:
        """Whether nothing is left to do."""
        return self.status in SETTLED


class Age(StrEnum):
    """How new a dataset is."""

    FRESH = "fresh"
    """The newest day that is due is complete; of report periods the evening that is due (`lateness`)."""
    STALE = "stale"
    """It is not."""
    UNKNOWN = "unknown"
    """The calendar does not reach today, so that nobody can tell which day is due."""
    UNUSED = "unused"
    """Nothing of this dataset was ever complete: nobody waits for it."""


@dataclass(frozen=True, slots=True)
class Freshness:
    """How new a dataset is, and what that was judged by."""

    age: Age
    due: date | None = None
    """The newest trading day that should be whole by now."""
    status: Status | None = None
    """What is known of that day; None when it was never asked for."""
    last_complete: date | None = None
    behind: int | None = None
    """The trading days up to the one that is due which come after the last complete one."""
    source: str | None = None
    """Who told the last complete day, where that was asked for."""
    missing: int | None = None
    """Of report periods: the companies whose rows should be there for some evenings, and are not."""
    said: str | None = None
    """Of report periods: all this in a sentence."""


def judge(dataset: Dataset, booked: Mapping[date, Booked], calendar: Calendar, now: datetime) -> Freshness:
    """Judge a dataset by its newest due day, a trading day: a holiday is never late."""
    last = max((day for day, entry in booked.items() if entry.status is Status.COMPLETE), default=None)
    if last is None:
        return Freshness(Age.UNUSED)
    if not calendar.knows(now.astimezone(SHANGHAI).date()):
        return Freshness(Age.UNKNOWN, last_complete=last)
    day = calendar.latest(now, dataset.due or time.max)
    if day is None:
        return Freshness(Age.FRESH, last_complete=last)
    entry = booked.get(day)
    age = Age.FRESH if entry and entry.settled else Age.STALE
    behind = max(0, calendar.count(last, day) - calendar.is_open(last))
    return Freshness(age, day, entry.status if entry else None, last, behind)


def tell(connection: Connection, datasets: Sequence[Dataset], now: datetime) -> dict[str, Freshness]:
    """Judge trading-day datasets by what `judge` needs to see, and no more: three statements for all of them."""
    last = last_complete(connection, datasets)
    names = {str(dataset.calendar) for dataset in datasets}
    since = min((each.day for each in last.values()), default=now.date()) - BREAK
    calendars = {name: read_calendar(connection, name, since=since) for name in names}
    due = {
        dataset.api: calendars[str(dataset.calendar)].latest(now, dataset.due or time.max)
        for dataset in datasets
        if dataset.api in last
    }
    entries = _entries(connection, {name: day for name, day in due.items() if day})
    told = {}
    for dataset in datasets:
        if newest := last.get(dataset.api):
            booked = {newest.day: Booked(Status.COMPLETE, newest.landed_at), **entries.get(dataset.api, {})}
            found = judge(dataset, booked, calendars[str(dataset.calendar)], now)
            told[dataset.api] = replace(found, source=newest.source)
        else:
            told[dataset.api] = Freshness(Age.UNUSED)
    return told


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest complete trading day of a dataset."""

    day: date
    landed_at: datetime
    source: str | None


LAST_COMPLETE = text(sql("last_complete")).bindparams(bindparam("datasets", type_=ARRAY(Text)))


def last_complete(connection: Connection, datasets: Sequence[Dataset]) -> dict[str, Newest]:
    """The newest complete trading day of each dataset that has one."""
    rows = connection.execute(LAST_COMPLETE, {"datasets": [dataset.api for dataset in datasets]})
    return {row.dataset: Newest(date.fromisoformat(row.partition), row.landed_at, row.source) for row in rows}


def _entries(connection: Connection, days: Mapping[str, date]) -> dict[str, dict[date, Booked]]:
    """What is booked of one day of each dataset."""
    key = tuple_(COVERAGE.c.dataset, COVERAGE.c.partition)
    wanted = [(name, day.isoformat()) for name, day in days.items()]
    rows = connection.execute(select(COVERAGE.c.dataset, *_BOOKED).where(key.in_(wanted)))
    return {name: {date.fromisoformat(key): Booked(Status(status), *rest)} for name, key, status, *rest in rows}


def read_calendar(connection: Connection, api: str, since: date = date.min) -> Calendar:
    """The trading days from `since` on, as the calendar's table tells them."""
    table = METADATA.tables[api]
    days = select(table.c.cal_date, table.c.is_open).where(table.c.cal_date >= since)
    return Calendar({day: bool(is_open) for day, is_open in connection.execute(days)})


def read_booked(connection: Connection, dataset: Dataset) -> dict[date, Booked]:
    """What is booked of the trading days of a dataset."""
    return {date.fromisoformat(key): entry for key, entry in _read(connection, dataset) if key != SNAPSHOT}


def read_snapshot(connection: Connection, dataset: Dataset) -> Booked | None:
    """What is booked of a dataset without a time axis."""
    return next((entry for key, entry in _read(connection, dataset) if key == SNAPSHOT), None)


_TRIED = case((COVERAGE.c.status.in_(SETTLED), None), else_=COVERAGE.c.cause)
_BOOKED = (COVERAGE.c.partition, COVERAGE.c.status, COVERAGE.c.landed_at, COVERAGE.c.attempts, _TRIED)


def _read(connection: Connection, dataset: Dataset) -> list[tuple[str, Booked]]:
    rows = connection.execute(select(*_BOOKED).where(COVERAGE.c.dataset == dataset.api))
    return [(key, Booked(Status(status), *rest)) for key, status, *rest in rows]
