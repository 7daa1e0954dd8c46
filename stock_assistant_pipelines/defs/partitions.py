"""Trading days as partitions.

The keys are weekdays, each there from 08:30 in Shanghai on: before the first dataset of the day is published. Market holidays
are among them and are booked as closed: the calendar is a table, not a part of the definition, which therefore never changes
and costs Dagster nothing to keep (`docs/decisions/0005-weekday-partitions.md`, `0008-partitions-in-the-morning.md`).
"""

from __future__ import annotations

from datetime import date, datetime, time

import dagster as dg

from stock_assistant_pipelines.catalog.dataset import MARKET_OPENED, SHANGHAI

APPEARS = time(8, 30)
"""When a trading day's partition is there."""

TRADING_DAYS = dg.TimeWindowPartitionsDefinition(
    start=MARKET_OPENED.isoformat(),
    fmt="%Y-%m-%d",
    cron_schedule=f"{APPEARS.minute} {APPEARS.hour} * * 1-5",
    timezone="Asia/Shanghai",
    end_offset=1,
)

DAYS_PER_RUN = 366
"""A year's weekdays and more in one run: minutes of work, and Dagster's cost per run hardly shows."""


def appeared(day: date, now: datetime) -> bool:
    """Whether the partition of a day is there."""
    return now >= datetime.combine(day, APPEARS, SHANGHAI)


def days(keys: list[str]) -> list[date]:
    """The days of these partition keys, newest first, so that a long backfill is useful early."""
    return sorted((date.fromisoformat(key) for key in keys), reverse=True)
