"""The lines of the statements by kind of company, as data: which there are, how large, and which cash flows they move."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stock_assistant_pipelines.sandbox.market.noise import Ints, Stream, uniform

if TYPE_CHECKING:
    from collections.abc import Mapping


class Kind(IntEnum):
    """Tushare's `comp_type`."""

    INDUSTRY = 1
    BANK = 2
    INSURER = 3
    BROKER = 4


KINDS = {Kind.BANK: 0.013, Kind.INSURER: 0.007, Kind.BROKER: 0.015}
"""How many companies are of which kind; the others are of industry."""


def kinds(seed: int, ids: Ints) -> Ints:
    """The kind of each company."""
    bounds = np.cumsum(list(KINDS.values()))
    found: Ints = np.array([*KINDS, Kind.INDUSTRY], dtype=np.int64)[
        np.searchsorted(bounds, uniform(seed, Stream.KIND, ids), side="right")
    ]
    return found


class Use(IntEnum):
    """Which cash flow a position moves."""

    CASH = 0
    """None: it is cash."""
    OPERATING = 1
    LONG = 2
    """Investing: what is built, bought and written off."""
    HOLDING = 3
    """Investing: securities and stakes."""
    DEBT = 4
    """Financing."""


class Position(NamedTuple):
    """A line of the balance sheet, as a share of total assets or of total liabilities."""

    column: str
    low: float
    high: float
    use: Use
    group: str | None = None
    """The subtotal it is part of."""
    since: int = 0
    until: int = 9999
    """The years in which there is such a line."""


class Sheet(NamedTuple):
    """The balance sheet of a kind of company. What the positions leave over falls to the first one of each side."""

    assets: tuple[Position, ...]
    liabilities: tuple[Position, ...]
    leverage: tuple[float, float]
    """Liabilities per equity."""
    doubtful: str
    """The asset that is too large when a report has booked too much."""


CURRENT, FIXED, SHORT, LONG = "total_cur_assets", "total_nca", "total_cur_liab", "total_ncl"
NEW_STANDARDS = 2019
"""The year from which financial instruments, revenue and leases are told by new standards."""

