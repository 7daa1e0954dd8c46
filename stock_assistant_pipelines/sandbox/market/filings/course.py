"""The course of a year up to a report: its start and the ends of its quarters, as they stand for one kind of company."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stock_assistant_pipelines.sandbox.market.filings.periods import place_of, year_of
from stock_assistant_pipelines.sandbox.market.noise import Bools, Ints, Stream, uniform

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stock_assistant_pipelines.sandbox.market.filings.accounts import Kind
    from stock_assistant_pipelines.sandbox.market.filings.ledger import Ledger

Lines = dict[str, Ints]
"""Figures in cents by Tushare's column; a row per report, five columns as in `Course`."""


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """Reports of one kind of company, a row each, and five moments: the start of the year, and its quarters' ends.

    Quarters after the report's own are the report's own again, so that nothing happens in them. Figures are cents; flows
    count from the start of the year.
    """

    ledger: Ledger
    kind: Kind
    stock: Ints
    quarter: Ints
    at: Ints
    """The quarters."""
    begun: Bools
    """Whether a moment is later than the start of the year."""
    excess: Ints
    """What this version of the report has too much, in profit and in equity."""
    revenue: Ints
    """Without the excess, like all that follows."""
    profit: Ints
    """The shareholders' part."""
    minority_gain: Ints
    minority: Ints
    """The part of the equity that is not the shareholders'."""
    equity: Ints
    """The shareholders' equity."""

    @property
    def ids(self) -> Ints:
        """What chance is drawn for, as a column."""
        return self.ledger.stocks.ids[self.stock][:, None]

    @property
    def who(self) -> Ints:
        """The stocks, as a column."""
        return self.stock[:, None]

    @property
    def year(self) -> Ints:
        """The calendar year of each moment."""
        return year_of(self.at)

    def within(self, flow: Ints) -> Ints:
        """A flow of each quarter by itself, four columns."""
        return np.diff(flow, axis=1)


def course(ledger: Ledger, kind: Kind, stock: Ints, quarter: Ints, slip: Ints) -> Course:
    """Follow companies of one kind through the year of each report, of which a version has `slip` too much."""
    start = (quarter - place_of(quarter))[:, None]
    at = np.minimum(start + np.arange(5), quarter[:, None])
    who, begun = stock[:, None], at > start
    minority = _minority(ledger, who, at)
    return Course(
        ledger=ledger,
        kind=kind,
        stock=stock,
        quarter=quarter,
        at=at,
        begun=begun,
        excess=np.where(at == quarter[:, None], slip[:, None], 0),
        revenue=np.where(begun, ledger.revenue[who, at], 0),
        profit=np.where(begun, ledger.profit[who, at], 0),
        minority_gain=minority - minority[:, :1],
        minority=minority,
        equity=ledger.equity[who, at],
    )


def _minority(ledger: Ledger, who: Ints, at: Ints) -> Ints:
    """The part of the equity that is others': none in half of the companies; it grows as profits do."""
    share = np.maximum(0.12 * uniform(ledger.seed, Stream.MINORITY, ledger.stocks.ids[who]) - 0.06, 0.0)
    share = np.where(ledger.financial[who], share / 3, share)
    base = np.maximum(ledger.equity[who, 0], 0)
    minority: Ints = np.rint(share / (1 - share) * (base + ledger.earned[who, at])).astype(np.int64)
    return minority


def total(lines: Mapping[str, Ints], *names: str) -> Ints:
    """The sum of some lines, those that are not there left out."""
    summed: Ints = np.sum([lines[name] for name in names if name in lines], axis=0, dtype=np.int64)
    return summed
