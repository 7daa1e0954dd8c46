"""Backfills as they run in production: code server, daemon, queue, and runs in processes of their own."""

from __future__ import annotations

import os
import signal
import tempfile
import time
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import psutil
import pytest
from pydantic import SecretStr
from sqlalchemy import func, select, text

from stock_assistant_pipelines import definitions
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.cli import services
from stock_assistant_pipelines.defs.backfills import Backfill
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.sandbox.server import TOKEN, running
from stock_assistant_pipelines.settings import SHANGHAI, Settings
from stock_assistant_pipelines.tushare.decode import parse_day
from stock_assistant_pipelines.tushare.transport import Transport
from stock_assistant_pipelines.warehouse.tables import COVERAGE, METADATA, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy import Engine

    from stock_assistant_pipelines.sandbox.server import Running
    from stock_assistant_pipelines.warehouse.database import Database

pytestmark = [pytest.mark.xdist_group("daemon"), pytest.mark.timeout(900)]

NOW = datetime(2026, 3, 4, 20, 0, tzinfo=SHANGHAI)
FIRST, LAST = date(2025, 12, 2), date(2026, 3, 4)
DATASETS = [CATALOG[name] for name in ("suspend_d", "daily", "adj_factor")]


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


def contents(engine: Engine) -> dict[str, str]:
    """A checksum of every row of every dataset."""
    names = list(CATALOG)
    with engine.connect() as connection:
        return {
            name: connection.execute(
                text(f"select coalesce(md5(string_agg(t::text, '|' order by t::text)), '') from {name} as t")
            ).scalar_one()
            for name in names
        }


def test_a_killed_run_is_taken_up_where_it_was_and_ends_with_the_tables_of_an_undisturbed_one(
    database: Database, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(stocks=60, quota=False, now=NOW, latency=0.25) as sandbox:
        with machine(database, sandbox, monkeypatch) as parts, dg.DagsterInstance.get() as dagster:
            backfill = Backfill.launch(dagster, definitions.defs, DATASETS, FIRST, LAST, "killed")
            with services.running([parts.daemon], parts.environment):
                until(lambda: complete(engine, "adj_factor") + complete(engine, "daily") > 15)
                victims = run_processes(parts)
                assert victims, "no run is under way: nothing was killed"
                for victim in victims:
                    os.kill(victim.pid, signal.SIGKILL)
                until(lambda: len(backfill.runs) > 1)
                until(lambda: backfill.ended is not None)
            states = sorted(run.status.value for run in backfill.runs)
            materialized = {
                dataset.api: dagster.get_materialized_partitions(dg.AssetKey(dataset.api)) for dataset in DATASETS
            }
        asked = [
            day
            for call in sandbox.calls(last=5000)
            if call["api"] == "daily" and FIRST <= parse_day(day := call["params"]["trade_date"]) <= LAST
        ]
        disturbed = contents(engine)
        with engine.begin() as connection:
            connection.execute(text(f"truncate {', '.join(METADATA.tables)}"))
        with Transport(SecretStr(TOKEN), sandbox.url) as transport:
            ingest = Ingest(engine, transport)
            for dataset in DATASETS:
                days = ingest.calendar(dataset, [LAST]).between(FIRST, LAST)
                assert all(entry.settled for entry in ingest.land(dataset, days))

    assert states == ["FAILURE", "SUCCESS"]
    assert disturbed == contents(engine)
    assert all(len(days) == 67 for days in materialized.values()), "a partition is not shown as materialised"
    assert len(asked) <= 60 + 4, "what had landed was fetched again"
