"""Fault 13: the clock at the edges of the holidays. The days before, in and after the Spring Festival of 2026, one by one."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from datetime import time as hour
from typing import TYPE_CHECKING

import dagster as dg
from pydantic import SecretStr

from drill.finding import Finding
from drill.stage import Stuck, differing
from stock_assistant_pipelines import definitions
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.defs import clock
from stock_assistant_pipelines.defs.resources import Platform
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.sandbox.server import TOKEN, running
from stock_assistant_pipelines.settings import SHANGHAI, Settings
from stock_assistant_pipelines.tushare.transport import Transport
from stock_assistant_pipelines.warehouse.database import Database
from stock_assistant_pipelines.warehouse.freshness import Age, judge, read_booked, read_calendar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy import Engine

    from drill.stage import Stage
    from stock_assistant_pipelines.sandbox.server import Running

DATASETS = (CATALOG["daily"], CATALOG["adj_factor"])
FIRST, LAST = date(2026, 2, 10), date(2026, 2, 27)
QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
MOMENTS = (hour(0, 1), hour(9, 30), hour(16, 29), hour(16, 31), hour(18, 31), hour(20, 1), hour(23, 59))
"""When the clock is looked at, every day: around midnight and the times of publication."""


def long_break(stage: Stage) -> Finding:
    """13. The clock walks over the break from 14 to 23 February 2026, and over two weekends."""
    url = stage.engine.url.set(database="holidays")
    database = Database(url.set(drivername="postgresql"))
    database.prepare()
    undisturbed = Database(database.url.set(database="holidays_truth"))
    undisturbed.prepare()
    engine, truth = database.engine(), undisturbed.engine()
    try:
        with running(stocks=60, quota=False, now=_at(FIRST, hour(20))) as sandbox:
            settings = Settings(
                _env_file=None,
                database_url=database.url.render_as_string(hide_password=False),
                tushare_token=TOKEN,
                tushare_base_url=sandbox.url,
                tushare_calls_per_minute=0,
            )
            for dataset in DATASETS:
                _land(engine, sandbox, dataset.api, [FIRST])
            sandbox.forget()
            runs, stale = _walk(settings, engine, sandbox)
            asked = {call["params"].get("trade_date") for call in sandbox.calls(20_000)}
            days = (
                Ingest(engine, Transport(SecretStr(TOKEN), sandbox.url))
                .calendar(DATASETS[0], [LAST])
                .between(FIRST, LAST)
            )
            for dataset in DATASETS:
                _land(truth, sandbox, dataset.api, days)
            lost = [f"{dataset.api} {day}" for dataset in DATASETS for day in differing(dataset, days, engine, truth)]
    finally:
        engine.dispose()
        truth.dispose()
    closed = [day for day in _weekdays() if day not in days]
    if wrongly := [day for day in closed if f"{day:%Y%m%d}" in asked]:
        raise Stuck(f"Tushare was asked for holidays: {wrongly}")
    seen = [
        f"{len(days)} trading days landed in {runs} runs that nobody asked for; calls for the {len(closed)} holidays: 0",
        f"of {len(MOMENTS) * len(_every_day())} looks at the freshness, those that found it stale: {stale or 'none'}",
    ]
    injected = f"the clock walks over the break of 14 to 23 February 2026, {len(MOMENTS)} looks a day"
    return Finding("13", injected, seen, "nothing had to be mended", lost)


def _walk(settings: Settings, engine: Engine, sandbox: Running) -> tuple[int, list[str]]:
    """Walk day by day; carry out what the clock asks for. Returns the runs, and the moments at which a dataset was stale."""
    location = definitions.build(settings).get_repository_def()
    runs = 0
    stale: list[str] = []
    with dg.DagsterInstance.ephemeral() as instance:
        for moment in (_at(day, at) for day in _every_day() for at in MOMENTS):
            sandbox.set_clock(moment)
            sensor = clock.build_sensor(Platform(settings), now=lambda moment=moment: moment)  # type: ignore[misc]
            with dg.build_sensor_context(instance=instance) as context:
                told = sensor.evaluate_tick(context)
            for request in told.run_requests or ():
                runs += 1
                location.get_job("fill").execute_in_process(
                    instance=instance, run_config={**request.run_config, **QUIET}, raise_on_error=False
                )
            with engine.connect() as connection:
                calendar = read_calendar(connection, "trade_cal")
                ages = {
                    dataset.api: judge(dataset, read_booked(connection, dataset), calendar, moment)
                    for dataset in DATASETS
                }
            stale += [f"{api} at {moment:%m-%d %H:%M}" for api, found in ages.items() if found.age is Age.STALE]
    return runs, stale


def _land(engine: Engine, sandbox: Running, api: str, days: Sequence[date]) -> None:
    with Transport(SecretStr(TOKEN), sandbox.url) as transport:
        for entry in Ingest(engine, transport).land(CATALOG[api], days):
            if not entry.settled:
                raise Stuck(f"{api} {entry.partition} is {entry.status}: {entry.reason}")


def _at(day: date, at: hour) -> datetime:
    return datetime.combine(day, at, SHANGHAI)


def _every_day() -> list[date]:
    return [FIRST + timedelta(days=at) for at in range(1, (LAST - FIRST).days + 1)]


def _weekdays() -> list[date]:
    return [day for day in _every_day() if day.weekday() < 5]
