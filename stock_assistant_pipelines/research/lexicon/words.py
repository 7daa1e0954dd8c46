"""What a language's words are to the gate: patterns, by what they say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Report:
    """A word for a report period: its quarter, and in which forms it may be told ('', `quarter`, `ttm`); None: any."""

    pattern: re.Pattern[str]
    quarter: int | None = None
    forms: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Lexicon:
    """One language's words, as patterns."""

    up: re.Pattern[str]
    """Says that something rose."""
    down: re.Pattern[str]
    """Says that something fell."""
    after_up: re.Pattern[str]
    """Says, right behind a figure, that it was a rise."""
    after_down: re.Pattern[str]
    """Says, right behind a figure, that it was a fall."""
    turned: re.Pattern[str]
    """Ends right before a word of direction and takes its meaning away: a negation, a rate whose pace is told (增速放缓)."""
    toward: re.Pattern[str]
    """Stands between a word of direction and a figure that is where it led to, not by how much (降至)."""
    supposed: re.Pattern[str]
    """Makes the rest of a sentence a supposition."""
    possible: re.Pattern[str]
    """Says that something may be, not that it is."""
    rate: re.Pattern[str]
    """A word of direction that names a rate, whose figure may bear a sign of its own: growth of −3 %."""
    sentence: re.Pattern[str]
    """Ends a sentence."""
    chain: re.Pattern[str]
    """All that stands between two figures that are told by the same words."""
    clause: re.Pattern[str]
    """Ends a clause."""
    above: re.Pattern[str]
    """Between two figures: says that the first is the larger one."""
    below: re.Pattern[str]
    """Between two figures: says that the first is the smaller one."""
    over: re.Pattern[str]
    """Behind the second of two figures: says that the first is the larger one."""
    under: re.Pattern[str]
    """Behind the second of two figures: says that the first is the smaller one."""
    risen: re.Pattern[str]
    """Between two figures: says that the second is what the first rose to."""
    fallen: re.Pattern[str]
    """Between two figures: says that the second is what the first fell to."""
    quantity: re.Pattern[str]
    """A figure in words."""
    unit: re.Pattern[str]
    """A unit at the beginning of what follows a printed value, which already has its own."""
    currency: re.Pattern[str]
    """A currency at the end of what stands before a printed value."""
    reports: tuple[Report, ...]
    """Names of report periods."""
    years: Mapping[int, re.Pattern[str]]
    """Names of years, by how many they lie before the day's."""
    spans: Mapping[str, re.Pattern[str]]
    """Names of spans of trading days, by the period they mean."""
    yearly: re.Pattern[str]
    """Says that something is compared with a year earlier."""
    sequential: re.Pattern[str]
    """Says that something is compared with the quarter before."""
    same_quarter: re.Pattern[str]
    """Ends right before a figure of the same quarter a year earlier."""
    percentile: re.Pattern[str]
    """Speaks of a place in a distribution."""
    placed_before: re.Pattern[str]
    """Ends right before a figure that is a percentile."""
    placed_after: re.Pattern[str]
    """Stands right behind a figure that is a percentile."""
    high: re.Pattern[str]
    """Says that something stands high in its own history."""
    low: re.Pattern[str]
    """Says that something stands low in its own history."""
    record: re.Pattern[str]
    """Says that something has never, or not for long, been as high or as low."""
    overbought: re.Pattern[str]
    """Says that an oscillator is high."""
    oversold: re.Pattern[str]
    """Says that an oscillator is low."""
    denied: re.Pattern[str]
    """Ends right before a word that it denies."""
    recent: re.Pattern[str]
    """Says that news are new."""
    heard: re.Pattern[str]
    """Says that something was read in the news."""
    sourced: re.Pattern[str]
    """Says that what is printed is what a page says."""
    promise: re.Pattern[str]
    """Promises what nobody can."""


MEASURES: Mapping[str, re.Pattern[str]] = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        "P/E": r"市盈率|(?<![A-Za-z])PE(?![A-Za-z])|(?<![A-Za-z])P/E(?![A-Za-z])|price(?:[- ]to[- ]| ?/ ?)earnings",
        "P/B": r"市净率|(?<![A-Za-z])PB(?![A-Za-z])|(?<![A-Za-z])P/B(?![A-Za-z])|price(?:[- ]to[- ]| ?/ ?)book",
        "P/S": r"市销率|(?<![A-Za-z])PS(?![A-Za-z])|(?<![A-Za-z])P/S(?![A-Za-z])|price(?:[- ]to[- ]| ?/ ?)sales",
        "dividend yield": r"股息率|dividend yield",
        "gross margin": r"毛利率|gross (?:profit )?margin",
        "net margin": r"净利率|净利润率|net (?:profit )?margin",
        "return on equity": r"净资产收益率|(?<![A-Za-z])ROE(?![A-Za-z])|return on equity",
        "debt ratio": r"资产负债率|debt[- ]to[- ]assets?",
        "revenue": r"营业总?收入|营收(?!占)|\brevenues?\b",
        "net profit": r"净利润(?!率)|归母净利(?!率)|\bnet (?:profit|income)\b(?! margin)",
        "operating cash flow": r"经营(?:活动)?(?:产生的)?现金流|operating cash flow|cash flow from operating",
        "turnover rate": r"换手率|turnover rate",
        "market value": r"总市值|market (?:value|cap)",
    }.items()
}
"""Measures that texts and the labels of items call by name, in both languages."""
FLOWS = frozenset({"revenue", "net profit", "operating cash flow"})
"""Measures that grow over a year: a quarter's is not the year's so far."""
