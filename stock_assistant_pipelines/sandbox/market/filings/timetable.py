"""When each company files which report, what it had planned, and which reports go wrong."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING

import numpy as np

from stock_assistant_pipelines.sandbox.market.filings.periods import COUNT, FIRST_YEAR, YEAR_END, Periods, year_of
from stock_assistant_pipelines.sandbox.market.listing import NEVER
from stock_assistant_pipelines.sandbox.market.noise import Bools, Floats, Ints, Stream, uniform

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from stock_assistant_pipelines.sandbox.market.filings.payouts import Payouts
    from stock_assistant_pipelines.sandbox.market.listing import Universe
    from stock_assistant_pipelines.sandbox.market.sessions import Sessions

CROWDING = np.array([1.6, 2.0, 1.6, 2.2])
"""How far filings crowd towards the deadline, by quarter: on the last day an eighth to a fifth of the market files."""

LATE, LATEST = 0.004, 40
"""How many reports miss the deadline, and by how many sessions at the most."""

MOVED, MOVED_AGAIN = 0.12, 0.02
"""How many planned days are moved once, and twice."""

LOOKS_BACK = 3
"""How many years before its listing a company tells of."""

RESTATED = 0.12
"""How many years of a company are restated as comparatives in the reports of the year after."""


class Fate(IntEnum):
    """What becomes of a report's rows."""

    PLAIN = 0
    """One row, flag 1."""
    TWIN = 1
    """Two rows that differ in nothing but the flag."""
    ZERO = 2
    """One row, flag 0."""
    BESIDE = 3
    """Flag 0, and later a correction with flag 1 beside it."""
    KEPT = 4
    """Corrected as report type 1; the original is kept as type 5."""
    SILENT = 5
    """Corrected without a word: other figures under the same days."""
    IMPOSSIBLE = 6
    """A second row says that it was announced before the period was over."""


SHARES = {
    Fate.TWIN: 0.30,
    Fate.ZERO: 0.06,
    Fate.BESIDE: 0.03,
    Fate.KEPT: 0.02,
    Fate.SILENT: 0.005,
    Fate.IMPOSSIBLE: 0.0015,
}
"""How many reports meet which fate; the others are plain."""


@dataclass(frozen=True, slots=True, eq=False)
class Timetable:
    """By stock and quarter. Sessions are numbers, `NEVER` stands for what does not happen."""

    seed: int
    stocks: Universe
    periods: Periods
    ordinary: Ints
    """The session on which a listed company files the report."""
    filed: Ints
    """The session on which the report is out; never where nothing is told of the period."""
    fate: NDArray[np.int8]
    corrected: Ints
    """The session from which a later version stands."""

    def restated(self, stock: Ints, quarter: Ints) -> Bools:
        """Whether the same report of the year after tells other figures for comparison."""
        draw = uniform(self.seed, Stream.RESTATED, self.stocks.ids[stock], year_of(quarter))
        restated: Bools = (draw < RESTATED) & (self.filed[stock, quarter] < NEVER) & (quarter + 4 < COUNT)
        return restated

    def plans(self, stock: Ints, quarter: Ints) -> tuple[Ints, Ints]:
        """The days planned, and when the second and the third plan are made, on a last axis.

        Never where there is no further one. The last plan is kept unless the report is late.
        """
        ids, ordinary = self.stocks.ids[stock], self.ordinary[stock, quarter]
        opens, deadline = self.periods.opens[quarter], self.periods.deadline[quarter]
        last = np.minimum(ordinary, np.maximum(deadline, opens))
        draw = uniform(self.seed, Stream.MOVED, ids, quarter)
        shifts = (uniform(self.seed, stream, ids, quarter) for stream in (Stream.MOVED_BY, Stream.MOVED_AGAIN))
        first, second = (
            np.clip(last + (24 * by).astype(np.int64) - 12, opens, np.maximum(deadline, opens)) for by in shifts
        )
        published = self.periods.published[quarter]
        twice = (draw < MOVED_AGAIN) & (first != second) & (second != last) & (first != last)
        once = (draw < MOVED) & (first != last) & ~twice
        start = np.where(once | twice, first, last)
        between = np.where(twice, second, np.where(once, last, NEVER))
        ends = np.where(twice, last, NEVER)
        moved = np.maximum(np.minimum(np.minimum(start, between), ordinary) - 3, published + 1)
        again = np.maximum(np.minimum(np.minimum(between, ends), ordinary) - 1, moved + 1)
        days = np.stack([np.where(once | twice, moved, NEVER), np.where(twice, again, NEVER)], axis=-1)
        return np.stack([start, between, ends], axis=-1), days


