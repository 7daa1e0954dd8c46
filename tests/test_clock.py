"""What is to be asked for now: all that is out and was never asked for, and what has waited long enough."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_assistant_pipelines.calendar import Calendar, weekdays
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.clock import (
    LONGEST_PAUSE,
    REACH,
    again_at,
    due,
    due_periods,
    due_snapshot,
    evening,
    is_disclosed,
    may_be_open,
    publications,
)
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.freshness import Booked
from stock_assistant_pipelines.warehouse.tables import BROKEN, Status

if TYPE_CHECKING:
    from stock_assistant_pipelines.catalog.dataset import Dataset

HOLIDAYS = set(weekdays(date(2026, 2, 16), date(2026, 2, 23)))
CALENDAR = Calendar(
    {
        day: day.weekday() < 5 and day not in HOLIDAYS
        for day in (date(2025, 1, 1) + timedelta(days=at) for at in range(800))
    }
)
"""Weekdays are trading days, but for a Spring Festival that ends on Monday 2026-02-23."""
DAILY, STK_LIMIT = CATALOG["daily"], CATALOG["stk_limit"]
PARTITIONED = [dataset for dataset in CATALOG.values() if dataset.partitioned]
UNSETTLED = [status for status in Status if status not in {Status.COMPLETE, Status.CLOSED}]


def at(*moment: int) -> datetime:
    return datetime(*moment, tzinfo=SHANGHAI)  # type: ignore[misc,arg-type]


def landed(*days: date) -> dict[date, Booked]:
    return {day: Booked(Status.COMPLETE, datetime.combine(day, time(20), SHANGHAI)) for day in days}


def tried(status: Status, when: datetime, attempts: int = 1, cause: str | None = None) -> Booked:
    return Booked(status, when, attempts, cause)


def test_five_missed_days_are_caught_up_over_a_weekend() -> None:
    assert due(DAILY, landed(date(2026, 3, 4)), CALENDAR, at(2026, 3, 11, 20, 0)).days == (
        date(2026, 3, 11),
        date(2026, 3, 10),
        date(2026, 3, 9),
        date(2026, 3, 6),
        date(2026, 3, 5),
    )


def test_missed_days_are_caught_up_over_a_holiday_and_the_holidays_are_booked_with_them() -> None:
    found = due(DAILY, landed(date(2026, 2, 12)), CALENDAR, at(2026, 2, 25, 12, 0)).days
    assert [day for day in found if CALENDAR.is_open(day)] == [date(2026, 2, 24), date(2026, 2, 13)]
    assert {day for day in found if not CALENDAR.is_open(day)} == HOLIDAYS


def test_a_hole_before_the_newest_day_is_caught_up() -> None:
    known = landed(date(2026, 3, 2), date(2026, 3, 5))
    assert due(DAILY, known, CALENDAR, at(2026, 3, 5, 20, 0)).days == (date(2026, 3, 4), date(2026, 3, 3))


@pytest.mark.parametrize(
    ("dataset", "hour", "minute", "days"),
    [(DAILY, 16, 29, ()), (DAILY, 16, 30, (date(2026, 3, 4),)), (STK_LIMIT, 9, 10, (date(2026, 3, 4),))],
)
def test_a_day_is_caught_up_half_an_hour_after_its_publication(
    dataset: Dataset, hour: int, minute: int, days: tuple[date, ...]
) -> None:
    assert due(dataset, landed(date(2026, 3, 3)), CALENDAR, at(2026, 3, 4, hour, minute)).days == days


def test_a_dataset_that_was_never_asked_for_is_left_alone() -> None:
    assert not due(DAILY, {}, CALENDAR, at(2026, 3, 4, 20, 0))


@pytest.mark.parametrize("calendar", [CALENDAR, Calendar({})])
def test_a_first_backfill_of_which_all_failed_is_taken_up_again_and_no_other_day(calendar: Calendar) -> None:
    known = {day: tried(Status.FAILED, at(2026, 3, 3, 16, 5)) for day in (date(2023, 2, 1), date(2023, 2, 2))}
    assert due(DAILY, known, calendar, at(2026, 3, 4, 20, 0)).days == (date(2023, 2, 2), date(2023, 2, 1))


def test_what_is_more_than_a_year_behind_is_left_to_a_backfill() -> None:
    found = due(DAILY, landed(date(2025, 1, 2)), CALENDAR, at(2026, 3, 4, 20, 0))
    assert (found.days, found.behind) == ((), date(2025, 1, 2))


def test_a_day_that_the_calendar_does_not_know_is_asked_for() -> None:
    known = Calendar({day: day.weekday() < 5 for day in weekdays(date(2026, 3, 2), date(2026, 3, 4))})
    assert due(DAILY, landed(date(2026, 3, 4)), known, at(2026, 3, 5, 20, 0)).days == (date(2026, 3, 5),)


@pytest.mark.parametrize(
    ("entry", "moment"),
    [
        (tried(Status.DEFERRED, at(2026, 3, 4, 16, 5), cause="Throttled day"), at(2026, 3, 5, 0, 0)),
        (tried(Status.DEFERRED, at(2026, 3, 4, 16, 5), cause="Throttled hour"), at(2026, 3, 4, 17, 5)),
        (tried(Status.FAILED, at(2026, 3, 4, 16, 0), 1), at(2026, 3, 4, 17, 0)),
        (tried(Status.PARTIAL, at(2026, 3, 4, 16, 0), 2), at(2026, 3, 4, 18, 0)),
        (tried(Status.FAILED, at(2026, 3, 4, 16, 0), 9), at(2026, 3, 5, 16, 0)),
        (tried(Status.DISABLED, at(2026, 3, 4, 16, 0), 1), at(2026, 3, 5, 16, 0)),
        (tried(Status.PARTIAL, at(2026, 3, 4, 16, 0), 0, BROKEN), at(2026, 3, 5, 16, 0)),
    ],
)
def test_a_partition_is_asked_for_again_when_its_pause_is_over(entry: Booked, moment: datetime) -> None:
    known = {**landed(date(2026, 3, 3)), date(2026, 3, 4): entry}
    assert again_at(entry) == moment
    assert date(2026, 3, 4) not in due(DAILY, known, CALENDAR, moment - timedelta(seconds=1)).days
    assert date(2026, 3, 4) in due(DAILY, known, CALENDAR, moment).days


def test_an_old_partial_day_is_left_alone_and_an_old_failed_one_is_not() -> None:
    when = at(2026, 1, 5, 20, 0)
    known = landed(*weekdays(date(2026, 1, 5), date(2026, 3, 4)))
    known[date(2026, 1, 6)] = tried(Status.PARTIAL, at(2026, 1, 20, 20, 0))
    known[date(2026, 1, 7)] = tried(Status.FAILED, when)
    assert due(DAILY, known, CALENDAR, at(2026, 3, 4, 20, 0)).days == (date(2026, 1, 7),)


def test_a_day_that_was_partial_when_the_machine_stopped_is_asked_for_after_weeks_and_only_once_more() -> None:
    known = landed(date(2026, 1, 5))
    known[date(2026, 1, 6)] = tried(Status.PARTIAL, at(2026, 1, 6, 20, 0))
    now = at(2026, 3, 4, 20, 0)
    assert date(2026, 1, 6) in due(DAILY, known, CALENDAR, now).days
    known[date(2026, 1, 6)] = tried(Status.PARTIAL, now, attempts=2)
    assert date(2026, 1, 6) not in due(DAILY, known, CALENDAR, at(2026, 3, 9, 20, 0)).days


def test_the_times_of_publication_hold_every_trading_day_dataset_once() -> None:
    grouped = publications(list(CATALOG.values()))
    assert list(grouped) == sorted(grouped)
    assert sorted(one.api for group in grouped.values() for one in group) == sorted(one.api for one in PARTITIONED)


def test_the_evening_asks_for_the_window_and_the_holidays_in_it() -> None:
    found = evening(DAILY, CALENDAR, date(2026, 2, 25))
    assert [day for day in found if CALENDAR.is_open(day)] == CALENDAR.last(DAILY.window, date(2026, 2, 25))
    assert set(found) > HOLIDAYS


def test_the_evening_of_a_holiday_asks_for_nothing_but_that_day() -> None:
    assert evening(DAILY, CALENDAR, date(2026, 2, 18)) == [date(2026, 2, 18)]


@pytest.mark.parametrize(
    ("entry", "now", "asked"),
    [
        (None, at(2026, 3, 4, 21, 0), False),
        (Booked(Status.COMPLETE, at(2026, 3, 3, 20, 1)), at(2026, 3, 4, 20, 29), False),
        (Booked(Status.COMPLETE, at(2026, 3, 3, 20, 1)), at(2026, 3, 4, 20, 30), True),
        (Booked(Status.COMPLETE, at(2026, 3, 6, 20, 1)), at(2026, 3, 9, 12, 0), False),  # over a weekend
        (tried(Status.FAILED, at(2026, 3, 4, 20, 0)), at(2026, 3, 4, 20, 59), False),
        (tried(Status.FAILED, at(2026, 3, 4, 20, 0)), at(2026, 3, 4, 21, 0), True),
    ],
)
def test_a_snapshot_is_caught_up_after_an_evening_that_went_by_without_it(
    entry: Booked | None, now: datetime, asked: bool
) -> None:
    assert due_snapshot(entry, now).snapshot == asked


DAYS = weekdays(date(2025, 6, 2), date(2026, 3, 31))
MOMENTS = st.datetimes(datetime(2026, 1, 1), datetime(2026, 3, 31), timezones=st.just(SHANGHAI))  # noqa: DTZ001
ENTRIES = st.builds(
    Booked,
    st.sampled_from(Status),
    MOMENTS,
    st.integers(0, 40),
    st.sampled_from([None, "Throttled day", "Throttled hour", "HttpStatusError 502"]),
)
KNOWN = st.dictionaries(st.sampled_from(DAYS), ENTRIES, max_size=40)


@given(st.sampled_from(PARTITIONED), KNOWN, MOMENTS)
def test_nothing_is_asked_for_before_it_is_out_nor_when_it_is_settled_nor_before_its_pause_is_over(
    dataset: Dataset, known: dict[date, Booked], now: datetime
) -> None:
    found = due(dataset, known, CALENDAR, now).days
    assert list(found) == sorted(set(found), reverse=True)
    assert len(found) <= REACH
    for day in found:
        if entry := known.get(day):
            assert not entry.settled
            assert now >= again_at(entry)
        elif CALENDAR.is_open(day):
            published = dataset.published_at(day)
            assert published
            assert published < now


@given(st.sampled_from(PARTITIONED), KNOWN, MOMENTS)
def test_when_all_that_was_asked_for_is_settled_nothing_more_is_asked_for(
    dataset: Dataset, known: dict[date, Booked], now: datetime
) -> None:
    for _ in range(3):
        found = due(dataset, known, CALENDAR, now).days
        known = {**known, **{day: Booked(Status.COMPLETE, now) for day in found}}
    assert not due(dataset, known, CALENDAR, now).days


@given(st.sampled_from(UNSETTLED), MOMENTS, st.integers(0, 1000))
def test_a_pause_is_never_shorter_than_half_an_hour_but_for_the_end_of_a_days_quota_and_never_longer_than_a_day(
    status: Status, when: datetime, attempts: int
) -> None:
    pause = again_at(tried(status, when, attempts)) - when
    assert timedelta(minutes=30) <= pause <= LONGEST_PAUSE


# Reports


@pytest.mark.parametrize(
    ("today", "newest"),
    [
        (date(2026, 3, 31), date(2025, 12, 31)),
        (date(2026, 4, 1), date(2026, 3, 31)),
        (date(2026, 7, 1), date(2026, 6, 30)),
        (date(2026, 10, 1), date(2026, 9, 30)),
        (date(2027, 1, 1), date(2026, 12, 31)),
    ],
)
def test_a_period_may_be_open_from_the_day_after_its_end_for_a_year(today: date, newest: date) -> None:
    found = may_be_open(today)
    assert (len(found), found[0]) == (4, newest)
    assert found == sorted(found, reverse=True)


def test_a_period_is_disclosed_a_week_after_the_last_company_has() -> None:
    days = [date(2026, 4, 10), date(2026, 4, 30)]
    assert [is_disclosed(days, day) for day in (date(2026, 5, 6), date(2026, 5, 7))] == [False, True]
    assert not is_disclosed([*days, None], date(2026, 5, 7))
    assert not is_disclosed([], date(2026, 5, 7)), "nobody says who has"


@pytest.mark.parametrize(
    ("status", "cause", "after", "asked"),
    [
        (Status.DEFERRED, "Throttled day", timedelta(hours=3), False),
        (Status.DEFERRED, "Throttled day", timedelta(hours=5), True),
        (Status.FAILED, "HttpStatusError 502", timedelta(minutes=59), False),
        (Status.FAILED, "HttpStatusError 502", timedelta(minutes=60), True),
        (Status.PARTIAL, "HttpStatusError 502", timedelta(minutes=60), True),
        (Status.PARTIAL, "partial", timedelta(days=3), False),
        (Status.EMPTY, "empty", timedelta(days=3), False),
        (Status.COMPLETE, None, timedelta(days=3), False),
    ],
)
def test_a_period_is_caught_up_when_an_error_kept_it_from_being_complete(
    status: Status, cause: str | None, after: timedelta, asked: bool
) -> None:
    tried_at = at(2026, 3, 4, 20, 0)
    booked = {date(2025, 9, 30): Booked(status, tried_at, 1, cause)}
    assert bool(due_periods(booked, tried_at + after)) is asked
