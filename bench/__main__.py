"""`python -m bench [NAME …]`: measure, print, and write down if asked to."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from rich.console import Console

from bench.report import show, write
from stock_assistant_pipelines.cli.up import stopped_by_signal

if TYPE_CHECKING:
    from collections.abc import Mapping

NAMES = ("landing", "api", "formats", "gate", "dagster", "quota", "startup", "storage", "reports", "figures", "desk")
LARGE = ("fullsize", "finance", "growth", "soak")
"""Those that take long, or measure nothing by ratios: only by name."""
SIZED = ("finance",)
"""Those whose size can be chosen."""


@click.command()
@click.argument("names", nargs=-1, type=click.Choice((*NAMES, *LARGE)), metavar="[NAME]...")
@click.option("--quick", is_flag=True, help="Few rounds of small sizes: shows that it works, and no more.")
@click.option("--stocks", type=click.IntRange(50, 5500), help="Companies of finance; 5,500 by default.")
@click.option("--dataset", "datasets", multiple=True, help="A dataset of finance, by report period. Repeatable.")
@click.option(
    "--write",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Also put the reports between their markers in this Markdown file, docs/performance.md.",
)
def main(names: tuple[str, ...], quick: bool, stocks: int | None, datasets: tuple[str, ...], path: Path | None) -> None:
    """Measure against the plain ways of doing the same: landing, api, formats, gate, dagster, quota, startup, storage; and how
    often the gate of the reports errs: reports; whether every figure in them is right: figures; what writing them takes: desk.
    All by default.

    Ends with 1, and writes nothing of it, when a call of ours was refused, or less than 99 % of what is allowed was used, or
    memory grew with the length of an answer, or an answer in the soak was wrong, or a figure in a report, or a report that
    hung delayed others.

    Only by name, and with up to 20 GB in the temporary directory: fullsize is the whole market's days since 1990, three
    quarters of an hour; finance is what its companies filed since 1990, by period and by stock, half an hour; growth asks
    the same over one year and over all of them. And soak, five minutes: it asks while a backfill lands and PostgreSQL
    restarts, and holds each answer to what the database held.
    """
    console = Console(highlight=False, width=None if Console().is_terminal else 150)
    broken = False
    with stopped_by_signal():  # a benchmark that is stopped still stops what it started
        for name in dict.fromkeys(names or NAMES):
            size = {"stocks": stocks, "datasets": datasets} if name in SIZED else {}
            report = import_module(f"bench.{name}").run(quick=quick, **size)
            show(report, console)
            broken |= bool(report.broken)
            if path and not report.broken:
                write(report, path, _command(name, quick, size))
    if broken:
        raise SystemExit(1)


def _command(name: str, quick: bool, size: Mapping[str, Any]) -> str:
    """What has to be typed to measure the same."""
    words = [name, *(["--quick"] if quick else [])]
    words += [f"--stocks {size['stocks']}"] if size.get("stocks") else []
    words += [f"--dataset {dataset}" for dataset in size.get("datasets", ())]
    return f'make bench ARGS="{" ".join(words)}"' if len(words) > 1 else f"make bench ARGS={name}"


if __name__ == "__main__":
    main()
