"""What the company said of itself beside its statements: forecasts, preliminary earnings, dividends."""

from __future__ import annotations

from collections import defaultdict
from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from bench.recomputed.filings import PERIOD, end_of
from bench.recomputed.printed import CNY, PERCENT, PLAIN, SHARE_PRICE, Told

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence

    from bench.recomputed.raw import Raw, Row

FORECAST = {"p_change_min": (PERCENT, 1), "p_change_max": (PERCENT, 1), "net_profit_min": (CNY, 10**4),
            "net_profit_max": (CNY, 10**4)}  # fmt: skip
EXPRESS = {"revenue": CNY, "n_income": CNY, "diluted_eps": SHARE_PRICE, "diluted_roe": PERCENT}
PAID = "实施"


def _forecast(raw: Raw, found: re.Match[str]) -> Told:
    """Of the newest announcement about a period."""
    known = raw.known("forecast", end_of(found["period"]))
    row = max(
        known, key=lambda each: (each["known_at"], each["ann_date"], each["update_flag"] or "", each["ingested_at"])
    )
    if found["column"] == "type":
        return Told(text=row["type"], period=found["period"])
    unit, scale = FORECAST[found["column"]]
    return Told(Fraction(row[found["column"]]) * scale, unit, period=found["period"])


def _express(raw: Raw, found: re.Match[str]) -> Told:
    row = raw.newest("express", end_of(found["period"]))
    assert row is not None
    return Told(Fraction(row[found["column"]]), EXPRESS[found["column"]], period=found["period"])


def _dividend(raw: Raw, found: re.Match[str]) -> Told:
    """Of the plan with this number among those of the period."""
    row = _plans(raw, found["period"])[int(found["number"] or 1) - 1]
    column, period = found["column"], found["period"]
    if column == "stage":
        return Told(text=row["div_proc"], period=period)
    if column == "ex_date":
        return Told(text=str(row["ex_date"]), period=period)
    return Told(Fraction(row[column]), SHARE_PRICE if column == "cash_div_tax" else PLAIN, period=period)


def _plans(raw: Raw, period: str) -> list[Row]:
    """The plans of a period at the stage that each had reached, in the order of announcement."""
    plans: defaultdict[Any, list[Row]] = defaultdict(list)
    for row in raw.known("dividend", end_of(period)):
        plans[row["ann_date"]].append(row)
    stood = [row for rows in plans.values() for row in _stage(rows)]
    return sorted(stood, key=_order)


def _stage(rows: Sequence[Row]) -> list[Row]:
    """One row of a plan, or one of each payment once something of it is carried out."""
    paid = [row for row in rows if row["div_proc"] == PAID]
    if not paid:
        return [max(rows, key=lambda row: (row["div_proc"] != "预案", *_newest(row)))]
    dated = [row for row in paid if row["ex_date"] is not None] or paid
    payments: defaultdict[Any, list[Row]] = defaultdict(list)
    for row in dated:
        payments[row["ex_date"], row["cash_div_tax"] or 0, row["stk_div"] or 0].append(row)
    latest = [max(each, key=_newest) for each in payments.values()]
    last = {
        row["ex_date"]: max(_base(other) for other in latest if other["ex_date"] == row["ex_date"]) for row in latest
    }
    return [row for row in latest if row["base_date"] is None or _base(row) == last[row["ex_date"]]]


def _newest(row: Row) -> tuple[Any, ...]:
    return row["known_at"], _base(row), row["ingested_at"], row["filled"]


def _base(row: Row) -> date:
    found: date = row["base_date"] or date.min
    return found


def _order(row: Row) -> tuple[Any, ...]:
    return (
        row["ann_date"] or date.min,
        row["ex_date"] or date.max,
        row["cash_div_tax"] or 0,
        row["stk_div"] or 0,
        row["known_at"],
    )


RULES = (
    (rf"forecast\.{PERIOD}\.(?P<column>type|{'|'.join(FORECAST)})", _forecast),
    (rf"express\.{PERIOD}\.(?P<column>{'|'.join(EXPRESS)})", _express),
    (rf"dividend\.{PERIOD}(?:\.(?P<number>\d))?\.(?P<column>cash_div_tax|stk_div|stage|ex_date)", _dividend),
)