def timetable(seed: int, stocks: Universe, sessions: Sessions, periods: Periods, payouts: Payouts) -> Timetable:
    """Lay out the days of every report."""
    ids, quarter = stocks.ids[:, None], np.arange(COUNT, dtype=np.int64)[None, :]
    ordinary = _ordinary(seed, ids, quarter, periods)
    at = np.flatnonzero(payouts.real)
    annual = (sessions.numbers[payouts.session[at]] // 10_000 - FIRST_YEAR) * 4 - 4 + YEAR_END
    ordinary[payouts.stock[at], annual] = np.minimum(ordinary[payouts.stock[at], annual], payouts.session[at] - 10)
    ordinary = np.maximum.accumulate(ordinary, axis=1)
    filed = _with_listing(seed, stocks, sessions, periods, ordinary)
    fate = _fates(uniform(seed, Stream.FATE, ids, quarter))
    at = np.flatnonzero(np.isin(fate, (Fate.BESIDE, Fate.KEPT, Fate.SILENT)) & (filed < NEVER))
    stock = at // COUNT
    later = 15 + (200 * uniform(seed, Stream.CORRECTED, stocks.ids[stock], at % COUNT) ** 1.5).astype(np.int64)
    corrected = np.full(filed.shape, NEVER)
    corrected.ravel()[at] = np.where(filed.ravel()[at] + later < stocks.last[stock], filed.ravel()[at] + later, NEVER)
    return Timetable(seed, stocks, periods, ordinary, filed, fate, corrected)


def _ordinary(seed: int, ids: Ints, quarter: Ints, periods: Periods) -> Ints:
    """The day on which each report is filed by a listed company."""
    opens, deadline = periods.opens[quarter], periods.deadline[quarter]
    distance = uniform(seed, Stream.FILED, ids, quarter) ** CROWDING[quarter % 4]
    filed: Ints = deadline - (distance * (deadline - opens + 1)).astype(np.int64)
    late = np.flatnonzero(uniform(seed, Stream.LATE, ids, quarter) < LATE)
    by = uniform(seed, Stream.LATE_BY, ids.ravel()[late // COUNT], late % COUNT)
    filed.ravel()[late] = deadline.ravel()[late % COUNT] + 1 + (LATEST * by).astype(np.int64)
    return filed


def _with_listing(seed: int, stocks: Universe, sessions: Sessions, periods: Periods, ordinary: Ints) -> Ints:
    """The days of filing when a prospectus tells the years before the listing, and nobody files after a delisting."""
    first = stocks.first[:, None]
    listed_in = sessions.numbers[stocks.first][:, None] // 10_000
    quarter = np.arange(COUNT, dtype=np.int64)[None, :]
    early = ordinary < first
    told = (quarter % 2 == 1) & (year_of(quarter) >= listed_in - LOOKS_BACK)
    lead = 12 + (25 * uniform(seed, Stream.PROSPECTUS, stocks.ids)).astype(np.int64)[:, None]
    prospectus = np.maximum(first - lead, 0)
    filed = np.where(early, np.where(prospectus > periods.closing[quarter], prospectus, ordinary), ordinary)
    there = (quarter >= periods.first) & (~early | told) & (filed < stocks.last[:, None])
    there &= periods.opens[quarter] < len(sessions)
    return np.where(there, filed, NEVER)


def _fates(draw: Floats) -> NDArray[np.int8]:
    """What becomes of each report, by a number in [0, 1)."""
    bounds = np.cumsum(list(SHARES.values()))
    names = np.array([*SHARES, Fate.PLAIN], dtype=np.int8)
    fates: NDArray[np.int8] = names[np.searchsorted(bounds, draw, side="right")]
    return fates
