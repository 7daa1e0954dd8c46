"""What is asked, and what lands."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import func, select
from walk import DAILY, DAY, DAY_BY_DAY, HOLIDAY, INDICES, NOW, QUIET, WEEK, Walk

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.tushare.decode import compact
from stock_assistant_pipelines.warehouse.tables import SUPERSEDED, Status

if TYPE_CHECKING:
    from stock_assistant_pipelines.warehouse.database import Database


@pytest.fixture
def database(dated: Database) -> Database:
    """Days land where the calendar is known."""
    return dated


# What is asked


def test_what_a_day_rests_on_is_not_asked_for_again(walk: Walk) -> None:
    walk.land("daily", *WEEK)
    walk.sandbox.forget()
    walk.land("daily", *WEEK)
    assert {call["api"] for call in walk.sandbox.calls()} == {"daily"}


def test_the_stocks_are_asked_for_again_on_a_later_day(walk: Walk) -> None:
    walk.pass_time(days=-17)
    walk.land("adj_factor", WEEK[-2])
    walk.pass_time(days=1)
    walk.sandbox.forget()
    walk.land("adj_factor", DAY)
    assert walk.asked("stock_basic")


def test_a_day_of_the_whole_market_takes_one_call(walk: Walk) -> None:
    walk.land("daily", *WEEK)
    assert walk.asked("daily") == [{"trade_date": compact(day)} for day in WEEK]


def test_a_span_of_days_is_asked_for_at_once_where_an_answer_holds_them(walk: Walk) -> None:
    walk.land("suspend_d", *WEEK)
    assert {tuple(params.items()) for params in walk.asked("suspend_d")} == {
        (("start_date", "20260226"), ("end_date", "20260304"))
    }


def test_an_index_is_asked_for_once_for_all_days(walk: Walk) -> None:
    walk.land("index_daily", *WEEK)
    assert [params["ts_code"] for params in walk.asked("index_daily")] == list(INDICES)


def test_the_calls_of_a_shared_answer_are_counted_on_one_day(walk: Walk) -> None:
    entries = walk.land("index_daily", *WEEK)
    assert sum(entry.calls for entry in entries.values()) == len(INDICES)


def test_a_day_that_is_asked_for_twice_lands_once(walk: Walk) -> None:
    entries = list(walk.ingest.land(DAILY, [DAY, DAY]))
    assert [entry.partition for entry in entries] == ["2026-03-04"]
    assert len(walk.asked("daily")) == 1


# What lands


@pytest.mark.parametrize("api", DAY_BY_DAY)
def test_every_dataset_is_complete_after_a_healthy_walk(walk: Walk, api: str) -> None:
    days = WEEK if CATALOG[api].partitioned else []
    entries = walk.land(api, *days)
    assert {entry.status for entry in entries.values()} == {Status.COMPLETE}
    assert {entry.missing_keys for entry in entries.values()} == {()}


def test_an_entry_tells_where_the_rows_came_from_and_when(walk: Walk) -> None:
    walk.ingest.run_id = "run"
    entry = walk.land_one("daily", DAY)
    assert (entry.source, entry.landed_at, entry.run_id, entry.calls) == ("sandbox: synthetic", NOW, "run", 1)
    assert entry.inserted == entry.landed == len(walk.rows("daily", DAY))


def test_the_result_is_what_is_booked(walk: Walk) -> None:
    entry = walk.land_one("daily", DAY)
    assert walk.booked("daily", DAY) == replace(entry, complete_at=NOW)


def test_landing_again_writes_nothing(walk: Walk) -> None:
    for api in DAY_BY_DAY:
        walk.land(api, *(WEEK if CATALOG[api].partitioned else []))
    for api in DAY_BY_DAY:
        entries = walk.land(api, *(WEEK if CATALOG[api].partitioned else []))
        assert {(entry.inserted, entry.updated, entry.deleted) for entry in entries.values()} == {(0, 0, 0)}
    with walk.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(SUPERSEDED)).scalar_one() == 0


def test_a_holiday_is_booked_as_closed_and_not_asked_for(walk: Walk) -> None:
    entry = walk.land_one("daily", HOLIDAY)
    assert entry.status is Status.CLOSED
    assert not walk.asked("daily")


def test_results_come_as_each_day_is_done(walk: Walk) -> None:
    entries = walk.ingest.land(DAILY, WEEK)
    first = next(entries)
    assert first.settled
    assert len(walk.asked("daily")) < len(WEEK)
    assert len(list(entries)) == len(WEEK) - 1


def test_a_reader_who_stops_listening_loses_no_day_that_landed(walk: Walk) -> None:
    entries = walk.ingest.land(DAILY, WEEK)
    seen = list(islice(entries, 2))
    entries.close()  # type: ignore[attr-defined]
    assert all(walk.booked("daily", date.fromisoformat(entry.partition)) for entry in seen)


# Suspensions and listings


def test_a_day_on_which_all_trade_is_complete_without_a_suspension(walk: Walk) -> None:
    assert walk.land_one("suspend_d", QUIET).status is Status.COMPLETE
    assert walk.rows("suspend_d", QUIET) == []


def test_suspensions_are_proven_by_the_bars_that_landed_before_them(walk: Walk) -> None:
    entry = walk.land_one("suspend_d", date(2026, 3, 2))
    assert (entry.status, entry.expected) == (Status.COMPLETE, 2)


def test_suspensions_and_bars_prove_each_other_when_the_bars_are_asked_for(walk: Walk) -> None:
    assert walk.land_one("daily", date(2026, 3, 2)).status is Status.COMPLETE
    assert walk.booked("suspend_d", date(2026, 3, 2)).status is Status.COMPLETE  # type: ignore[union-attr]


def test_a_suspended_stock_has_a_factor_and_no_bar(walk: Walk) -> None:
    day = date(2026, 3, 2)
    walk.land("daily", day)
    walk.land("adj_factor", day)
    assert walk.codes("adj_factor", day) - walk.codes("daily", day) == {"600005.SH", "688007.SH"}


def test_a_stock_that_is_halted_inside_the_session_is_expected_to_have_a_bar(walk: Walk) -> None:
    day = date(2026, 1, 19)
    entry = walk.land_one("daily", day)
    assert ("600004.SH", "09:30-10:00") in {
        (row["ts_code"], row["suspend_timing"]) for row in walk.rows("suspend_d", day)
    }
    assert (entry.status, "600004.SH" in walk.codes("daily", day)) == (Status.COMPLETE, True)


@pytest.mark.parametrize(
    ("day", "code", "listed"),
    [
        (date(2025, 8, 5), "301007.SZ", False),
        (date(2025, 8, 6), "301007.SZ", True),
        (date(2024, 11, 27), "002002.SZ", True),
        (date(2024, 11, 28), "002002.SZ", False),
    ],
    ids=["before the listing", "listed", "last day", "delisted"],
)
def test_a_day_is_complete_with_those_that_are_listed_on_it(walk: Walk, day: date, code: str, *, listed: bool) -> None:
    entry = walk.land_one("adj_factor", day)
    assert entry.status is Status.COMPLETE
    assert (code in walk.codes("adj_factor", day)) is listed


def test_an_empty_answer_about_suspensions_leaves_the_missing_bars_unexplained(walk: Walk) -> None:
    walk.sandbox.inject("empty:api=suspend_d")
    day = date(2026, 3, 2)
    bars = walk.land_one("daily", day)
    assert (bars.status, bars.missing_keys) == (Status.PARTIAL, ("600005.SH", "688007.SH"))
    suspensions = walk.booked("suspend_d", day)
    assert suspensions is not None
    assert (suspensions.status, suspensions.missing_keys) == (Status.EMPTY, ("600005.SH", "688007.SH"))


def test_suspensions_that_come_later_complete_the_bars(walk: Walk) -> None:
    walk.sandbox.inject("empty:api=suspend_d")
    day = date(2026, 3, 2)
    walk.land("daily", day)
    walk.sandbox.heal()
    walk.land("suspend_d", day)
    assert walk.booked("daily", day).status is Status.COMPLETE  # type: ignore[union-attr]
