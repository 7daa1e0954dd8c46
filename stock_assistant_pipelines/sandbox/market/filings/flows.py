"""The cash flow statement: what the year's profit and the changes of the balance sheet did to cash."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stock_assistant_pipelines.sandbox.market.filings.accounts import SHEETS, Kind, Use
from stock_assistant_pipelines.sandbox.market.filings.course import Course, Lines, total

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stock_assistant_pipelines.sandbox.market.noise import Ints

DEPRECIATION, AMORTISATION = 0.02, 0.0125
"""Of what there was at the start of the year, per quarter."""

TURNOVER = 0.06
"""Securities bought and sold again, and debts taken up and paid back, per revenue."""


class Direct(NamedTuple):
    """What a kind of company tells of its operating cash flows: shares of lines, and changes of positions."""

    received: Mapping[str, tuple[tuple[str, float], ...]]
    spent: Mapping[str, tuple[tuple[str, float], ...]]
    more: Mapping[str, tuple[str, ...]]
    """Inflows that are increases of liabilities."""
    less: Mapping[str, tuple[str, ...]]
    """Outflows that are increases of assets."""


STAFF = {"c_paid_to_for_empl": (("sales", 0.1),), "c_paid_for_taxes": (("sales", 0.05),)}
DIRECT: Mapping[Kind, Direct] = {
    Kind.INDUSTRY: Direct(
        received={"c_fr_sale_sg": (("sales", 1.08),), "recp_tax_rends": (("sales", 0.008),)},
        spent={"c_paid_goods_s": (("oper_cost", 0.97),), **STAFF},
        more={},
        less={},
    ),
    Kind.BANK: Direct(
        received={"ifc_cash_incr": (("int_income", 1.0), ("comm_income", 1.0))},
        spent={"pay_handling_chrg": (("int_exp", 1.0), ("comm_exp", 1.0)), **STAFF},
        more={
            "n_depos_incr_fi": ("depos", "depos_oth_bfi"),
            "n_incr_loans_cb": ("cb_borr",),
            "n_inc_borr_oth_fi": ("loan_oth_bank", "sold_for_repur_fa"),
        },
        less={"n_incr_clt_loan_adv": ("decr_in_disbur",)},
    ),
    Kind.INSURER: Direct(
        received={"prem_fr_orig_contr": (("prem_income", 1.0),)},
        spent={
            "c_pay_claims_orig_inco": (("compens_payout", 1.0), ("prem_refund", 1.0)),
            "pay_handling_chrg": (("comm_exp", 1.0),),
            "pay_comm_insur_plcy": (("div_payt", 0.9),),
            **STAFF,
        },
        more={"n_incr_insured_dep": ("ph_invest",)},
        less={},
    ),
    Kind.BROKER: Direct(
        received={"ifc_cash_incr": (("int_income", 1.0), ("n_commis_income", 1.0))},
        spent={"pay_handling_chrg": (("int_exp", 1.0),), **STAFF},
        more={"net_cash_rece_sec": ("acting_trading_sec",), "n_cap_incr_repur": ("sold_for_repur_fa",)},
        less={},
    ),
}


def flows(course: Course, income: Lines, sheet: Lines) -> Lines:
    """All lines of the cash flow statement, from the start of the year to each moment."""
    changed = {use: _changed(course, sheet, use) for use in Use}
    book = _noncash(course, income, sheet)
    interest = total(income, "fin_exp_int_exp") * np.ones_like(course.at)
    indirect = _indirect(course, income, sheet, book, changed[Use.OPERATING], interest)
    operating = _operating(course, income, sheet, indirect["im_net_cashflow_oper_act"])
    investing = _investing(course, income, changed, book)
    financing = _financing(course, changed[Use.DEBT], interest)
    net = total(operating | investing | financing, "n_cashflow_act", "n_cashflow_inv_act", "n_cash_flows_fnc_act")
    cash = total(sheet, *(each.column for each in SHEETS[course.kind].assets if each.use is Use.CASH))
    begin = np.broadcast_to(cash[:, :1], cash.shape)
    return (
        indirect
        | operating
        | investing
        | financing
        | {
            "n_incr_cash_cash_equ": net,
            "c_cash_equ_beg_period": begin,
            "c_cash_equ_end_period": begin + net,
            "im_n_incr_cash_equ": net,
            "beg_bal_cash": begin,
            "end_bal_cash": cash,
            "free_cashflow": operating["n_cashflow_act"] - investing["c_pay_acq_const_fiolta"],
        }
    )


def _changed(course: Course, sheet: Lines, use: Use) -> Ints:
    """By how much assets, less liabilities, of one use have grown since the start of the year."""
    kind = SHEETS[course.kind]
    owned = total(sheet, *(each.column for each in kind.assets if each.use is use)) * np.ones_like(course.at)
    owed = total(sheet, *(each.column for each in kind.liabilities if each.use is use)) * np.ones_like(course.at)
    return _since_start(owned - owed)


def _noncash(course: Course, income: Lines, sheet: Lines) -> Lines:
    """What the profit holds that is not cash."""
    quarters = np.minimum(np.arange(5), (course.quarter % 4 + 1)[:, None])
    return {
        "prov_depr_assets": total(income, "assets_impair_loss") * np.ones_like(course.at),
        "credit_impa_loss": total(income, "credit_impa_loss") * np.ones_like(course.at),
        "depr_fa_coga_dpba": np.rint(sheet["fix_assets"][:, :1] * DEPRECIATION * quarters).astype(np.int64),
        "amort_intang_assets": np.rint(sheet["intan_assets"][:, :1] * AMORTISATION * quarters).astype(np.int64),
    }


def _indirect(course: Course, income: Lines, sheet: Lines, book: Lines, working: Ints, interest: Ints) -> Lines:
    """From the profit to the operating cash flow: without what is no cash, less what was tied up."""
    written = book["prov_depr_assets"] + book["credit_impa_loss"]
    tax_asset, tax_owed, stocked = (
        _since_start(sheet[name]) if name in sheet else np.zeros_like(course.at)
        for name in ("defer_tax_assets", "defer_tax_liab", "inventories")
    )
    owed = _since_start(
        total(
            sheet,
            *(
                each.column
                for each in SHEETS[course.kind].liabilities
                if each.use is Use.OPERATING and each.column != "defer_tax_liab"
            ),
        )
    )
    lent = working + tax_owed + owed - tax_asset - stocked
    gains = total(income, "invest_income") - (course.excess if course.kind is not Kind.INDUSTRY else 0)
    lines = book | {
        "net_profit": income["n_income"],
        "finan_exp": interest,
        "invest_loss": -gains,
        "loss_fv_chg": -income["fv_value_chg_gain"],
        "decr_def_inc_tax_assets": -tax_asset,
        "incr_def_inc_tax_liab": tax_owed,
        "decr_inventories": -stocked,
        "decr_oper_payable": -lent - written,
        "incr_oper_payable": owed,
    }
    return lines | {"im_net_cashflow_oper_act": total(lines, *lines)}


def _operating(course: Course, income: Lines, sheet: Lines, net: Ints) -> Lines:
    """The operating cash flows one by one; what they leave goes through the lines for all other business."""
    direct, source = DIRECT[course.kind], income | {"sales": course.revenue}
    inflows = {name: _share(source, parts) for name, parts in direct.received.items()}
    inflows |= {name: _since_start(total(sheet, *parts)) for name, parts in direct.more.items()}
    outflows = {name: _share(source, parts) for name, parts in direct.spent.items()}
    outflows |= {name: _since_start(total(sheet, *parts)) for name, parts in direct.less.items()}
    rest = net - total(inflows, *inflows) + total(outflows, *outflows)
    usual = np.rint(0.03 * course.revenue).astype(np.int64)
    inflows["c_fr_oth_operate_a"] = usual + _gross(rest)
    outflows["oth_cash_pay_oper_act"] = usual + _gross(-rest)
    return {
        **inflows,
        **outflows,
        "c_inf_fr_operate_a": total(inflows, *inflows),
        "st_cash_out_act": total(outflows, *outflows),
        "n_cashflow_act": net,
    }


def _investing(course: Course, income: Lines, changed: Mapping[Use, Ints], book: Lines) -> Lines:
    """What was built and sold, and what securities took and gave."""
    built = changed[Use.LONG] + book["depr_fa_coga_dpba"] + book["amort_intang_assets"]
    held = changed[Use.HOLDING] - income["fv_value_chg_gain"]
    gains = total(income, "invest_income") - (course.excess if course.kind is not Kind.INDUSTRY else 0)
    turnover = np.rint(TURNOVER * course.revenue).astype(np.int64)
    inflows = {
        "c_disp_withdrwl_invest": turnover + _gross(-held) + _gross(-gains),
        "c_recp_return_invest": _gross(gains),
        "n_recp_disp_fiolta": _gross(-built),
    }
    outflows = {
        "c_pay_acq_const_fiolta": _gross(built),
        "c_paid_invest": turnover + _gross(held) + 2 * _gross(-gains),
    }
    into, out = total(inflows, *inflows), total(outflows, *outflows)
    return {
        **inflows,
        **outflows,
        "stot_inflows_inv_act": into,
        "stot_out_inv_act": out,
        "n_cashflow_inv_act": into - out,
    }


def _financing(course: Course, owing: Ints, interest: Ints) -> Lines:
    """What was borrowed, raised, paid back and paid out."""
    ledger, who, at = course.ledger, course.who, course.at
    turnover = np.rint(TURNOVER * course.revenue).astype(np.int64)
    inflows = {
        "c_recp_cap_contrib": _since_start(ledger.raised(who, at)),
        "c_recp_borrow": turnover + _gross(-owing),
    }
    outflows = {
        "c_prepay_amt_borr": turnover + _gross(owing),
        "c_pay_dist_dpcp_int_exp": _since_start(ledger.paid_cash(who, at)) + interest,
    }
    into, out = total(inflows, *inflows), total(outflows, *outflows)
    return {
        **inflows,
        **outflows,
        "stot_cash_in_fnc_act": into,
        "stot_cashout_fnc_act": out,
        "n_cash_flows_fnc_act": into - out,
    }


def _share(source: Mapping[str, Ints], parts: tuple[tuple[str, float], ...]) -> Ints:
    """A sum of shares of lines."""
    return np.rint(sum(source[name] * share for name, share in parts)).astype(np.int64)


def _since_start(position: Ints) -> Ints:
    """The change of a position since the start of the year."""
    return position - position[:, :1]


def _gross(flow: Ints) -> Ints:
    """What the quarters in which a flow was positive add up to: it never shrinks within the year."""
    return np.cumsum(np.maximum(np.diff(flow, axis=1, prepend=flow[:, :1] * 0), 0), axis=1)
