"""Trading days and report periods as partitions.

The keys are weekdays, each there from 08:30 in Shanghai on: before the first dataset of the day is published. Market holidays
are among them and are booked as closed: the calendar is a table, not a part of the definition, which therefore never changes
and costs Dagster nothing to keep (`docs/decisions/0005-weekday-partitions.md`, `0008-partitions-in-the-morning.md`).

A report period's key is its last day, and it is there when that day is over.
"""

from __future__ import annotations

from datetime import date, datetime, time

import dagster as dg

from stock_assistant_pipelines.catalog.dataset import SHANGHAI, Dataset
from stock_assistant_pipelines.catalog.grain import FIRST_PERIOD, MARKET_OPENED

APPEARS = time(8, 30)
"""When a trading day's partition is there."""

TRADING_DAYS = dg.TimeWindowPartitionsDefinition(
    start=MARKET_OPENED.isoformat(),
    fmt="%Y-%m-%d",
    cron_schedule=f"{APPEARS.minute} {APPEARS.hour} * * 1-5",
    timezone="Asia/Shanghai",
    end_offset=1,
)

REPORT_PERIODS = dg.TimeWindowPartitionsDefinition(
    start=FIRST_PERIOD.isoformat(),
    fmt="%Y-%m-%d",
    cron_schedule="59 23 L 3,6,9,12 *",
    timezone="Asia/Shanghai",
    end_offset=1,
)

DAYS_PER_RUN = 366
"""A year's weekdays and more in one run: minutes of work, and Dagster's cost per run hardly shows."""


def of(dataset: Dataset) -> dg.TimeWindowPartitionsDefinition | None:
    """The partitions of a dataset; None where it is one snapshot."""
    if dataset.by_period:
        return REPORT_PERIODS
    return TRADING_DAYS if dataset.partitioned else None


def per_run(dataset: Dataset) -> dg.BackfillPolicy | None:
    """How many partitions one run lands. A stock's answer tells of all report periods, so one run lands them all."""
    if dataset.by_period:
        return dg.BackfillPolicy.single_run()
    return dg.BackfillPolicy.multi_run(DAYS_PER_RUN) if dataset.partitioned else None


def appeared(day: date, now: datetime) -> bool:
    """Whether the partition of a day is there."""
    return now >= datetime.combine(day, APPEARS, SHANGHAI)


def days(keys: list[str]) -> list[date]:
    """The days of these partition keys, newest first, so that a long backfill is useful early."""
    return sorted((date.fromisoformat(key) for key in keys), reverse=True)
