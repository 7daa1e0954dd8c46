"""`python -m bench [NAME …]`: measure, print, and write down if asked to."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import click
from rich.console import Console

from bench.report import show, write
from stock_assistant_pipelines.cli.up import stopped_by_signal

NAMES = ("landing", "api", "dagster", "quota", "startup", "storage")
LARGE = ("fullsize",)
"""Those that take the better part of an hour: only by name."""


@click.command()
@click.argument("names", nargs=-1, type=click.Choice((*NAMES, *LARGE)), metavar="[NAME]...")
@click.option("--quick", is_flag=True, help="Few rounds of small sizes: shows that it works, and no more.")
@click.option(
    "--write",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Also put the reports between their markers in this Markdown file, docs/performance.md.",
)
def main(names: tuple[str, ...], quick: bool, path: Path | None) -> None:
    """Measure against the plain ways of doing the same: landing, api, dagster, quota, startup, storage, all by default.

    Ends with 1, and writes nothing of it, when a call of ours was refused, or less than 99 % of what is allowed was used.

    fullsize is the whole market since 1990: three quarters of an hour, 20 GB in the temporary directory, and only by name.
    """
    console = Console(highlight=False, width=None if Console().is_terminal else 150)
    broken = False
    with stopped_by_signal():  # a benchmark that is stopped still stops what it started
        for name in dict.fromkeys(names or NAMES):
            report = import_module(f"bench.{name}").run(quick=quick)
            show(report, console)
            broken |= bool(report.broken)
            if path and not report.broken:
                write(report, path, f'make bench ARGS="{name} --quick"' if quick else f"make bench ARGS={name}")
    if broken:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
