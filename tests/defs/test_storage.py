"""What Dagster stores holds no secret, whoever raised the error that it stands in."""

import json
from collections.abc import Iterator

import dagster as dg
import pytest
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
        leaks, run_config={"loggers": {"console": {"config": {"name": SECRET}}}}, tags={"by": SECRET}
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
