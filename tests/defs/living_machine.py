"""The services of one machine, alive: code server and daemon against a sandbox, to be killed and started again."""

from __future__ import annotations

import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from sqlalchemy import func, select

from stock_assistant_pipelines.cli import services
from stock_assistant_pipelines.sandbox.server import TOKEN
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.warehouse.tables import COVERAGE, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import pytest
    from sqlalchemy import Engine

    from stock_assistant_pipelines.sandbox.server import Running
    from stock_assistant_pipelines.warehouse.database import Database


@contextmanager
def machine(database: Database, sandbox: Running, monkeypatch: pytest.MonkeyPatch) -> Iterator[services.Machine]:
    """The services of `up` without UI and API; the daemon is not started yet."""
    database.create()
    with tempfile.TemporaryDirectory(prefix="sa-daemon-") as directory:
        settings = Settings(
            data_dir=Path(directory), tushare_token=TOKEN, tushare_base_url=sandbox.url, tushare_calls_per_minute=0
        )
        logs = Path(directory) / "logs"
        port = services.free_port()
        environment = services.environment(settings, database, sandbox.url) | {"TUSHARE_CALLS_PER_MINUTE": "0"}
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        known = services.workspace(Path(environment["DAGSTER_HOME"]), port)
        parts = services.Machine([services.code_location(logs, port)], services.daemon(logs, known), environment)
        with services.running(parts.first, environment):
            yield parts


def run_processes(parts: services.Machine) -> list[psutil.Process]:
    """The processes of the runs that are under way."""
    code = parts.first[0].process
    assert code is not None
    return [
        child
        for child in psutil.Process(code.pid).children(recursive=True)
        if "spawn_main" in " ".join(child.cmdline())
    ]


def until(condition: Callable[[], Any], seconds: float = 150) -> Any:
    """Wait for a condition; fail when it does not come true."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)
    return value


def complete(engine: Engine, name: str) -> int:
    """How many partitions of a dataset are complete."""
    query = select(func.count()).where(COVERAGE.c.dataset == name, COVERAGE.c.status == Status.COMPLETE)
    with engine.connect() as connection:
        return int(connection.execute(query).scalar_one())
