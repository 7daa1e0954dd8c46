"""A run whose process is gone is found, and only such a one; a stopping code server loses no run."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.execution.api import execute_run
from dagster._core.launcher.base import LaunchRunContext
from dagster._core.remote_representation.code_location import GrpcServerCodeLocation
from dagster._core.storage.tags import DOCKER_IMAGE_TAG, GRPC_INFO_TAG
from dagster._core.test_utils import instance_for_test
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import GrpcServerTarget
from living_machine import until

from stock_assistant_pipelines.cli import services
from stock_assistant_pipelines.defs.lifeline import build_executor, build_sensor
from stock_assistant_pipelines.defs.resources import Platform
from stock_assistant_pipelines.warehouse.embedded import conninfo
from stock_assistant_pipelines.warehouse.presence import is_present, present

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from dagster._core.workspace.context import WorkspaceRequestContext

    from stock_assistant_pipelines.settings import Settings
    from stock_assistant_pipelines.warehouse.database import Database

LAUNCHED = {GRPC_INFO_TAG: "{}"}

PATIENT = {"run_launcher": {"module": "stock_assistant_pipelines.defs.launcher", "class": "PatientRunLauncher"}}

LOCATION = """
import pathlib, time
import dagster as dg

@dg.op
def wait_for_a_file() -> None:
    while not pathlib.Path({path!r}).exists():
        time.sleep(0.05)

@dg.job(executor_def=dg.in_process_executor)
def waiting() -> None:
    wait_for_a_file()

defs = dg.Definitions(jobs=[waiting])
"""


@dg.job
def any_job() -> None:
    """A job whose runs are made up by the tests."""


@pytest.fixture
def platform(installation: Settings) -> Platform:
    return Platform(installation)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def look(platform: Platform, instance: dg.DagsterInstance, cursor: str | None = None) -> str:
    """Let the sensor look once; return what it remembers."""
    context = dg.build_sensor_context(instance, cursor=cursor)
    build_sensor(platform)(context)
    assert context.cursor is not None
    return context.cursor


def started(instance: dg.DagsterInstance, tags: dict[str, str]) -> str:
    """A run that has started."""
    return instance.create_run_for_job(any_job, status=DagsterRunStatus.STARTED, tags=tags).run_id


def status(instance: dg.DagsterInstance, run_id: str) -> DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def test_a_run_that_nobody_holds_at_two_looks_in_a_row_is_failed(
    platform: Platform, instance: dg.DagsterInstance, database: Database
) -> None:
    lost, alive, by_hand = started(instance, LAUNCHED), started(instance, LAUNCHED), started(instance, {})
    pod = started(instance, {DOCKER_IMAGE_TAG: "stock-assistant-pipelines:0.1.0"})
    address = conninfo(database.url)
    with present(address, f"run {alive}"):
        cursor = look(platform, instance)
        assert status(instance, lost) is DagsterRunStatus.STARTED, "it may just be starting or ending"
        look(platform, instance, cursor)
    assert status(instance, lost) is DagsterRunStatus.FAILURE
    assert status(instance, pod) is DagsterRunStatus.FAILURE
    assert status(instance, alive) is DagsterRunStatus.STARTED
    assert status(instance, by_hand) is DagsterRunStatus.STARTED, "what the command line runs itself holds no lock"


def test_a_run_that_was_back_in_between_is_left_alone(
    platform: Platform, instance: dg.DagsterInstance, database: Database
) -> None:
    run = started(instance, LAUNCHED)
    cursor = look(platform, instance)
    with present(conninfo(database.url), f"run {run}"):
        cursor = look(platform, instance, cursor)
    cursor = look(platform, instance, cursor)
    assert status(instance, run) is DagsterRunStatus.STARTED
    look(platform, instance, cursor)
    assert status(instance, run) is DagsterRunStatus.FAILURE


@pytest.mark.parametrize("fails", [False, True])
def test_a_run_holds_its_lock_while_it_works_and_not_after(
    platform: Platform, database: Database, *, fails: bool
) -> None:
    address = conninfo(database.url)
    seen = []

    @dg.op
    def work(context) -> None:  # type: ignore[no-untyped-def]
        seen.append(is_present(address, f"run {context.run_id}"))
        assert not fails

    @dg.job(executor_def=build_executor(platform))
    def working() -> None:
        work()

    with dg.DagsterInstance.ephemeral() as instance:
        run = instance.create_run_for_job(working)
        result = execute_run(InMemoryJob(working), run, instance)
    assert result.success is not fails
    assert seen == [True]
    assert not is_present(address, f"run {run.run_id}")


@contextmanager
def code_server(instance: dg.DagsterInstance, directory: Path, flag: Path) -> Iterator[WorkspaceProcessContext]:
    """A code server whose only job waits for a file, and the workspace in which it is."""
    definitions = directory / "location.py"
    definitions.write_text(LOCATION.format(path=str(flag)), encoding="utf-8")
    port = services.free_port()
    server = services.code_location(directory / "logs", port)
    server.command[-2:] = ["-f", str(definitions)]
    target = GrpcServerTarget(host=services.LOOPBACK, port=port, socket=None, location_name="waiting")
    with services.running([server], dict(os.environ)), WorkspaceProcessContext(instance, target) as workspace:
        yield workspace


def new_run(instance: dg.DagsterInstance, workspace: WorkspaceRequestContext) -> dg.DagsterRun:
    """A run of the job of the only code location, ready to be launched."""
    (location,) = workspace.code_locations
    (repository,) = location.get_repositories().values()
    job = repository.get_full_job("waiting")
    return instance.create_run_for_job(
        any_job,
        status=DagsterRunStatus.STARTING,
        remote_job_origin=job.get_remote_origin(),
        job_code_origin=job.get_python_origin(),
    )


def test_a_run_that_a_stopping_code_server_refuses_is_one_that_it_cannot_reach(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    with (
        instance_for_test(overrides=PATIENT) as instance,
        code_server(instance, tmp_path, flag) as process,
    ):
        workspace = process.create_request_context()
        first, second = new_run(instance, workspace), new_run(instance, workspace)
        launcher = instance.run_launcher
        launcher.launch_run(LaunchRunContext(first, workspace))
        location = workspace.code_locations[0]
        assert isinstance(location, GrpcServerCodeLocation)
        location.client.shutdown_server()
        with pytest.raises(DagsterUserCodeUnreachableError, match="stopping"):
            launcher.launch_run(LaunchRunContext(second, workspace))
        flag.touch()
        until(lambda: (run := instance.get_run_by_id(first.run_id)) and run.is_finished)
        assert status(instance, second.run_id) is DagsterRunStatus.STARTING
