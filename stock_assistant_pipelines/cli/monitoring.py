"""The commands by which an installation is watched: what is wrong, who is told, and what Prometheus is told."""

from __future__ import annotations

import sys

import click

from stock_assistant_pipelines.cli.configured import configured, serving
from stock_assistant_pipelines.settings.addresses import listening

RECEIVER = "127.0.0.1:9102"
"""Where Alertmanager finds the receiver on one machine."""


def _address(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """An address to listen at."""
    try:
        return None if value is None else listening(value)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.option("--listen", "address", callback=_address, metavar="HOST:PORT", help="By default EXPORTER_ADDRESS.")
def exporter(address: str | None) -> None:
    """Tell Prometheus of Dagster, landing, research, alerts, PostgreSQL and backups, until told to stop."""
    from stock_assistant_pipelines.cli.exporter import run

    found = serving()
    run(found, address or found.exporter_address)


@click.group(invoke_without_command=True)
@click.option("--test", is_flag=True, help="Send a test message through every channel, and show what it answers.")
@click.pass_context
def alerts(context: click.Context, test: bool) -> None:
    """Show the open alerts and what each channel has accepted; with --test 1 is the exit code when one refuses."""
    from stock_assistant_pipelines.cli.alerts import run

    if context.invoked_subcommand is None:
        sys.exit(run(configured(), test=test))


@alerts.command()
@click.option(
    "--listen", "address", callback=_address, default=RECEIVER, show_default=True, metavar="HOST:PORT", help="Where."
)
def receive(address: str) -> None:
    """Hand on to the channels what Prometheus' Alertmanager tells, until told to stop."""
    from stock_assistant_pipelines.cli.receiver import run

    run(serving(), address)
