"""Outcomes: what a stock did in the trading days after its report, against index and industry, and what became of the stance.

A horizon is told once its last day has landed whole. What was told is told anew when rows that it was made of are corrected.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from sqlalchemy import Connection

HORIZONS = (1, 5, 20, 60)
"""After how many trading days it is told how a report turned out."""


@dataclass(frozen=True, slots=True)
class Made:
    """What became of the outcomes of one day's reports."""

    day: date
    reports: int
    """Reports of the day that said something."""
    told: int
    """Their outcomes of all horizons that can be told."""
    written: int
    """Of those, the ones that are new or say something else than before."""
    waits: Mapping[int, str]
    """The horizons that cannot be told yet, each with the reason."""


def make(connection: Connection, days: Sequence[date], *, at: datetime) -> list[Made]:
    """Tell how the reports of these days turned out, as far as can be told by now. Only outcomes that differ are written."""
    raise NotImplementedError


def due(connection: Connection, today: date) -> list[date]:
    """The days, oldest first, of whose reports an outcome can be told that was not, or was made of other rows."""
    raise NotImplementedError
