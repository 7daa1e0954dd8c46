"""The data: how new it is, how much of it is there, what may still be asked for. Read when somebody asks, and kept for a while.

It is read on a connection of its own, past the pool: when all others are taken, it is wanted most. While the database does
not answer there is nothing to tell of the data, and the gauge of the database is 0.
"""

from __future__ import annotations

import asyncio
import logging
import time as clock
from collections import Counter, defaultdict
from datetime import datetime, time
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from api import freshness
from api.database import FAILURES
from api.pages import reading
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.freshness import Age, last_complete
from stock_assistant_pipelines.warehouse.tables import COVERAGE, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import date

    from prometheus_client.metrics_core import Metric
    from sqlalchemy.ext.asyncio import AsyncConnection

    from api.database import Database
    from api.freshness import Freshness
    from api.pages.reading import Quota

LOG = logging.getLogger(__name__)

KEPT_SECONDS = 15.0
"""For how long what was read is told again."""

AGAIN_SECONDS = 5.0
"""After how long it is tried again when that failed."""

PATIENCE_SECONDS = 5.0
"""How long it may take: Prometheus waits for ten."""

PARTITIONS = select(
    COVERAGE.c.dataset, COVERAGE.c.status, func.count().label("partitions"), func.max(COVERAGE.c.landed_at).label("at")
).group_by(COVERAGE.c.dataset, COVERAGE.c.status)


class Data(Collector):
    """What the database tells."""

    def __init__(self, database: Database) -> None:
        self._engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=database.connect,
            poolclass=NullPool,
            isolation_level="REPEATABLE READ",
        )
        self._turn = asyncio.Lock()
        self._not_before = 0.0
        self._up: bool | None = None
        self._told: list[Metric] = []

    async def refresh(self) -> None:
        """Read it again, unless that was done a moment ago. Those who ask at once wait for the same reading."""
        async with self._turn:
            if clock.monotonic() >= self._not_before:
                await self._read()

    def collect(self) -> Iterator[Metric]:
        """What was read last."""
        yield GaugeMetricFamily(
            "stock_assistant_database_up", "Whether the database told what is asked for here.", float(bool(self._up))
        )
        yield from self._told

    async def _read(self) -> None:
        try:
            async with asyncio.timeout(PATIENCE_SECONDS), self._engine.connect() as connection:
                self._told = await _tell(connection)
        except FAILURES as error:  # TimeoutError is an OSError
            if self._up is not False:  # said once
                LOG.warning("the metrics of the data could not be read: %s", type(error).__name__)
            self._up, self._told = False, []
        else:
            self._up = True
        self._not_before = clock.monotonic() + (KEPT_SECONDS if self._up else AGAIN_SECONDS)


async def _tell(connection: AsyncConnection) -> list[Metric]:
    dated = [dataset for dataset in CATALOG.values() if dataset.dated]
    newest = await connection.run_sync(last_complete, dated)
    told = await freshness.read(connection)
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    tried: dict[str, datetime] = {}
    for name, status, partitions, at in await connection.execute(PARTITIONS):
        counts[name][status] = partitions
        tried[name] = max(at, tried.get(name, at))
    families = [
        *_ages(told),
        _of_datasets(
            "last_complete_timestamp_seconds",
            "When the newest complete trading day or report period was: its midnight in Shanghai.",
            {name: _midnight(each.day) for name, each in newest.items()},
        ),
        _of_datasets(
            "last_try_timestamp_seconds",
            "When a partition was last landed or tried.",
            {name: at.timestamp() for name, at in tried.items() if name in CATALOG},
        ),
        _partitions(counts),
    ]
    used = await reading.quota(connection)
    return families + (list(_quota(used)) if used is not None else [])


def _ages(told: Iterable[Freshness]) -> Iterator[Metric]:
    """How new datasets are, those left out that nobody uses."""
    kept = [each for each in told if each.status is not Age.UNUSED]
    yield _of_datasets(
        "late",
        "1: the newest trading day that is due, or evening of reports, is not whole, or the calendar does not tell it.",
        {each.dataset: float(each.status is not Age.FRESH) for each in kept},
    )
    yield _of_datasets(
        "days_behind",
        "Trading days, of reports evenings, up to the one that is due, after the last complete one.",
        {each.dataset: each.behind for each in kept if each.behind is not None},
    )
    yield _of_datasets(
        "missing_companies",
        "Companies that disclosed three evenings to thirty days ago and have no row.",
        {each.dataset: each.missing for each in kept if each.missing is not None},
    )


def _partitions(counts: Mapping[str, Mapping[str, int]]) -> Metric:
    """Partitions by status, those with none as well: a series that is not there raises no alert."""
    family = GaugeMetricFamily(
        "stock_assistant_dataset_partitions",
        "Partitions that were ever asked for, by what is known of them.",
        labels=["dataset", "status"],
    )
    for name in CATALOG:
        for status in Status:
            family.add_metric([name, status], counts.get(name, {}).get(status, 0))
    return family


def _quota(used: Mapping[str, Quota]) -> Iterator[Metric]:
    labels = ["interface", "window"]
    calls = GaugeMetricFamily("stock_assistant_quota_used_calls", "Calls of Tushare in this window.", labels=labels)
    most = GaugeMetricFamily("stock_assistant_quota_allowed_calls", "Calls that the points allow in it.", labels=labels)
    paused = GaugeMetricFamily(
        "stock_assistant_quota_paused", "1: it is left alone, since Tushare refused a call.", labels=labels[:1]
    )
    for name, each in used.items():
        for window, now, allowed in (("minute", each.used, each.per_minute), ("day", each.today, each.per_day)):
            calls.add_metric([name, window], now)
            if allowed is not None:
                most.add_metric([name, window], allowed)
        paused.add_metric([name], float(each.paused_because is not None))
    yield from (calls, most, paused)


def _of_datasets(name: str, text: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(f"stock_assistant_dataset_{name}", text, labels=["dataset"])
    for dataset, value in values.items():
        family.add_metric([dataset], value)
    return family


def _midnight(day: date) -> float:
    return datetime.combine(day, time(), SHANGHAI).timestamp()
