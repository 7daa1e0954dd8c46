"""The three statements and the indicators of synthetic companies: they tie."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.sandbox.market.filings.accounts import SHEETS, Kind
from stock_assistant_pipelines.sandbox.market.filings.statements import Report, reports
from stock_assistant_pipelines.sandbox.market.listing import NEVER

from .reports import CENT, PERIODS, STATEMENTS, by_stock, standing, whole

if TYPE_CHECKING:
    from stock_assistant_pipelines.sandbox.market.days import Days

    from .conftest import Client

few = settings(max_examples=12, deadline=None)


@pytest.fixture(scope="session")
def filed(largest: Days) -> tuple[np.ndarray, np.ndarray]:
    """Reports of the largest market, drawn by chance: stocks and quarters."""
    stock, quarter = np.nonzero(largest.ledger.timetable.filed < NEVER)
    chosen = np.random.default_rng(1).choice(len(stock), 20_000, replace=False)
    financial = np.flatnonzero(largest.ledger.financial[stock])[:4000]
    at = np.concatenate([chosen, financial])
    return stock[at], quarter[at]


@pytest.fixture(scope="session")
def report(largest: Days, filed: tuple[np.ndarray, np.ndarray]) -> Report:
    return reports(largest.ledger, *filed, largest.ledger.slip[filed])


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


@pytest.mark.parametrize("api", ["income", "cashflow"])
@pytest.mark.parametrize("kind", Kind)
def test_what_the_catalog_says_only_grows_does(report: Report, api: str, kind: Kind) -> None:
    lines = report.income | report.cash
    declared = [name for name in CATALOG[api].grows[str(kind.value)] if name in lines]
    assert declared
    for name in declared:
        assert not (np.diff(lines[name][report.kind == kind], axis=1) < 0).any(), name


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
