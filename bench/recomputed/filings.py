"""Statements: single quarters and twelve months from the year so far, ratios, growth, and what was told otherwise later."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from typing import TYPE_CHECKING

from bench.recomputed.printed import CNY, PERCENT, POINTS, TIMES, Told

if TYPE_CHECKING:
    import re

    from bench.recomputed.raw import Raw

FLOWS = {
    **dict.fromkeys(("revenue", "operate_profit", "n_income_attr_p", "oper_cost", "n_income", "rd_exp"), "income"),
    **dict.fromkeys(("n_cashflow_act", "c_pay_acq_const_fiolta"), "cashflow"),
}
STOCKS = ("money_cap", "total_assets", "total_liab", "total_hldr_eqy_exc_min_int")
RATIOS = {
    "interestdebt": CNY, "roe": PERCENT, "roe_dt": PERCENT, "grossprofit_margin": PERCENT, "netprofit_margin": PERCENT,
    "current_ratio": TIMES,
}  # fmt: skip
PART_OF_REVENUE = ("gross_margin", "net_margin", "rd_share")
PERIOD = r"(?P<period>\d{4}q\d)"


def end_of(period: str) -> date:
    """The last day of a quarter."""
    year, quarter = int(period[:4]), int(period[5])
    return date(year, 12, 31) if quarter == 4 else date(year, quarter * 3 + 1, 1) - timedelta(days=1)


def year_before(period: str) -> str:
    """The same quarter a year earlier."""
    return f"{int(period[:4]) - 1}{period[4:]}"


def _so_far(raw: Raw, column: str, period: str) -> Fraction:
    """What was told of the year so far. Raises `LookupError` where it was not known."""
    return _figure(raw, FLOWS[column], column, period)


def _figure(raw: Raw, table: str, column: str, period: str) -> Fraction:
    row = raw.statement(table, end_of(period))
    if row is None or row[column] is None:
        raise LookupError(f"{table} of {period} tells no {column}")
    return Fraction(row[column])


def flow(raw: Raw, column: str, period: str, kind: str) -> Fraction:
    """A flow of a single quarter, or of the twelve months to its end."""
    year, quarter = int(period[:4]), int(period[5])
    so_far = _so_far(raw, column, period)
    if kind == "quarter":
        return so_far if quarter == 1 else so_far - _so_far(raw, column, f"{year}q{quarter - 1}")
    if quarter == 4:
        return so_far
    return so_far + _so_far(raw, column, f"{year - 1}q4") - _so_far(raw, column, year_before(period))


def _flow(raw: Raw, found: re.Match[str]) -> Told:
    column, period, kind = found["column"], found["period"], found["kind"]
    value, told = flow(raw, column, period, kind), f"{period}.{kind}"
    if not found["yoy"]:
        return Told(value, CNY, period=told)
    return Told((value / flow(raw, column, year_before(period), kind) - 1) * 100, PERCENT, period=told)


def _gross(raw: Raw, period: str) -> Fraction:
    return flow(raw, "revenue", period, "ttm") - flow(raw, "oper_cost", period, "ttm")


def _share(raw: Raw, name: str, period: str) -> Fraction:
    """A part of twelve months' revenue, in percent."""
    parts = {
        "gross_margin": lambda: _gross(raw, period),
        "net_margin": lambda: flow(raw, "n_income_attr_p", period, "ttm"),
        "rd_share": lambda: flow(raw, "rd_exp", period, "ttm"),
    }
    return parts[name]() / flow(raw, "revenue", period, "ttm") * 100


def _margin(raw: Raw, found: re.Match[str]) -> Told:
    name, period = found["name"], found["period"]
    value, told = _share(raw, name, period), f"{period}.ttm"
    if found["yoy"]:
        return Told(value - _share(raw, name, year_before(period)), POINTS, period=told)
    return Told(value, PERCENT, period=told)


def _cash(raw: Raw, found: re.Match[str]) -> Told:
    period = found["period"]
    value = flow(raw, "n_cashflow_act", period, "ttm") / flow(raw, "n_income", period, "ttm")
    return Told(value, TIMES, period=f"{period}.ttm")


def _stock(raw: Raw, found: re.Match[str]) -> Told:
    column, period = found["column"], found["period"]
    value = _figure(raw, "balancesheet", column, period)
    if not found["yoy"]:
        return Told(value, CNY, period=period)
    before = _figure(raw, "balancesheet", column, year_before(period))
    return Told((value / before - 1) * 100, PERCENT, period=period)


def _debt(raw: Raw, period: str) -> Fraction:
    debt, assets = (_figure(raw, "balancesheet", each, period) for each in ("total_liab", "total_assets"))
    return debt / assets * 100


def _debt_ratio(raw: Raw, found: re.Match[str]) -> Told:
    value = _debt(raw, found["period"])
    if found["yoy"]:
        return Told(value - _debt(raw, year_before(found["period"])), POINTS, period=found["period"])
    return Told(value, PERCENT, period=found["period"])


def _told(raw: Raw, column: str, period: str) -> Fraction:
    row = raw.newest("fina_indicator", end_of(period))
    if row is None or row[column] is None:
        raise LookupError(f"fina_indicator of {period} tells no {column}")
    return Fraction(row[column])


def _ratio(raw: Raw, found: re.Match[str]) -> Told:
    column, period = found["column"], found["period"]
    value = _told(raw, column, period)
    if found["yoy"]:
        return Told(value - _told(raw, column, year_before(period)), POINTS, period=period)
    return Told(value, RATIOS[column], period=period)


def _restated(raw: Raw, found: re.Match[str]) -> Told:
    column, period = found["column"], found["period"]
    told = raw.told(FLOWS.get(column, "balancesheet"), end_of(period), column)
    first, last = told[0], told[-1]
    value = {"first": first, "restated": last, "restated.difference": last - first}[found["which"]]
    return Told(value, CNY, period=period)


RULES = (
    (rf"(?P<column>{'|'.join(FLOWS)})\.{PERIOD}\.(?P<kind>quarter|ttm)(?P<yoy>\.yoy)?", _flow),
    (
        rf"gross_profit\.{PERIOD}\.ttm",
        lambda raw, found: Told(_gross(raw, found["period"]), CNY, period=f"{found['period']}.ttm"),
    ),
    (rf"(?P<name>{'|'.join(PART_OF_REVENUE)})\.{PERIOD}\.ttm(?P<yoy>\.yoy)?", _margin),
    (rf"cash_to_profit\.{PERIOD}\.ttm", _cash),
    (rf"(?P<column>{'|'.join(STOCKS)})\.{PERIOD}(?P<yoy>\.yoy)?", _stock),
    (rf"debt_ratio\.{PERIOD}(?P<yoy>\.yoy)?", _debt_ratio),
    (rf"(?P<column>{'|'.join(RATIOS)})\.{PERIOD}(?P<yoy>\.yoy)?", _ratio),
    (rf"(?P<column>\w+)\.{PERIOD}\.(?P<which>first|restated|restated\.difference)", _restated),
)
