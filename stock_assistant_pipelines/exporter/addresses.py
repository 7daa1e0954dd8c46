"""Addresses that are asked, all at once: one that says nothing takes its own time, and not that of the whole page."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

from stock_assistant_pipelines.settings.addresses import host_and_port

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")

SECONDS = 3.0
"""How long one that is asked may take."""


def of_each(ask: Callable[[str], T], addresses: Sequence[str]) -> dict[str, T]:
    """What `ask` finds of each. Whatever it raises is raised."""
    with ThreadPoolExecutor(max(1, len(addresses)), thread_name_prefix="asked") as workers:
        return dict(zip(addresses, workers.map(ask, addresses), strict=True))


def connected(address: str) -> socket.socket:
    """A connection to it. Raises OSError where nobody listens."""
    return socket.create_connection(host_and_port(address), timeout=SECONDS)
