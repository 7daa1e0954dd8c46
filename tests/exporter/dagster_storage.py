"""Dagster's own storage, written by Dagster's own code: what that writes is what the exporter has to read."""

from __future__ import annotations

import re
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg
from dagster import DagsterRun, DagsterRunStatus
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.remote_origin import (
    GrpcServerCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    InstigatorType,
    SensorInstigatorData,
    TickData,
    TickStatus,
)
from dagster._daemon.types import DaemonHeartbeat
from dagster._utils.error import SerializableErrorInfo
from dagster_postgres import DagsterPostgresStorage

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = RemoteRepositoryOrigin(
    GrpcServerCodeLocationOrigin("code", 4000, None, "stock_assistant"), "__repository__"
)


@dataclass
class Storage:
    """Writes what Dagster would."""

    dagster: DagsterPostgresStorage
    url: str

    def run(self, job: str, status: DagsterRunStatus, *, ago: float = 0, took: float | None = None) -> None:
        """A run that was queued, or ended, so many seconds ago."""
        run = self.dagster.run_storage.add_run(
            DagsterRun(job, status=status, remote_job_origin=RemoteJobOrigin(REPOSITORY, job))
        )
        ended = time.time() - ago
        began = ended - took if took is not None else (ended if status is DagsterRunStatus.STARTED else None)
        self.execute(
            """update runs set create_timestamp = to_timestamp(%s) at time zone 'utc', start_time = %s,
            update_timestamp = to_timestamp(%s) at time zone 'utc', end_time = %s where run_id = %s""",
            (ended, began, ended, ended if took is not None else None, run.run_id),
        )

    def beat(self, daemon: str, at: float) -> None:
        """A daemon that says that it lives."""
        self.dagster.run_storage.add_daemon_heartbeat(DaemonHeartbeat(at, daemon, None, None))

    def backfill(self, name: str, status: BulkActionStatus, at: float) -> None:
        """A backfill that was asked for."""
        self.dagster.run_storage.add_backfill(PartitionBackfill(name, status, False, {}, at))

    def sensor(self, name: str, *ticks: TickStatus, stopped: bool = False) -> None:
        """A sensor, and its ticks, the last one now."""
        origin = RemoteInstigatorOrigin(REPOSITORY, name)
        status = InstigatorStatus.STOPPED if stopped else InstigatorStatus.DECLARED_IN_CODE
        kind = InstigatorType.SENSOR
        schedules = self.dagster.schedule_storage
        schedules.add_instigator_state(InstigatorState(origin, kind, status, SensorInstigatorData()))
        for back, tick in enumerate(reversed(ticks)):
            at = time.time() - 30 * back
            error = SerializableErrorInfo("it broke", [], None) if tick is TickStatus.FAILURE else None
            selector = origin.get_selector().get_id()
            told = TickData(origin.get_id(), name, kind, tick, at, ["a run"], error=error, selector_id=selector)
            schedules.create_tick(told)

    def empty(self) -> None:
        """Forget all of it."""
        self.execute("truncate runs, run_tags, daemon_heartbeats, bulk_actions, instigators, jobs, job_ticks cascade")

    def execute(self, statement: str, values: tuple[object, ...] = ()) -> None:
        """Write past Dagster, to the moments that it takes from the clock."""
        with psycopg.connect(re.sub(r"\+\w+", "", self.url, count=1)) as connection:
            connection.execute(statement, values)


@contextmanager
def dagster_storage(url: str) -> Iterator[Storage]:
    """Dagster's storage in a database that exists, its tables made."""
    storage = DagsterPostgresStorage(url)
    try:
        yield Storage(storage, url)
    finally:
        for each in (storage.event_log_storage, storage.run_storage, storage.schedule_storage):
            each.dispose()
