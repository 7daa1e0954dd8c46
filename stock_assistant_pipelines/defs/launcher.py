"""How runs are started: in the code server of this host or another's, and never in one that is on its way out."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from dagster._core.errors import DagsterLaunchFailedError, DagsterUserCodeUnreachableError
from dagster._core.launcher.default_run_launcher import DefaultRunLauncher
from dagster._grpc.client import DagsterGrpcClient
from dagster._grpc.types import GetCurrentRunsResult
from dagster._serdes import deserialize_value

from stock_assistant_pipelines.settings import settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dagster import DagsterRun
    from dagster._core.launcher.base import LaunchRunContext

STOPPING = "after telling it to shut down"
"""What a code server says that was told to stop, and waits for its runs."""

HOST = "stock_assistant/host"
"""The tag that says which of several code servers runs a run."""

PATIENCE = 5
"""Seconds after which a code server that does not answer is passed over."""


class PatientRunLauncher(DefaultRunLauncher):
    """Dagster's own launcher, for several hosts; a run that nobody takes goes back into the queue, as when there is no server.

    Otherwise it would fail, and use up its retries within seconds: a stopping server waits for its runs.
    """

    def launch_run(self, context: LaunchRunContext) -> None:
        """Start a run: where its code location is, or, with RUN_HOSTS, where the fewest runs are under way."""
        if hosts := settings().run_hosts:
            self._launch_at_one(context.dagster_run, hosts)
            return
        try:
            super().launch_run(context)
        except DagsterLaunchFailedError as error:
            _require_stopping(error)
            raise DagsterUserCodeUnreachableError(
                "the code server is stopping: the run waits for the next one"
            ) from error

    def _launch_at_one(self, run: DagsterRun, hosts: Sequence[str]) -> None:
        """Start a run at the first of these code servers that takes it.

        One that is lost while it is asked may have started it all the same: the run waits, and is not asked for elsewhere.
        """
        for client in by_load(hosts):
            self._instance.add_run_tags(run.run_id, {HOST: f"{client.host}:{client.port}"})
            try:
                self.launch_run_from_grpc_client(self._instance, run, client)
            except DagsterLaunchFailedError as error:
                _require_stopping(error)
            else:
                return
        raise DagsterUserCodeUnreachableError(
            f"no code server of RUN_HOSTS ({', '.join(hosts)}) answers, or all are stopping: the run waits for one"
        )


def by_load(hosts: Sequence[str]) -> list[DagsterGrpcClient]:
    """The code servers that answer, the one with the fewest runs first. All are asked at once, since one may be lost."""
    names = [host.rpartition(":") for host in hosts]  # with its brackets, which gRPC wants of an IPv6 address
    clients = [DagsterGrpcClient(int(port), host=name) for name, _, port in names]
    with ThreadPoolExecutor(len(clients)) as pool:
        counted = zip(pool.map(_runs, clients), clients, strict=True)
    answering = [(runs, client) for runs, client in counted if runs is not None]
    return [client for _, client in sorted(answering, key=lambda each: each[0])]


def _runs(client: DagsterGrpcClient) -> int | None:
    """How many runs a code server has under way, as it says itself; None when it does not answer."""
    try:
        client.get_server_id(timeout=PATIENCE)  # the next question would be waited for a minute
        told = deserialize_value(client.get_current_runs(), GetCurrentRunsResult)
    except DagsterUserCodeUnreachableError:
        return None
    return len(told.current_runs)


def _require_stopping(error: DagsterLaunchFailedError) -> None:
    """Raise an error again that does not come of a code server on its way out."""
    if STOPPING not in str(error):
        raise error
