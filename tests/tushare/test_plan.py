"""The fewest calls for a set of days: each day once, every span under the cap, in the order given."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from stock_assistant_pipelines.calendar import Calendar
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.calls import PerCode, PerRange
from stock_assistant_pipelines.tushare.decode import compact, parse_day
from stock_assistant_pipelines.tushare.plan import DEFAULT_CAP, Call, plan

if TYPE_CHECKING:
    from collections.abc import Sequence

MONDAY = date(2024, 1, 1)
CALENDAR = Calendar({MONDAY + timedelta(n): n % 7 < 5 and n % 11 > 0 for n in range(400)})
CODES = ("000001.SH", "000300.SH", "399001.SZ")

some_days = st.lists(st.sampled_from(CALENDAR.trading_days), max_size=60)
distinct_days = st.lists(st.sampled_from(CALENDAR.trading_days), max_size=60, unique=True)
caps = st.integers(1, 300)


def by_range(days: Sequence[date], rows_per_day: int, cap: int | None) -> list[Call]:
    calls = PerRange(rows_per_day=rows_per_day)
    return plan(replace(CATALOG["suspend_d"], calls=calls, row_cap=cap), days, CALENDAR)


def by_code(days: Sequence[date], cap: int) -> list[Call]:
    return plan(replace(CATALOG["index_daily"], calls=PerCode(codes=CODES), row_cap=cap), days, CALENDAR)


def bounds(call: Call) -> tuple[date, date]:
    params = dict(call.params)
    return parse_day(params["start_date"]), parse_day(params["end_date"])


def due(calls: Sequence[Call], days: Sequence[date]) -> list[int]:
    """When the first day of each call is due, as its place in what was asked for."""
    return [min(days.index(day) for day in call.days) for call in calls]


# --- snapshots, days


def test_a_snapshot_takes_one_call_for_each_variant_and_belongs_to_no_day() -> None:
    calls = plan(CATALOG["stock_basic"], (), Calendar({}))
    assert [(dict(call.params), call.days) for call in calls] == [
        ({"list_status": "L"}, ()),
        ({"list_status": "D"}, ()),
        ({"list_status": "P"}, ()),
    ]


def test_a_snapshot_without_variants_takes_one_call_without_parameters() -> None:
    assert plan(CATALOG["namechange"], (), Calendar({})) == [Call("namechange", ())]


@given(some_days)
def test_a_dataset_by_day_takes_one_call_a_day_in_the_order_given(days: list[date]) -> None:
    calls = plan(CATALOG["daily"], days, CALENDAR)
    wanted = list(dict.fromkeys(days))
    assert calls == [Call("daily", (("trade_date", compact(day)),), (day,)) for day in wanted]


def test_no_day_takes_no_call() -> None:
    assert [plan(dataset, (), CALENDAR) for dataset in CATALOG.values() if dataset.partitioned] == [[]] * 6


# --- ranges


@given(some_days, st.integers(1, 60), caps)
def test_ranges_cover_each_day_exactly_once(days: list[date], rows_per_day: int, extra: int) -> None:
    calls = by_range(days, rows_per_day, rows_per_day + extra)
    assert Counter(day for call in calls for day in call.days) == Counter(set(days))


@given(some_days, st.integers(1, 60), caps)
def test_a_range_asks_from_its_first_day_to_its_last(days: list[date], rows_per_day: int, extra: int) -> None:
    for call in by_range(days, rows_per_day, rows_per_day + extra):
        assert bounds(call) == (min(call.days), max(call.days))


@given(some_days, st.integers(1, 60), caps)
def test_a_range_stays_under_the_cap_with_the_days_that_were_not_asked_for(
    days: list[date], rows_per_day: int, extra: int
) -> None:
    cap = rows_per_day + extra
    for call in by_range(days, rows_per_day, cap):
        assert CALENDAR.count(*bounds(call)) * rows_per_day <= cap


@given(some_days, st.integers(1, 60), caps)
def test_two_ranges_that_follow_each_other_would_not_fit_into_one(
    days: list[date], rows_per_day: int, extra: int
) -> None:
    cap = rows_per_day + extra
    spans = sorted(bounds(call) for call in by_range(days, rows_per_day, cap))
    for (first, _), (next_first, _) in pairwise(spans):
        assert CALENDAR.count(first, next_first) * rows_per_day > cap


@given(distinct_days, st.integers(1, 60), caps)
def test_ranges_come_in_the_order_in_which_their_days_are_due(days: list[date], rows_per_day: int, extra: int) -> None:
    turns = due(by_range(days, rows_per_day, rows_per_day + extra), days)
    assert turns == sorted(turns)


@given(distinct_days, st.integers(1, 60), caps)
def test_the_order_of_the_days_changes_no_call_but_only_when_it_is_made(
    days: list[date], rows_per_day: int, extra: int
) -> None:
    def asked(order: list[date]) -> set[tuple[tuple[str, str], ...]]:
        return {call.params for call in by_range(order, rows_per_day, rows_per_day + extra)}

    assert asked(days) == asked(sorted(days)) == asked(sorted(days, reverse=True))


def test_newest_first_asks_for_the_newest_span_first() -> None:
    days = CALENDAR.trading_days[:50]
    spans = [bounds(call) for call in by_range(days[::-1], 1, 20)]
    assert spans == [(days[40], days[49]), (days[20], days[39]), (days[0], days[19])]


def test_days_that_lie_far_apart_share_no_call() -> None:
    days = [CALENDAR.trading_days[0], CALENDAR.trading_days[200]]
    assert [call.days for call in by_range(days, 1, 100)] == [(days[0],), (days[1],)]


def test_a_cap_that_tushare_does_not_state_is_taken_to_be_low() -> None:
    calls = by_range(CALENDAR.trading_days, DEFAULT_CAP // 10, None)
    assert max(len(call.days) for call in calls) == 10


# --- codes


@given(some_days, caps)
def test_every_code_is_asked_for_each_day_exactly_once(days: list[date], cap: int) -> None:
    asked = Counter((dict(call.params)["ts_code"], day) for call in by_code(days, cap) for day in call.days)
    assert asked == Counter((code, day) for code in CODES for day in set(days))


@given(some_days, caps)
def test_a_code_is_asked_for_no_more_days_than_rows_fit(days: list[date], cap: int) -> None:
    for call in by_code(days, cap):
        assert CALENDAR.count(*bounds(call)) <= cap


@given(distinct_days, caps)
def test_the_codes_of_a_span_are_asked_one_after_the_other_and_spans_in_the_order_given(
    days: list[date], cap: int
) -> None:
    calls = by_code(days, cap)
    assert [dict(call.params)["ts_code"] for call in calls] == list(CODES) * (len(calls) // len(CODES))
    assert due(calls, days) == sorted(due(calls, days))