SHEETS: Mapping[Kind, Sheet] = {
    Kind.INDUSTRY: Sheet(
        assets=(
            Position("fix_assets", 0, 0, Use.LONG, FIXED),
            Position("money_cap", 0.08, 0.22, Use.CASH, CURRENT),
            Position("trad_asset", 0.0, 0.05, Use.HOLDING, CURRENT, since=2007),
            Position("notes_receiv", 0.002, 0.03, Use.OPERATING, CURRENT),
            Position("accounts_receiv", 0.04, 0.15, Use.OPERATING, CURRENT),
            Position("prepayment", 0.005, 0.03, Use.OPERATING, CURRENT),
            Position("oth_receiv", 0.003, 0.02, Use.OPERATING, CURRENT),
            Position("inventories", 0.03, 0.15, Use.OPERATING, CURRENT),
            Position("oth_cur_assets", 0.002, 0.02, Use.OPERATING, CURRENT),
            Position("lt_eqt_invest", 0.0, 0.06, Use.HOLDING, FIXED),
            Position("invest_real_estate", 0.0, 0.02, Use.LONG, FIXED),
            Position("cip", 0.005, 0.06, Use.LONG, FIXED),
            Position("intan_assets", 0.01, 0.06, Use.LONG, FIXED),
            Position("goodwill", 0.0, 0.05, Use.HOLDING, FIXED, since=2007),
            Position("lt_amor_exp", 0.0, 0.01, Use.LONG, FIXED),
            Position("defer_tax_assets", 0.002, 0.015, Use.OPERATING, FIXED, since=2007),
            Position("oth_nca", 0.0, 0.02, Use.LONG, FIXED),
        ),
        liabilities=(
            Position("acct_payable", 0, 0, Use.OPERATING, SHORT),
            Position("st_borr", 0.02, 0.24, Use.DEBT, SHORT),
            Position("notes_payable", 0.0, 0.1, Use.OPERATING, SHORT),
            Position("adv_receipts", 0.01, 0.08, Use.OPERATING, SHORT, until=NEW_STANDARDS),
            Position("contract_liab", 0.01, 0.08, Use.OPERATING, SHORT, since=NEW_STANDARDS + 1),
            Position("payroll_payable", 0.01, 0.05, Use.OPERATING, SHORT),
            Position("taxes_payable", 0.005, 0.04, Use.OPERATING, SHORT),
            Position("oth_payable", 0.02, 0.08, Use.OPERATING, SHORT),
            Position("non_cur_liab_due_1y", 0.0, 0.05, Use.DEBT, SHORT),
            Position("oth_cur_liab", 0.0, 0.03, Use.OPERATING, SHORT),
            Position("lt_borr", 0.0, 0.18, Use.DEBT, LONG),
            Position("bond_payable", 0.0, 0.05, Use.DEBT, LONG),
            Position("lease_liab", 0.001, 0.01, Use.DEBT, LONG, since=NEW_STANDARDS + 2),
            Position("estimated_liab", 0.0, 0.01, Use.OPERATING, LONG),
            Position("defer_tax_liab", 0.001, 0.01, Use.OPERATING, LONG, since=2007),
            Position("defer_inc_non_cur_liab", 0.0, 0.03, Use.OPERATING, LONG),
        ),
        leverage=(0.2, 1.8),
        doubtful="accounts_receiv",
    ),
    Kind.BANK: Sheet(
        assets=(
            Position("decr_in_disbur", 0, 0, Use.OPERATING),
            Position("cash_reser_cb", 0.06, 0.1, Use.CASH),
            Position("depos_in_oth_bfi", 0.01, 0.03, Use.CASH),
            Position("loanto_oth_bank_fi", 0.01, 0.04, Use.OPERATING),
            Position("trad_asset", 0.02, 0.06, Use.HOLDING),
            Position("deriv_assets", 0.0005, 0.002, Use.HOLDING, since=2007),
            Position("pur_resale_fa", 0.005, 0.03, Use.OPERATING),
            Position("fa_avail_for_sale", 0.05, 0.1, Use.HOLDING, until=NEW_STANDARDS - 1),
            Position("htm_invest", 0.08, 0.16, Use.HOLDING, until=NEW_STANDARDS - 1),
            Position("debt_invest", 0.08, 0.16, Use.HOLDING, since=NEW_STANDARDS),
            Position("oth_debt_invest", 0.05, 0.1, Use.HOLDING, since=NEW_STANDARDS),
            Position("fix_assets", 0.003, 0.008, Use.LONG),
            Position("intan_assets", 0.0005, 0.002, Use.LONG),
            Position("defer_tax_assets", 0.004, 0.01, Use.OPERATING, since=2007),
            Position("oth_assets", 0.003, 0.01, Use.OPERATING),
        ),
        liabilities=(
            Position("depos", 0, 0, Use.OPERATING),
            Position("cb_borr", 0.01, 0.04, Use.OPERATING),
            Position("depos_oth_bfi", 0.04, 0.1, Use.OPERATING),
            Position("loan_oth_bank", 0.01, 0.03, Use.OPERATING),
            Position("sold_for_repur_fa", 0.01, 0.03, Use.OPERATING),
            Position("payroll_payable", 0.001, 0.003, Use.OPERATING),
            Position("taxes_payable", 0.001, 0.003, Use.OPERATING),
            Position("int_payable", 0.005, 0.015, Use.OPERATING, until=NEW_STANDARDS - 1),
            Position("bond_payable", 0.03, 0.12, Use.DEBT),
            Position("oth_liab", 0.003, 0.015, Use.OPERATING),
        ),
        leverage=(10.0, 14.0),
        doubtful="oth_assets",
    ),
    Kind.INSURER: Sheet(
        assets=(
            Position("oth_debt_invest", 0, 0, Use.HOLDING),
            Position("money_cap", 0.02, 0.05, Use.CASH),
            Position("trad_asset", 0.05, 0.15, Use.HOLDING),
            Position("pur_resale_fa", 0.005, 0.02, Use.HOLDING),
            Position("premium_receiv", 0.005, 0.02, Use.OPERATING),
            Position("reinsur_receiv", 0.002, 0.008, Use.OPERATING),
            Position("ph_pledge_loans", 0.02, 0.05, Use.OPERATING),
            Position("time_deposits", 0.05, 0.12, Use.HOLDING),
            Position("debt_invest", 0.08, 0.15, Use.HOLDING),
            Position("lt_eqt_invest", 0.02, 0.06, Use.HOLDING),
            Position("refund_cap_depos", 0.002, 0.004, Use.HOLDING),
            Position("fix_assets", 0.008, 0.02, Use.LONG),
            Position("intan_assets", 0.002, 0.006, Use.LONG),
            Position("oth_assets", 0.01, 0.03, Use.OPERATING),
        ),
        liabilities=(
            Position("reser_lins_liab", 0, 0, Use.OPERATING),
            Position("reser_une_prem", 0.03, 0.07, Use.OPERATING),
            Position("reser_outstd_claims", 0.03, 0.07, Use.OPERATING),
            Position("reser_lthins_liab", 0.03, 0.06, Use.OPERATING),
            Position("ph_invest", 0.04, 0.1, Use.OPERATING),
            Position("prem_receiv_adva", 0.005, 0.01, Use.OPERATING),
            Position("policy_div_payable", 0.01, 0.03, Use.OPERATING),
            Position("indem_payable", 0.01, 0.02, Use.OPERATING),
            Position("payroll_payable", 0.003, 0.008, Use.OPERATING),
            Position("taxes_payable", 0.002, 0.005, Use.OPERATING),
            Position("sold_for_repur_fa", 0.03, 0.07, Use.DEBT),
            Position("bond_payable", 0.01, 0.03, Use.DEBT),
            Position("oth_liab", 0.01, 0.03, Use.OPERATING),
        ),
        leverage=(6.0, 10.0),
        doubtful="oth_assets",
    ),
    Kind.BROKER: Sheet(
        assets=(
            Position("trad_asset", 0, 0, Use.HOLDING),
            Position("money_cap", 0.12, 0.22, Use.CASH),
            Position("sett_rsrv", 0.03, 0.06, Use.CASH),
            Position("lending_funds", 0.12, 0.22, Use.OPERATING, since=2010),
            Position("pur_resale_fa", 0.03, 0.08, Use.OPERATING),
            Position("refund_depos", 0.01, 0.03, Use.OPERATING),
            Position("acc_receivable", 0.005, 0.02, Use.OPERATING),
            Position("debt_invest", 0.01, 0.04, Use.HOLDING, since=NEW_STANDARDS),
            Position("oth_debt_invest", 0.05, 0.1, Use.HOLDING, since=NEW_STANDARDS),
            Position("lt_eqt_invest", 0.005, 0.03, Use.HOLDING),
            Position("fix_assets", 0.004, 0.01, Use.LONG),
            Position("intan_assets", 0.001, 0.003, Use.LONG),
            Position("oth_assets", 0.005, 0.02, Use.OPERATING),
        ),
        liabilities=(
            Position("acting_trading_sec", 0, 0, Use.OPERATING),
            Position("sold_for_repur_fa", 0.12, 0.24, Use.OPERATING),
            Position("st_fin_payable", 0.02, 0.08, Use.DEBT),
            Position("trading_fl", 0.005, 0.03, Use.OPERATING),
            Position("payroll_payable", 0.01, 0.03, Use.OPERATING),
            Position("taxes_payable", 0.002, 0.01, Use.OPERATING),
            Position("bond_payable", 0.1, 0.25, Use.DEBT),
            Position("oth_liab", 0.01, 0.05, Use.OPERATING),
        ),
        leverage=(1.8, 4.0),
        doubtful="oth_assets",
    ),
}

