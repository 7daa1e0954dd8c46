"""Reports: the three statements of companies of any kind, side by side."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stock_assistant_pipelines.sandbox.market.filings.accounts import INCOME, LINE_SINCE, SHEETS, Kind
from stock_assistant_pipelines.sandbox.market.filings.balance import balance
from stock_assistant_pipelines.sandbox.market.filings.course import Course, Lines, course
from stock_assistant_pipelines.sandbox.market.filings.earnings import earnings
from stock_assistant_pipelines.sandbox.market.filings.flows import flows
from stock_assistant_pipelines.sandbox.market.filings.periods import year_of

if TYPE_CHECKING:
    from stock_assistant_pipelines.sandbox.market.filings.ledger import Ledger
    from stock_assistant_pipelines.sandbox.market.noise import Floats, Ints


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """The statements of some companies, a row each: at the start of the year and at the end of each quarter (see `Course`).

    Figures are cents, whole numbers; what a kind of company has no line for is NaN.
    """

    stock: Ints
    quarter: Ints
    kind: Ints
    income: dict[str, Floats]
    balance: dict[str, Floats]
    cash: dict[str, Floats]

    def told(self, name: str) -> Floats:
        """A line of the income statement or the balance sheet, CNY, as the report tells it."""
        return self._at(name, -1)

    def opened(self, name: str) -> Floats:
        """The same at the start of the year."""
        return self._at(name, 0)

    def _at(self, name: str, moment: int) -> Floats:
        lines = self.income if name in self.income else self.balance
        return lines[name][:, moment] / 100 if name in lines else np.full(len(self.stock), np.nan)


def reports(ledger: Ledger, stock: Ints, quarter: Ints, slip: Ints) -> Report:
    """The reports of companies about quarters, pair by pair, as they read when they have `slip` too much."""
    kinds = ledger.kinds[stock]
    report = Report(stock, quarter, kinds, {}, {}, {})
    for kind in np.unique(kinds).tolist():
        at = np.flatnonzero(kinds == kind)
        year = course(ledger, Kind(kind), stock[at], quarter[at], slip[at])
        income, sheet = earnings(year), balance(year)
        cash = flows(year, income, sheet)
        income["ebitda"] = income["ebit"] + cash["depr_fa_coga_dpba"] + cash["amort_intang_assets"]
        for part, lines in ((report.income, income), (report.balance, sheet), (report.cash, cash)):
            _fill(part, lines, at, len(stock), year)
    return report


def _fill(part: dict[str, Floats], lines: Lines, at: Ints, rows: int, year: Course) -> None:
    """Put the lines of one kind of company in their rows; those that do not exist in a year stay null."""
    eras = {each.column: (each.since, each.until) for side in SHEETS[year.kind][:2] for each in side}
    eras |= {name: (LINE_SINCE[name], 9999) for name in INCOME[year.kind] if name in LINE_SINCE}
    now = year_of(year.quarter)
    for name, values in lines.items():
        since, until = eras.get(name, (0, 9999))
        filled = values.astype(np.float64)
        if since or until < 9999:
            filled[(now < since) | (now > until)] = np.nan
        if len(at) == rows:
            part[name] = filled
            continue
        if name not in part:
            part[name] = np.full((rows, 5), np.nan)
        part[name][at] = filled
