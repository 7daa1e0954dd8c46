"""Indicators of adjusted bars, by their formulas: exact where they only add, in doubles where they are smoothed."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.recomputed.raw import Bar

PLACES = 10_000
"""Indicators are told to four decimals."""


def sma(bars: Sequence[Bar], length: int) -> Fraction:
    """The mean of the last closes."""
    return sum((bar.close for bar in bars[-length:]), Fraction(0)) / length


def rsi(bars: Sequence[Bar]) -> float:
    """Wilder's relative strength over 14 bars: mean gains and losses, smoothed by a fourteenth."""
    changes = [float(new.close) - float(old.close) for old, new in pairwise(bars)]
    up = _wilder([max(each, 0.0) for each in changes])
    down = _wilder([max(-each, 0.0) for each in changes])
    return 100 * up / (up + down)


def atr(bars: Sequence[Bar]) -> float:
    """The true range, smoothed by a fourteenth."""
    ranges = []
    for before, bar in pairwise(bars):
        high, low, close = float(bar.high), float(bar.low), float(before.close)
        ranges.append(max(high - low, abs(high - close), abs(low - close)))
    return _wilder(ranges)


def _wilder(values: Sequence[float], length: int = 14) -> float:
    level = sum(values[:length]) / length
    for each in values[length:]:
        level = (level * (length - 1) + each) / length
    return level


def macd(bars: Sequence[Bar]) -> tuple[float, float]:
    """The exponential average of 12 bars less that of 26, and the average of nine of that.

    Each begins with a plain mean; both averages of closes with the one that ends on the 26th bar.
    """
    closes = [float(bar.close) for bar in bars]
    fast, slow = _exponential(closes[26 - 12 :], 12), _exponential(closes, 26)
    line = [one - other for one, other in zip(fast, slow, strict=True)]
    return line[-1], _exponential(line, 9)[-1]


def _exponential(values: Sequence[float], length: int) -> list[float]:
    """An exponential average, from the mean of the first values on."""
    levels = [sum(values[:length]) / length]
    for each in values[length:]:
        levels.append(levels[-1] + (each - levels[-1]) * 2 / (length + 1))
    return levels


def bollinger(bars: Sequence[Bar]) -> tuple[Fraction, float]:
    """The mean of 20 closes, and their standard deviation."""
    middle = sma(bars, 20)
    variance = sum(((bar.close - middle) ** 2 for bar in bars[-20:]), Fraction(0)) / 20
    return middle, math.sqrt(variance)


def _position(bars: Sequence[Bar]) -> float:
    middle, deviation = bollinger(bars)
    lower = float(middle) - 2 * deviation
    return (float(bars[-1].close) - lower) / (4 * deviation) * 100


INDICATORS: dict[str, Callable[[Sequence[Bar]], float | Fraction]] = {
    "sma.20": lambda bars: sma(bars, 20),
    "sma.60": lambda bars: sma(bars, 60),
    "sma.250": lambda bars: sma(bars, 250),
    "rsi.14": rsi,
    "atr.14": atr,
    "macd": lambda bars: macd(bars)[0],
    "macd.signal": lambda bars: macd(bars)[1],
    "macd.histogram": lambda bars: macd(bars)[0] - macd(bars)[1],
    "bollinger.middle": lambda bars: bollinger(bars)[0],
    "bollinger.upper": lambda bars: float(bollinger(bars)[0]) + 2 * bollinger(bars)[1],
    "bollinger.lower": lambda bars: float(bollinger(bars)[0]) - 2 * bollinger(bars)[1],
    "bollinger.position": _position,
}


def indicator(name: str, bars: Sequence[Bar]) -> Fraction:
    """An indicator of the last bar, to four decimals."""
    return Fraction(round(Fraction(INDICATORS[name](bars)) * PLACES), PLACES)
