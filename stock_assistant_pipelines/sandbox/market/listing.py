"""Who is listed, where, since when and until when: the universe of the synthetic market.

Growth by year and board follows the real market (5,800 listings), thinned out to the size asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stock_assistant_pipelines.sandbox.market.noise import Bools, Ints, Stream, uniform

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stock_assistant_pipelines.sandbox.market.sessions import Sessions

NEVER = 1 << 40
"""A session that never comes."""


@dataclass(frozen=True, slots=True)
class Board:
    """A segment of an exchange: its codes, its name and its daily price limit."""

    name: str
    suffix: str
    exchange: str
    opened: str
    prefixes: tuple[tuple[int, int, int], ...]
    """From which year, first code, how many codes."""
    limit: float
    limit_until: tuple[str, float] | None = None
    """Before this day another limit held."""


BOARDS = (
    Board("主板", "SH", "SSE", "19901219",
          ((1990, 600000, 1000), (2006, 601000, 1000), (2015, 603000, 1000), (2020, 605000, 1000)), 0.10),
    Board("主板", "SZ", "SZSE", "19901219", ((1990, 1, 999), (2005, 1201, 799)), 0.10),
    Board("主板", "SZ", "SZSE", "20040625", ((2004, 2001, 999),), 0.10),
    Board("创业板", "SZ", "SZSE", "20091030", ((2009, 300001, 999), (2021, 301001, 999)), 0.20, ("20200824", 0.10)),
    Board("科创板", "SH", "SSE", "20190722", ((2019, 688001, 988),), 0.20),
    Board("北交所", "BJ", "BSE", "20211115", ((2021, 920001, 999),), 0.30),
)  # fmt: skip
MAIN, SHENZHEN, SMALL, CHINEXT, STAR, BEIJING = range(6)

NEW_LISTINGS = {
    MAIN: "7 0 22 72 68 15 103 85 53 46 87 78 70 67 61 3 14 25 6 9 28 39 26 1 43 90 103 215 57 55 90 88 31 36 17 23 20",
    SHENZHEN: "2 4 18 52 42 9 100 121 53 52 49 1 1 0 1 0 0 1 0 0 0 0 0 1 0 2 0 1 0 1 28 34 40 23 7 15 5",
    SMALL: "0 0 0 0 0 0 0 0 0 0 0 0 0 0 38 12 52 100 71 54 204 115 55 0 31 44 46 81 19 25 26 0 0 0 0 0 0",
    CHINEXT: "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 36 117 128 74 0 51 87 78 141 29 52 107 199 150 110 38 33 30",
    STAR: "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 70 145 162 124 67 15 19 15",
    BEIJING: "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 82 83 77 23 26 30",
}
"""Listings per board and year, 1990 to 2026."""

DELISTINGS = {1999: 1, 2001: 3, 2002: 7, 2003: 4, 2004: 10, 2005: 11, 2006: 11, 2007: 10, 2008: 2, 2009: 5, 2010: 4, 2011: 3,
              2012: 3, 2013: 6, 2014: 1, 2015: 7, 2016: 1, 2017: 5, 2018: 5, 2019: 10, 2020: 16, 2021: 20, 2022: 46, 2023: 45,
              2024: 52, 2025: 29, 2026: 20}  # fmt: skip
"""Delistings per year."""

SMALLEST, LARGEST = 50, 5500


@dataclass(frozen=True, slots=True, eq=False)
class Universe:
    """Securities in the order of their codes, as arrays. Sessions are numbers; `NEVER` stands for what does not happen."""

    codes: tuple[str, ...]
    ids: Ints
    """What chance is drawn for: the code, so that a stock keeps its prices when the universe grows."""
    board: Ints
    first: Ints
    """The session of listing."""
    last: Ints
    """The session from which it is listed no more."""
    paused: Ints
    """The session from which its listing is suspended (status P)."""
    special_from: Ints
    special_until: Ints
    """The sessions between which it is under special treatment (*ST)."""

    def __len__(self) -> int:
        return len(self.codes)

    def listed(self, stock: Ints, session: Ints) -> Bools:
        """Whether each stock is listed in each session: from the day of listing to the day before delisting."""
        listed: Bools = (self.first[stock] <= session) & (session < self.last[stock])
        return listed

    def special(self, stock: Ints, session: Ints) -> Bools:
        """Whether each stock is under special treatment in each session."""
        special: Bools = (self.special_from[stock] <= session) & (session < self.special_until[stock])
        return special


def build(seed: int, size: int, sessions: Sessions) -> Universe:
    """Lay out a universe in which `size` stocks are listed by the end of 2026."""
    boards, first, codes = zip(*_listings(size, sessions), strict=True)
    order = np.argsort(codes)
    board, first_session = np.array(boards, dtype=np.int64)[order], np.array(first, dtype=np.int64)[order]
    numbers = np.array(codes, dtype=np.int64)[order]
    last = _delistings(seed, numbers, first_session, sessions)
    paused = _pauses(seed, numbers, first_session, last, sessions)
    special_from, special_until = _special_treatment(seed, numbers, board, first_session, last)
    return Universe(
        codes=tuple(
            f"{number:06}.{BOARDS[on].suffix}" for number, on in zip(numbers.tolist(), board.tolist(), strict=True)
        ),
        ids=numbers,
        board=board,
        first=first_session,
        last=last,
        paused=paused,
        special_from=special_from,
        special_until=special_until,
    )


def _listings(size: int, sessions: Sessions) -> Iterator[tuple[int, int, int]]:
    """Board, session and code number of each listing, oldest first: an even sample of the real sequence."""
    real = []
    for board, counts in NEW_LISTINGS.items():
        for year, count in enumerate(map(int, counts.split()), start=1990):
            real += [(year + (n + 0.5) / count, board) for n in range(count)]
    real.sort()
    taken: dict[tuple[int, int], int] = {}
    for n in range(size):
        moment, board = real[int((n + 0.5) * len(real) / size)] if n else (1990.0, MAIN)
        year = int(moment)
        start, count = sessions.year(year)
        opened = max(start, sessions.at_or_after(BOARDS[board].opened))
        session = opened + int((moment - year) * (start + count - opened))
        lot = max(lot for lot, (since, _, _) in enumerate(BOARDS[board].prefixes) if since <= year)
        number = taken.get((board, lot), 0)
        taken[board, lot] = number + 1
        yield board, session, BOARDS[board].prefixes[lot][1] + number


def _delistings(seed: int, ids: Ints, first: Ints, sessions: Sessions) -> Ints:
    """About one stock in eighteen leaves, the older ones; the oldest stays, so that no day is empty."""
    last = np.full(len(ids), NEVER, dtype=np.int64)
    years = np.repeat(list(DELISTINGS), list(DELISTINGS.values()))
    leavers = max(2, round(len(ids) * 0.055))
    rank = uniform(seed, Stream.DELISTED, ids)
    rank[np.argmin(first)] = 2.0
    for n in range(leavers):
        start, count = sessions.year(int(years[int((n + 0.5) * len(years) / leavers)]))
        session = start + int(uniform(seed, Stream.DELISTING, n)[0] * count)
        candidates = np.flatnonzero((first < session - 1000) & (last == NEVER) & (rank < 1))
        if len(candidates):
            last[candidates[np.argmin(rank[candidates])]] = session
    return last


def _pauses(seed: int, ids: Ints, first: Ints, last: Ints, sessions: Sessions) -> Ints:
    """A few old stocks whose listing is suspended since 2024 or 2025, for good."""
    paused = np.full(len(ids), NEVER, dtype=np.int64)
    start = sessions.at_or_after("20240102")
    candidates = np.flatnonzero((first < start - 2000) & (first > first.min()) & (last == NEVER))
    ranked = candidates[np.argsort(uniform(seed, Stream.PAUSED, ids[candidates]))]
    chosen = ranked[: max(1, round(len(ids) / 1500))]
    paused[chosen] = start + (uniform(seed, Stream.PAUSED_ON, ids[chosen]) * 450).astype(np.int64)
    return paused


def _special_treatment(seed: int, ids: Ints, board: Ints, first: Ints, last: Ints) -> tuple[Ints, Ints]:
    """Two years of *ST before a delisting; a spell of one to three years for one in twelve of the main boards' others."""
    leaving = last < NEVER
    chosen = (uniform(seed, Stream.SPECIAL, ids) < 0.12) & (board <= SMALL) & ~leaving
    begins = first + 500 + (uniform(seed, Stream.SPECIAL_ON, ids) * np.maximum(8700 - first - 500, 1)).astype(np.int64)
    length = 240 + (uniform(seed, Stream.SPECIAL_DAYS, ids) * 480).astype(np.int64)
    special_from = np.where(leaving, last - length, np.where(chosen, begins, NEVER))
    special_until = np.where(leaving, last, np.where(chosen, begins + length, NEVER))
    return special_from, special_until
