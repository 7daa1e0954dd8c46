"""What the synthetic companies file: ties, versions, the clock, the calendar, and multiples that follow."""

from __future__ import annotations

from collections import Counter, defaultdict
from datetime import datetime
from itertools import pairwise
from typing import Any

import httpx2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stock_assistant_pipelines.catalog.finance import FINANCE
from stock_assistant_pipelines.sandbox.interfaces import INTERFACES
from stock_assistant_pipelines.sandbox.market.days import Days
from stock_assistant_pipelines.sandbox.market.filings.accounts import SHEETS, Kind
from stock_assistant_pipelines.sandbox.market.filings.periods import COUNT
from stock_assistant_pipelines.sandbox.market.filings.statements import Report, reports
from stock_assistant_pipelines.sandbox.market.listing import LARGEST, NEVER
from stock_assistant_pipelines.sandbox.market.sessions import sessions
from stock_assistant_pipelines.sandbox.server import running

from .conftest import DAY, NOW, Client

Row = dict[str, Any]

STATEMENTS = ("income", "balancesheet", "cashflow")
PERIODS = [f"{year}{day}" for year in range(1993, 2025) for day in ("0331", "0630", "0930", "1231")]
TRADING_DAYS = sessions().days[: sessions().at_or_before(DAY) + 1]
CENT = 0.006
few = settings(max_examples=12, deadline=None)


def asked(api: str) -> str:
    return ",".join(INTERFACES[api].asked)


def whole(client: Client, api: str, **params: str) -> list[Row]:
    """The rows of the whole market, all columns."""
    return client.rows(f"{api}_vip", asked(api), **params)


def by_stock(client: Client, api: str, code: str, **params: str) -> list[Row]:
    """All rows of one stock, all columns, page after page."""
    rows: list[Row] = []
    while True:
        data = client.data(api, asked(api), ts_code=code, offset=str(len(rows)), **params)
        rows += [dict(zip(data["fields"], item, strict=True)) for item in data["items"]]
        if not data["has_more"]:
            return rows


def standing(rows: list[Row]) -> dict[tuple[str, str], Row]:
    """The version of each report that was told last, those with impossible days left out."""
    known = sorted(
        (row for row in rows if row["ann_date"] >= row["end_date"]),
        key=lambda row: (row["f_ann_date"], row["update_flag"]),
    )
    return {(row["ts_code"], row["end_date"]): row for row in known}


def shown(value: Any) -> float:
    return float(value or 0)


@pytest.fixture(scope="session")
def codes(shared_client: Client) -> list[str]:
    return [row["ts_code"] for status in "LDP" for row in shared_client.rows("stock_basic", list_status=status)]


@pytest.fixture(scope="session")
def market() -> Days:
    """The largest market, from inside."""
    return Days(1, LARGEST, sessions())


@pytest.fixture(scope="session")
def filed(market: Days) -> tuple[np.ndarray, np.ndarray]:
    """Reports of the largest market, drawn by chance: stocks and quarters."""
    stock, quarter = np.nonzero(market.ledger.timetable.filed < NEVER)
    chosen = np.random.default_rng(1).choice(len(stock), 20_000, replace=False)
    financial = np.flatnonzero(market.ledger.financial[stock])[:4000]
    at = np.concatenate([chosen, financial])
    return stock[at], quarter[at]


@pytest.fixture(scope="session")
def report(market: Days, filed: tuple[np.ndarray, np.ndarray]) -> Report:
    return reports(market.ledger, *filed, market.ledger.slip[filed])


# --- the statements tie -----------------------------------------------------------------------------------------------


def test_what_is_owned_is_what_is_owed_and_what_is_left(report: Report) -> None:
    sheet = report.balance
    assert (sheet["total_assets"] == sheet["total_liab"] + sheet["total_hldr_eqy_inc_min_int"]).all()
    assert (sheet["total_assets"] == sheet["total_liab_hldr_eqy"]).all()
    parts = ("total_share", "cap_rese", "surplus_rese", "undistr_porfit")
    assert (sheet["total_hldr_eqy_exc_min_int"] == sum(sheet[name] for name in parts)).all()
    assert (sheet["total_hldr_eqy_inc_min_int"] == sheet["total_hldr_eqy_exc_min_int"] + sheet["minority_int"]).all()