INCOME: Mapping[Kind, Mapping[str, tuple[float, float]]] = {
    Kind.INDUSTRY: {
        "biz_tax_surchg": (0.004, 0.015),
        "sell_exp": (0.015, 0.09),
        "admin_exp": (0.03, 0.08),
        "rd_exp": (0.0, 0.05),
        "fin_exp_int_exp": (0.004, 0.02),
        "fin_exp_int_inc": (0.0005, 0.004),
        "assets_impair_loss": (0.001, 0.01),
        "credit_impa_loss": (0.0005, 0.004),
        "invest_income": (0.001, 0.015),
        "fv_value_chg_gain": (-0.002, 0.003),
        "oth_income": (0.001, 0.01),
        "asset_disp_income": (-0.001, 0.001),
        "non_oper_income": (0.0005, 0.004),
        "non_oper_exp": (0.0003, 0.003),
    },
    Kind.BANK: {
        "int_income": (1.8, 2.4),
        "comm_income": (0.12, 0.22),
        "comm_exp": (0.01, 0.04),
        "invest_income": (0.06, 0.14),
        "fv_value_chg_gain": (-0.01, 0.02),
        "forex_gain": (-0.005, 0.01),
        "oth_b_income": (0.002, 0.01),
        "biz_tax_surchg": (0.008, 0.012),
        "admin_exp": (0.22, 0.32),
        "other_bus_cost": (0.001, 0.005),
        "non_oper_income": (0.0005, 0.002),
        "non_oper_exp": (0.0005, 0.002),
    },
    Kind.INSURER: {
        "out_prem": (0.02, 0.05),
        "une_prem_reser": (0.005, 0.02),
        "invest_income": (0.12, 0.2),
        "fv_value_chg_gain": (-0.01, 0.02),
        "forex_gain": (-0.002, 0.002),
        "oth_b_income": (0.01, 0.03),
        "prem_refund": (0.06, 0.12),
        "compens_payout": (0.15, 0.22),
        "compens_payout_refu": (0.005, 0.01),
        "insur_reser_refu": (0.001, 0.003),
        "div_payt": (0.01, 0.03),
        "reins_exp": (0.0005, 0.001),
        "biz_tax_surchg": (0.001, 0.003),
        "comm_exp": (0.06, 0.1),
        "admin_exp": (0.06, 0.1),
        "other_bus_cost": (0.01, 0.03),
        "assets_impair_loss": (0.001, 0.01),
        "non_oper_income": (0.0005, 0.002),
        "non_oper_exp": (0.0005, 0.002),
    },
    Kind.BROKER: {
        "n_sec_tb_income": (0.15, 0.3),
        "n_sec_uw_income": (0.05, 0.15),
        "n_asset_mg_income": (0.03, 0.1),
        "int_income": (0.2, 0.3),
        "int_exp": (0.1, 0.2),
        "fv_value_chg_gain": (-0.03, 0.05),
        "forex_gain": (-0.002, 0.002),
        "oth_b_income": (0.005, 0.05),
        "biz_tax_surchg": (0.006, 0.01),
        "assets_impair_loss": (0.005, 0.02),
        "other_bus_cost": (0.005, 0.04),
        "non_oper_income": (0.0005, 0.002),
        "non_oper_exp": (0.0005, 0.002),
    },
}
"""Lines of the income statement as shares of revenue. What is left follows from revenue and profit."""

LINE_SINCE = {"rd_exp": 2018, "credit_impa_loss": NEW_STANDARDS, "oth_income": 2017, "asset_disp_income": 2017}
"""The years since when there are such lines."""
