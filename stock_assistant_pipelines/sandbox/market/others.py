"""Funds and B shares: they appear among the price limits and nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stock_assistant_pipelines.sandbox.market.noise import Bools, Floats, Ints, Stream, uniform, walk

if TYPE_CHECKING:
    from stock_assistant_pipelines.sandbox.market.sessions import Sessions

LIMIT = 0.10
KINDS = (
    (200011, "SZ", "19920228", 0.007),
    (900901, "SH", "19920221", 0.007),
    (159901, "SZ", "20060424", 0.13),
    (510050, "SH", "20050223", 0.16),
)
"""First code, exchange, day of the first listing, and how many there are per stock."""


class Others:
    """Securities beside the stocks, with prices of three decimals and one limit for all."""

    def __init__(self, seed: int, stocks: int, sessions: Sessions) -> None:
        self._seed = seed
        members = []
        for number, suffix, opened, share in KINDS:
            count = max(1, round(stocks * share))
            since, until = sessions.at_or_after(opened), sessions.at_or_after("20251231")
            members += [(f"{number + n:06}.{suffix}", since + (until - since) * n // count) for n in range(count)]
        members.sort()
        self.codes = tuple(code for code, _ in members)
        self._ids = np.array([20_000_000 + int(code[:6]) for code in self.codes], dtype=np.int64)
        self._first = np.array([first for _, first in members], dtype=np.int64)
        self._level = np.exp(2.5 * uniform(seed, Stream.BASE, self._ids))

    def listed(self, member: Ints, session: Ints) -> Bools:
        """Whether each is listed in each session."""
        listed: Bools = session >= self._first[member]
        return listed

    def limits(self, member: Ints, session: Ints) -> tuple[Floats, Floats, Floats]:
        """Last close, lower and upper limit."""
        path = 0.012 * walk(self._seed, Stream.WALK, self._ids[member], session - 1)
        close = np.round(self._level[member] * np.exp(path), 3)
        return close, np.round(close * (1 - LIMIT), 3), np.round(close * (1 + LIMIT), 3)
