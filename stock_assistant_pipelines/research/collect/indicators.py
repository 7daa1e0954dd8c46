"""Indicators by TA-Lib, of adjusted bars. It reckons in doubles; what it says is rounded to four decimals."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import TYPE_CHECKING

import numpy as np
import talib

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from sqlalchemy import RowMapping

    Line = NDArray[np.float64]

AVERAGES = (20, 60, 250)
"""Over how many bars simple moving averages are told."""
WARM = 60
"""How many bars an exponentially smoothed indicator takes before it is told: by then its beginning hardly weighs."""
BAND = 20
"""Over how many bars Bollinger's bands are drawn, two standard deviations wide."""

_PLACES = Decimal("0.0001")


@dataclass(frozen=True, slots=True)
class Indicator:
    """One value of an indicator, or how many bars it takes."""

    value: Decimal | None
    needed: int
    derivation: str


def indicators(bars: Sequence[RowMapping]) -> Mapping[str, Indicator]:
    """The indicators of the last bar, by the names of their items."""
    high, low, close = (_line(bars, column) for column in ("high", "low", "close"))
    lines: dict[str, tuple[Line, int, str]] = {
        f"sma.{length}": (talib.SMA(close, length), length, "sma") for length in AVERAGES
    }
    macd, signal, histogram = talib.MACD(close, 12, 26, 9)
    upper, middle, lower = talib.BBANDS(close, BAND, 2.0, 2.0)
    width = np.where(upper > lower, upper - lower, np.nan)
    lines |= {
        "rsi.14": (talib.RSI(close, 14), WARM, "rsi"),
        "macd": (macd, WARM, "macd"),
        "macd.signal": (signal, WARM, "macd"),
        "macd.histogram": (histogram, WARM, "macd"),
        "atr.14": (talib.ATR(high, low, close, 14), WARM, "atr"),
        "bollinger.upper": (upper, BAND, "bollinger"),
        "bollinger.middle": (middle, BAND, "bollinger"),
        "bollinger.lower": (lower, BAND, "bollinger"),
        "bollinger.position": ((close - lower) / width * 100, BAND, "bollinger"),
    }
    return {
        name: Indicator(_decimal(line[-1]) if len(bars) >= needed else None, needed, derivation)
        for name, (line, needed, derivation) in lines.items()
    }


def _line(bars: Sequence[RowMapping], column: str) -> Line:
    return np.array([float(bar[column]) for bar in bars], dtype=np.float64)


def _decimal(value: float) -> Decimal | None:
    """Four decimals of a double; None of what is no number."""
    if not np.isfinite(value):
        return None
    return Decimal(repr(float(value))).quantize(_PLACES, ROUND_HALF_EVEN) + 0
