"""Report periods: quarters numbered from 0, how they are written, and the days between which the law wants them filed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stock_assistant_pipelines.catalog.grain import FIRST_PERIOD
from stock_assistant_pipelines.sandbox.table import texts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stock_assistant_pipelines.sandbox.market.noise import Ints
    from stock_assistant_pipelines.sandbox.market.sessions import Sessions

FIRST_YEAR, LAST_YEAR = 1986, 2030
YEARS = LAST_YEAR - FIRST_YEAR + 1
COUNT = YEARS * 4
YEAR_END = 3
"""The place in its year of the quarter that an annual report is about."""

WINDOWS = (("0410", "0430", 0), ("0710", "0831", 0), ("1010", "1031", 0), ("0115", "0430", 1))
"""Between which days a report of each quarter is filed, and how many years after the period's."""


class Periods:
    """The quarters from 1986 to 2030, long before the market: companies look back when they are listed."""

    def __init__(self, sessions: Sessions) -> None:
        self.ends = [
            f"{year}{day}" for year in range(FIRST_YEAR, LAST_YEAR + 1) for day in ("0331", "0630", "0930", "1231")
        ]
        self.days = texts(self.ends)
        self.numbers = np.array(self.ends, dtype=np.int64)
        self.closing = np.searchsorted(sessions.numbers, self.numbers, side="right").astype(np.int64) - 1
        """The last session of each quarter; -1 before the market."""
        windows = [(self.ends[n][:4], *WINDOWS[n % 4]) for n in range(COUNT)]
        self.opens = np.array([sessions.at_or_after(f"{int(year) + later}{day}") for year, day, _, later in windows])
        """The first session on which a report may be filed."""
        self.deadline = np.array(
            [sessions.at_or_before(f"{int(year) + later}{day}") for year, _, day, later in windows]
        )
        """The last session on which it is in time."""
        self.published = self.closing - 1
        """The session on which the exchanges publish who plans to file when."""
        self.first = self.ends.index(FIRST_PERIOD.strftime("%Y%m%d"))
        """The first quarter that anything is told of."""
        self._number = {end: n for n, end in enumerate(self.ends)}

    def among(self, days: Iterable[str]) -> list[int]:
        """The quarters that end on one of these days, newest first."""
        return sorted((self._number[day] for day in set(days) if day in self._number), reverse=True)

    def between(self, first: str, last: str) -> Ints:
        """The quarters that end between two days, newest first."""
        low = np.searchsorted(self.numbers, int(first), side="left")
        high = np.searchsorted(self.numbers, int(last), side="right")
        return np.arange(low, high, dtype=np.int64)[::-1]


def year_of(quarter: Ints) -> Ints:
    """The calendar year of each quarter."""
    return FIRST_YEAR + quarter // 4


def place_of(quarter: Ints) -> Ints:
    """Which quarter of its year each is, 1 to 4."""
    return quarter % 4 + 1
