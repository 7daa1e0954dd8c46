"""`fina_indicator`: ratios recomputed from the statements of the report, of the year before and of the quarters in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stock_assistant_pipelines.sandbox.market.filings.periods import place_of
from stock_assistant_pipelines.sandbox.market.filings.statements import Report, reports

if TYPE_CHECKING:
    from collections.abc import Callable

    from stock_assistant_pipelines.sandbox.market.filings.ledger import Ledger
    from stock_assistant_pipelines.sandbox.market.noise import Floats, Ints


class Figures:
    """The lines of a report and of its forerunners, in CNY; NaN where there is no such line."""

    def __init__(self, now: Report, year_before: Report) -> None:
        self._lines = now.income | now.cash | now.balance
        self._before = year_before.income | year_before.cash | year_before.balance
        self._place = place_of(now.quarter)
        self._rows = np.arange(len(now.quarter))
        self.nothing = np.full(len(now.quarter), np.nan)
        self.annual = 4 / self._place
        """What turns a flow since the start of the year into one of a whole year."""

    def __getitem__(self, name: str) -> Floats:
        """A flow since the start of the year, or a position at the end of the period."""
        return self._at(self._lines, name, self._place)

    def start(self, name: str) -> Floats:
        """A position at the start of the year."""
        return self._at(self._lines, name, self._place * 0)

    def quarter(self, name: str) -> Floats:
        """A flow of the last quarter alone."""
        return self[name] - self._at(self._lines, name, self._place - 1)

    def before(self, name: str) -> Floats:
        """The same as `[name]`, a year ago."""
        return self._at(self._before, name, self._place)

    def quarter_before(self, name: str) -> Floats:
        """The same as `quarter`, a year ago."""
        return self.before(name) - self._at(self._before, name, self._place - 1)

    def sum(self, *names: str) -> Floats:
        """A sum; what there is no line for counts as nothing."""
        summed: Floats = np.nansum([self[name] for name in names], axis=0)
        return summed

    def _at(self, lines: dict[str, Floats], name: str, place: Ints) -> Floats:
        return lines[name][self._rows, place] / 100 if name in lines else self.nothing


def indicators(ledger: Ledger, report: Report) -> dict[str, Floats]:
    """The core of the indicators, rounded to four decimals; a ratio by nothing, or of what does not exist, is null."""
    rows = np.zeros(len(report.stock), dtype=np.int64)
    figures = Figures(report, reports(ledger, report.stock, report.quarter - 4, rows))
    with np.errstate(divide="ignore", invalid="ignore"):
        return {name: _rounded(make(figures)) for name, make in MAKERS.items()}


def _rounded(values: Floats) -> Floats:
    finite: Floats = np.where(np.isfinite(values), values, np.nan)
    return np.round(finite, 4)


def _percent(part: Floats, whole: Floats) -> Floats:
    return part / whole * 100


def _growth(now: Floats, before: Floats) -> Floats:
    """Per cent of the size it had before, so that the sign tells the direction even from a loss."""
    return (now - before) / np.abs(before) * 100


def _of(part: str, whole: str) -> Callable[[Figures], Floats]:
    return lambda f: _percent(f[part], f[whole])


def _ratio(part: str, whole: str) -> Callable[[Figures], Floats]:
    return lambda f: f[part] / f[whole]


def _per_share(*parts: str) -> Callable[[Figures], Floats]:
    return lambda f: f.sum(*parts) / f["total_share"]


def _quarterly(part: str, whole: str) -> Callable[[Figures], Floats]:
    return lambda f: _percent(f.quarter(part), f.quarter(whole))


def _yearly(name: str) -> Callable[[Figures], Floats]:
    return lambda f: _growth(f[name], f.before(name))


def _yearly_quarter(name: str) -> Callable[[Figures], Floats]:
    return lambda f: _growth(f.quarter(name), f.quarter_before(name))


def _since_start(name: str) -> Callable[[Figures], Floats]:
    return lambda f: _growth(f[name], f.start(name))


def _turnover(flow: str, position: str) -> Callable[[Figures], Floats]:
    return lambda f: f[flow] / ((f[position] + f.start(position)) / 2)


def _days(flow: str, position: str) -> Callable[[Figures], Floats]:
    return lambda f: 360 / f.annual / _turnover(flow, position)(f)


def _mean(f: Figures, name: str) -> Floats:
    """A position in the middle between the start of the year and the end of the period."""
    return (f[name] + f.start(name)) / 2


def _debt(f: Figures) -> Floats:
    """What bears interest."""
    return f.sum("st_borr", "lt_borr", "bond_payable", "non_cur_liab_due_1y", "lease_liab")


def _one_off(f: Figures) -> Floats:
    """What will not come again, after tax."""
    return 0.85 * f.sum("non_oper_income", "asset_disp_income") - 0.85 * f.sum("non_oper_exp")


def _lasting(f: Figures) -> Floats:
    """The shareholders' profit without it."""
    return f[PROFIT] - _one_off(f)


