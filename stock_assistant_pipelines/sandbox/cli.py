"""`sandbox`: serve Tushare's protocol on loopback from a synthetic market or a folder of CSV files."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import click

from stock_assistant_pipelines.sandbox.clock import ClockError, parse_moment
from stock_assistant_pipelines.sandbox.command import HOST, LATENCY, PORT, misbehaving, run
from stock_assistant_pipelines.sandbox.server import Options, serve


@click.command(context_settings={"show_default": True})
@HOST
@PORT
@click.option(
    "--data", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder with CSV files, by dataset."
)
@click.option("--stocks", type=click.IntRange(50, 5500), default=300, help="Size of the synthetic market.")
@click.option("--seed", type=int, default=1, help="Which synthetic market.")
@click.option("--token", default="sandbox", help="The token that is taken.")
@click.option(
    "--points", type=click.IntRange(0), default=5000, help="The token's points: calls per minute, interfaces."
)
@click.option(
    "--window", type=click.FloatRange(0, min_open=True), default=60.0, help="Length of the quota's window, seconds."
)
@click.option("--no-quota", is_flag=True, help="Any number of calls.")
@LATENCY
@misbehaving("half:api=daily:day=20251218:times=1")
@click.option("--now", help="Stand still at this moment, e.g. 2025-12-18T18:00, Shanghai time.")
def sandbox(now: str | None, no_quota: bool, faults: tuple[str, ...], **words: object) -> None:
    """Serve Tushare's protocol on loopback from a SYNTHETIC market or a folder of CSV files. No real quotations."""
    try:
        moment = parse_moment(now) if now else None
    except ClockError as error:
        raise click.BadParameter(str(error), param_hint="--now") from None
    options = Options(quota=not no_quota, faults=faults, now=moment, **words)  # type: ignore[arg-type]
    kind = "from files" if options.data else "an invented market"
    run(partial(serve, options), f"SANDBOX DATA ({kind}, not real quotations)")
