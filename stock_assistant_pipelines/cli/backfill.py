"""`stock-assistant backfill`: what it takes, then the backfill itself, through Dagster, with how far it is."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.backfill import Target, look_ahead, with_prerequisites
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.grain import MARKET_OPENED
from stock_assistant_pipelines.cli import services
from stock_assistant_pipelines.cli.progress import follow, verdict
from stock_assistant_pipelines.cli.sandboxed import STOCKS
from stock_assistant_pipelines.cli.services import ServiceError
from stock_assistant_pipelines.cli.up import announce_sandbox, stopped_by_signal
from stock_assistant_pipelines.tushare.quota import Limits
from stock_assistant_pipelines.warehouse.database import available
from stock_assistant_pipelines.warehouse.embedded import conninfo
from stock_assistant_pipelines.warehouse.holes import published_by_all

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from stock_assistant_pipelines.backfill import Outlook
    from stock_assistant_pipelines.defs.backfills import Dagster, Series
    from stock_assistant_pipelines.settings import Settings
    from stock_assistant_pipelines.warehouse.database import Database

ASKED, TARGET = "stock_assistant/asked", "stock_assistant/target"
"""The tags that keep what the command was given, by which the same command is known again, and what that meant."""

SIGN_OF_LIFE = timedelta(seconds=90)
"""A daemon that has not said for so long that it lives is gone; it says so every 30 seconds."""

WIDTH = 140
"""Columns of the output where it goes to no terminal."""

WATCHED = "`stock-assistant backfill --watch` shows how far it is, `--cancel` ends it"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command was given."""

    names: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None
    every: bool = False
    refetch: bool = False

    def target(self) -> Target:
        """What that means. Raises `ServiceError` where it makes no sense."""
        from stock_assistant_pipelines.defs.partitions import TRADING_DAYS

        if unknown := [name for name in self.names if name not in CATALOG]:
            raise ServiceError(f"there is no dataset {', '.join(unknown)}; there are {', '.join(CATALOG)}")
        if bool(self.names) == self.every:
            raise ServiceError("name the datasets, or say --all" + (", not both" if self.every else ""))
        wanted = with_prerequisites(list(CATALOG.values()) if self.every else [CATALOG[name] for name in self.names])
        newest = TRADING_DAYS.get_last_partition_key()
        assert newest is not None
        # A run over a day that is not published fails: today's is the clock's.
        out = min(date.fromisoformat(newest), published_by_all(wanted, calendar.now()))
        first, last = self.first or MARKET_OPENED, self.last or out
        if first > last:
            raise ServiceError(f"--from {first} is after --to {last}: exchange them")
        if first < MARKET_OPENED:
            raise ServiceError(f"--from {first} is before {MARKET_OPENED}, the market's first day")
        if last > date.fromisoformat(newest):
            raise ServiceError(f"--to {last} is not there yet: the newest day is {newest}")
        return Target(tuple(each.api for each in wanted), first, last, self.refetch)

    def tags(self, target: Target) -> dict[str, str]:
        """What is kept of it in Dagster."""
        return {ASKED: _plain(self), TARGET: _plain(target)}


def run(settings: Settings, asked: Asked, *, sure: bool, detach: bool) -> int:
    """Say what it takes, ask, land it and show how far it is. Returns 0 when all of it is complete."""
    target = asked.target()
    out = _console()
    with stopped_by_signal(), _installation(settings) as (database, engine), _dagster(settings, database) as dagster:
        series = _resumed(out, dagster, asked)
        if series:
            target = target_of(series)
        outlook = _outlook(engine, settings, target, asked)
        if series is None:
            _show(out, outlook, target)
            if not outlook.parts:
                return verdict(out, engine, target)
            if not sure and not click.confirm("Start it now?", default=True):
                return 1
            series = _launch(dagster, outlook, asked, target)
        if detach:
            count = len(series.backfills)
            parts = "1 backfill" if count == 1 else f"{count} backfills, the newest year first"
            out.print(f"Handed over to Dagster: {parts}. {WATCHED}.")
            return 0
        return _carry_out(out, settings, database, engine, series, outlook)


def watch_it(settings: Settings) -> int:
    """Show how far the backfill is that is under way. Returns 0 when all of it is complete."""
    out = _console()
    with stopped_by_signal(), _installation(settings) as (database, engine), _dagster(settings, database) as dagster:
        series = _under_way(dagster)
        with services.alone_or_not(settings) as alone:
            served = not alone or (not settings.embedded and _daemon_elsewhere(out, dagster))
        if not served:
            raise ServiceError(
                "no service runs that would carry it on: start `stock-assistant up`, or what began it again"
            )
        target = target_of(series)
        return _followed(out, database, engine, series, _outlook(engine, settings, target, Asked()), None)


def cancel_it(settings: Settings) -> int:
    """Ask Dagster to cancel the backfill that is under way."""
    with _installation(settings) as (database, _), _dagster(settings, database) as dagster:
        series = _under_way(dagster)
        series.cancel()
        click.echo("It is cancelled as soon as Dagster's daemon looks, every 30 seconds. What has landed stays.")
    return 0


def _console() -> Console:
    return Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)


def target_of(series: Series) -> Target:
    """What a backfill that was asked for before is to complete."""
    known = json.loads(series.tags[TARGET])
    first, last = date.fromisoformat(known["first"]), date.fromisoformat(known["last"])
    return Target(tuple(known["datasets"]), first, last, known["refetch"])


