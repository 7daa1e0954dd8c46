"""Which runs leave the queue: Dagster's own queue, with what dagster.yaml says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import pytest
import yaml
from dagster import DagsterRunStatus
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.storage.tags import BACKFILL_ID_TAG, PRIORITY_TAG
from dagster._core.test_utils import instance_for_test
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon

from stock_assistant_pipelines.defs.clock import AHEAD

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIG = yaml.safe_load((Path(__file__).parents[2] / "dagster.yaml").read_text(encoding="utf-8"))


@dg.job
def any_job() -> None:
    """A job whose runs are made up by the tests."""


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    overrides = {name: CONFIG[name] for name in ("concurrency", "run_coordinator")}
    with instance_for_test(overrides=overrides) as instance:
        yield instance


def queue(
    instance: dg.DagsterInstance, tags: dict[str, str], status: DagsterRunStatus = DagsterRunStatus.QUEUED
) -> str:
    """A run that waits, or one that was started."""
    location = GrpcServerCodeLocationOrigin(host="127.0.0.1", port=1, location_name="any")
    run = instance.create_run_for_job(
        any_job,
        status=status,
        tags=tags,
        remote_job_origin=RemoteJobOrigin(RemoteRepositoryOrigin(location, "any"), "any_job"),
        job_code_origin=dg.reconstructable(any_job).get_python_origin(),
    )
    return run.run_id


def leaving(instance: dg.DagsterInstance) -> list[str]:
    """The runs that are started next."""
    daemon = QueuedRunCoordinatorDaemon(interval_seconds=5)
    return [run.run_id for run in daemon._get_runs_to_dequeue(instance, instance.get_concurrency_config(), None)]


def test_the_evening_goes_before_backfills_and_the_newest_year_before_the_others(instance: dg.DagsterInstance) -> None:
    years = [queue(instance, {BACKFILL_ID_TAG: f"b{at}", PRIORITY_TAG: str(-at)}) for at in (3, 1, 2)]
    evening = queue(instance, {})
    assert leaving(instance) == [evening, years[1], years[2]]


def test_backfills_leave_a_place_however_many_there_are(instance: dg.DagsterInstance) -> None:
    queue(instance, {BACKFILL_ID_TAG: "one"}, DagsterRunStatus.STARTED)
    first = queue(instance, {BACKFILL_ID_TAG: "one"})
    queue(instance, {BACKFILL_ID_TAG: "two"})
    assert leaving(instance) == [first], "two at the most"
    late = queue(instance, AHEAD)
    assert leaving(instance) == [late, first]
