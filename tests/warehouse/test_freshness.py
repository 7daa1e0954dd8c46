"""A dataset is as fresh as its newest day that is due, whatever else landed since."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_market import CODES, DAY, bar, land, list_stocks
from sqlalchemy import delete, insert

from stock_assistant_pipelines.calendar import Calendar, weekdays
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.freshness import (
    Age,
    Booked,
    Freshness,
    judge,
    read_booked,
    read_calendar,
    read_snapshot,
    tell,
)
from stock_assistant_pipelines.warehouse.tables import COVERAGE, METADATA, Status

if TYPE_CHECKING:
    from sqlalchemy import Engine

DAILY, STK_LIMIT = CATALOG["daily"], CATALOG["stk_limit"]
CALENDAR = Calendar(
    {date(2026, 3, day): date(2026, 3, day).weekday() < 5 and day not in {9, 10} for day in range(1, 32)}
)
"""March 2026, whose 9th and 10th are a holiday."""


def at(*moment: int) -> datetime:
    return datetime(2026, 3, *moment, tzinfo=SHANGHAI)  # type: ignore[misc,arg-type]


def complete(*days: int) -> dict[date, Booked]:
    return {date(2026, 3, day): Booked(Status.COMPLETE, at(day, 19, 0)) for day in days}


@pytest.mark.parametrize(
    ("moment", "age", "due"),
    [
        ((4, 19, 29), Age.FRESH, 3),
        ((4, 19, 30), Age.STALE, 4),
        ((5, 9, 0), Age.STALE, 4),
    ],
)
def test_a_day_is_late_from_the_hour_on_at_which_it_is_due(moment: tuple[int, ...], age: Age, due: int) -> None:
    found = judge(DAILY, complete(2, 3), CALENDAR, at(*moment))
    assert (found.age, found.due) == (age, date(2026, 3, due))


def test_neither_a_weekend_nor_a_holiday_is_late() -> None:
    for moment in (at(7, 20, 0), at(8, 20, 0), at(9, 20, 0), at(10, 23, 0), at(11, 19, 29)):
        assert judge(DAILY, complete(5, 6), CALENDAR, moment).age is Age.FRESH
    late = judge(DAILY, complete(5, 6), CALENDAR, at(12, 19, 30))
    assert (late.age, late.behind, late.last_complete) == (Age.STALE, 2, date(2026, 3, 6))


def test_an_incomplete_day_is_stale_and_its_status_is_told() -> None:
    known = {**complete(3), date(2026, 3, 4): Booked(Status.PARTIAL, at(4, 19, 0), 1, "partial")}
    found = judge(DAILY, known, CALENDAR, at(4, 20, 0))
    assert (found.age, found.status) == (Age.STALE, Status.PARTIAL)


def test_an_old_day_that_lands_late_does_not_make_a_dataset_fresh() -> None:
    known = complete(2, 3)
    assert judge(DAILY, known, CALENDAR, at(4, 20, 0)).age is Age.STALE
    known[date(2026, 2, 27)] = Booked(Status.COMPLETE, at(4, 20, 0))
    assert judge(DAILY, known, CALENDAR, at(4, 20, 1)).age is Age.STALE


def test_what_nobody_landed_is_not_waited_for() -> None:
    assert judge(STK_LIMIT, {}, CALENDAR, at(4, 20, 0)).age is Age.UNUSED


def test_without_a_calendar_nothing_is_claimed() -> None:
    assert judge(DAILY, complete(3), Calendar({}), at(4, 20, 0)).age is Age.UNKNOWN


def test_what_is_booked_is_read_as_it_landed(engine: Engine) -> None:
    list_stocks(engine)
    land(engine, "daily", *(bar(code) for code in CODES))
    with engine.connect() as connection:
        booked = read_booked(connection, DAILY)
        snapshot = read_snapshot(connection, CATALOG["stock_basic"])
    assert list(booked) == [DAY]
    assert booked[DAY].attempts > 0 or booked[DAY].settled
    assert snapshot
    assert snapshot.settled


def test_weekdays_are_without_weekends() -> None:
    assert weekdays(date(2026, 3, 6), date(2026, 3, 9)) == [date(2026, 3, 6), date(2026, 3, 9)]


def book(engine: Engine, booked: dict[str, dict[int, Status]]) -> None:
    """Book days of March 2026, and know the calendar of that month; all else is forgotten."""
    columns = {"landed": 1, "calls": 1, "inserted": 0, "updated": 0, "deleted": 0, "source": "tushare"}
    entries = [
        {**columns, "dataset": name, "partition": f"2026-03-{day:02}", "status": status, "landed_at": at(day, 20, 0)}
        for name, days in booked.items()
        for day, status in days.items()
    ]
    days = [{"exchange": "SSE", "cal_date": day, "is_open": int(is_open)} for day, is_open in CALENDAR.days.items()]
    with engine.begin() as connection:
        for table, values in ((COVERAGE, entries), (METADATA.tables["trade_cal"], days)):
            connection.execute(delete(table))
            if values:
                connection.execute(insert(table), values)


SEVERAL = [CATALOG[name] for name in ("suspend_d", "daily", "stk_limit")]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    booked=st.fixed_dictionaries(
        {each.api: st.dictionaries(st.integers(1, 25), st.sampled_from(Status), max_size=12) for each in SEVERAL}
    ),
    minutes=st.integers(0, 33 * 24 * 60),
)
def test_what_is_told_of_all_datasets_at_once_is_the_judgement_of_each(
    engine: Engine, booked: dict[str, dict[int, Status]], minutes: int
) -> None:
    book(engine, booked)
    now = at(1, 0, 0) + timedelta(minutes=minutes)
    with engine.connect() as connection:
        told = tell(connection, SEVERAL, now)
        calendar = read_calendar(connection, "trade_cal")
        judged = {each.api: judge(each, read_booked(connection, each), calendar, now) for each in SEVERAL}
    assert {name: replace(found, source=None) for name, found in told.items()} == judged


def test_it_is_told_who_answered_for_the_last_complete_day(engine: Engine) -> None:
    book(engine, {"daily": {4: Status.COMPLETE}})
    with engine.connect() as connection:
        told = tell(connection, SEVERAL, at(5, 12, 0))
    assert told["daily"] == Freshness(
        Age.FRESH, date(2026, 3, 4), Status.COMPLETE, date(2026, 3, 4), behind=0, source="tushare"
    )
    assert told["stk_limit"] == Freshness(Age.UNUSED)
