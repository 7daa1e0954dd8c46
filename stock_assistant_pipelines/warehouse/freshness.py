"""Freshness: whether the newest day that should be whole by now is whole. Read from the coverage, day by day.

When something last landed says nothing of it: a backfill of an old day is not news of today.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import case, select

from stock_assistant_pipelines.calendar import Calendar
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.tables import COVERAGE, METADATA, SETTLED, SNAPSHOT, Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Connection

    from stock_assistant_pipelines.catalog.dataset import Dataset


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
    """The newest day that is due is complete."""
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


def read_calendar(connection: Connection, api: str) -> Calendar:
    """The trading days as the calendar's table tells them."""
    table = METADATA.tables[api]
    return Calendar(
        {day: bool(is_open) for day, is_open in connection.execute(select(table.c.cal_date, table.c.is_open))}
    )


def read_booked(connection: Connection, dataset: Dataset) -> dict[date, Booked]:
    """What is booked of the trading days of a dataset."""
    return {date.fromisoformat(key): entry for key, entry in _read(connection, dataset) if key != SNAPSHOT}


def read_snapshot(connection: Connection, dataset: Dataset) -> Booked | None:
    """What is booked of a dataset without a time axis."""
    return next((entry for key, entry in _read(connection, dataset) if key == SNAPSHOT), None)


def _read(connection: Connection, dataset: Dataset) -> list[tuple[str, Booked]]:
    tried = case((COVERAGE.c.status.in_(SETTLED), None), else_=COVERAGE.c.cause)
    columns = (COVERAGE.c.partition, COVERAGE.c.status, COVERAGE.c.landed_at, COVERAGE.c.attempts, tried)
    rows = connection.execute(select(*columns).where(COVERAGE.c.dataset == dataset.api))
    return [(key, Booked(Status(status), *rest)) for key, status, *rest in rows]
