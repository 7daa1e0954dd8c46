"""The driver's connections: how each is set up, and how long one is waited for that tells nothing.

A host that has vanished hangs up on nobody. So a statement is given up shortly after the server would have ended it, and a
connection when not even a transaction begins on it. The system's own probes find those that are idle, or only listen.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

import asyncpg

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

CONNECT_SECONDS = 5.0
"""For a connection, and for whatever takes the server no time."""

STATEMENT_SECONDS = 20
"""After which the server ends a statement."""

SILENCE_SECONDS = STATEMENT_SECONDS + 2.0
"""After which a statement is given up that the server should have ended."""

SESSION = {
    "application_name": "stock-assistant-api",
    "default_transaction_read_only": "on",
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "idle_in_transaction_session_timeout": "60s",
    "timezone": "Asia/Shanghai",
    "datestyle": "ISO, YMD",
    "jit": "off",
    "standard_conforming_strings": "on",
}
"""What each connection is set to. Compiling a query that runs for milliseconds costs more than it saves, hence no JIT."""

PROBES = {"TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3, "TCP_USER_TIMEOUT": 25_000}
"""The system asks a silent host from 10 s on whether it is there, and hangs up after 25 s; where it has these options."""


async def connect(url: URL) -> asyncpg.Connection:
    """Connect. asyncpg reads the URL itself, as libpq would: socket directories, sslmode, password files."""
    dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)
    connection = await asyncpg.connect(
        dsn, timeout=CONNECT_SECONDS, command_timeout=SILENCE_SECONDS, server_settings=SESSION
    )
    _probe(connection._transport.get_extra_info("socket"))
    return connection


def _probe(line: socket.socket) -> None:
    """Have the system look whether the other host is there."""
    if line.family == socket.AF_UNIX:
        return
    line.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in PROBES.items():
        if (option := getattr(socket, name, None)) is not None:
            line.setsockopt(socket.IPPROTO_TCP, option, value)
