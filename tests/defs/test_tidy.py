"""Old runs go; what the UI shows of partitions and checks stays."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from code_location import CodeLocation
from dagster._core.storage.partition_status_cache import AssetPartitionStatus
from dagster._core.test_utils import instance_for_test
from sqlalchemy import create_engine, text

from stock_assistant_pipelines.defs import tidy
from stock_assistant_pipelines.defs.partitions import TRADING_DAYS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from stock_assistant_pipelines.settings import Settings
    from stock_assistant_pipelines.warehouse.database import Database

KEY = dg.AssetKey("adj_factor")
DAYS = ["2026-03-02", "2026-03-03", "2026-03-04"]


@pytest.fixture
def storage(database: Database) -> Iterator[Engine]:
    """Dagster's database."""
    database.create()
    engine = create_engine(database.dagster_url)
    yield engine
    engine.dispose()


@pytest.fixture
def location(installation: Settings, database: Database, storage: Engine) -> Iterator[CodeLocation]:
    """The code location, whose history is in PostgreSQL."""
    with instance_for_test(overrides={"storage": {"postgres": {"postgres_url": database.dagster_url}}}) as instance:
        yield CodeLocation(installation, instance)


def age(storage: Engine, days: int) -> None:
    """Make everything that is there older."""
    with storage.begin() as connection:
        for table, column in (("runs", "create_timestamp"), ("event_logs", "timestamp")):
            connection.execute(text(f"update {table} set {column} = {column} - interval '{days} days'"))


def count(storage: Engine, table: str, which: str = "true") -> int:
    with storage.connect() as connection:
        return int(connection.execute(text(f"select count(*) from {table} where {which}")).scalar_one())


def shown(location: CodeLocation, storage: Engine) -> dict[str, AssetPartitionStatus | None]:
    """What the UI shows of the days, when what it remembers is built anew."""
    with storage.begin() as connection:
        connection.execute(text("update asset_keys set cached_status_data = null"))
    found = location.instance.get_status_by_partition(KEY, DAYS, TRADING_DAYS)
    assert found is not None
    return dict(found)


def test_old_runs_are_deleted_and_partitions_stay_complete(location: CodeLocation, storage: Engine) -> None:
    first = location.run("adj_factor", "stock_basic", first=DAYS[0], last=DAYS[-1])
    assert first.success
    age(storage, 100)
    second = location.run("adj_factor", first=DAYS[-1], last=DAYS[-1], refetch=True)
    age(storage, 200)
    third = location.run("adj_factor", first=DAYS[0], last=DAYS[0], refetch=True)
    assert second.success
    assert third.success
    line = "insert into event_logs (run_id, event, timestamp) values (:run, 'a line of the log: no event', now())"
    with storage.begin() as connection:
        connection.execute(text(line), {"run": first.run_id})

    assert tidy.forget(location.instance, datetime.now(UTC) - timedelta(days=180)) == 2
    assert [run.run_id for run in location.instance.get_runs()] == [third.run_id]
    assert shown(location, storage) == dict.fromkeys(DAYS, AssetPartitionStatus.MATERIALIZED)
    assert location.instance.get_latest_materialization_event(dg.AssetKey("stock_basic"))
    gone = f"run_id <> '{third.run_id}'"
    assert count(storage, "event_logs", gone) == 3, "one for two days of daily, one for the stocks"
    record = location.instance.get_latest_data_version_record(KEY, partition_key=DAYS[1])
    assert record is not None
    assert record.asset_materialization is not None
    assert record.asset_materialization.metadata["status"].value == "complete"
    checks = location.instance.event_log_storage.get_latest_asset_check_execution_by_key(
        [dg.AssetCheckKey(dg.AssetKey("stock_basic"), "complete")]
    )
    assert len(checks) == 1, "the last evaluation of a check stays"

    before = count(storage, "event_logs")
    assert tidy.forget(location.instance, datetime.now(UTC) - timedelta(days=180)) == 0
    assert count(storage, "event_logs") == before


def test_deleting_a_run_as_dagster_does_would_lose_them(location: CodeLocation, storage: Engine) -> None:
    """Why there is a job of our own; when this fails, Dagster has learnt it."""
    run = location.run("adj_factor", first=DAYS[0], last=DAYS[-1])
    assert shown(location, storage) == dict.fromkeys(DAYS, AssetPartitionStatus.MATERIALIZED)
    location.instance.delete_run(run.run_id)
    assert shown(location, storage) == dict.fromkeys(DAYS, None)


def test_runs_under_way_and_young_ones_stay(location: CodeLocation, storage: Engine) -> None:
    run = location.run("adj_factor", first=DAYS[0], last=DAYS[0])
    assert tidy.forget(location.instance, datetime.now(UTC) - timedelta(days=7)) == 0
    age(storage, 400)
    with storage.begin() as connection:
        connection.execute(text("update runs set status = 'STARTED'"))
    assert tidy.forget(location.instance, datetime.now(UTC)) == 0
    assert location.instance.has_run(run.run_id)


def test_the_job_goes_by_the_setting(location: CodeLocation, storage: Engine) -> None:
    run = location.run("adj_factor", first=DAYS[0], last=DAYS[0])
    job = location.repository.get_job("tidy")
    for days, kept in ((179, True), (2, False)):
        age(storage, days)
        assert job.execute_in_process(instance=location.instance).success
        assert location.instance.has_run(run.run_id) is kept
