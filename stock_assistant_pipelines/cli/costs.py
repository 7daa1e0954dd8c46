"""`stock-assistant costs`: what the calls of language models came to, and what is left of the budgets."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.research.booking import Budgets
from stock_assistant_pipelines.research.costs import costs, left
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.database import existing, migrated

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from stock_assistant_pipelines.research.costs import By, Cost, Left
    from stock_assistant_pipelines.settings import Settings

WIDTH = 140
"""Columns of the output where it goes to no terminal."""
FIGURES = ("calls", "answered", "tokens in", "cached", "tokens out", "CNY", "booked")


def run(settings: Settings, by: Sequence[By], since: date | None, until: date | None, report: str | None) -> None:
    """Show what was spent, by group, and what is left. Asks nobody."""
    budgets = Budgets(settings.llm_budget_report, settings.llm_budget_day, settings.llm_budget_month)
    with (
        existing(settings) as database,
        database.connected(pool_size=1) as engine,
        migrated(),
        engine.connect() as connection,
    ):
        found = costs(connection, by, since=since, until=until, report=report)
        rest = left(connection, budgets, calendar.now(), report)
    out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else WIDTH)
    out.print(_table(found) if any(each.calls for each in found) else "No model was asked.")
    for each in rest:
        out.print(_told(each))


def _table(found: Sequence[Cost]) -> Table:
    """One line per group. What is under way is booked at the most that it can cost."""
    table = Table(title="Calls of language models", title_justify="left", box=SIMPLE_HEAD)
    for name in found[0].group:
        table.add_column(name)
    for name in FIGURES:
        table.add_column(name, justify="right")
    for each in found:
        counts = (each.calls, each.answered, each.tokens_in, each.tokens_cached, each.tokens_out)
        table.add_row(
            *("under way" if value is None else str(value) for value in each.group.values()),
            *(f"{count:,}" for count in counts),
            f"{each.cost:,.4f}",
            f"{each.booked:,.4f}",
        )
    return table


def _told(rest: Left) -> str:
    """What is left of one budget."""
    again = f"; it begins anew on {rest.ends.astimezone(SHANGHAI):%Y-%m-%d}" if rest.ends else ""
    name = f"LLM_BUDGET_{rest.span.upper()}"
    return f"{name}: CNY {rest.left:,.4f} of {rest.budget:,} left, {rest.spent:,.4f} spent or booked{again}."
