"""Chance that can be looked up: the same seed, stream and place give the same number, whatever was asked before.

Prices need no history. A path is a sum of tents, each half as wide as the one before (Lévy's construction of Brownian
motion), so its value on any day is a handful of hashes, and the step from one day to the next has a known bound.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

LEVELS = range(1, 11)
CELL = 1 << LEVELS[-1]
"""Sessions between two knots of a path: about four years."""

STEP_BOUND = float(np.sqrt(3.0) * sum(2.0 ** (-level / 2) for level in LEVELS))
"""No step of `walk` is longer than this; its standard deviation is 1."""

MASK = (1 << 64) - 1


class Stream(IntEnum):
    """What a number is drawn for; two streams have nothing to do with each other."""

    WALK, KNOT, MARKET, MARKET_KNOT, BASE, VOLATILITY, BETA = range(7)
    OPEN, OPEN_NOISE, HIGH, LOW, VWAP, ACTIVITY, TURNOVER, TURNOVER_WAVE = range(10, 18)
    SHARES, FLOAT, FREE, LOSS, EARNINGS, BOOK, SALES = range(20, 27)
    JITTER, DELISTING, DELISTED, PAUSED, PAUSED_ON, SPECIAL, SPECIAL_ON, SPECIAL_DAYS = range(40, 48)
    SUSPENDED, SUSPENDED_ON, SUSPENDED_DAYS, HALTED, EX, EX_ON, EX_BONUS, EX_RATIO = range(50, 58)
    NAME, AREA, INDUSTRY, CONNECT, OWNER, RENAMED, RENAMED_ON, ANNOUNCED = range(60, 68)
    JUMP = 70
    KIND, EARNINGS_YEAR, LOSS_SIZE, SALES_YEAR, SALES_WAVE, SEASON, SEASON_YEAR, PROFIT_SEASON = range(200, 208)
    MINORITY, TAX, LEVERAGE, LEVERAGE_WAVE, RATIO, RATIO_YEAR, ITEM, ITEM_QUARTER, PAYOUT = range(210, 219)
    FILED, LATE, LATE_BY, PROSPECTUS, MOVED, MOVED_BY, MOVED_AGAIN = range(220, 227)
    FATE, CORRECTED, SLIP, RESTATED, RESTATED_BY = range(230, 235)
    PLANNED, MEETING, SPECIAL_CASH, AS_BONUS = range(240, 244)
    FORECAST, FORECAST_ON, FORECAST_WIDTH, FORECAST_AGAIN, EXPRESS, EXPRESS_ON, EXPRESS_OFF = range(250, 257)
    AUDITOR, OPINION, FEES, SEGMENTS, SEGMENT, SEGMENT_COST, SEGMENT_NULL = range(260, 267)
    GENERIC = 1000


def uniform(seed: int, stream: int, who: Any, when: Any = 0) -> Floats:
    """Numbers in [0, 1), one per pair of `who` and `when` (broadcast). SplitMix64 over both."""
    salt = np.array((seed * 0x9E3779B97F4A7C15 + (stream + 1) * 0xD1B54A32D192ED03) & MASK, dtype=np.uint64)
    a = np.atleast_1d(np.asarray(who, dtype=np.int64)).astype(np.uint64)
    b = np.atleast_1d(np.asarray(when, dtype=np.int64)).astype(np.uint64)
    h: NDArray[np.uint64] = (a * np.uint64(0xA24BAED4963EE407)) ^ (b * np.uint64(0x9FB21C651E98DF25) + salt)
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return ((h ^ (h >> np.uint64(31))) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def symmetric(seed: int, stream: int, who: Any, when: Any = 0) -> Floats:
    """Numbers in [-1, 1)."""
    return uniform(seed, stream, who, when) * 2.0 - 1.0


def walk(seed: int, stream: int, who: Ints, when: Ints) -> Floats:
    """A Brownian path per `who` at the sessions `when`, which passes through 0 every `CELL` sessions."""
    total = np.zeros(np.broadcast(who, when).shape)
    for level in LEVELS:
        size = 1 << level
        tent = 1.0 - np.abs((when & (size - 1)) * (2.0 / size) - 1.0)
        total += symmetric(seed, stream, who, (when >> level) * 16 + level) * tent * (np.sqrt(3.0 * size) / 2.0)
    return total


def wave(seed: int, stream: int, who: Ints, when: Ints, cell: int = CELL) -> Floats:
    """A slow path in [-1, 1): straight lines between random knots, `cell` sessions apart."""
    left = when // cell
    share = (when - left * cell) / cell
    return symmetric(seed, stream, who, left) * (1 - share) + symmetric(seed, stream, who, left + 1) * share
