"""`stock-assistant quota`: what is used of the calls that Tushare allows, by interface, and what keeps one from being asked."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import psycopg
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from stock_assistant_pipelines.cli.services import ServiceError
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.tushare.quota import account, usage
from stock_assistant_pipelines.warehouse.database import existing
from stock_assistant_pipelines.warehouse.embedded import conninfo
from stock_assistant_pipelines.warehouse.revision import UPGRADE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import RenderableType

    from stock_assistant_pipelines.settings import Settings
    from stock_assistant_pipelines.tushare.quota import Usage

WIDTH = 140
"""Columns of the output where it goes to no terminal."""

EVERY = 1.0
"""Seconds between two looks."""


def run(settings: Settings, *, watch: bool) -> None:
    """Show the quota of the configured account, or of all where none is configured; with `watch`, until Ctrl-C."""
    out = Console(highlight=False, width=None if sys.stdout.isatty() else WIDTH)
    token = settings.tushare_token
    who = account(settings.tushare_base_url, token.get_secret_value()) if token else None
    with existing(settings) as database:
        address = conninfo(database.url)
        if not watch:
            out.print(look(address, who))
            return
        with Live(look(address, who), console=out, auto_refresh=False) as live:
            try:
                while True:
                    time.sleep(EVERY)
                    live.update(look(address, who), refresh=True)
            except KeyboardInterrupt:
                pass


def look(conninfo: str, account: str | None) -> RenderableType:
    """The quota as it is now."""
    try:
        rows = usage(conninfo, account)
    except psycopg.errors.UndefinedTable:
        raise ServiceError(f"the tables are not there yet: {UPGRADE}") from None
    rows = [row for row in rows if row.calls_today or row.used or row.paused_until]
    return _table(rows) if rows else "Tushare was not asked today: nothing of the quota is used."


def _table(rows: Sequence[Usage]) -> Table:
    table = Table(title="Calls that Tushare allows", title_justify="left", box=SIMPLE_HEAD)
    several = len({row.account for row in rows}) > 1
    if several:
        table.add_column("account")
    table.add_column("interface", no_wrap=True)
    for heading in ("a minute", "used", "free"):
        table.add_column(heading, justify="right")
    table.add_column("")
    table.add_column("today", justify="right")
    table.add_column("standing")
    for row in rows:
        table.add_row(
            *([row.account] if several else []),
            row.api,
            f"{row.calls_per_minute:,}",
            f"{row.used:,}",
            f"{row.free:,}",
            ProgressBar(row.calls_per_minute, row.used, width=12),
            f"{row.calls_today:,}" + (f" of {row.calls_per_day:,}" if row.calls_per_day else ""),
            _standing(row),
        )
    return table


def _standing(row: Usage) -> str:
    """What keeps an interface from being asked, if anything does."""
    if row.paused_until:
        return f"[bold]paused until {row.paused_until.astimezone(SHANGHAI):%m-%d %H:%M:%S}[/] Shanghai: {row.paused_because}"
    if row.spent:
        return "[bold]the calls of today are made[/]: on after midnight, Shanghai time"
    if row.urgent:
        return "urgent calls first"
    return f"{row.under_way} under way" if row.under_way else ""
