"""Valuation: the multiples of the day, and their place in the stock's own three years and in its industry."""

from __future__ import annotations

from bisect import bisect_right
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.collect.bars import bar_origin
from stock_assistant_pipelines.research.collect.draft import Label
from stock_assistant_pipelines.research.collect.ground import MULTIPLES, PEERS, Ground
from stock_assistant_pipelines.research.evidence import Origin, Unit

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from sqlalchemy import RowMapping

    from stock_assistant_pipelines.research.collect.company import Company
    from stock_assistant_pipelines.research.collect.draft import Part

YEARS = 3
POINTS = 60
"""How many days it takes to speak of a place in history."""
TEN_THOUSAND = 10_000

NAMES = {
    "pe_ttm": Label("Price / earnings, twelve months", "市盈率（TTM）"),
    "pb": Label("Price / book", "市净率"),
    "ps_ttm": Label("Price / sales, twelve months", "市销率（TTM）"),
    "dv_ttm": Label("Dividend yield, twelve months", "股息率（TTM）"),
}
UNITS = {"dv_ttm": Unit.PERCENT}
NONE = {"pe_ttm": "the source gives none: it is so after a loss", "dv_ttm": "the source gives none"}
OTHERS = (
    ("total_mv", Label("Market value", "总市值"), Unit.CNY, TEN_THOUSAND),
    ("circ_mv", Label("Market value of tradable shares", "流通市值"), Unit.CNY, TEN_THOUSAND),
    ("turnover_rate", Label("Turnover rate", "换手率"), Unit.PERCENT, 1),
)


def begin_of(day: date) -> date:
    """The first day of the history that a place is told in: three years back, to the day after."""
    year = day.year - YEARS
    return (day.replace(year=year) if (day.month, day.day) != (2, 29) else day.replace(year=year, day=28)) + timedelta(
        1
    )


def collect(part: Part, company: Company, ground: Ground, rows: Sequence[RowMapping]) -> None:
    """The items of valuation; `rows` are those of `daily_basic`, oldest first."""
    if not rows or rows[-1]["trade_date"] != ground.day:
        traded = "close" in part.draft.items
        reason = ground.absence("daily_basic") if traded else "no bar on the day"
        part.lacks("valuation", reason)
        return
    today, period = rows[-1], ground.day.isoformat()
    known_at = ground.published("daily_basic")
    for name in MULTIPLES:
        origin = bar_origin(company.ts_code, ground.day, name, "daily_basic")
        unit = UNITS.get(name, Unit.TIMES)
        part.value(name, NAMES[name], today[name], unit, known_at=known_at, origins=[origin], period=period)
        if today[name] is None:
            part.lacks(name, NONE.get(name, "the source gives none"))
            continue
        _place_in_history(part, company, ground, name, rows)
        _place_in_industry(part, company, ground, name, today[name])
    for name, label, unit, scale in OTHERS:
        value = None if today[name] is None else today[name] * scale
        origin = bar_origin(company.ts_code, ground.day, name, "daily_basic")
        part.value(name, label, value, unit, known_at=known_at, origins=[origin], period=period)


def _place_in_history(part: Part, company: Company, ground: Ground, name: str, rows: Sequence[RowMapping]) -> None:
    told = [row for row in rows if row[name] is not None]
    item = f"{name}.percentile.3y"
    if len(told) < POINTS:
        part.lacks(item, f"{len(told)} days with a value in {YEARS} years, fewer than {POINTS}")
        return
    label = NAMES[name]
    origins = [
        bar_origin(company.ts_code, day, name, "daily_basic")
        for day in dict.fromkeys((told[0]["trade_date"], told[-1]["trade_date"]))
    ]
    common = {"known_at": ground.published("daily_basic"), "origins": origins, "period": f"{YEARS}y"}
    part.value(
        item,
        Label(f"{label.en}: percentile of three years", f"{label.zh}近三年分位"),
        percentile(sorted(row[name] for row in told), told[-1][name]),
        Unit.PERCENT,
        derivation="percentile",
        inputs=(name,),
        **common,  # type: ignore[arg-type]
    )
    part.value(
        f"{item}.days",
        Label(f"{label.en}: days that the percentile is of", f"{label.zh}分位的样本天数"),
        Decimal(len(told)),
        Unit.DAYS,
        derivation="count",
        **common,  # type: ignore[arg-type]
    )


def _place_in_industry(part: Part, company: Company, ground: Ground, name: str, value: Decimal) -> None:
    if company.industry is None:
        return
    peers = ground.peers[company.industry].multiples.get(name, ())
    item = f"{name}.percentile.industry"
    if len(peers) < PEERS:
        part.lacks(item, f"{len(peers)} stocks of the industry have a value, fewer than {PEERS}")
        return
    label, day = NAMES[name], ground.day.isoformat()
    origins = (
        Origin("stock_basic", {"industry": company.industry}, "industry"),
        Origin("daily_basic", {"trade_date": day}, name),
    )
    known_at = ground.published("daily_basic")
    part.value(
        item,
        Label(f"{label.en}: percentile in the industry as known now", f"{label.zh}行业内分位（现时分类）"),
        percentile(peers, value),
        Unit.PERCENT,
        known_at=known_at,
        origins=origins,
        period=day,
        derivation="percentile",
        inputs=(name,),
    )
    part.value(
        f"{item}.stocks",
        Label(f"{label.en}: stocks of the industry with a value", f"{label.zh}行业样本数"),
        Decimal(len(peers)),
        Unit.COUNT,
        known_at=known_at,
        origins=origins,
        period=day,
        derivation="count",
    )


def percentile(ordered: Sequence[Decimal], value: Decimal) -> Decimal:
    """Of how many percent of the values, itself included, a value is not below."""
    return Decimal(bisect_right(ordered, value)) * 100 / len(ordered)