@pytest.mark.parametrize("kind", Kind)
def test_the_positions_of_each_kind_of_company_add_up(report: Report, kind: Kind) -> None:
    at = report.kind == kind
    assert at.sum() > 100
    for side, total in zip(SHEETS[kind], ("total_assets", "total_liab"), strict=False):
        positions = [np.nan_to_num(report.balance[each.column][at, -1]) for each in side]  # type: ignore[union-attr]
        assert (sum(positions) == report.balance[total][at, -1]).all()
        assert min(position.min() for position in positions) >= -1e-9


def test_cash_at_the_end_is_cash_at_the_start_and_what_the_flows_did(report: Report) -> None:
    cash = report.cash
    assert (cash["n_incr_cash_cash_equ"] == sum(
        cash[name] for name in ("n_cashflow_act", "n_cashflow_inv_act", "n_cash_flows_fnc_act"))).all()  # fmt: skip
    assert (cash["c_cash_equ_beg_period"] + cash["n_incr_cash_cash_equ"] == cash["end_bal_cash"]).all()
    assert (cash["c_inf_fr_operate_a"] - cash["st_cash_out_act"] == cash["n_cashflow_act"]).all()
    assert (cash["stot_inflows_inv_act"] - cash["stot_out_inv_act"] == cash["n_cashflow_inv_act"]).all()
    assert (cash["stot_cash_in_fnc_act"] - cash["stot_cashout_fnc_act"] == cash["n_cash_flows_fnc_act"]).all()
    assert (cash["im_net_cashflow_oper_act"] == cash["n_cashflow_act"]).all()
    assert (cash["net_profit"] == report.income["n_income"]).all()


def test_revenue_less_what_it_took_is_the_operating_profit(report: Report) -> None:
    income = {name: np.nan_to_num(values[:, -1]) for name, values in report.income.items()}
    industry = report.kind == Kind.INDUSTRY
    gains = sum(income[name] for name in ("invest_income", "fv_value_chg_gain", "oth_income", "asset_disp_income"))
    assert (income["revenue"] - income["total_cogs"] + gains == income["operate_profit"])[industry].all()
    excess = income["revenue"] - income["oper_exp"] - income["operate_profit"]
    assert not excess[~industry].any()
    assert (
        income["operate_profit"] + income["non_oper_income"] - income["non_oper_exp"] == income["total_profit"]
    ).all()
    assert (income["total_profit"] - income["income_tax"] == income["n_income"]).all()
    assert (income["n_income_attr_p"] + income["minority_gain"] == income["n_income"]).all()


@pytest.mark.parametrize(
    "name",
    [
        "revenue",
        "biz_tax_surchg",
        "admin_exp",
        "c_paid_to_for_empl",
        "c_fr_oth_operate_a",
        "oth_cash_pay_oper_act",
        "c_paid_invest",
        "c_pay_acq_const_fiolta",
        "c_recp_borrow",
    ],
)
def test_what_only_comes_in_or_only_goes_out_never_shrinks_within_the_year(report: Report, name: str) -> None:
    flow = (report.income | report.cash)[name]
    assert (np.diff(flow, axis=1) >= 0).all()


def test_a_company_keeps_what_it_earns_and_does_not_pay_out(shared_client: Client, codes: list[str]) -> None:
    checked = 0
    for code in codes[::25]:
        profits = standing(by_stock(shared_client, "income", code))
        sheets = standing(by_stock(shared_client, "balancesheet", code))
        paid: defaultdict[str, float] = defaultdict(float)
        for row in by_stock(shared_client, "dividend", code):
            if row["div_proc"] == "实施":
                paid[row["ex_date"]] += (row["cash_div_tax"] + row["stk_bo_rate"]) * row["base_share"] * 1e4
        kept = {
            period: row["surplus_rese"] + row["undistr_porfit"]
            for (_, period), row in sheets.items()
            if period < "2024"
        }
        for period in kept:
            start = f"{int(period[:4]) - 1}1231"
            if start in kept:
                out = sum(amount for day, amount in paid.items() if start < day <= period)
                profit = profits[code, period]["n_income_attr_p"]
                assert kept[period] - kept[start] == pytest.approx(profit - out, abs=1.5)
                checked += 1
    assert checked > 200


