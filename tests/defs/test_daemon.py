"""Backfills as they run in production: code server, daemon, queue, and runs in processes of their own."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING

import dagster as dg
import psutil
import pytest
from living_machine import complete, machine, run_processes, until
from pydantic import SecretStr
from sqlalchemy import text

from stock_assistant_pipelines import definitions
from stock_assistant_pipelines.calendar import weekdays
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.cli import services
from stock_assistant_pipelines.defs.backfills import Backfill
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.sandbox.server import TOKEN, running
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.tushare.decode import parse_day
from stock_assistant_pipelines.tushare.transport import Transport
from stock_assistant_pipelines.warehouse.tables import METADATA

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

    from stock_assistant_pipelines.warehouse.database import Database

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]

NOW = datetime(2026, 3, 4, 20, 0, tzinfo=SHANGHAI)
FIRST, LAST = date(2025, 12, 25), date(2026, 3, 4)
DATASETS = [CATALOG[name] for name in ("suspend_d", "daily", "adj_factor")]


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


def kill(processes: Sequence[psutil.Process]) -> None:
    """Kill processes, which must be there."""
    assert processes, "no run is under way: nothing was killed"
    for process in processes:
        process.kill()


def test_a_backfill_survives_a_killed_run_and_a_killed_code_server_and_ends_with_the_tables_of_an_undisturbed_one(
    database: Database, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(stocks=60, quota=False, now=NOW, latency=0.25) as sandbox:
        with machine(database, sandbox, monkeypatch) as parts, dg.DagsterInstance.get() as dagster:
            backfill = Backfill.launch(dagster, definitions.defs, DATASETS, FIRST, LAST, "killed")
            code = parts.first[0]
            with services.running([parts.daemon], parts.environment):
                until(lambda: complete(engine, "adj_factor") + complete(engine, "daily") > 10)
                kill(run_processes(parts))
                until(lambda: len(backfill.runs) > 1)
                landed = complete(engine, "adj_factor") + complete(engine, "daily")
                until(lambda: complete(engine, "adj_factor") + complete(engine, "daily") > landed + 10)
                assert code.process is not None
                kill([*run_processes(parts), psutil.Process(code.process.pid)])
                code.stop()
                landed = complete(engine, "adj_factor") + complete(engine, "daily")
                code.start(parts.environment)
                until(lambda: backfill.ended is not None)
            states = [run.status.value for run in reversed(backfill.runs)]
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

    assert landed < 80, "all was there already"
    assert states == ["FAILURE", "FAILURE", "SUCCESS"]
    assert disturbed == contents(engine)
    wanted = {day.isoformat() for day in weekdays(FIRST, LAST)}
    assert len(wanted) == 50
    assert all(days >= wanted for days in materialized.values()), "a partition is not shown as materialised"
    assert len(asked) <= 48 + 8, "what had landed was fetched again"
