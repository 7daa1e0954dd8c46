"""Dagster's code servers: whether they listen, which they do only once their definitions are loaded."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from stock_assistant_pipelines.exporter.page import Values, gauge, single
from stock_assistant_pipelines.settings.addresses import host_and_port

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prometheus_client.metrics_core import Metric

SECONDS = 3.0
"""How long one that is asked may take."""


def read(definitions: str | None, hosts: Sequence[str]) -> Sequence[Metric]:
    """The code server of the definitions, and those that share the runs."""
    location = None if definitions is None else _listens(definitions)
    up: Values = {(address,): _listens(address) for address in hosts}
    return [
        single("dagster_code_location_up", "1: the code server of the definitions listens.", location),
        gauge("dagster_run_host_up", "1: this code server, one of those that share the runs, listens.", up, "host"),
    ]


def _listens(address: str) -> float:
    try:
        with socket.create_connection(host_and_port(address), timeout=SECONDS):
            return 1.0
    except OSError:
        return 0.0
