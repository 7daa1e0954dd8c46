"""How far a backfill is, while it is under way, and what is not complete in the end."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.backfill import left, standing
from stock_assistant_pipelines.tushare.quota import usage
from stock_assistant_pipelines.warehouse.tables import Status

if TYPE_CHECKING:
    from rich.console import Console
    from sqlalchemy import Engine

    from stock_assistant_pipelines.backfill import Outlook, Standing, Target
    from stock_assistant_pipelines.cli.services import Machine
    from stock_assistant_pipelines.defs.backfills import Series
    from stock_assistant_pipelines.tushare.quota import Usage

EVERY = 1.0
"""Seconds between two looks."""

MEANING = {
    Status.DEFERRED: "comes by itself when Tushare's hour or day is over, as long as a daemon runs (`stock-assistant up`)",
    Status.DISABLED: "asks for more points than the token has",
}
"""What a status means for whoever waits."""


def bar(out: Console) -> Progress:
    """How many partitions of how many, and for how long."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("partitions"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=out)


def follow(
    out: Console,
    engine: Engine,
    conninfo: str,
    series: Series,
    target: Target,
    outlook: Outlook,
    machine: Machine | None,
) -> None:
    """Show how far a backfill is until nothing of it is under way. Raises `ServiceError` when a service of ours ends."""
    progress = bar(out)
    task = progress.add_task(f"{target.first} … {target.last}", total=None)
    pace = _Pace(outlook)
    began = series.began
    still = list(series.backfills)
    with Live(progress, console=out, auto_refresh=False) as live:
        while True:
            still = [backfill for backfill in still if not backfill.over]
            with engine.connect() as connection:
                now = standing(connection, target, began, calendar.now())
            progress.update(task, completed=now.done, total=now.total)
            live.update(Group(progress, Text("\n".join(pace.told(now, usage(conninfo))))), refresh=True)
            if not still:
                break
            if machine:
                machine.check()
            time.sleep(EVERY)
    if not out.is_terminal:
        out.print()  # what is shown last ends no line there
    if machine:
        with out.status("Dagster closes its books, which it does every 30 seconds …"):
            for backfill in series.backfills:
                backfill.wait()


class _Pace:
    """How fast it goes, since this command looks."""

    def __init__(self, outlook: Outlook) -> None:
        self._minutes = outlook.minutes
        self._todo = sum(part.partitions for part in outlook.parts)
        self._calls = outlook.calls
        self._began = time.monotonic()
        self._first: Standing | None = None

    def told(self, now: Standing, used: list[Usage]) -> list[str]:
        """The lines below the bar."""
        first = self._first = self._first or now
        seconds = max(time.monotonic() - self._began, 0.1)
        lines = [
            f"{now.calls:,} calls, {now.rows:,} rows, {max(now.rows - first.rows, 0) / seconds:,.0f} rows/s, "
            f"{self._remaining(now, first, seconds)}{_busiest(used)}"
        ]
        if now.incomplete:
            lines.append(f"{now.incomplete:,} not complete so far; the first: {now.reason}")
        return lines

    def _remaining(self, now: Standing, first: Standing, seconds: float) -> str:
        """How long it takes yet: at the rate that was measured, and not less than the quota allows.

        While no partition is done, as when stocks are asked one by one, at the rate of the calls.
        """
        todo, done, whole = now.total - now.done, now.done - first.done, self._todo
        if done <= 0:
            todo, done, whole = max(self._calls - now.calls, 0), now.calls - first.calls, self._calls
        if done <= 0:
            return "rate not known yet"
        quota = 60 * (self._minutes or 0.0) * todo / max(whole, 1)
        return f"{timedelta(seconds=round(max(todo / done * seconds, quota)))} to go"


def _busiest(used: list[Usage]) -> str:
    """The interface of which most is used."""
    if not used:
        return ""
    row = max(used, key=lambda each: each.used / each.calls_per_minute)
    return f"; quota: {row.used:,} of {row.calls_per_minute:,} calls of {row.api} in the last minute"


def verdict(out: Console, engine: Engine, target: Target) -> int:
    """Say whether all is complete, and what is not. Returns 0 when all is."""
    with engine.connect() as connection:
        open_ends = left(connection, target, calendar.now())
    whole = sum(target.partitions(calendar.now()).values())
    if not open_ends:
        out.print(f"All {whole:,} partitions are complete.")
        return 0
    table = Table(title="Not complete", title_justify="left", box=SIMPLE_HEAD)
    for name in ("dataset", "status", "partitions", "why, of the newest"):
        table.add_column(name, justify="right" if name == "partitions" else "left", overflow="fold")
    for each in open_ends:
        table.add_row(each.dataset, each.status or "missing", f"{each.partitions:,}", each.reason)
    out.print(table)
    for status, meaning in MEANING.items():
        if any(each.status is status for each in open_ends):
            out.print(f"{status}: {meaning}.")
    count = sum(each.partitions for each in open_ends)
    out.print(f"{count:,} of {whole:,} partitions are not complete. The same command asks for them again.")
    return 1
