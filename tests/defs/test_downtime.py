"""After five trading days without a running installation the missing days arrive, and what follows from them, unasked."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from living_machine import machine, until
from pydantic import SecretStr
from sqlalchemy import select

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.derived import MARKET_DAY
from stock_assistant_pipelines.cli import services
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.sandbox.server import TOKEN, running
from stock_assistant_pipelines.tushare.transport import Transport
from stock_assistant_pipelines.warehouse.tables import COVERAGE, METADATA, Status

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from stock_assistant_pipelines.warehouse.database import Database

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]

SOURCES = [CATALOG[name] for name in MARKET_DAY.sources]


def complete_in_all(engine: Engine) -> set[date]:
    """The days that are complete in every source."""
    query = select(COVERAGE.c.dataset, COVERAGE.c.partition).where(COVERAGE.c.status == Status.COMPLETE)
    with engine.connect() as connection:
        found = {(name, key) for name, key in connection.execute(query)}
    keys = {key for _, key in found if key != "all"}
    names = {dataset.api for dataset in SOURCES}
    return {date.fromisoformat(key) for key in keys if all((name, key) in found for name in names)}


def derived(engine: Engine) -> set[date]:
    """The days that the market has figures of."""
    with engine.connect() as connection:
        return set(connection.execute(select(METADATA.tables[MARKET_DAY.name].c.trade_date)).scalars())


def test_five_missed_trading_days_arrive_without_anyone_asking_and_what_is_derived_follows(
    database: Database, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running(stocks=60, quota=False) as sandbox:
        yesterday = calendar.now().date() - timedelta(days=1)
        with Transport(SecretStr(TOKEN), sandbox.url) as transport:
            ingest = Ingest(engine, transport)
            before, *missed = ingest.calendar(SOURCES[0], [yesterday]).last(6, yesterday)
            for dataset in SOURCES:
                assert all(entry.settled for entry in ingest.land(dataset, [before]))
        assert complete_in_all(engine) == {before}
        with machine(database, sandbox, monkeypatch) as parts, dg.DagsterInstance.get() as dagster:
            with services.running([parts.daemon], parts.environment):
                until(lambda: complete_in_all(engine) >= set(missed))
                until(lambda: derived(engine) >= set(missed))
            runs = dagster.get_runs()
            shown = {name: dagster.get_materialized_partitions(dg.AssetKey(name)) for name in MARKET_DAY.sources}
    assert len(missed) == 5
    assert all({day.isoformat() for day in missed} <= days for days in shown.values())
    filled = [run for run in runs if run.job_name == "fill"]
    assert all(run.tags.keys() & {"dagster/sensor_name", "dagster/schedule_name"} for run in filled), "somebody asked"
    assert 0 < len(filled) < len(missed), "a run per day"
