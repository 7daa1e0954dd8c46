"""A dataset is as fresh as its newest day that is due, whatever else landed since."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import pytest
from made_market import CODES, DAY, bar, land, list_stocks

from stock_assistant_pipelines.calendar import Calendar, weekdays
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.freshness import Age, Booked, judge, read_booked, read_snapshot
from stock_assistant_pipelines.warehouse.tables import Status

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
