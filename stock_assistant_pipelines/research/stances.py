"""Stances: when one has come true, and how wrong the probability was that it was held with. Pure."""

from __future__ import annotations

from decimal import Decimal

from stock_assistant_pipelines.research.contracts import Stance

HORIZONS = (1, 5, 20, 60)
"""After how many trading days it is told how a report turned out."""
BAND = Decimal(4) / 20
"""By how much the square of the excess, in percentage points, may grow in a trading day while a stock goes with the index: 2
points in 20 days, and as much more or less over other horizons as the square root of time."""


def came_true(stance: str, excess: Decimal, horizon: int) -> bool:
    """Whether a stance came true, by the stock's return less the index's, in percentage points.

    Better is above, worse is below, and neutral is within the band on either side; so a stock that does slightly better than
    the index proves both right who called it better and who called it neutral.
    """
    match stance:
        case Stance.OUTPERFORM:
            return excess > 0
        case Stance.UNDERPERFORM:
            return excess < 0
        case Stance.NEUTRAL:
            return excess * excess <= BAND * horizon
    raise ValueError(f"{stance!r} is no stance that can come true")


def brier(probability: Decimal, hit: bool) -> Decimal:
    """The square of what is between the probability and what came: 0 is foreknown, 1 is as wrong as can be."""
    return (probability - int(hit)) ** 2
