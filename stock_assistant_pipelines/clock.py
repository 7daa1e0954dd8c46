"""The day's clock: which partitions are to be asked for now. Pure answers, from catalog, calendar and what is booked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from stock_assistant_pipelines.calendar import periods, weekdays
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.tables import INCOMPLETE, ORDINARY, Status

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from stock_assistant_pipelines.calendar import Calendar
    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.warehouse.freshness import Booked

ALLOWANCE = timedelta(minutes=15)
"""How long after its publication a day is asked for: the source is seldom punctual to the minute."""

AFTER = timedelta(minutes=30)
"""How long after publication a day that nobody asked for is caught up: the schedule of the day comes first."""

REACH = 250
"""How many trading days are caught up at the most, a year: what is older is a backfill, which somebody asks for."""

PAUSE, LONGEST_PAUSE = timedelta(minutes=30), timedelta(days=1)
"""How long a partition is left alone: the first doubles with every try, up to the second."""

EVENING = time(20, 0)
"""When snapshots and the recent days are asked for again: after every dataset should be whole."""

FILINGS = time(21, 0)
"""When the reports of the day are asked for, on every day: companies also publish on Fridays for the weekend."""

RESEARCH = time(22, 0)
"""From when on a trading day is written of: bars are there by then, and the reports of most evenings."""

OUTCOMES = time(22, 30)
"""When it is told how reports turned out: the bars of the day are there, also where the evening fetched them again."""

OPEN_FOR = 365
"""Days after which a report that is still missing is not waited for any more."""

LOOK_BACK = timedelta(days=7)
"""How long a period is still asked for after the last company has disclosed it: reports are corrected in their first days."""

GOES_ON = timedelta(hours=1)
"""How long after an evening's run failed another goes on with it."""

REPULL = time(22, 0)
"""When, on Saturdays, the last report periods are fetched again: by stock that takes hours, and nothing else is due."""

REPULLED = 8
"""How many report periods are fetched again each week: the source corrects old filings and does not say so."""


@dataclass(frozen=True, slots=True)
class Due:
    """What is to be asked for of a dataset now."""

    days: tuple[date, ...] = ()
    """Newest first."""
    snapshot: bool = False
    """Whether the dataset has no time axis, and is to be asked for."""
    behind: date | None = field(default=None)
    """The newest settled day, when it is too long ago to be caught up."""

    def __bool__(self) -> bool:
        return self.snapshot or bool(self.days)


def publications(datasets: Sequence[Dataset]) -> dict[time, list[Dataset]]:
    """The trading-day datasets by their time of publication; those that name none come in the evening."""
    found: dict[time, list[Dataset]] = {}
    for dataset in datasets:
        if dataset.published:
            found.setdefault(dataset.published, []).append(dataset)
    return dict(sorted(found.items()))


def asked_at(published: time) -> time:
    """When a day is asked for whose rows are published at this time."""
    return (datetime.combine(date.min, published) + ALLOWANCE).time()


def is_closed(calendar: Calendar, day: date) -> bool:
    """Whether the market is known to be closed. A weekday that the calendar does not know may be a trading day."""
    return calendar.knows(day) and not calendar.is_open(day)


def evening(dataset: Dataset, calendar: Calendar, today: date) -> list[date]:
    """The days of a dataset that the evening asks for again: its window of trading days, and the holidays between them.

    On a holiday it is that day alone, which is booked as closed without a call.
    """
    if is_closed(calendar, today):
        return weekdays(today, today)
    window = calendar.last(dataset.window, today)
    return weekdays(min(window, default=today), today)


def due(dataset: Dataset, booked: Mapping[date, Booked], calendar: Calendar, now: datetime) -> Due:
    """Tell which days of a dataset are to be asked for now: those whose pause is over, and those never asked for.

    Of the latter none while no day of the dataset is settled: that somebody wants it is known from its first day.
    """
    settled = [day for day, entry in booked.items() if entry.status is Status.COMPLETE]
    today = now.astimezone(SHANGHAI).date()
    reach = _reach(calendar, today)
    again = [day for day, entry in booked.items() if _again(dataset, day, entry, calendar, now)]
    recent = [day for day in settled if day >= reach]
    missed = [day for day in weekdays(min(recent), today) if day not in booked] if recent else []
    days = {*again, *(day for day in missed if _out(dataset, day, calendar, now))}
    return Due(tuple(sorted(days, reverse=True)[:REACH]), behind=None if recent else max(settled, default=None))


