"""Code servers that speak Dagster's protocol and run nothing: they note what they were told to run, and to stop."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import grpc
from dagster._grpc.__generated__ import dagster_api_pb2 as wire
from dagster._grpc.__generated__.dagster_api_pb2_grpc import DagsterApiServicer, add_DagsterApiServicer_to_server
from dagster._grpc.types import (
    CancelExecutionRequest,
    CancelExecutionResult,
    ExecuteExternalJobArgs,
    GetCurrentRunsResult,
    StartRunResult,
)
from dagster._serdes import deserialize_value, serialize_value

from stock_assistant_pipelines.defs.launcher import STOPPING

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass
class CodeServer(DagsterApiServicer):  # type: ignore[misc]
    """A code server, and what came to it."""

    runs: list[str] = field(default_factory=list)
    """The runs under way."""
    refuses: str | None = None
    """What it says to whoever wants a run started."""
    cancelled: list[str] = field(default_factory=list)
    address: str = ""

    def GetServerId(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's signature
        return wire.GetServerIdReply(server_id=self.address)

    def GetCurrentRuns(self, request: Any, context: Any) -> Any:  # noqa: N802
        told = GetCurrentRunsResult(current_runs=self.runs, serializable_error_info=None)
        return wire.GetCurrentRunsReply(serialized_current_runs=serialize_value(told))

    def StartRun(self, request: Any, context: Any) -> Any:  # noqa: N802
        wanted = deserialize_value(request.serialized_execute_run_args, ExecuteExternalJobArgs)
        if self.refuses is None:
            self.runs.append(wanted.run_id)
        told = StartRunResult(success=self.refuses is None, message=self.refuses, serializable_error_info=None)
        return wire.StartRunReply(serialized_start_run_result=serialize_value(told))

    def CancelExecution(self, request: Any, context: Any) -> Any:  # noqa: N802
        wanted = deserialize_value(request.serialized_cancel_execution_request, CancelExecutionRequest)
        self.cancelled.append(wanted.run_id)
        told = CancelExecutionResult(success=True, message=None, serializable_error_info=None)
        return wire.CancelExecutionReply(serialized_cancel_execution_result=serialize_value(told))


def stopping() -> CodeServer:
    """One that was told to stop, and waits for its runs."""
    return CodeServer(refuses=f"Tried to start a run on a server {STOPPING}")


@contextmanager
def serving(*servers: CodeServer, host: str = "127.0.0.1") -> Iterator[None]:
    """Let these code servers answer, each on a port of its own, which is its address from then on."""
    started = []
    try:
        for each in servers:
            server = grpc.server(ThreadPoolExecutor(2))
            add_DagsterApiServicer_to_server(each, server)
            each.address = f"{host}:{server.add_insecure_port(f'{host}:0')}"
            server.start()
            started.append(server)
        yield
    finally:
        for server in started:
            server.stop(None)