PROFIT, EQUITY, SALES, WHOLE = "n_income_attr_p", "total_hldr_eqy_exc_min_int", "total_revenue", "total_assets"
OCF, CURRENT, SHORT = "n_cashflow_act", "total_cur_assets", "total_cur_liab"

MAKERS: dict[str, Callable[[Figures], Floats]] = {
    "eps": _per_share(PROFIT),
    "dt_eps": _per_share(PROFIT),
    "diluted2_eps": _per_share(PROFIT),
    "total_revenue_ps": _per_share(SALES),
    "revenue_ps": _per_share("revenue"),
    "capital_rese_ps": _per_share("cap_rese"),
    "surplus_rese_ps": _per_share("surplus_rese"),
    "undist_profit_ps": _per_share("undistr_porfit"),
    "bps": _per_share(EQUITY),
    "ocfps": _per_share(OCF),
    "cfps": _per_share("n_incr_cash_cash_equ"),
    "retainedps": _per_share("surplus_rese", "undistr_porfit"),
    "ebit_ps": _per_share("ebit"),
    "extra_item": _one_off,
    "profit_dedt": _lasting,
    "gross_margin": lambda f: f["revenue"] - f["oper_cost"],
    "current_ratio": _ratio(CURRENT, SHORT),
    "quick_ratio": lambda f: (f[CURRENT] - f["inventories"]) / f[SHORT],
    "cash_ratio": lambda f: f.sum("money_cap", "trad_asset") / f[SHORT],
    "invturn_days": _days("oper_cost", "inventories"),
    "arturn_days": _days("revenue", "accounts_receiv"),
    "inv_turn": _turnover("oper_cost", "inventories"),
    "ar_turn": _turnover("revenue", "accounts_receiv"),
    "ca_turn": _turnover("revenue", CURRENT),
    "fa_turn": _turnover("revenue", "fix_assets"),
    "assets_turn": _turnover("revenue", WHOLE),
    "turn_days": lambda f: _days("oper_cost", "inventories")(f) + _days("revenue", "accounts_receiv")(f),
    "valuechange_income": lambda f: f.sum("invest_income", "fv_value_chg_gain"),
    "interst_income": lambda f: f["fin_exp_int_exp"] - f["fin_exp_int_inc"],
    "daa": lambda f: f.sum("depr_fa_coga_dpba", "amort_intang_assets"),
    "ebit": lambda f: f["ebit"],
    "ebitda": lambda f: f["ebitda"],
    "interestdebt": _debt,
    "netdebt": lambda f: _debt(f) - f["money_cap"],
    "tangible_asset": lambda f: f[EQUITY] - f.sum("intan_assets", "goodwill"),
    "working_capital": lambda f: f[CURRENT] - f[SHORT],
    "invest_capital": lambda f: f[EQUITY] + _debt(f),
    "retained_earnings": lambda f: f.sum("surplus_rese", "undistr_porfit"),
    "netprofit_margin": _of("n_income", "revenue"),
    "grossprofit_margin": lambda f: _percent(f["revenue"] - f["oper_cost"], f["revenue"]),
    "cogs_of_sales": _of("oper_cost", "revenue"),
    "expense_of_sales": lambda f: _percent(f.sum("sell_exp", "admin_exp", "fin_exp"), f["revenue"]),
    "profit_to_gr": _of("n_income", SALES),
    "saleexp_to_gr": _of("sell_exp", SALES),
    "adminexp_of_gr": _of("admin_exp", SALES),
    "finaexp_of_gr": _of("fin_exp", SALES),
    "impai_ttm": _of("assets_impair_loss", SALES),
    "gc_of_gr": _of("total_cogs", SALES),
    "op_of_gr": _of("operate_profit", SALES),
    "ebit_of_gr": _of("ebit", SALES),
    "roe": _of(PROFIT, EQUITY),
    "roe_waa": lambda f: _percent(f[PROFIT], _mean(f, EQUITY)),
    "roe_avg": lambda f: _percent(f[PROFIT], _mean(f, EQUITY)),
    "roe_dt": lambda f: _percent(_lasting(f), f[EQUITY]),
    "roe_yearly": lambda f: _percent(f[PROFIT] * f.annual, f[EQUITY]),
    "roa": lambda f: _percent(f["ebit"], _mean(f, WHOLE)),
    "roa2_yearly": lambda f: _percent(f["ebit"] * f.annual, _mean(f, WHOLE)),
    "npta": lambda f: _percent(f["n_income"], _mean(f, WHOLE)),
    "roa_yearly": lambda f: _percent(f["n_income"] * f.annual, _mean(f, WHOLE)),
    "roa_dp": lambda f: _percent(f["n_income"], _mean(f, WHOLE)),
    "opincome_of_ebt": lambda f: _percent(
        f["operate_profit"] - f.sum("invest_income", "fv_value_chg_gain"), f["total_profit"]
    ),
    "investincome_of_ebt": lambda f: _percent(f.sum("invest_income", "fv_value_chg_gain"), f["total_profit"]),
    "tax_to_ebt": _of("income_tax", "total_profit"),
    "op_to_ebt": _of("operate_profit", "total_profit"),
    "profit_to_op": _of("total_profit", "revenue"),
    "dtprofit_to_profit": lambda f: _percent(_lasting(f), f[PROFIT]),
    "salescash_to_or": _of("c_fr_sale_sg", "revenue"),
    "ocf_to_or": _of(OCF, "revenue"),
    "debt_to_assets": _of("total_liab", WHOLE),
    "assets_to_eqt": _ratio(WHOLE, EQUITY),
    "dp_assets_to_eqt": lambda f: _mean(f, WHOLE) / _mean(f, EQUITY),
    "ca_to_assets": _of(CURRENT, WHOLE),
    "nca_to_assets": _of("total_nca", WHOLE),
    "currentdebt_to_debt": _of(SHORT, "total_liab"),
    "longdeb_to_debt": _of("total_ncl", "total_liab"),
    "debt_to_eqt": _ratio("total_liab", EQUITY),
    "eqt_to_debt": _ratio(EQUITY, "total_liab"),
    "eqt_to_interestdebt": lambda f: f[EQUITY] / _debt(f),
    "ocf_to_debt": _ratio(OCF, "total_liab"),
    "ocf_to_shortdebt": _ratio(OCF, SHORT),
    "cash_to_liqdebt": _ratio("money_cap", SHORT),
    "fixed_assets": lambda f: f["fix_assets"],
    "rd_exp": lambda f: f["rd_exp"],
    "q_eps": lambda f: f.quarter(PROFIT) / f["total_share"],
    "q_netprofit_margin": _quarterly("n_income", "revenue"),
    "q_gsprofit_margin": lambda f: 100 - _percent(f.quarter("oper_cost"), f.quarter("revenue")),
    "q_profit_to_gr": _quarterly("n_income", SALES),
    "q_saleexp_to_gr": _quarterly("sell_exp", SALES),
    "q_adminexp_to_gr": _quarterly("admin_exp", SALES),
    "q_finaexp_to_gr": _quarterly("fin_exp", SALES),
    "q_gc_to_gr": _quarterly("total_cogs", SALES),
    "q_op_to_gr": _quarterly("operate_profit", SALES),
    "q_roe": lambda f: _percent(f.quarter(PROFIT), f[EQUITY]),
    "q_npta": lambda f: _percent(f.quarter("n_income"), f[WHOLE]),
    "q_ocf_to_sales": _quarterly(OCF, "revenue"),
    "basic_eps_yoy": lambda f: _growth(f[PROFIT] / f["total_share"], f.before(PROFIT) / f.before("total_share")),
    "dt_eps_yoy": lambda f: _growth(f[PROFIT] / f["total_share"], f.before(PROFIT) / f.before("total_share")),
    "op_yoy": _yearly("operate_profit"),
    "ebt_yoy": _yearly("total_profit"),
    "netprofit_yoy": _yearly(PROFIT),
    "ocf_yoy": _yearly(OCF),
    "tr_yoy": _yearly(SALES),
    "or_yoy": _yearly("revenue"),
    "equity_yoy": _yearly(EQUITY),
    "bps_yoy": lambda f: _growth(f[EQUITY] / f["total_share"], f.start(EQUITY) / f.start("total_share")),
    "assets_yoy": _since_start(WHOLE),
    "eqt_yoy": _since_start(EQUITY),
    "q_gr_yoy": _yearly_quarter(SALES),
    "q_sales_yoy": _yearly_quarter("revenue"),
    "q_op_yoy": _yearly_quarter("operate_profit"),
    "q_profit_yoy": _yearly_quarter("n_income"),
    "q_netprofit_yoy": _yearly_quarter(PROFIT),
}
"""How each indicator follows from the statements."""
