"""Fault 13: the clock at the edges of the holidays. The days before, in and after the Spring Festival of 2026, one by one."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from datetime import time as hour
from typing import TYPE_CHECKING

import dagster as dg

from drill.finding import Finding
from drill.stage import CALLS, differing, land
from drill.waiting import Stuck
from stock_assistant_pipelines import definitions
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.defs import clock
from stock_assistant_pipelines.defs.resources import Platform
from stock_assistant_pipelines.sandbox.server import TOKEN, running
from stock_assistant_pipelines.settings import SHANGHAI, Settings
from stock_assistant_pipelines.warehouse.database import Database
from stock_assistant_pipelines.warehouse.freshness import Age, judge, read_booked, read_calendar
from stock_assistant_pipelines.warehouse.tables import Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Engine

    from drill.stage import Stage
    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.sandbox.server import Running

DATASETS = (CATALOG["daily"], CATALOG["adj_factor"])
APIS = ("daily", "adj_factor", "suspend_d")
"""What is asked for day by day: these two, and what proves them."""

FIRST, LAST = date(2026, 2, 10), date(2026, 2, 27)
OPEN = [date(2026, 2, day) for day in (11, 12, 13, 24, 25, 26, 27)]
"""The trading days after the first one, as the exchange announced them: the calendar that is under test is not asked."""

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
    with (
        database.connected() as engine,
        undisturbed.connected() as truth,
        running(stocks=60, quota=False, now=_at(FIRST, hour(20))) as sandbox,
    ):
        settings = Settings(
            _env_file=None,
            database_url=database.url.render_as_string(hide_password=False),
            tushare_token=TOKEN,
            tushare_base_url=sandbox.url,
            tushare_calls_per_minute=0,
        )
        for dataset in DATASETS:
            land(engine, sandbox, dataset, [FIRST])
        sandbox.forget()
        runs, stale = _walk(settings, engine, sandbox)
        asked = [_span(call["params"]) for call in sandbox.calls(CALLS) if call["api"] in APIS]
        for dataset in DATASETS:
            land(truth, sandbox, dataset, OPEN)
        lost = [
            f"{dataset.api} {day}"
            for dataset in DATASETS
            for day in sorted({*differing(dataset, _every_day(), engine, truth), *_unbooked(engine, dataset)})
        ]
    closed = [day for day in _every_day() if day not in OPEN]
    if wrongly := [(first, last) for first, last in asked if not any(first <= day <= last for day in (FIRST, *OPEN))]:
        raise Stuck(f"Tushare was asked for closed days: {wrongly}")
    if stale:
        raise Stuck(f"not every look found the datasets fresh: {', '.join(stale)}")
    if unasked := [day for day in OPEN if (day, day) not in asked]:
        raise Stuck(f"Tushare was not asked for {unasked}: the drill has lost sight of the calls")
    looks = len(MOMENTS) * len(_every_day()) * len(DATASETS)
    seen = [
        f"{len(OPEN)} trading days landed in {runs} runs of the sensor catch_up; calls for the {len(closed)} other days: 0",
        f"{looks} looks at the freshness, each of which found the dataset fresh",
    ]
    injected = f"the clock walks over the break of 14 to 23 February 2026, {len(MOMENTS)} looks a day"
    return Finding("13", injected, seen, "nothing had to be mended", lost)


def _walk(settings: Settings, engine: Engine, sandbox: Running) -> tuple[int, list[str]]:
    """Walk day by day; carry out what the clock asks for. Returns the runs, and the looks that found a dataset not fresh."""
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
            stale += [
                f"{api} is {found.age} at {moment:%m-%d %H:%M}"
                for api, found in ages.items()
                if found.age is not Age.FRESH
            ]
    return runs, stale


def _unbooked(engine: Engine, dataset: Dataset) -> set[str]:
    """The trading days that are not booked as complete."""
    with engine.connect() as connection:
        booked = read_booked(connection, dataset)
    return {day.isoformat() for day in OPEN if day not in booked or booked[day].status is not Status.COMPLETE}


def _span(params: Mapping[str, str]) -> tuple[date, date]:
    """The first and the last day that a call asks for."""
    first = params.get("trade_date") or params["start_date"]
    last = params.get("trade_date") or params["end_date"]
    return date.fromisoformat(first), date.fromisoformat(last)


def _at(day: date, at: hour) -> datetime:
    return datetime.combine(day, at, SHANGHAI)


def _every_day() -> list[date]:
    return [FIRST + timedelta(days=at) for at in range(1, (LAST - FIRST).days + 1)]
