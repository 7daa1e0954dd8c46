"""Reports: shown as tables in the terminal, and written as Markdown between markers."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from rich.box import SIMPLE_HEAD
from rich.table import Table as RichTable
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from rich.console import Console


@dataclass(frozen=True)
class Table:
    """A table: its first column names what was measured, the others hold figures."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Report:
    """What one module found out."""

    name: str
    question: str
    tables: Sequence[Table]
    notes: Sequence[str] = field(default=())
    broken: Sequence[str] = field(default=())
    """What is said of us, and was not so this time."""
    plots: Mapping[str, str] = field(default_factory=dict)
    """Charts, as SVG by the name of their file: in `images/`, beside the page."""


def show(report: Report, console: Console) -> None:
    """Print a report."""
    console.rule(f"[bold]{report.name}[/]: {report.question}", align="left")
    for table in report.tables:
        shown = RichTable(title=table.title, title_justify="left", box=SIMPLE_HEAD)
        for at, column in enumerate(table.columns):
            shown.add_column(column, justify="right" if at else "left")
        for row in table.rows:
            shown.add_row(*(_styled(cell) for cell in row))
        console.print(shown)
    for note in report.notes:
        console.print(f"- {note}", markup=False)
    for each in report.broken:
        console.print(f"BROKEN {each}", style="bold red", markup=False)
    console.print()


def _styled(cell: str) -> Text:
    plain = cell.replace("**", "")
    return Text(plain, style="bold" if plain != cell else "")


def markdown(report: Report, command: str) -> str:
    """A report as Markdown."""
    parts = [f"`{command}`, {date.today().isoformat()}"]  # noqa: DTZ011 - the day on this machine
    for table in report.tables:
        lines = [
            "| " + " | ".join(table.columns) + " |",
            "|" + "---|" + "---:|" * (len(table.columns) - 1),
            *("| " + " | ".join(row) + " |" for row in table.rows),
        ]
        parts += [f"{table.title}:", "\n".join(lines)]
    parts += [f"![{report.question}](images/{name})" for name in report.plots]
    if report.notes:
        parts.append("\n".join(f"- {note}" for note in report.notes))
    return "\n\n".join(parts)


def write(report: Report, path: Path, command: str) -> None:
    """Put a report between its markers in a Markdown file. Raises `ValueError` when the file has none."""
    text = path.read_text(encoding="utf-8")
    begin, end = f"<!-- bench:{report.name} -->", f"<!-- /bench:{report.name} -->"
    section = re.compile(f"(?<={re.escape(begin)}).*?(?={re.escape(end)})", re.DOTALL)
    if not section.search(text):
        raise ValueError(f"{path} has no section between {begin} and {end}")
    body = f"\n\n{markdown(report, command)}\n\n"
    path.write_text(section.sub(lambda _: body, text), encoding="utf-8")
    for name, plot in report.plots.items():
        path.with_name("images").joinpath(name).write_text(plot, encoding="utf-8")
