"""Of several code servers the one with the fewest runs takes the next, lost and stopping ones are passed over."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from code_servers import CodeServer, serving, stopping
from dagster import DagsterRunStatus
from dagster._core.errors import DagsterLaunchFailedError, DagsterUserCodeUnreachableError
from dagster._core.launcher.base import LaunchRunContext
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.test_utils import instance_for_test
from dagster._grpc.client import DagsterGrpcClient

from stock_assistant_pipelines import settings
from stock_assistant_pipelines.cli import services
from stock_assistant_pipelines.defs.launcher import HOST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENT = {"run_launcher": {"module": "stock_assistant_pipelines.defs.launcher", "class": "PatientRunLauncher"}}

AT_HOME = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("at_home"), "__repository__").get_job_origin("any_job")
"""Where the definitions of the run are: no server answers there, and none is asked."""


@dg.job
def any_job() -> None:
    """A job whose runs nobody carries out."""


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with instance_for_test(overrides=PATIENT) as instance:
        yield instance


@pytest.fixture
def launch(instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., dg.DagsterRun]]:
    """Launch a run with these addresses as RUN_HOSTS."""

    def launch(*hosts: str) -> dg.DagsterRun:
        monkeypatch.setenv("RUN_HOSTS", ",".join(hosts))
        settings.settings.cache_clear()
        run = instance.create_run_for_job(any_job, status=DagsterRunStatus.STARTING, remote_job_origin=AT_HOME)
        instance.run_launcher.launch_run(LaunchRunContext(run, None))
        launched = instance.get_run_by_id(run.run_id)
        assert launched is not None
        return launched

    yield launch
    settings.settings.cache_clear()


def test_the_host_with_the_fewest_runs_takes_the_next_and_the_run_says_so(launch: Callable[..., dg.DagsterRun]) -> None:
    busy, idle = CodeServer(runs=["one", "two"]), CodeServer(runs=["three"])
    with serving(busy, idle):
        first, second, third = (launch(busy.address, idle.address) for _ in range(3))
    assert idle.runs == ["three", first.run_id, third.run_id]
    assert busy.runs == ["one", "two", second.run_id], "where both have two, the first that is named"
    assert [run.tags[HOST] for run in (first, second, third)] == [idle.address, busy.address, idle.address]


def test_a_run_is_ended_at_the_host_that_runs_it(
    launch: Callable[..., dg.DagsterRun], instance: dg.DagsterInstance
) -> None:
    one, other = CodeServer(runs=["one"]), CodeServer()
    with serving(one, other):
        run = launch(one.address, other.address)
        assert instance.run_launcher.terminate(run.run_id)
    assert (one.cancelled, other.cancelled) == ([], [run.run_id])


def test_a_stopping_host_is_passed_over(launch: Callable[..., dg.DagsterRun]) -> None:
    leaving, staying = stopping(), CodeServer(runs=["one"])
    with serving(leaving, staying):
        run = launch(leaving.address, staying.address)
    assert staying.runs == ["one", run.run_id]
    assert run.tags[HOST] == staying.address


def test_a_host_that_does_not_answer_is_passed_over(
    launch: Callable[..., dg.DagsterRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask, there = DagsterGrpcClient.get_server_id, CodeServer(runs=["one"])
    with serving(there), socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        silent = f"127.0.0.1:{port}"  # takes connections, and says nothing

        def impatient(client: DagsterGrpcClient, timeout: float) -> str:
            """Wait less for the one that says nothing: whoever answers may take its time."""
            return ask(client, timeout=timeout / 10 if client.port == port else timeout)

        monkeypatch.setattr(DagsterGrpcClient, "get_server_id", impatient)
        closed = f"127.0.0.1:{services.free_port()}"
        run = launch(silent, closed, there.address)
    assert there.runs == ["one", run.run_id]


@pytest.mark.usefixtures("ipv6")
def test_a_host_may_be_named_by_an_ipv6_address(launch: Callable[..., dg.DagsterRun]) -> None:
    there = CodeServer()
    with serving(there, host="[::1]"):
        run = launch(there.address)
    assert there.runs == [run.run_id]


@pytest.mark.parametrize("all_stop", [True, False], ids=["stopping", "gone"])
def test_a_run_that_nobody_takes_is_one_that_waits(launch: Callable[..., dg.DagsterRun], *, all_stop: bool) -> None:
    leaving = stopping()
    with serving(leaving), pytest.raises(DagsterUserCodeUnreachableError, match="waits for one"):
        launch(leaving.address if all_stop else f"127.0.0.1:{services.free_port()}")


def test_a_run_that_cannot_be_started_fails_and_is_not_tried_elsewhere(launch: Callable[..., dg.DagsterRun]) -> None:
    broken, sound = CodeServer(refuses="no such job"), CodeServer(runs=["one"])
    with serving(broken, sound), pytest.raises(DagsterLaunchFailedError, match="no such job"):
        launch(broken.address, sound.address)
    assert sound.runs == ["one"]