@few
@given(period=st.sampled_from(PERIODS))
def test_statements_as_they_are_served_tie(shared_client: Client, period: str) -> None:
    income, sheets, cash = (whole(shared_client, api, period=period) for api in STATEMENTS)
    marks = [
        [(row["ts_code"], row["ann_date"], row["f_ann_date"], row["update_flag"]) for row in rows]
        for rows in (income, sheets, cash)
    ]
    assert marks[0] == marks[1] == marks[2]
    for profit, sheet, flow in zip(income, sheets, cash, strict=True):
        assert sheet["total_assets"] == pytest.approx(
            sheet["total_liab"] + sheet["total_hldr_eqy_inc_min_int"], abs=CENT
        )
        assert flow["net_profit"] == profit["n_income"]
        assert flow["c_cash_equ_end_period"] == pytest.approx(
            flow["c_cash_equ_beg_period"] + flow["n_incr_cash_cash_equ"], abs=CENT
        )
        assert profit["basic_eps"] == pytest.approx(profit["n_income_attr_p"] / sheet["total_share"], abs=6e-5)
        assert (flow["im_net_cashflow_oper_act"] is None) == (period[4:6] in {"03", "09"})
        assert profit["comp_type"] == sheet["comp_type"]
        assert (sheet["total_cur_assets"] is None) == (sheet["comp_type"] != "1")


@few
@given(period=st.sampled_from(PERIODS))
def test_indicators_recompute_from_the_statements(shared_client: Client, period: str) -> None:
    income, sheets = (
        {(row["ts_code"], row["ann_date"], row["update_flag"]): row for row in whole(shared_client, api, period=period)}
        for api in ("income", "balancesheet")
    )
    before = standing(whole(shared_client, "income", period=f"{int(period[:4]) - 1}{period[4:]}"))
    compared = 0
    for row in whole(shared_client, "fina_indicator", period=period):
        key = row["ts_code"], row["ann_date"], row["update_flag"]
        profit, sheet = income[key], sheets[key]
        assert row["eps"] == pytest.approx(profit["n_income_attr_p"] / sheet["total_share"], abs=6e-5)
        assert row["bps"] == pytest.approx(sheet["total_hldr_eqy_exc_min_int"] / sheet["total_share"], abs=6e-5)
        assert row["roe"] == pytest.approx(
            profit["n_income_attr_p"] / sheet["total_hldr_eqy_exc_min_int"] * 100, abs=1e-3
        )
        assert row["debt_to_assets"] == pytest.approx(sheet["total_liab"] / sheet["total_assets"] * 100, abs=1e-3)
        if sheet["total_cur_assets"] is None:
            assert row["current_ratio"] is row["grossprofit_margin"] is None
        else:
            assert row["current_ratio"] == pytest.approx(sheet["total_cur_assets"] / sheet["total_cur_liab"], abs=1e-3)
            margin = (profit["revenue"] - profit["oper_cost"]) / profit["revenue"] * 100
            assert row["grossprofit_margin"] == pytest.approx(margin, abs=1e-3)
        if past := before.get((row["ts_code"], f"{int(period[:4]) - 1}{period[4:]}")):
            growth = (profit["revenue"] / past["revenue"] - 1) * 100
            assert row["or_yoy"] == pytest.approx(growth, abs=1e-3)
            compared += 1
    assert compared or period < "1994"


@few
@given(data=st.data())
def test_asked_by_stock_or_by_period_the_rows_are_the_same(
    shared_client: Client, codes: list[str], data: st.DataObject
) -> None:
    api = data.draw(st.sampled_from([*STATEMENTS, "fina_indicator", "forecast", "express", "fina_mainbz"]))
    code, period = data.draw(st.sampled_from(codes)), data.draw(st.sampled_from(PERIODS))
    mine = [row for row in by_stock(shared_client, api, code) if row["end_date"] == period]
    assert mine == [row for row in whole(shared_client, api, period=period) if row["ts_code"] == code]


# --- versions ---------------------------------------------------------------------------------------------------------