def due_snapshot(entry: Booked | None, now: datetime) -> Due:
    """Tell whether a snapshot is to be asked for: it failed and its pause is over, or an evening went by without it."""
    if entry is None:
        return Due()
    if not entry.settled:
        return Due(snapshot=now >= again_at(entry))
    return Due(snapshot=now - AFTER >= _last_evening(now) > entry.landed_at)


def outdated(landed_at: datetime, now: datetime) -> bool:
    """Whether two evenings went by without a whole answer for a snapshot: by then it was asked for again and again."""
    return landed_at < _last_evening(_last_evening(now) - timedelta(seconds=1))


def may_be_open(today: date) -> list[date]:
    """The report periods that companies may be disclosing, newest first: from the day after their end, for a year."""
    return periods(today - timedelta(days=OPEN_FOR), today - timedelta(days=1))[::-1]


def last_filings(now: datetime) -> datetime:
    """When the reports of an evening were last to be asked for."""
    here = now.astimezone(SHANGHAI)
    evening = datetime.combine(here.date(), FILINGS, SHANGHAI)
    return evening if evening <= here else evening - timedelta(days=1)


def is_disclosed(days: Collection[date | None], today: date) -> bool:
    """Whether everybody has disclosed a period, some time ago. `days` are those on which companies did; None: not yet."""
    return bool(days) and all(day is not None and day <= today - LOOK_BACK for day in days)


def last_periods(today: date) -> list[date]:
    """The report periods that are fetched again each week, newest first."""
    return periods(date(today.year - REPULLED // 4 - 1, 1, 1), today - timedelta(days=1))[: -REPULLED - 1 : -1]


def due_periods(booked: Mapping[date, Booked], now: datetime) -> Due:
    """Tell which report periods are to be asked for again: those that an error kept from being complete, after its pause.

    What merely lacks reports is not: the evening asks for those of open periods.
    """
    again = [
        period
        for period, entry in booked.items()
        if not entry.settled and entry.cause not in ORDINARY and now >= again_at(entry)
    ]
    return Due(tuple(sorted(again, reverse=True)))


def again_at(entry: Booked) -> datetime:
    """When a partition that is not settled may be asked for again."""
    match entry.status, entry.cause:
        case Status.DEFERRED, "Throttled day":
            tomorrow = entry.landed_at.astimezone(SHANGHAI).date() + timedelta(days=1)
            return datetime.combine(tomorrow, time(), SHANGHAI)
        case Status.DEFERRED, "Throttled hour":
            return entry.landed_at + timedelta(hours=1)
        case (Status.DISABLED, _) | (_, "broken"):  # an answer that breaks a law ends the tries all the same
            return entry.landed_at + LONGEST_PAUSE
    doublings: int = 2 ** min(entry.attempts, 10)  # the longest pause is reached long before
    return entry.landed_at + min(PAUSE * doublings, LONGEST_PAUSE)


def _again(dataset: Dataset, day: date, entry: Booked, calendar: Calendar, now: datetime) -> bool:
    """Whether a day that was asked for is asked for again: an incomplete answer until one came after the source's window."""
    if entry.settled or now < again_at(entry):
        return False
    tried = entry.landed_at.astimezone(SHANGHAI).date()
    return entry.status not in INCOMPLETE or calendar.count(day, tried) <= dataset.window


def _out(dataset: Dataset, day: date, calendar: Calendar, now: datetime) -> bool:
    """Whether a day can be booked: its rows have been out for a while, or the market was closed."""
    if is_closed(calendar, day):
        return True
    published = dataset.published_at(day) or datetime.combine(day, EVENING, SHANGHAI)
    return now >= published + AFTER


def _reach(calendar: Calendar, today: date) -> date:
    """The first day that is still caught up."""
    return min(calendar.last(REACH, today), default=date.min)


def _last_evening(now: datetime) -> datetime:
    """The last weekday's evening."""
    here = now.astimezone(SHANGHAI)
    day = here.date() if here.time() >= EVENING else here.date() - timedelta(days=1)
    while day.weekday() >= 5:
        day -= timedelta(days=1)
    return datetime.combine(day, EVENING, SHANGHAI)
