"""Alerts of the project's own: how many hold, and whose channels refuse them."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

from stock_assistant_pipelines.alerts.causes import Kind, Severity
from stock_assistant_pipelines.exporter.page import Values, gauge, statement

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prometheus_client.metrics_core import Metric

    from stock_assistant_pipelines.exporter.reading import Reader

ALERTS = statement("alerts_open")
CHANNELS = statement("channels_refusing")


def read(reader: Reader) -> Sequence[Metric]:
    """What the tables of the alerts tell."""
    held: Values = dict.fromkeys(product(Kind, Severity), 0)
    with reader.transaction() as connection:
        held.update({(row.kind, row.severity): row.alerts for row in connection.execute(ALERTS)})
        refusing: Values = {(row.kind,): row.channels for row in connection.execute(CHANNELS)}
    return [
        gauge("alerts_open", "Alerts that hold, of those that the channels are told.", held, "kind", "severity"),
        gauge("alert_channels_refusing", "Channels that refuse messages, by kind.", refusing, "channel"),
    ]
