"""`stock-assistant exporter`: tell Prometheus what the API cannot see, until it is told to stop."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from stock_assistant_pipelines.cli.services import ServiceError
from stock_assistant_pipelines.cli.up import stopped_by_signal
from stock_assistant_pipelines.exporter import installation
from stock_assistant_pipelines.warehouse.database import available

if TYPE_CHECKING:
    from stock_assistant_pipelines.settings import Settings


def run(settings: Settings, address: str) -> None:
    """Listen there. Raises `ServiceError` where that cannot be."""
    with suppress(KeyboardInterrupt), stopped_by_signal(), available(settings) as database:
        found = installation.exporter(settings, database)
        try:
            server, thread = installation.listen(found, address)
        except OSError as error:
            raise ServiceError(f"cannot listen at {address}: {error.strerror}") from error
        click.echo(f"http://{address}/metrics tells Dagster, landing, research, alerts, PostgreSQL and backups")
        try:
            thread.join()
        finally:
            server.shutdown()
            server.server_close()
