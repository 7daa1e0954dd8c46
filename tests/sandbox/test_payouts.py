"""What goes with reports, and what follows from them: dividends, notices, segments, and the multiples of a day."""

from __future__ import annotations

from collections import Counter, defaultdict
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from .conftest import NOW, Client
from .reports import CENT, TRADING_DAYS, Row, asked, by_stock, evening, standing, whole

few = settings(max_examples=12, deadline=None)


def test_dividends_are_those_that_prices_and_factors_follow(shared_client: Client, codes: list[str]) -> None:
    checked, doubles = 0, 0
    for code in codes[::20]:
        paid: defaultdict[str, list[Row]] = defaultdict(list)
        for row in by_stock(shared_client, "dividend", code):
            if row["div_proc"] == "实施":
                paid[row["ex_date"]].append(row)
                assert row["ann_date"] <= row["imp_ann_date"] < row["record_date"] < row["ex_date"]
                assert row["stk_div"] == pytest.approx(row["stk_bo_rate"] + row["stk_co_rate"])
        bars = {row["trade_date"]: row for row in shared_client.rows("daily", ts_code=code, start_date="20050101")}
        factors = {
            row["trade_date"]: row["adj_factor"]
            for row in shared_client.rows("adj_factor", ts_code=code, start_date="20050101")
        }
        rises = {day for (day, factor), (_, last) in pairwise(factors.items()) if factor > last}
        assert rises == {day for day in paid if min(factors, default="9") < day}
        days = sorted(bars)
        for day in rises:
            eve = days[days.index(day) - 1]
            cash, shares = (sum(row[name] for row in paid[day]) for name in ("cash_div_tax", "stk_div"))
            assert bars[day]["pre_close"] == pytest.approx((bars[eve]["close"] - cash) / (1 + shares), abs=CENT)
            checked += 1
            doubles += len(paid[day]) == 2
    assert checked > 50
    assert doubles


def test_a_plan_is_resolved_before_it_is_carried_out(shared_client: Client, codes: list[str]) -> None:
    for code in codes[::20]:
        stages: defaultdict[str, dict[str, Row]] = defaultdict(dict)
        for row in by_stock(shared_client, "dividend", code):
            if row["end_date"][4:] == "1231":
                stages[row["end_date"]][row["div_proc"]] = row
        for plan in stages.values():
            if "实施" in plan:
                assert plan["预案"]["ann_date"] == plan["股东大会通过"]["ann_date"] < plan["实施"]["imp_ann_date"]
                assert plan["预案"]["cash_div"] == 0 < plan["实施"]["cash_div"] == plan["预案"]["cash_div_tax"]
                assert plan["预案"]["ex_date"] is None


@pytest.mark.parametrize(
    ("api", "column"), [("dividend", "ann_date"), ("dividend", "imp_ann_date"), ("forecast", "ann_date")]
)
def test_a_day_finds_all_that_was_announced_on_it(
    shared_client: Client, codes: list[str], api: str, column: str
) -> None:
    by_day: defaultdict[str, list[Row]] = defaultdict(list)
    for at in range(0, len(codes), 40):
        for row in by_stock(shared_client, api, ",".join(codes[at : at + 40])):
            by_day[row[column] or ""].append(row)
    days = [day for day in by_day if "20250301" <= day <= "20250831"]
    assert len(days) > 20
    for day in days:
        found = shared_client.rows(api, asked(api), **{column: day})
        assert sorted(found, key=repr) == sorted(by_day[day], key=repr)


@pytest.mark.parametrize("period", ["20231231", "20240630"])
def test_forecasts_hold_what_is_reported(shared_client: Client, period: str) -> None:
    first = {}
    for row in whole(shared_client, "income", period=period, report_type="1,5"):
        if row["ann_date"] > period and (
            row["ts_code"] not in first or row["f_ann_date"] <= first[row["ts_code"]]["f_ann_date"]
        ):
            first[row["ts_code"]] = row
    forecasts = whole(shared_client, "forecast", period=period)
    assert len(forecasts) > 20
    for row in forecasts:
        report = first.get(row["ts_code"])
        if report:
            assert row["first_ann_date"] <= row["ann_date"] < report["ann_date"]
        assert row["net_profit_min"] <= row["net_profit_max"]
        assert (row["type"] in {"首亏", "续亏", "减亏"}) == (row["net_profit_min"] + row["net_profit_max"] < 0) or row[
            "p_change_min"
        ]
    right = sum(
        row["net_profit_min"] <= first[row["ts_code"]]["n_income_attr_p"] / 1e4 <= row["net_profit_max"]
        for row in forecasts if row["ts_code"] in first
    )  # fmt: skip
    assert right > 0.9 * len(forecasts)


