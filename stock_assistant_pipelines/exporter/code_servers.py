"""Dagster's code servers: whether they listen, which they do only once their definitions are loaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stock_assistant_pipelines.exporter.addresses import connected, of_each
from stock_assistant_pipelines.exporter.page import Values, gauge, single

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prometheus_client.metrics_core import Metric


def read(definitions: str | None, hosts: Sequence[str]) -> Sequence[Metric]:
    """The code server of the definitions, and those that share the runs."""
    listens = of_each(_listens, [*hosts, *([definitions] if definitions else [])])
    location = listens[definitions] if definitions else None
    up: Values = {(address,): listens[address] for address in hosts}
    return [
        single("dagster_code_location_up", "1: the code server of the definitions listens.", location),
        gauge("dagster_run_host_up", "1: this code server, one of those that share the runs, listens.", up, "host"),
    ]


def _listens(address: str) -> float:
    try:
        with connected(address):
            return 1.0
    except OSError:
        return 0.0
