"""Dagster: its runs, queue, daemons, schedules and sensors, as its storage tells them. Dagster itself is not loaded."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from stock_assistant_pipelines.exporter.page import Values, gauge, single, statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prometheus_client.metrics_core import Metric
    from sqlalchemy import Connection

    from stock_assistant_pipelines.exporter.reading import Reader

OPEN = ("queued", "not_started", "starting", "started", "canceling")
ENDED = ("success", "failure", "canceled")

RUNS_OPEN = statement("runs_open")
RUNS_ENDED = statement("runs_ended")
RUNS_USUAL = statement("runs_usual")
HEARTBEATS = statement("heartbeats")
BACKFILLS = statement("backfills")
TICKS = statement("ticks")


def read(reader: Reader) -> Sequence[Metric]:
    """All that Dagster's storage tells."""
    with reader.transaction() as connection:
        return [*_open(connection), *_ended(connection), *_daemons(connection), *_ticks(connection)]


def _open(connection: Connection) -> Iterator[Metric]:
    rows = connection.execute(RUNS_OPEN).all()
    counts: Values = {}
    for row in rows:
        counts.update({(row.job, status): counts.get((row.job, status), 0) for status in OPEN})
        counts[row.job, row.status] = row.runs
    yield gauge("dagster_runs", "Runs that are not over, by job and status.", counts, "job", "status")
    queued = [row for row in rows if row.status == "queued"]
    yield single("dagster_queue_length", "Runs that wait in the queue.", sum(row.runs for row in queued))
    yield single(
        "dagster_queue_oldest_timestamp_seconds",
        "When the run was queued that waits the longest; none where none waits.",
        min((row.queued_at for row in queued), default=None),
    )
    began: Values = {(row.job,): row.began_at for row in rows if row.status == "started" and row.began_at}
    yield gauge(
        "dagster_run_oldest_timestamp_seconds", "When the run of a job began that runs the longest.", began, "job"
    )


def _ended(connection: Connection) -> Iterator[Metric]:
    hour: Values = {}
    day: Values = {}
    for row in connection.execute(RUNS_ENDED):
        for found in (hour, day):
            found.update({(row.job, status): found.get((row.job, status), 0) for status in ENDED})
        hour[row.job, row.status], day[row.job, row.status] = row.last_hour, row.last_day
    yield gauge("dagster_runs_last_hour", "Runs that ended within the last hour.", hour, "job", "status")
    yield gauge("dagster_runs_last_day", "Runs that ended within the last 24 hours.", day, "job", "status")
    usual: Values = {}
    for row in connection.execute(RUNS_USUAL):
        usual.update({(row.job, "0.5"): row.half, (row.job, "0.95"): row.most})
    yield gauge(
        "dagster_run_usual_seconds",
        "How long the runs of a job take: quantiles of those that ended well within two weeks.",
        usual,
        "job",
        "quantile",
    )


def _daemons(connection: Connection) -> Iterator[Metric]:
    beats: Values = {(row.daemon,): row.beat_at for row in connection.execute(HEARTBEATS)}
    yield gauge("dagster_daemon_heartbeat_timestamp_seconds", "When a daemon last said that it lives.", beats, "daemon")
    backfills = connection.execute(BACKFILLS).one()
    yield single("dagster_backfills", "Backfills that are not over.", backfills.backfills)
    yield single(
        "dagster_backfill_oldest_timestamp_seconds",
        "When the first of them was asked for; none where there is none.",
        backfills.asked_at,
    )


def _ticks(connection: Connection) -> Iterator[Metric]:
    """Of schedules and sensors with one name in several code locations, the worst and the oldest."""
    failed: defaultdict[tuple[str, ...], float] = defaultdict(float)
    at: Values = {}
    for row in connection.execute(TICKS):
        key = (row.kind, row.name)
        failed[key] = max(failed[key], float(row.status == "failure"))
        at[key] = min(at.get(key, row.ticked_at), row.ticked_at)
    yield gauge("dagster_tick_failed", "1: its last tick failed.", failed, "kind", "name")
    yield gauge("dagster_tick_timestamp_seconds", "When its last tick was.", at, "kind", "name")
