"""What Tushare's points buy: how often each interface may be called (tushare.pro/document/1?doc_id=290)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tier:
    """Calls of one interface that a token with at least these points may make."""

    points: int
    calls_per_minute: int
    calls_per_day: int | None
    """None: as many as the minutes allow."""


TIERS = (
    Tier(15_000, 1000, None),
    Tier(10_000, 1000, None),
    Tier(5000, 500, None),
    Tier(2000, 200, 100_000),
    Tier(0, 50, 8000),
)
"""The highest first."""


def tier(points: int) -> Tier:
    """The tier that these points reach."""
    return next(tier for tier in TIERS if points >= tier.points)