def test_reports_have_every_sort_of_version(shared_client: Client) -> None:
    periods = [f"{year}{day}" for year in range(2012, 2024) for day in ("0630", "1231")]
    rows: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in (row for period in periods for row in whole(shared_client, "income", period=period)):
        rows[row["ts_code"], row["end_date"]].append(row)
    sorts: Counter[str] = Counter()
    for told in rows.values():
        flags = [row["update_flag"] for row in told]
        possible = [row for row in told if row["ann_date"] >= row["end_date"]]
        if len(possible) < len(told):
            sorts["impossible"] += 1
            assert len({row["n_income"] for row in told}) == 1
        elif flags == ["0"]:
            sorts["zero"] += 1
        elif flags == ["1", "0"] and told[0] == {**told[1], "update_flag": "1"}:
            sorts["twin"] += 1
        elif flags == ["1", "0"]:
            sorts["beside"] += 1
            assert told[0]["f_ann_date"] > told[1]["f_ann_date"] == told[0]["ann_date"] == told[1]["ann_date"]
            assert told[0]["n_income"] != told[1]["n_income"]
        else:
            assert flags == ["1"]
            sorts["corrected" if told[0]["f_ann_date"] > told[0]["ann_date"] else "plain"] += 1
    share = {sort: count / sum(sorts.values()) for sort, count in sorts.items()}
    assert 0.2 < share["twin"] < 0.4
    assert 0.03 < share["zero"] < 0.1
    assert 0.01 < share["beside"] < 0.06
    assert 0.005 < share["corrected"] < 0.05
    assert 0 < share["impossible"] < 0.01


def test_what_was_corrected_is_kept_as_the_original(shared_client: Client) -> None:
    periods = [f"{year}1231" for year in range(2012, 2024)]
    originals = [
        row for period in periods for row in whole(shared_client, "balancesheet", period=period, report_type="5")
    ]
    assert originals
    for original in originals:
        (corrected,) = shared_client.rows(
            "balancesheet", asked("balancesheet"), ts_code=original["ts_code"], period=original["end_date"]
        )
        assert corrected["report_type"] == "1"
        assert original["f_ann_date"] == original["ann_date"] == corrected["ann_date"] < corrected["f_ann_date"]
        slip = original["total_assets"] - corrected["total_assets"]
        assert original["undistr_porfit"] - corrected["undistr_porfit"] == pytest.approx(slip, abs=CENT)
        assert original["total_liab"] == corrected["total_liab"]


def test_comparatives_come_with_the_report_of_the_year_after(shared_client: Client) -> None:
    own = whole(shared_client, "income", period="20231231", report_type="1,4")
    later = {row["ts_code"]: row["ann_date"] for row in whole(shared_client, "income", period="20241231")[::-1]}
    compared = [row for row in own if row["report_type"] == "4"]
    stands = standing([row for row in own if row["report_type"] == "1"])
    assert 0.04 < len(compared) / len(stands) < 0.25
    for row in compared:
        assert row["ann_date"] == row["f_ann_date"] == later[row["ts_code"]]
        assert row["n_income"] != stands[row["ts_code"], "20231231"]["n_income"]


def test_without_a_report_type_only_the_companys_own_is_told(shared_client: Client) -> None:
    assert {row["report_type"] for row in whole(shared_client, "cashflow", period="20231231")} == {"1"}


# --- the clock --------------------------------------------------------------------------------------------------------


@few
@given(
    day=st.sampled_from(TRADING_DAYS[2500:]),
    api=st.sampled_from([*STATEMENTS, "fina_indicator", "forecast", "express"]),
)
def test_nothing_is_told_before_it_is_announced(shared_client: Client, day: str, api: str) -> None:
    end = next(period for period in reversed(PERIODS) if period <= day)
    shared_client.sandbox.set_clock(datetime.strptime(f"{day} 20", "%Y%m%d %H"))  # noqa: DTZ007 - Shanghai's
    try:
        known = whole(shared_client, api, period=end)
    finally:
        shared_client.sandbox.set_clock(NOW)
    assert all(max(row["ann_date"], row.get("f_ann_date") or "") <= day for row in known)
    if api == "forecast":
        assert known == [row for row in whole(shared_client, api, period=end) if row["ann_date"] <= day]


def test_rows_change_in_place_and_come_beside_each_other_as_time_passes(client: Client) -> None:
    kept = next(
        row for year in range(2023, 2010, -1) for row in whole(client, "income", period=f"{year}1231", report_type="5")
    )
    mine = {"ts_code": kept["ts_code"], "period": kept["end_date"]}
    (corrected,) = client.rows("income", asked("income"), **mine)
    days = {}
    for day in (corrected["ann_date"], corrected["f_ann_date"]):
        before = TRADING_DAYS[TRADING_DAYS.index(day) - 1]
        for when in (before, day):
            client.sandbox.set_clock(datetime.strptime(f"{when} 20", "%Y%m%d %H"))  # noqa: DTZ007 - Shanghai's
            days[when] = client.rows("income", asked("income"), report_type="1,5", **mine)
    first, second, third, fourth = days.values()
    assert first == []
    assert [row["n_income"] for row in second] == [row["n_income"] for row in third] == [kept["n_income"]]
    assert [row["report_type"] for row in second] == ["1"]
    assert [(row["report_type"], row["n_income"]) for row in fourth] == [
        ("1", corrected["n_income"]), ("5", kept["n_income"])
    ]  # fmt: skip


