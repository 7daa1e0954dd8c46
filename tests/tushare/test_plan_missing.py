"""Days that lack some keys: every missing one is asked for, in the fewest calls, and the market is not fetched for a few."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from stock_assistant_pipelines.calendar import Calendar
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.tushare.decode import compact, parse_day
from stock_assistant_pipelines.tushare.plan import Call, estimate, plan

START = date(2024, 1, 1)
CALENDAR = Calendar({START + timedelta(days=at): (START + timedelta(days=at)).weekday() < 5 for at in range(600)})
DAYS = CALENDAR.trading_days
DAILY, ADJ_FACTOR, INDEX_DAILY = CATALOG["daily"], CATALOG["adj_factor"], CATALOG["index_daily"]
BY_DAY = [CATALOG[name] for name in ("daily", "adj_factor", "daily_basic", "stk_limit")]

CODES = [f"{600000 + at}.SH" for at in range(120)]
MISSING = st.dictionaries(
    st.sampled_from(DAYS[:300]), st.sets(st.sampled_from(CODES), min_size=1), min_size=1, max_size=25
)


def told(call: Call, day: date, code: str) -> bool:
    """Whether the answer to a call, as its parameters go, holds this code on this day."""
    words = dict(call.params)
    codes = words.get("ts_code")
    if codes is not None and code not in codes.split(","):
        return False
    if "trade_date" in words:
        return words["trade_date"] == compact(day)
    return parse_day(words["start_date"]) <= day <= parse_day(words["end_date"])


@given(st.sampled_from(BY_DAY), MISSING)
def test_every_missing_key_is_asked_for(dataset, missing) -> None:  # type: ignore[no-untyped-def]
    calls = plan(dataset, sorted(missing, reverse=True), CALENDAR, missing=missing)
    for day, codes in missing.items():
        ours = [call for call in calls if day in call.days]
        assert all(any(told(call, day, code) for call in ours) for code in codes)


@given(st.sampled_from(BY_DAY), MISSING)
def test_it_never_takes_more_answers_than_whole_days_would(dataset, missing) -> None:  # type: ignore[no-untyped-def]
    days = sorted(missing, reverse=True)
    rows = dict.fromkeys(days, 5500)
    whole = estimate(dataset, plan(dataset, days, CALENDAR, rows=rows))
    assert estimate(dataset, plan(dataset, days, CALENDAR, missing=missing, rows=rows)).calls <= whole.calls


@given(st.sampled_from(BY_DAY), MISSING)
def test_no_answer_for_codes_is_over_the_row_cap(dataset, missing) -> None:  # type: ignore[no-untyped-def]
    for call in plan(dataset, sorted(missing, reverse=True), CALENDAR, missing=missing):
        if call.codes:
            assert len(call.codes) * CALENDAR.count(min(call.days), max(call.days)) <= (dataset.row_cap or 5000)


@given(st.sampled_from(BY_DAY), MISSING)
def test_the_newest_day_comes_first_and_a_plan_is_the_same_every_time(dataset, missing) -> None:  # type: ignore[no-untyped-def]
    days = sorted(missing, reverse=True)
    calls = plan(dataset, days, CALENDAR, missing=missing)
    assert [call.days[0] for call in calls] == sorted((call.days[0] for call in calls), reverse=True)
    assert calls == plan(dataset, days, CALENDAR, missing=missing)


def test_thirty_stocks_on_one_day_are_one_call_that_does_not_fetch_the_market() -> None:
    (call,) = plan(DAILY, [DAYS[9]], CALENDAR, missing={DAYS[9]: CODES[:30]}, rows={DAYS[9]: 5500})
    assert dict(call.params)["ts_code"].split(",") == sorted(CODES[:30])
    assert estimate(DAILY, [call]).rows == 30


def test_where_a_call_takes_one_code_the_market_is_fewer_calls_than_thirty_stocks() -> None:
    (call,) = plan(ADJ_FACTOR, [DAYS[9]], CALENDAR, missing={DAYS[9]: CODES[:30]}, rows={DAYS[9]: 5500})
    assert dict(call.params) == {"trade_date": compact(DAYS[9])}


def test_one_stock_over_many_days_is_one_call() -> None:
    days = DAYS[:250]
    (call,) = plan(ADJ_FACTOR, days, CALENDAR, missing=dict.fromkeys(days, CODES[:1]))
    assert dict(call.params) == {
        "ts_code": CODES[0],
        "start_date": compact(days[0]),
        "end_date": compact(days[-1]),
    }


def test_of_an_index_day_only_the_missing_indices_are_asked_for() -> None:
    (call,) = plan(INDEX_DAILY, [DAYS[9]], CALENDAR, missing={DAYS[9]: ["000300.SH"]})
    assert dict(call.params)["ts_code"] == "000300.SH"


def test_an_estimate_counts_pages_rows_and_minutes() -> None:
    days = DAYS[:10]
    taken = estimate(DAILY, plan(DAILY, days, CALENDAR, rows=dict.fromkeys(days, 6500)), calls_per_minute=200)
    assert (taken.calls, taken.rows, taken.minutes) == (20, 65_000, 0.1)


def test_what_nobody_knows_is_said_so() -> None:
    taken = estimate(DAILY, plan(DAILY, DAYS[:10], CALENDAR))
    assert (taken.calls, taken.rows, taken.minutes) == (10, None, None)
