"""The income statement: from revenue and profit to the lines between them, by kind of company."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stock_assistant_pipelines.sandbox.market.filings.accounts import INCOME, LINE_SINCE, Kind
from stock_assistant_pipelines.sandbox.market.filings.course import Course, Lines, total
from stock_assistant_pipelines.sandbox.market.filings.periods import FIRST_YEAR
from stock_assistant_pipelines.sandbox.market.noise import Floats, Ints, Stream, symmetric, uniform

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

GAINS = ("invest_income", "fv_value_chg_gain", "forex_gain", "oth_income", "asset_disp_income")


def earnings(course: Course) -> Lines:
    """All lines of the income statement, from the start of the year to each moment."""
    lines = _parts(course)
    net = course.profit + course.minority_gain
    tax = np.rint(np.maximum(net, 0) * (_tax_rate(course) / (1 - _tax_rate(course)))).astype(np.int64)
    operating = net + tax - lines["non_oper_income"] + lines["non_oper_exp"]
    lines |= BETWEEN[course.kind](course.revenue, operating, lines)
    if course.kind is not Kind.INDUSTRY:
        lines["invest_income"] = lines["invest_income"] + course.excess
    revenue, profit, excess = course.revenue, course.profit, course.excess
    interest = total(lines, "fin_exp_int_exp") - total(lines, "fin_exp_int_inc")
    return lines | {
        "total_revenue": revenue + excess,
        "revenue": revenue + excess,
        "operate_profit": operating + excess,
        "total_profit": net + tax + excess,
        "income_tax": tax,
        "n_income": net + excess,
        "continued_net_profit": net + excess,
        "n_income_attr_p": profit + excess,
        "minority_gain": course.minority_gain,
        "t_compr_income": net + excess,
        "compr_inc_attr_p": profit + excess,
        "compr_inc_attr_m_s": course.minority_gain,
        "ebit": net + tax + excess + interest,
    }


def _parts(course: Course) -> Lines:
    """The lines that are shares of revenue, each company's own, a little different each year."""
    ratios = INCOME[course.kind]
    ids, seed = course.ids[:, :, None], course.ledger.seed
    number = np.arange(len(ratios), dtype=np.int64)
    year = course.year[:, -1:, None]
    low, high = (np.array(side) for side in zip(*ratios.values(), strict=True))
    share = low + (high - low) * uniform(seed, Stream.RATIO, ids, number)
    share = share * (1 + 0.15 * symmetric(seed, Stream.RATIO_YEAR, ids, (year - FIRST_YEAR) * 32 + number))
    share = np.where(year >= np.array([LINE_SINCE.get(name, 0) for name in ratios]), share, 0.0)
    amount = np.rint(share * course.revenue[:, :, None]).astype(np.int64)
    return {name: amount[:, :, n] for n, name in enumerate(ratios)}


def _tax_rate(course: Course) -> Floats:
    """15 % for those that the state supports, 25 % for the others."""
    return np.where(uniform(course.ledger.seed, Stream.TAX, course.ids) < 0.5, 0.15, 0.25)


def _industry(revenue: Ints, operating: Ints, lines: Lines) -> Lines:
    """What goods and services cost is what the other lines leave."""
    finance = lines["fin_exp_int_exp"] - lines["fin_exp_int_inc"]
    others = total(lines, "biz_tax_surchg", "sell_exp", "admin_exp", "rd_exp", "assets_impair_loss", "credit_impa_loss")
    cost = revenue + total(lines, *GAINS) - others - finance - operating
    whole = cost + others + finance
    return {"oper_cost": cost, "fin_exp": finance, "total_cogs": whole, "total_opcost": whole}


def _bank(revenue: Ints, operating: Ints, lines: Lines) -> Lines:
    """Interest paid follows from revenue, what is set aside for bad loans from profit."""
    commissions = lines["comm_income"] - lines["comm_exp"]
    interest = lines["int_income"] + commissions + total(lines, *GAINS, "oth_b_income") - revenue
    impaired = revenue - total(lines, "biz_tax_surchg", "admin_exp", "other_bus_cost") - operating
    return {
        "n_commis_income": commissions,
        "int_exp": interest,
        "assets_impair_loss": impaired,
        "oper_exp": revenue - operating,
    }


def _insurer(revenue: Ints, operating: Ints, lines: Lines) -> Lines:
    """Premiums follow from revenue, what is set aside for policies from profit."""
    earned = revenue - total(lines, *GAINS, "oth_b_income")
    expenses = revenue - operating
    paid = total(
        lines, "prem_refund", "compens_payout", "div_payt", "reins_exp", "biz_tax_surchg", "comm_exp", "admin_exp",
        "other_bus_cost", "assets_impair_loss",
    )  # fmt: skip
    refunded = total(lines, "compens_payout_refu", "insur_reser_refu")
    return {
        "prem_income": earned + total(lines, "out_prem", "une_prem_reser"),
        "prem_earned": earned,
        "reser_insur_liab": expenses - paid + refunded,
        "oper_exp": expenses,
    }


def _broker(revenue: Ints, operating: Ints, lines: Lines) -> Lines:
    """What the own portfolio brings follows from revenue, what the staff costs from profit."""
    commissions = total(lines, "n_sec_tb_income", "n_sec_uw_income", "n_asset_mg_income")
    gained = lines["int_income"] - lines["int_exp"] + total(lines, "fv_value_chg_gain", "forex_gain", "oth_b_income")
    others = total(lines, "biz_tax_surchg", "assets_impair_loss", "other_bus_cost")
    return {
        "n_commis_income": commissions,
        "invest_income": revenue - commissions - gained,
        "admin_exp": revenue - operating - others,
        "oper_exp": revenue - operating,
    }


BETWEEN: Mapping[Kind, Callable[[Ints, Ints, Lines], Lines]] = {
    Kind.INDUSTRY: _industry,
    Kind.BANK: _bank,
    Kind.INSURER: _insurer,
    Kind.BROKER: _broker,
}
"""How the lines that are left follow from revenue and operating profit."""