# --- the calendar -----------------------------------------------------------------------------------------------------


def test_reports_keep_to_the_law(market: Days) -> None:
    table, periods = market.ledger.timetable, market.ledger.periods
    told = table.filed < NEVER
    own = told & (table.filed == table.ordinary)
    assert (table.filed > periods.closing)[told].all()
    assert (table.filed >= periods.opens)[own].all()
    late = (table.filed > periods.deadline)[own]
    assert 0.001 < late.mean() < 0.01
    assert (table.filed < market.stocks.last[:, None])[told].all()
    last = np.maximum.accumulate(np.where(told, table.filed, -1), axis=1)
    assert (last == table.filed)[told].all(), "a report comes before the one of the quarter before"
    assert np.isin(np.arange(COUNT), np.flatnonzero(told.any(axis=0))).sum() > 4 * 35


def test_filings_crowd_towards_the_deadline(market: Days) -> None:
    table, calendar = market.ledger.timetable, market.sessions
    days = [calendar.at_or_before(day) for day in ("20250411", "20250418", "20250425", "20250430")]
    out = [int((table.filed[:, (2025 - 1986) * 4] <= day).sum()) for day in days]
    assert 100 < out[0] < out[1] < out[2] < out[3]
    assert (table.filed == days[-1]).sum() > 1500


def test_a_prospectus_tells_of_three_years(shared_client: Client) -> None:
    stock = next(
        row
        for row in shared_client.rows("stock_basic", list_status="L")
        if row["list_date"][:6] == "201709" or row["list_date"][:4] == "2018"
    )
    reported = standing(by_stock(shared_client, "income", stock["ts_code"]))
    before = [period for (_, period), row in reported.items() if row["ann_date"] < stock["list_date"]]
    years = int(stock["list_date"][:4])
    assert {f"{years - back}1231" for back in (2, 3)} <= set(before)
    assert min(before) == f"{years - 3}0630"


@few
@given(period=st.sampled_from(PERIODS))
def test_the_plan_tells_when_it_was_done(shared_client: Client, period: str) -> None:
    plans = {
        row["ts_code"]: row for row in shared_client.rows("disclosure_date", asked("disclosure_date"), end_date=period)
    }
    stocks = {
        row["ts_code"]: row
        for status in "LDP"
        for row in shared_client.rows("stock_basic", asked("stock_basic"), list_status=status)
    }
    listed = {code for code, row in stocks.items() if row["list_date"] <= period < (row["delist_date"] or "99999999")}
    assert listed <= set(plans)
    filed = {
        row["ts_code"]: row["ann_date"]
        for row in whole(shared_client, "income", period=period)
        if row["ann_date"] > period
    }
    for code, plan in plans.items():
        assert plan["actual_date"] == filed.get(code)
        assert plan["pre_date"] > period
        assert plan["actual_date"] is None or plan["actual_date"] >= plan["pre_date"]
        assert plan["pre_date"] not in (plan["modify_date"] or "").split(",")
        assert plan["ann_date"] <= (plan["actual_date"] or DAY)


def test_plans_are_overwritten_as_time_passes(client: Client) -> None:
    plans = client.rows("disclosure_date", asked("disclosure_date"), end_date="20241231")
    moved = [row for row in plans if row["modify_date"]]
    assert 5 < len(moved) < 60
    client.sandbox.set_clock(datetime(2025, 1, 2, 20))  # noqa: DTZ001 - Shanghai's
    before = {
        row["ts_code"]: row for row in client.rows("disclosure_date", asked("disclosure_date"), end_date="20241231")
    }
    assert all(row["actual_date"] is None for row in before.values())
    assert [row["modify_date"].split(",")[0] for row in moved] == [
        (before[row["ts_code"]]["modify_date"] or before[row["ts_code"]]["pre_date"]).split(",")[0] for row in moved
    ]


# --- beside the reports -----------------------------------------------------------------------------------------------


