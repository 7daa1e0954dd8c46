"""`python -m drill [FAULT …]`: break it on purpose, and show what the user saw and what was lost."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.console import Console

import bench.report
from drill import (
    breaks,
    channel,
    crashes,
    disk,
    filings,
    hosts,
    migrating,
    providers,
    replica,
    reports,
    restoring,
    rolling,
    source,
)
from drill.finding import played, report, show
from drill.stage import BY_STOCK, staged
from stock_assistant_pipelines.cli.up import stopped_by_signal

if TYPE_CHECKING:
    from collections.abc import Callable

    from drill.finding import Finding

FAULTS: dict[str, Callable[[], Finding]] = {
    "1": staged(source.down),
    "2": staged(source.half),
    "3": staged(source.yesterday),
    "4": staged(source.exhausted),
    "5": staged(crashes.killed),
    "6": staged(crashes.restarted),
    "7": staged(crashes.database_gone),
    "8": staged(replica.promoted, served=False),
    "9": staged(disk.full),
    "10": staged(providers.model, served=False),
    "11": staged(providers.search, served=False),
    "12": staged(channel.refused, served=False),
    "13": staged(breaks.long_break, served=False),
    "14": staged(filings.killed, points=BY_STOCK),
    "15": staged(filings.gone, points=BY_STOCK),
    "16": staged(filings.refused, points=BY_STOCK),
    "17": staged(reports.killed, served=False),
    "18": staged(restoring.restored, served=False),
    "19": rolling.restarted,
    "20": staged(migrating.beside),
    "21": staged(hosts.lost, points=BY_STOCK),
}
"""By their numbers, each on a stage as it needs it."""


@click.command()
@click.argument("numbers", nargs=-1, type=click.Choice(tuple(FAULTS)), metavar="[FAULT]...")
@click.option(
    "--write",
    "path",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Also put the report between its markers in this Markdown file, docs/drill.md. Takes all faults, each ended well.",
)
def main(numbers: tuple[str, ...], path: Path | None) -> None:
    """Play faults, all of them or those with these numbers, each on an installation of its own.

    Exit 1 when something is lost, or when a fault did not bite, or did not end.
    """
    if numbers and path:
        raise click.UsageError("--write takes all faults: a page with some of them would hide the others")
    console = Console(highlight=False, width=None if Console().is_terminal else 140)
    findings, stuck = [], []
    with stopped_by_signal():
        for number in dict.fromkeys(numbers or FAULTS):
            console.rule(
                f"Fault {number}: {(FAULTS[number].__doc__ or '').split('. ', 1)[1].splitlines()[0]}", align="left"
            )
            if finding := played(number, FAULTS[number], console):
                findings.append(finding)
                show(finding, console)
            else:
                stuck.append(number)
    told = report(findings)
    bench.report.show(told, console)
    if stuck:
        page = f"; {path} is left as it was" if path else ""
        console.print(f"Not in this table, since they did not end well: {', '.join(stuck)}{page}", style="bold red")
    elif path:
        bench.report.write(told, path, "make drill")
    sys.exit(1 if stuck or any(finding.lost for finding in findings) else 0)


if __name__ == "__main__":
    main()
