"""The fewest calls for report periods, by period or by stock."""

from __future__ import annotations

from datetime import date

import pytest

from stock_assistant_pipelines.calendar import periods
from stock_assistant_pipelines.catalog.finance import FINANCE
from stock_assistant_pipelines.catalog.grain import FIRST_PERIOD
from stock_assistant_pipelines.tushare.periods import (
    Part,
    answers_whole,
    estimate_periods,
    parts,
    plan_periods,
    stock_call,
    whole_call,
    whole_parts,
)

BY_API = {dataset.api: dataset for dataset in FINANCE}
INCOME, INDICATOR, DIVIDEND, PLAN = (BY_API[api] for api in ("income", "fina_indicator", "dividend", "disclosure_date"))
HISTORY = periods(FIRST_PERIOD, date(2026, 9, 30))
MARKET = [f"{code:06}.SZ" for code in range(5500)]
PERIOD = date(2025, 12, 31)


@pytest.mark.parametrize(
    ("dataset", "points", "whole"),
    [
        (INCOME, 5000, True),
        (INCOME, 4999, False),
        (INCOME, None, True),
        (PLAN, 500, True),
        (PLAN, 499, False),
        (DIVIDEND, 15_000, False),
    ],
)
def test_the_points_decide_whether_the_whole_market_is_answered_for(dataset, points, whole) -> None:  # type: ignore[no-untyped-def]
    assert answers_whole(dataset, points) is whole


def test_a_history_by_stock_takes_as_many_calls_as_there_are_stocks_and_variants() -> None:
    wanted = dict.fromkeys(HISTORY, MARKET)
    plan = plan_periods(INCOME, wanted, whole=False)
    assert (plan.periods, plan.stock_calls) == ((), 5500 * 3)
    taken = estimate_periods(INCOME, plan, wanted, {}, calls_per_minute=200)
    assert (taken.calls, taken.rows, taken.minutes) == (16_500, round(len(HISTORY) * 5500 * 2.0), 82.5)


def test_a_history_by_period_takes_as_many_calls_as_there_are_pages() -> None:
    companies = dict.fromkeys(HISTORY, 5500)
    wanted = dict.fromkeys(HISTORY, MARKET)
    plan = plan_periods(INCOME, wanted, whole=True, companies=companies)
    assert (list(plan.periods), plan.stocks) == (HISTORY[::-1], {})
    assert estimate_periods(INCOME, plan, wanted, companies).calls == len(HISTORY) * (2 + 1 + 1)
    assert estimate_periods(INCOME, plan, wanted, dict.fromkeys(HISTORY, 4000)).calls == len(HISTORY) * 3
    assert estimate_periods(INDICATOR, plan, wanted, companies).calls == len(HISTORY) * 2
    assert estimate_periods(PLAN, plan, wanted, companies).calls == len(HISTORY) * 2


def test_few_stocks_are_asked_for_one_by_one_where_that_takes_fewer_calls() -> None:
    wanted = {PERIOD: MARKET, date(2025, 9, 30): MARKET[:1], date(2025, 6, 30): MARKET[:1]}
    plan = plan_periods(INCOME, wanted, whole=True, companies=dict.fromkeys(wanted, 5500))
    assert plan.periods == (PERIOD,)
    assert (list(plan.stocks), plan.stock_calls) == (MARKET[:1], 3), "not the six that two periods would take"
    wanted[date(2025, 6, 30)] = MARKET[:3]
    plan = plan_periods(INCOME, wanted, whole=True, companies=dict.fromkeys(wanted, 5500))
    assert (plan.periods, plan.stock_calls) == ((PERIOD, date(2025, 6, 30)), 3)


def test_many_periods_of_one_stock_are_one_call() -> None:
    plan = plan_periods(PLAN, dict.fromkeys(HISTORY, MARKET[:1]), whole=True)
    assert (plan.periods, plan.stock_calls) == ((), 1)


def test_a_stock_is_asked_for_ranges_where_an_answer_cannot_hold_all_its_periods() -> None:
    plan = plan_periods(INDICATOR, dict.fromkeys(HISTORY, ("000001.SZ",)), whole=False)
    spans = [(part.first, part.last) for part in plan.stocks["000001.SZ"]]
    assert spans == [
        (date(2015, 12, 31), date(2028, 3, 31)),
        (date(2003, 6, 30), date(2015, 9, 30)),
        (date(1990, 12, 31), date(2003, 3, 31)),
    ]
    call = stock_call(INDICATOR, "000001.SZ", plan.stocks["000001.SZ"][0])
    assert (call.api, dict(call.params)) == (
        "fina_indicator",
        {"ts_code": "000001.SZ", "start_date": "20151231", "end_date": "20280331"},
    )


def test_the_ranges_lie_at_the_same_places_whichever_periods_are_wanted() -> None:
    (late,) = plan_periods(INDICATOR, {PERIOD: ["a"]}, whole=False).stocks["a"]
    assert late in plan_periods(INDICATOR, dict.fromkeys(HISTORY, ("a",)), whole=False).stocks["a"]


def test_what_is_done_is_not_asked_for_again() -> None:
    done = {("000000.SZ", "report_type=1"), ("000001.SZ", "report_type=1")}
    plan = plan_periods(INCOME, {PERIOD: MARKET[:2]}, whole=False, done=done)
    assert {code: [part.name for part in told] for code, told in plan.stocks.items()} == {
        code: ["report_type=4", "report_type=5"] for code in MARKET[:2]
    }


def test_each_variant_is_a_call_of_its_own() -> None:
    calls = [whole_call(INCOME, part) for part in whole_parts(INCOME, PERIOD)]
    assert [(call.api, dict(call.params)) for call in calls] == [
        ("income_vip", {"period": "20251231", "report_type": kind}) for kind in ("1", "4", "5")
    ]
    (plan,) = whole_parts(PLAN, PERIOD)
    assert whole_call(PLAN, plan).api == "disclosure_date"
    assert whole_call(PLAN, plan).params == (("end_date", "20251231"),)


def test_the_parts_of_a_dataset_have_names_of_their_own() -> None:
    names = [part.name for period in HISTORY for part in {*parts(INCOME, period), *whole_parts(INCOME, period)}]
    assert len({*names}) == 3 + 3 * len(HISTORY)
    assert Part(0).name == ""
