"""Questions about trading days: any set of days, in any order, gives the same answers."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stock_assistant_pipelines import calendar as clock
from stock_assistant_pipelines.calendar import Calendar
from stock_assistant_pipelines.settings import SHANGHAI

FRIDAY, SATURDAY, MONDAY = date(2026, 3, 6), date(2026, 3, 7), date(2026, 3, 9)
WEEK = Calendar({FRIDAY: True, SATURDAY: False, date(2026, 3, 8): False, MONDAY: True})
CLOSE = time(16, 0)

some_day = st.dates(date(2026, 1, 1), date(2026, 3, 31))
calendars = st.dictionaries(some_day, st.booleans(), max_size=60).map(Calendar)
unhurried = settings(deadline=None)


def moment(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), SHANGHAI)


def test_now_is_now_in_shanghai() -> None:
    before = datetime.now(UTC)
    now = clock.now()
    assert before <= now <= datetime.now(UTC)
    assert now.tzinfo is SHANGHAI


def test_a_day_is_known_whether_the_market_trades_on_it_or_not() -> None:
    assert WEEK.knows(FRIDAY)
    assert WEEK.knows(SATURDAY)
    assert not WEEK.knows(date(2026, 3, 10))


def test_a_day_that_is_not_known_counts_as_closed() -> None:
    assert not WEEK.is_open(date(2026, 3, 10))


def test_a_calendar_that_knows_nothing_answers_every_question() -> None:
    empty = Calendar({})
    assert (empty.between(FRIDAY, MONDAY), empty.count(FRIDAY, MONDAY), empty.last(5, MONDAY)) == ([], 0, [])
    assert (empty.before(MONDAY), empty.latest(moment(MONDAY, 12), CLOSE)) == (None, None)


@unhurried
@given(calendars)
def test_trading_days_are_the_open_ones_in_order(calendar: Calendar) -> None:
    assert calendar.trading_days == sorted(day for day in calendar.days if calendar.is_open(day))


@unhurried
@given(calendars, some_day, some_day)
def test_between_holds_the_trading_days_from_first_to_last_with_both_ends(
    calendar: Calendar, first: date, last: date
) -> None:
    assert calendar.between(first, last) == [day for day in calendar.trading_days if first <= day <= last]


@unhurried
@given(calendars, some_day, some_day)
def test_count_is_how_many_lie_between(calendar: Calendar, first: date, last: date) -> None:
    assert calendar.count(first, last) == len(calendar.between(first, last))


@unhurried
@given(calendars, some_day)
def test_nothing_lies_between_a_day_and_the_trading_day_before_it(calendar: Calendar, day: date) -> None:
    before = calendar.before(day)
    earlier = [each for each in calendar.trading_days if each < day]
    assert before == (earlier[-1] if earlier else None)


@unhurried
@given(calendars, st.integers(0, 80), some_day)
def test_last_ends_with_until_and_holds_no_more_than_asked_for(calendar: Calendar, count: int, until: date) -> None:
    earlier = [day for day in calendar.trading_days if day <= until]
    assert calendar.last(count, until) == (earlier[-count:] if count else [])


@unhurried
@given(calendars, some_day, st.times(), st.times())
def test_the_latest_day_is_the_newest_that_is_published(
    calendar: Calendar, day: date, hour: time, published: time
) -> None:
    here = datetime.combine(day, hour, SHANGHAI)
    out = [each for each in calendar.trading_days if datetime.combine(each, published, SHANGHAI) <= here]
    assert calendar.latest(here, published) == (out[-1] if out else None)


@pytest.mark.parametrize(
    ("when", "latest"),
    [
        (moment(FRIDAY, 15, 59), None),
        (moment(FRIDAY, 16), FRIDAY),
        (moment(SATURDAY, 3), FRIDAY),
        (moment(MONDAY, 15, 59), FRIDAY),
        (moment(MONDAY, 16), MONDAY),
        (moment(MONDAY + timedelta(1), 0), MONDAY),
    ],
    ids=str,
)
def test_a_day_counts_from_the_minute_its_rows_are_published(when: datetime, latest: date | None) -> None:
    assert WEEK.latest(when, CLOSE) == latest


def test_the_hour_is_that_of_shanghai_wherever_the_clock_stands() -> None:
    assert WEEK.latest(datetime(2026, 3, 9, 7, 59, tzinfo=UTC), CLOSE) == FRIDAY
    assert WEEK.latest(datetime(2026, 3, 9, 8, 0, tzinfo=UTC), CLOSE) == MONDAY


def test_report_periods_end_with_the_quarters() -> None:
    assert clock.periods(date(2025, 3, 31), date(2025, 12, 31)) == [
        date(2025, 3, 31),
        date(2025, 6, 30),
        date(2025, 9, 30),
        date(2025, 12, 31),
    ]
    assert clock.periods(date(2025, 4, 1), date(2025, 6, 29)) == []
    assert [clock.is_period(date(2025, 6, 30)), clock.is_period(date(2025, 6, 29))] == [True, False]


def test_a_period_is_over_when_its_last_day_is() -> None:
    assert clock.over(datetime(2026, 3, 31, 23, 59, tzinfo=SHANGHAI)) == date(2026, 3, 30)
    assert clock.over(datetime(2026, 3, 31, 16, 0, tzinfo=UTC)) == date(2026, 3, 31), "it is April in Shanghai"