def _plain(what: Asked | Target) -> str:
    return json.dumps(asdict(what), default=str)


def _under_way(dagster: Dagster) -> Series:
    from stock_assistant_pipelines.defs.backfills import Series

    series = Series.under_way(dagster)
    if series is None:
        raise ServiceError("no backfill of this command is under way; those of the UI are in the UI, under Runs")
    return series


def _resumed(out: Console, dagster: Dagster, asked: Asked) -> Series | None:
    """The backfill that the same command began and that was interrupted. Raises `ServiceError` when another is under way."""
    from stock_assistant_pipelines.defs.backfills import Series

    series = Series.under_way(dagster)
    if series and series.tags[ASKED] != _plain(asked):
        raise ServiceError(f"another backfill is under way: {WATCHED}")
    if series:
        out.print(f"The backfill of {series.began:%Y-%m-%d %H:%M} UTC goes on.")
    return series


@contextmanager
def _installation(settings: Settings) -> Iterator[tuple[Database, Engine]]:
    with available(settings) as database:
        database.prepare()
        with database.connected() as engine:
            yield database, engine


@contextmanager
def _dagster(settings: Settings, database: Database) -> Iterator[Dagster]:
    os.environ.update(services.environment(settings, database))
    from stock_assistant_pipelines.defs.backfills import instance

    with instance() as dagster:
        yield dagster


def _outlook(engine: Engine, settings: Settings, target: Target, asked: Asked) -> Outlook:
    limits = Limits(settings.points, settings.tushare_calls_per_minute or None)
    with engine.connect() as connection:
        return look_ahead(connection, target, calendar.now(), limits, named=asked.names)


def _launch(dagster: Dagster, outlook: Outlook, asked: Asked, target: Target) -> Series:
    from stock_assistant_pipelines.definitions import defs
    from stock_assistant_pipelines.defs.backfills import Series

    return Series.launch(dagster, defs, outlook.slices, asked.tags(target), refetch=asked.refetch)


def _show(out: Console, outlook: Outlook, target: Target) -> None:
    """What is left to do, and what it takes."""
    table = Table(title=f"{target.first} to {target.last}", title_justify="left", box=SIMPLE_HEAD)
    table.add_column("dataset")
    for heading in ("to land", "skipped", "calls", "rows", "minutes"):
        table.add_column(heading, justify="right")
    for part in outlook.parts:
        taken = part.estimate
        table.add_row(
            part.dataset.api,
            f"{len(part.days):,}" if part.dataset.dated else "all",
            f"{part.settled:,}",
            f"{taken.calls:,}",
            "?" if taken.rows is None else f"{taken.rows:,}",
            f"{taken.minutes or 0:.1f}",
        )
    if outlook.parts:
        out.print(table)
        rows = f"about {outlook.rows:,} rows" if outlook.rows else "nobody knows yet how many rows"
        out.print(
            f"{sum(part.partitions for part in outlook.parts):,} partitions, {outlook.calls:,} calls, {rows}; the quota takes "
            f"{outlook.minutes or 0:.1f} minutes at the least. {outlook.complete:,} partitions are complete and are skipped."
        )
    if not outlook.calendar_known:
        out.print("The trading days are not known yet: every weekday is counted as one.")


def _carry_out(
    out: Console, settings: Settings, database: Database, engine: Engine, series: Series, outlook: Outlook
) -> int:
    """Let the services that run land it; where none runs, run them as long as it takes."""
    with services.alone_or_not(settings) as alone:
        if not alone or (not settings.embedded and _daemon_elsewhere(out, series.dagster)):
            return _followed(out, database, engine, series, outlook, None)
        if not (services.PROJECT / "dagster.yaml").is_file():
            raise ServiceError("it is queued, and no daemon runs that would land it: start the service `daemon`")
        from stock_assistant_pipelines.defs import lifeline

        port = announce_sandbox(settings)
        machine = services.machine(settings, database, api_port=None, ui_port=None, sandbox_port=port, stocks=STOCKS)
        out.print("Starting Dagster …")
        with services.running(machine.first, machine.environment):
            for run in lifeline.without_lock(series.dagster, conninfo(database.url)):  # nobody else is there
                lifeline.fail(series.dagster, run)
            with services.running([machine.daemon], machine.environment):
                return _followed(out, database, engine, series, outlook, machine)


def _daemon_elsewhere(out: Console, dagster: Dagster) -> bool:
    """Whether a daemon of another machine works on this database: one that said so lately must say so again."""
    from stock_assistant_pipelines.defs.backfills import last_sign_of_life

    began = calendar.now()
    if last_sign_of_life(dagster) < began - SIGN_OF_LIFE:
        return False
    with out.status("Waiting for a sign of life of the daemon that ran here or elsewhere a moment ago …"):
        while last_sign_of_life(dagster) <= began and calendar.now() < began + SIGN_OF_LIFE:
            time.sleep(1)
    return last_sign_of_life(dagster) > began


def _followed(
    out: Console,
    database: Database,
    engine: Engine,
    series: Series,
    outlook: Outlook,
    machine: services.Machine | None,
) -> int:
    """Show how far it is until it is over, and then what is not complete."""
    target = target_of(series)
    try:
        follow(out, engine, conninfo(database.url), series, target, outlook, machine)
    except KeyboardInterrupt:
        if machine:
            out.print("\nStopping … What has landed stays; the same command goes on from there.")
        else:
            out.print(f"\nThe backfill goes on without this command: {WATCHED}.")
        return 1
    return verdict(out, engine, target)
