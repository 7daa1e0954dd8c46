"""`stock-assistant holes`: which trading days, report periods and keys are not there, and with `--fix` exactly those."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict
from itertools import groupby
from typing import TYPE_CHECKING

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.cli.sandboxed import asked_instead
from stock_assistant_pipelines.cli.services import ServiceError, environment
from stock_assistant_pipelines.ingest.inquiry import inquire
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.tushare.periods import GRID
from stock_assistant_pipelines.tushare.plan import estimate, plan
from stock_assistant_pipelines.tushare.quota import Limits
from stock_assistant_pipelines.warehouse.audit import audit
from stock_assistant_pipelines.warehouse.database import existing
from stock_assistant_pipelines.warehouse.freshness import read_calendar, read_snapshot
from stock_assistant_pipelines.warehouse.holes import kept_since, published, spans

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sqlalchemy import Engine

    from stock_assistant_pipelines.calendar import Calendar
    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.settings import Settings
    from stock_assistant_pipelines.tushare.plan import Estimate
    from stock_assistant_pipelines.warehouse.database import Database
    from stock_assistant_pipelines.warehouse.holes import Hole

QUIET = {"loggers": {"console": {"config": {"log_level": "ERROR"}}}}
"""What happened is in Dagster's log of the run; the terminal shows what came of it."""

SHOWN = 4
"""How many keys of a day are named; `--json` names all."""


def run(
    settings: Settings,
    names: Sequence[str],
    first: date | None,
    last: date | None,
    *,
    deep: bool,
    as_json: bool,
    fix: bool,
    sure: bool,
) -> int:
    """Look for holes, show them, and land them when asked to. Returns 1 when holes are left, 0 when none is."""
    datasets = [_known(name) for name in names] or [each for each in CATALOG.values() if each.dated]
    if first and last and first > last:
        raise ServiceError(f"--from {first} is after --to {last}: exchange them")
    with existing(settings) as database:
        database.prepare()
        out = Console(highlight=False, stderr=as_json)
        with database.connected() as engine:
            if calendars := _doubtful(engine, datasets):
                out.print(f"{', '.join(calendars)} is not complete: days that it does not know may be missing too.")
                if fix and (sure or click.confirm("Fetch it again first?", default=True, err=as_json)):
                    _fill(out, settings, database, {api: [] for api in calendars})
                    calendars = _doubtful(engine, datasets)
            found = _look(engine, datasets, first, last, deep=deep)
            if as_json:
                click.echo(json.dumps([_plain(hole) for hole in found], ensure_ascii=False, indent=1))
            elif found or not calendars:
                _show(engine, found)
            if not (fix and found):
                return 1 if found or calendars else 0
            out.print(_takes(engine, found, settings))
            if not sure and not click.confirm("Land them now?", default=True, err=as_json):
                return 1
            by_dataset = groupby(found, key=lambda hole: hole.dataset)
            _fill(out, settings, database, {api: [hole.day for hole in group] for api, group in by_dataset})
            left = _look(engine, datasets, first, last, deep=deep)
            if not (left or calendars):
                out.print("No hole is left.")
            elif not as_json:
                _show(engine, left)
            return 1 if left or calendars else 0


def _known(name: str) -> Dataset:
    """A dataset by its name. Raises `ServiceError` that says which there are."""
    dated = [each.api for each in CATALOG.values() if each.dated]
    if name not in dated:
        raise ServiceError(f"{name} is no dataset with trading days or report periods; there are {', '.join(dated)}")
    return CATALOG[name]


def _doubtful(engine: Engine, datasets: Sequence[Dataset]) -> list[str]:
    """The calendars that were asked for and are not complete: a day that they lack would be missed by nobody."""
    names = sorted({dataset.calendar for dataset in datasets if dataset.calendar})
    with engine.connect() as connection:
        booked = {name: read_snapshot(connection, CATALOG[name]) for name in names}
    return [name for name, entry in booked.items() if entry and not entry.settled]


def _look(
    engine: Engine, datasets: Sequence[Dataset], first: date | None, last: date | None, *, deep: bool
) -> list[Hole]:
    """The holes of these datasets, from the first day that is kept (or `first`) to the last published one (or `last`)."""
    now = calendar.now()
    today = now.astimezone(SHANGHAI).date()
    found: list[Hole] = []
    for dataset in datasets:
        with engine.connect() as connection:
            begin = first or kept_since(connection, dataset)
        if begin:
            end = min(last, published(dataset, now)) if last else published(dataset, now)
            found += audit(engine, dataset, begin, end, today=today, deep=deep)
    return found


