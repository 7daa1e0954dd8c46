"""Old runs are deleted, and what the UI knows of partitions stays.

Dagster keeps every run and event until someone deletes them; its own `delete_run` takes the materializations along, by
which partitions are shown as complete. Here each partition's newest materialization is kept, whatever becomes of its run.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster._core.storage.dagster_run import FINISHED_STATUSES
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    AssetEventTagsTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.runs.schema import RunsTable
from sqlalchemy import ColumnElement, Connection, Select, and_, delete, exists, or_, select

from stock_assistant_pipelines.defs.resources import Platform

RUNS_AT_ONCE = 100
"""How many runs are read together; each is deleted in a transaction of its own."""

EVENTS_AT_ONCE = 5000
"""How many events are deleted in one transaction."""

EVENTS = SqlEventLogStorageTable.c
CHECKS = AssetCheckExecutionsTable.c
MATERIALIZED = EVENTS.dagster_event_type == dg.DagsterEventType.ASSET_MATERIALIZATION.value


def forget(instance: dg.DagsterInstance, before: datetime) -> int:
    """Delete the runs that were made before this moment and have ended, and their events; return how many runs.

    Each run is gone or there; who is interrupted goes on the next time.
    """
    storage = instance.event_log_storage
    assert isinstance(storage, SqlEventLogStorage)
    count = 0
    for run in _old(instance, before):
        with storage.index_connection() as connection:
            connection.execute(
                delete(SqlEventLogStorageTable).where(EVENTS.run_id == run.run_id, MATERIALIZED.is_not(True))
            )
            connection.execute(delete(AssetCheckExecutionsTable).where(CHECKS.run_id == run.run_id, _later_check()))
        instance.run_storage.delete_run(run.run_id)
        instance.compute_log_manager.delete_logs(prefix=[run.run_id])
        count += 1
    _forget_superseded(storage, before)
    return count


def _old(instance: dg.DagsterInstance, before: datetime) -> Iterator[dg.DagsterRun]:
    """The runs that may be deleted, oldest first, as long as there are any."""
    wanted = dg.RunsFilter(statuses=FINISHED_STATUSES, created_before=before)
    while runs := instance.get_runs(wanted, limit=RUNS_AT_ONCE, ascending=True):
        yield from runs


def _forget_superseded(storage: SqlEventLogStorage, before: datetime) -> None:
    """Delete the materializations of deleted runs that a later one of the same partition has replaced."""
    while True:
        with storage.index_connection() as connection:
            if not _forget_some(connection, before):
                return


def _forget_some(connection: Connection, before: datetime) -> int:
    found = connection.execute(_superseded(before).limit(EVENTS_AT_ONCE)).scalars().all()
    connection.execute(delete(AssetEventTagsTable).where(AssetEventTagsTable.c.event_id.in_(found)))
    connection.execute(delete(SqlEventLogStorageTable).where(EVENTS.id.in_(found)))
    return len(found)


def _superseded(before: datetime) -> Select[tuple[int]]:
    """The materializations of runs that are gone which are not the newest of their partition."""
    later = SqlEventLogStorageTable.alias("later")
    same = and_(
        later.c.asset_key == EVENTS.asset_key,
        later.c.dagster_event_type == EVENTS.dagster_event_type,
        later.c.id > EVENTS.id,
    )
    # Written twice: `is not distinct from` cannot use the index.
    replaced = or_(
        and_(EVENTS.partition.is_not(None), exists().where(same, later.c.partition == EVENTS.partition)),
        and_(EVENTS.partition.is_(None), exists().where(same, later.c.partition.is_(None))),
    )
    orphaned = ~exists().where(RunsTable.c.run_id == EVENTS.run_id)
    stored_before = EVENTS.timestamp < before.astimezone(UTC).replace(tzinfo=None)
    return select(EVENTS.id).where(MATERIALIZED, EVENTS.asset_key.is_not(None), stored_before, orphaned, replaced)


def _later_check() -> ColumnElement[bool]:
    """Whether a check was evaluated again later."""
    later = AssetCheckExecutionsTable.alias("later")
    return exists().where(
        later.c.asset_key == CHECKS.asset_key, later.c.check_name == CHECKS.check_name, later.c.id > CHECKS.id
    )


@dg.op
def forget_old_runs(context: dg.OpExecutionContext, platform: dg.ResourceParam[Platform]) -> None:
    """Delete the runs that are older than `RUNS_KEPT_DAYS`."""
    days = platform.settings.runs_kept_days
    count = forget(context.instance, datetime.now(UTC) - timedelta(days=days))
    context.log.info(f"{count} runs older than {days} days are deleted")


@dg.job(description="Deletes old runs, their events and their logs; what is known of partitions stays.")
def tidy() -> None:
    """Keep Dagster's history as long as `RUNS_KEPT_DAYS` says."""
    forget_old_runs()


tidy_weekly = dg.ScheduleDefinition(
    name="tidy_weekly",
    job=tidy,
    cron_schedule="0 4 * * 0",
    execution_timezone="Asia/Shanghai",
    default_status=dg.DefaultScheduleStatus.RUNNING,
)
