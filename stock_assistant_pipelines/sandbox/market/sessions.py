"""The trading days of Shanghai: exchange_calendars as far as it knows, then every weekday."""

from __future__ import annotations

import warnings
from bisect import bisect_left, bisect_right
from datetime import date, timedelta
from functools import lru_cache

import numpy as np

from stock_assistant_pipelines.catalog.grain import MARKET_OPENED

HORIZON = date(2030, 12, 31)
"""The synthetic market is laid out up to here, whatever today is; the clock only decides how much of it is seen."""


class Sessions:
    """Trading days, numbered from 0 on 1990-12-19."""

    def __init__(self, days: list[str]) -> None:
        self.days = days
        self.numbers = np.array([int(day) for day in days], dtype=np.int64)
        years = self.numbers // 10_000
        self.years = np.unique(years)
        self.starts = np.searchsorted(years, self.years)
        """The first session of each year."""
        self.counts = np.diff(np.append(self.starts, len(days)))
        """Sessions in each year."""

    def __len__(self) -> int:
        return len(self.days)

    def at_or_after(self, day: str) -> int:
        """The first session that is not before this day."""
        return bisect_left(self.days, day)

    def at_or_before(self, day: str) -> int:
        """The last session that is not after this day; -1 before the first."""
        return bisect_right(self.days, day) - 1

    def year(self, year: int) -> tuple[int, int]:
        """The first session of a year and how many it has."""
        position = int(np.searchsorted(self.years, year))
        return int(self.starts[position]), int(self.counts[position])


@lru_cache(maxsize=1)
def sessions() -> Sessions:
    """The calendar of this process, loaded when first needed (about a second)."""
    from exchange_calendars.exchange_calendar_xshg import XSHGExchangeCalendar

    known_until = min(HORIZON, XSHGExchangeCalendar.bound_max().date())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pandas' deprecations inside exchange_calendars are not for our users
        known = XSHGExchangeCalendar(start=MARKET_OPENED.isoformat(), end=known_until.isoformat()).sessions
    days = [day.strftime("%Y%m%d") for day in known.to_pydatetime()]
    later = (known_until + timedelta(days=n) for n in range(1, (HORIZON - known_until).days + 1))
    return Sessions(days + [day.strftime("%Y%m%d") for day in later if day.weekday() < 5])
