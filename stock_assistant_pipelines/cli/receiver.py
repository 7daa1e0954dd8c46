"""`stock-assistant alerts receive`: hand on to the channels what Alertmanager tells, until it is told to stop."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import click

from stock_assistant_pipelines.alerts.channels import channels
from stock_assistant_pipelines.alerts.forwarding import Forwarder
from stock_assistant_pipelines.alerts.receiver import PATH, Receiver
from stock_assistant_pipelines.cli.services import ServiceError
from stock_assistant_pipelines.cli.up import stopped_by_signal
from stock_assistant_pipelines.settings.addresses import host_and_port

if TYPE_CHECKING:
    from stock_assistant_pipelines.settings import Settings


def run(settings: Settings, address: str) -> None:
    """Listen there. Raises `ServiceError` where that cannot be."""
    known = channels(settings)
    try:
        server = Receiver(host_and_port(address), Forwarder(known))
    except OSError as error:
        raise ServiceError(f"cannot listen at {address}: {error.strerror}") from error
    names = ", ".join(channel.name for channel in known) or "nobody: ALERT_URLS is not set"
    click.echo(f"http://{address}{PATH} hands alerts on to {names}")
    with suppress(KeyboardInterrupt), stopped_by_signal(), server:
        server.serve_forever()