def test_preliminary_figures_are_nearly_those_of_the_report(shared_client: Client) -> None:
    told = whole(shared_client, "express", period="20231231")
    assert len(told) > 20
    for row in told:
        report = shared_client.rows(
            "income", asked("income"), ts_code=row["ts_code"], period="20231231", report_type="1,5"
        )[-1]
        assert row["ann_date"] < report["ann_date"]
        assert row["revenue"] == pytest.approx(report["revenue"], rel=0.02)


def test_segments_add_up_to_revenue(shared_client: Client) -> None:
    revenue = {
        code: row["revenue"] for (code, _), row in standing(whole(shared_client, "income", period="20240630")).items()
    }
    parts: defaultdict[tuple[str, str, str], float] = defaultdict(float)
    counts: Counter[tuple[str, str]] = Counter()
    for kind in "PDI":
        for row in whole(shared_client, "fina_mainbz", period="20240630", type=kind):
            parts[row["ts_code"], kind, row["update_flag"]] += row["bz_sales"]
            counts[row["ts_code"], row["update_flag"]] += 1
            assert row["bz_profit"] is None or row["bz_profit"] == pytest.approx(
                row["bz_sales"] - row["bz_cost"], abs=CENT
            )
    assert {code for code, *_ in parts} == set(revenue)
    assert all(parts[key] == pytest.approx(revenue[key[0]], abs=0.1) for key in parts)
    assert all(10 <= count <= 15 for count in counts.values())


def test_auditors_speak_once_a_year_and_at_times_twice(shared_client: Client, codes: list[str]) -> None:
    rows = [row for code in codes[::4] for row in by_stock(shared_client, "fina_audit", code)]
    assert {row["end_date"][4:] for row in rows} == {"1231"}
    times = Counter((row["ts_code"], row["end_date"]) for row in rows)
    assert set(times.values()) == {1, 2}
    assert 0.9 < sum(row["audit_result"] == "标准无保留意见" for row in rows) / len(rows) < 0.99


@settings(max_examples=6, deadline=None)
@given(day=st.sampled_from(TRADING_DAYS[1500:]))
def test_multiples_follow_from_what_was_known_that_day(shared_client: Client, day: str) -> None:
    year = int(day[:4])
    periods = [
        f"{y}{end}" for y in range(year - 2, year + 1) for end in ("0331", "0630", "0930", "1231") if f"{y}{end}" < day
    ]
    shared_client.sandbox.set_clock(evening(day))
    try:
        income = standing([row for period in periods for row in whole(shared_client, "income", period=period)])
        sheets = standing([row for period in periods for row in whole(shared_client, "balancesheet", period=period)])
        rows = shared_client.rows("daily_basic", trade_date=day)
    finally:
        shared_client.sandbox.set_clock(NOW)
    compared = 0
    for row in rows:
        code, value = row["ts_code"], row["total_mv"] * 1e4
        mine = sorted(period for stock, period in income if stock == code)
        annual = [period for period in mine if period.endswith("1231")]
        if not annual:
            continue
        profit, sales = (income[code, annual[-1]][name] for name in ("n_income_attr_p", "total_revenue"))
        assert row["pe"] == (pytest.approx(value / profit, rel=1e-4, abs=1e-3) if profit > 0 else None)
        assert row["ps"] == pytest.approx(value / sales, rel=1e-4, abs=1e-3)
        equity = sheets[code, mine[-1]]["total_hldr_eqy_exc_min_int"]
        assert row["pb"] == (pytest.approx(value / equity, rel=1e-4, abs=1e-3) if equity > 0 else None)
        last = mine[-1]
        parts = [last, f"{int(last[:4]) - 1}1231", f"{int(last[:4]) - 1}{last[4:]}"]
        if all((code, part) in income for part in parts):
            now, past, then = (income[code, part]["n_income_attr_p"] for part in parts)
            lately = now if last.endswith("1231") else now + past - then
            assert row["pe_ttm"] == (pytest.approx(value / lately, rel=1e-3, abs=1e-3) if lately > 0 else None)
            compared += 1
    assert compared > len(rows) / 3


def test_a_dividend_yields_for_a_year(shared_client: Client) -> None:
    paid = {row["ts_code"]: row["cash_div_tax"] for row in shared_client.rows("dividend", ex_date="20250612")}
    assert paid
    for row in shared_client.rows("daily_basic", trade_date="20250613"):
        if row["ts_code"] in paid:
            assert row["dv_ttm"] == row["dv_ratio"] is not None