def _plain(hole: Hole) -> dict[str, object]:
    return {**asdict(hole), "day": hole.day.isoformat()}


def _show(engine: Engine, found: Sequence[Hole]) -> None:
    """Missing days as spans, partial ones with the keys that they lack."""
    out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 140)
    if not found:
        out.print("No hole: every published trading day and report period that is kept is whole.")
        return
    table = Table(title="Holes", title_justify="left", box=SIMPLE_HEAD)
    for name in ("dataset", "days", "missing", "which", "why"):
        table.add_column(name, justify="right" if name == "missing" else "left")
    for api, group in groupby(found, key=lambda hole: hole.dataset):
        holes = list(group)
        whole = {hole.day: hole for hole in holes if hole.status == "missing"}
        for begin, end in spans(list(whole), _axis(engine, CATALOG[api])):
            days = str(begin) if begin == end else f"{begin} … {end}"
            count = sum(begin <= day <= end for day in whole)
            noun = "period" if CATALOG[api].by_period else "day"
            table.add_row(api, days, f"{count} {noun}{'s' if count > 1 else ''}", "all", whole[begin].reason)
        for hole in holes:
            if hole.status == "partial":
                lacking = hole.missing or ()
                named = ", ".join(lacking[:SHOWN]) + (", …" if len(lacking) > SHOWN else "")
                figures = f"{len(lacking)} of {hole.expected}" if lacking else "?"
                table.add_row(api, str(hole.day), figures, named or "nobody can tell", hole.reason)
    out.print(table)


def _axis(engine: Engine, dataset: Dataset) -> Sequence[date]:
    """The days that follow each other: trading days, or the ends of report periods."""
    return GRID if dataset.by_period else _calendar(engine, dataset).trading_days


def _calendar(engine: Engine, dataset: Dataset) -> Calendar:
    assert dataset.calendar is not None
    with engine.connect() as connection:
        return read_calendar(connection, dataset.calendar)


def _takes(engine: Engine, found: Sequence[Hole], settings: Settings) -> str:
    """What a fix takes: calls, and minutes of the quota."""
    limits = Limits(settings.points, settings.tushare_calls_per_minute)
    calls, minutes = 0, 0.0
    for api, group in groupby(found, key=lambda hole: hole.dataset):
        holes = list(group)
        dataset = CATALOG[api]
        days = [hole.day for hole in reversed(holes)]
        if dataset.by_period:
            taken = _reports_take(engine, dataset, days, limits)
        else:
            missing = {hole.day: hole.missing for hole in holes if hole.missing}
            planned = plan(dataset, days, _calendar(engine, dataset), missing=missing)
            taken = estimate(dataset, planned, calls_per_minute=limits.per_minute(api))
        calls += taken.calls
        minutes = max(minutes, taken.minutes or 0.0)  # every interface has its own minutes
    nouns = {"periods" if CATALOG[hole.dataset].by_period else "days" for hole in found}
    return (
        f"{len(found)} {' and '.join(sorted(nouns))} take {calls} calls, {max(minutes, 0.1):.1f} minutes of the quota."
    )


def _reports_take(engine: Engine, dataset: Dataset, periods: Sequence[date], limits: Limits) -> Estimate:
    """What it takes to land report periods."""
    today = calendar.now().astimezone(SHANGHAI).date()
    with engine.connect() as connection:
        inquiry = inquire(connection, dataset, periods, today=today, points=limits.points)
    return inquiry.estimate(calls_per_minute=limits.per_minute(dataset.api))


def _fill(out: Console, settings: Settings, database: Database, days: Mapping[str, Sequence[date]]) -> None:
    """Land exactly these days in one run of the job `fill`, which Dagster keeps and shows."""
    with asked_instead(settings, out) as sandbox:
        os.environ.update(environment(settings, database, sandbox))
        from stock_assistant_pipelines.definitions import build
        from stock_assistant_pipelines.defs.backfills import instance
        from stock_assistant_pipelines.defs.fill import JOB, fill_config

        job = build(type(settings).load() if sandbox else settings).resolve_job_def(JOB)
        with instance() as dagster, out.status("Landing …"):
            config = {**fill_config(days), **QUIET}
            result = job.execute_in_process(instance=dagster, run_config=config, raise_on_error=False)
    out.print(f"Run {result.run_id} of the job {JOB}: {'success' if result.success else 'not everything is complete'}.")