def test_dividends_are_those_that_prices_and_factors_follow(shared_client: Client, codes: list[str]) -> None:
    checked, doubles = 0, 0
    for code in codes[::10]:
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
                assert plan["预案"]["ann_date"] < plan["股东大会通过"]["ann_date"] < plan["实施"]["imp_ann_date"]
                assert plan["预案"]["cash_div"] == 0 < plan["实施"]["cash_div"] == plan["预案"]["cash_div_tax"]
                assert plan["预案"]["ex_date"] is None


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


# --- multiples follow -------------------------------------------------------------------------------------------------


@settings(max_examples=6, deadline=None)
@given(day=st.sampled_from(TRADING_DAYS[1500:]))
def test_multiples_follow_from_what_was_known_that_day(shared_client: Client, day: str) -> None:
    year = int(day[:4])
    periods = [
        f"{y}{end}" for y in range(year - 2, year + 1) for end in ("0331", "0630", "0930", "1231") if f"{y}{end}" < day
    ]
    shared_client.sandbox.set_clock(datetime.strptime(f"{day} 20", "%Y%m%d %H"))  # noqa: DTZ007 - Shanghai's
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


# --- the protocol -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dataset", FINANCE, ids=lambda dataset: dataset.api)
def test_the_default_answer_has_the_default_columns(shared_client: Client, dataset: Any) -> None:
    data = shared_client.data(dataset.api, ts_code="600000.SH")
    assert data["fields"] == [column.name for column in dataset.columns if column.default and not column.ours]
    assert data["items"]


@pytest.mark.parametrize(
    "api", ["income", "fina_indicator", "fina_mainbz", "express", "fina_audit", "forecast", "dividend"]
)
def test_a_stock_must_be_named_where_tushare_wants_one(shared_client: Client, api: str) -> None:
    envelope = shared_client.ask(api, period="20241231")
    assert (envelope["code"], envelope["msg"]) == (50101, "必填参数, ts_code")


def test_the_whole_market_takes_more_points() -> None:
    with running(stocks=50, now=NOW, points=2000) as sandbox, httpx2.Client(trust_env=False) as http:
        poor = Client(sandbox, http)
        assert poor.ask("income_vip", period="20241231")["code"] == 40203
        assert poor.rows("income", ts_code="600000.SH")
        assert poor.rows("disclosure_date", end_date="20241231")


def test_days_of_announcement_or_periods_bound_a_range(shared_client: Client) -> None:
    announced = shared_client.rows("income", ts_code="600000.SH", start_date="20240101", end_date="20241231")
    assert announced
    assert all("20240101" <= row["ann_date"] <= "20241231" for row in announced)
    periods = shared_client.rows("fina_indicator", ts_code="600000.SH", start_date="20240101", end_date="20241231")
    assert {row["end_date"] for row in periods} == {"20240331", "20240630", "20240930", "20241231"}


@pytest.mark.parametrize("column", ["ann_date", "f_ann_date"])
def test_a_day_of_announcement_finds_what_was_told_on_it(shared_client: Client, column: str) -> None:
    found = shared_client.rows("income_vip", asked("income"), **{column: "20250430"})
    expected = [
        row for period in ("20250331", "20241231", "20240930", "20240630")
        for row in whole(shared_client, "income", period=period) if row[column] == "20250430"
    ]  # fmt: skip
    assert found[: len(expected)] == expected
    assert expected


def test_an_answer_of_the_whole_market_is_paged() -> None:
    with running(stocks=50, now=NOW, quota=False) as sandbox, httpx2.Client(trust_env=False) as http:
        client = Client(sandbox, http)
        every = client.rows("balancesheet_vip", "ts_code,update_flag", period="20241231")
        pages = [
            client.data("balancesheet_vip", "ts_code,update_flag", period="20241231", limit="20", offset=str(n))
            for n in range(0, len(every), 20)
        ]
    assert [page["has_more"] for page in pages] == [True] * (len(pages) - 1) + [False]
    assert [item for page in pages for item in page["items"]] == [list(row.values()) for row in every]


def test_one_stock_has_more_indicators_than_an_answer_holds(shared_client: Client) -> None:
    data = shared_client.data("fina_indicator", ts_code="600000.SH")
    assert (len(data["items"]), data["has_more"]) == (100, True)


@pytest.mark.parametrize("fault", ["half:api=income", "half:api=income_vip", "half:api=income:day=20241231"])
def test_faults_befall_calls_for_the_whole_market(client: Client, fault: str) -> None:
    rows = whole(client, "income", period="20241231")
    client.sandbox.inject(fault)
    assert whole(client, "income", period="20241231") == rows[::2]
