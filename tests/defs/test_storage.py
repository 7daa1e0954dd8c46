"""What Dagster stores holds no secret, whoever raised the error that it stands in."""

import json
from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.definitions.assets.graph.asset_graph_subset import AssetGraphSubset
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.execution.asset_backfill import AssetBackfillData
from dagster._core.execution.backfill import BulkActionStatus, PartitionBackfill
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.scheduler.instigation import TickData, TickStatus
from dagster._core.test_utils import instance_for_test
from sqlalchemy.engine import make_url
from stored import rows

from stock_assistant_pipelines.defs import storage
from stock_assistant_pipelines.redaction import Redactor
from stock_assistant_pipelines.warehouse.database import Database
from stock_assistant_pipelines.warehouse.embedded import conninfo

SECRET = 'pl4nted-"t0ken"/é'
URL = "postgresql://owner:h1dden-w0rd@host/name"


@dg.op
def careless(context: dg.OpExecutionContext) -> None:
    context.log.info(f"asked with {SECRET}")
    context.add_output_metadata({"asked": SECRET, "token": 7})
    try:
        raise ValueError(json.dumps({"token": SECRET}))
    except ValueError as error:
        raise RuntimeError(f"{URL} refused {SECRET!r}") from error


@dg.job
def leaks() -> None:
    careless()


@pytest.fixture
def dagster(database: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    monkeypatch.setattr(storage, "_redactor", lambda: Redactor([SECRET]))
    custom = {
        "module": "stock_assistant_pipelines.defs.storage",
        "class": "Storage",
        "config": {"postgres_url": database.dagster_url},
    }
    monkeypatch.setattr(storage.logged, "begin", lambda _: None)
    database.create()
    with instance_for_test(overrides={"storage": {"custom": custom}}) as instance:
        yield instance


def everything(database: Database) -> str:
    """All rows of all tables that Dagster keeps."""
    return "\n".join(rows(conninfo(make_url(database.dagster_url).set(drivername="postgresql"))))


def test_neither_runs_nor_their_tags_hold_one(dagster: dg.DagsterInstance, database: Database) -> None:
    run = dagster.create_run_for_job(
        leaks,
        run_config={"loggers": {"console": {"config": {"name": SECRET}}}},
        tags={"by": SECRET, "api_key": SECRET, "for_partition": SECRET},
    )
    dagster.add_run_tags(run.run_id, {"asked": f"with {SECRET}", "of": "daily"})
    stored = dagster.get_run_by_id(run.run_id)
    assert stored is not None
    assert {name: stored.tags[name] for name in ("by", "asked", "of")} == {
        "by": "***",
        "asked": "with ***",
        "of": "daily",
    }
    assert "pl4nted" not in everything(database)


def test_neither_events_nor_errors_hold_one(dagster: dg.DagsterInstance, database: Database) -> None:
    result = leaks.execute_in_process(instance=dagster, raise_on_error=False)
    assert not result.success
    (failure,) = [
        each for each in dagster.all_logs(result.run_id) if each.dagster_event and each.dagster_event.is_step_failure
    ]
    told = failure.get_dagster_event().step_failure_data.error
    assert told is not None
    assert told.cause is not None
    assert told.cause.message == "RuntimeError: postgresql://owner:***@host/name refused '***'\n"
    stored = everything(database)
    assert "RuntimeError" in stored
    for planted in ("pl4nted", "h1dden"):
        assert planted not in stored


# --- passwords that are words of ours

WEAK = ["dagster", "daily", "stock_assistant", "2026-01-02", "partition", "EventLogEntry", "Dagster", "SUCCESS"]
DAYS = dg.DailyPartitionsDefinition("2026-01-01")
DAILY = dg.AssetKey("daily")


@dg.asset(name="daily", partitions_def=DAYS)
def lands(context: dg.AssetExecutionContext) -> None:
    context.log.info("asked as stock_assistant")


TARGET = AssetGraphSubset(partitions_subsets_by_asset_key={DAILY: DAYS.subset_with_partition_keys(["2026-01-02"])})
ORIGIN = RepositoryPythonOrigin("python", ModuleCodePointer("stock_assistant_pipelines.definitions", "defs", None))
KEPT = [
    dg.DagsterRun(
        "daily",
        job_code_origin=JobPythonOrigin("daily", ORIGIN),
        asset_selection={DAILY},
        step_keys_to_execute=["daily"],
        tags={"dagster/partition": "2026-01-02", "stock_assistant/backfill": "daily"},
    ),
    PartitionBackfill(
        "daily",
        BulkActionStatus.REQUESTED,
        from_failure=False,
        tags={"dagster/backfill": "daily"},
        backfill_timestamp=1.0,
        asset_selection=[DAILY],
        asset_backfill_data=AssetBackfillData.empty(TARGET, 1.0, None),
    ),
    TickData(
        instigator_origin_id="daily",
        instigator_name="daily",
        instigator_type=InstigatorType.SENSOR,
        status=TickStatus.SUCCESS,
        timestamp=1.0,
        run_ids=["daily"],
        run_keys=["daily"],
        run_requests=[dg.RunRequest("daily", job_name="daily", partition_key="2026-01-02", asset_selection=[DAILY])],
    ),
]


@pytest.fixture
def weak(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "_redactor", lambda: Redactor(WEAK))


@pytest.mark.usefixtures("weak")
@pytest.mark.parametrize("told", KEPT, ids=lambda told: type(told).__name__)
def test_what_is_found_by_a_name_is_found_though_that_is_a_password(told: Any) -> None:
    assert storage.hidden(told) == told


def test_the_environment_that_a_run_is_started_with_is_clean_and_its_code_is_found(weak: None) -> None:
    def run(value: str) -> dg.DagsterRun:
        context = {"k8s": {"env": [{"name": "TUSHARE_TOKEN", "value": value}, {"name": "A", "value": "b"}]}}
        origin = ORIGIN._replace(container_image="daily", entry_point=["dagster"], container_context=context)
        return dg.DagsterRun("daily", run_id="1", job_code_origin=JobPythonOrigin("daily", origin))

    assert storage.hidden(run("daily")) == run("***")


def test_a_run_is_found_by_its_names_and_its_texts_are_clean(dagster: dg.DagsterInstance, weak: None) -> None:
    run = dg.materialize([lands], instance=dagster, partition_key="2026-01-02", tags={"by": "daily"})
    stored = dagster.get_run_by_id(run.run_id)
    assert stored is not None
    assert (stored.tags["dagster/partition"], stored.tags["by"]) == ("2026-01-02", "***")
    event = dagster.get_latest_materialization_event(DAILY)
    assert event is not None
    assert event.asset_materialization is not None
    assert event.asset_materialization.partition == "2026-01-02"
    assert "asked as ***" in [each.user_message for each in dagster.all_logs(run.run_id)]
