"""PostgreSQL: what its usual exporter tells otherwise from version to version, or not at all of new servers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client.core import CounterMetricFamily
from sqlalchemy import text

from stock_assistant_pipelines.exporter.page import Values, gauge, single, statement

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prometheus_client.metrics_core import Metric
    from sqlalchemy import Connection

    from stock_assistant_pipelines.exporter.reading import Reader

SERVER = statement("server")
REPLICAS = statement("replicas")
SLOTS = statement("slots")
CHECKPOINTS = statement("checkpoints")

HAS_CHECKPOINTER = text("select to_regclass('pg_stat_checkpointer')")
"""It has a view of its own from PostgreSQL 17 on."""


def read(reader: Reader) -> Sequence[Metric]:
    """What the server tells of itself."""
    with reader.transaction() as connection:
        return [*_server(connection), *_replicas(connection), *_slots(connection), *_checkpoints(connection)]


def _server(connection: Connection) -> Iterator[Metric]:
    row = connection.execute(SERVER).one()
    yield single("postgres_replica", "1: the server is a replica, which only reads.", float(row.replica))
    yield single(
        "postgres_oldest_transaction_age",
        "How many transactions ago the oldest was that a database still knows; at two thousand million it stops.",
        row.oldest_xid_age,
    )
    yield single("postgres_freeze_max_age", "At how many it is cleared away without being asked.", row.freeze_max_age)
    yield single("postgres_replay_lag_seconds", "How far this replica is behind; none of a primary.", row.own_lag)
    yield single(
        "postgres_archive_failing",
        "1: the last try to archive WAL failed; none where nothing is archived.",
        row.archive_failing,
    )


def _replicas(connection: Connection) -> Iterator[Metric]:
    rows = connection.execute(REPLICAS).all()
    seconds: Values = {(row.replica,): row.seconds for row in rows}
    bytes_: Values = {(row.replica,): row.bytes for row in rows}
    yield gauge(
        "postgres_replica_lag_seconds", "How far a replica is behind that streams from here.", seconds, "replica"
    )
    yield gauge("postgres_replica_lag_bytes", "The same, in bytes of WAL.", bytes_, "replica")


def _slots(connection: Connection) -> Iterator[Metric]:
    rows = connection.execute(SLOTS).all()
    kept: Values = {(row.slot,): row.bytes for row in rows}
    active: Values = {(row.slot,): row.active for row in rows}
    lost: Values = {(row.slot,): row.lost for row in rows}
    yield gauge("postgres_slot_kept_bytes", "WAL that is kept for a replication slot.", kept, "slot")
    yield gauge("postgres_slot_active", "1: somebody reads it.", active, "slot")
    yield gauge("postgres_slot_lost", "1: what it needs is gone: who reads it has to begin anew.", lost, "slot")


def _checkpoints(connection: Connection) -> Iterator[Metric]:
    if connection.scalar(HAS_CHECKPOINTER) is None:
        return
    row = connection.execute(CHECKPOINTS).one()
    family = CounterMetricFamily(
        "stock_assistant_postgres_checkpoints", "Checkpoints, by what they were made for.", labels=["reason"]
    )
    for reason in ("timed", "requested"):
        family.add_metric([reason], getattr(row, reason))
    yield family
