"""Valuation: the multiples of the day, and their place among the days of three years and the stocks of the industry."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import TYPE_CHECKING

from sqlalchemy import text

from bench.recomputed.printed import CNY, COUNT, DAYS, PERCENT, TIMES, Told

if TYPE_CHECKING:
    import re
    from collections.abc import Sequence
    from decimal import Decimal

    from bench.recomputed.raw import Raw

COLUMNS = {
    "pe_ttm": (TIMES, 1), "pb": (TIMES, 1), "ps_ttm": (TIMES, 1), "dv_ttm": (PERCENT, 1), "turnover_rate": (PERCENT, 1),
    "total_mv": (CNY, 10_000), "circ_mv": (CNY, 10_000),
}  # fmt: skip
OF_DAY = "select * from daily_basic where trade_date = :day and ts_code = any(:codes)"


def _column(raw: Raw, found: re.Match[str]) -> Told:
    unit, scale = COLUMNS[found[0]]
    return Told(Fraction(raw.of_day("daily_basic")[found[0]]) * scale, unit, period=str(raw.day))


def _three_years(raw: Raw, column: str) -> list[Decimal]:
    leap = (raw.day.month, raw.day.day) == (2, 29)
    begin = date(raw.day.year - 3, raw.day.month, 28 if leap else raw.day.day)
    rows = raw.tables["daily_basic"]
    return [row[column] for row in rows if begin < row["trade_date"] <= raw.day and row[column] is not None]


def _industry(raw: Raw, column: str) -> list[Decimal]:
    rows = raw.connection.execute(text(OF_DAY), {"day": raw.day, "codes": raw.peers}).mappings()
    return [row[column] for row in rows if row[column] is not None]


def _place(raw: Raw, found: re.Match[str]) -> Told:
    """Of how many percent of the values today's is not below; or how many values there are."""
    yearly = found["among"] == "3y"
    values: Sequence[Decimal] = (_three_years if yearly else _industry)(raw, found["column"])
    period = "3y" if yearly else str(raw.day)
    if found["count"]:
        return Told(Fraction(len(values)), DAYS if yearly else COUNT, period=period)
    today = raw.of_day("daily_basic")[found["column"]]
    return Told(Fraction(sum(each <= today for each in values) * 100, len(values)), PERCENT, period=period)


RULES = (
    ("|".join(COLUMNS), _column),
    (r"(?P<column>\w+)\.percentile\.(?P<among>3y|industry)(?P<count>\.days|\.stocks)?", _place),
)
