"""How a dataset is cut into partitions, and where they begin."""

from __future__ import annotations

from datetime import date
from enum import StrEnum

MARKET_OPENED = date(1990, 12, 19)
"""The first session of the Shanghai Stock Exchange, and so the first day any dataset can hold."""

FIRST_PERIOD = date(1990, 12, 31)
"""The first report period that is kept: the end of the first quarter in which companies were listed."""


class Grain(StrEnum):
    """How a dataset is cut into partitions."""

    TRADE_DATE = "trade_date"
    """One partition per trading day; it holds the whole market."""
    REPORT_PERIOD = "end_date"
    """One partition per report period, the end of a quarter; it holds all companies."""
    SNAPSHOT = "snapshot"
    """No time axis: one partition, `all`, which is what the source says now."""
