"""Who is alive: a worker holds a lock under its name for as long as it lives, and PostgreSQL frees it when the worker dies.

It is a session's advisory lock: it belongs to the connection, ends with it, and is seen from every machine.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from collections.abc import Iterator

LOG = logging.getLogger(__name__)

EVERY = 5.0
"""Seconds between two looks at the connection that holds the lock."""

TIMEOUT = 10
"""Seconds after which a database that does not answer counts as lost."""

HELD = """
select exists (
    select from pg_locks
    where locktype = 'advisory' and granted
      and database = (select oid from pg_database where datname = current_database())
      and objsubid = 1 and (classid::bigint << 32) | objid::bigint = hashtextextended(%s, 0)
)
"""


@contextmanager
def present(conninfo: str, name: str, *, every: float = EVERY) -> Iterator[None]:
    """Hold the lock of this name. A connection that is lost is opened again. Several may hold one name."""
    left = threading.Event()
    connection = _hold(conninfo, name)
    keeper = threading.Thread(target=_keep, args=(connection, conninfo, name, every, left), name=name, daemon=True)
    keeper.start()
    try:
        yield
    finally:
        left.set()
        keeper.join()


def is_present(conninfo: str, name: str) -> bool:
    """Whether anybody holds the lock of this name."""
    with psycopg.connect(conninfo, connect_timeout=TIMEOUT) as connection:
        row = connection.execute(HELD, [name]).fetchone()
    assert row is not None
    return bool(row[0])


def _hold(conninfo: str, name: str) -> psycopg.Connection[tuple[object, ...]]:
    """Connect and take the lock."""
    connection = psycopg.connect(
        conninfo,
        autocommit=True,
        application_name="stock-assistant run",
        connect_timeout=TIMEOUT,
        tcp_user_timeout=TIMEOUT * 1000,
    )
    connection.execute("select pg_advisory_lock_shared(hashtextextended(%s, 0))", [name])
    return connection


def _keep(
    connection: psycopg.Connection[tuple[object, ...]], conninfo: str, name: str, every: float, left: threading.Event
) -> None:
    """Look at the connection every few seconds, and take the lock again where it was lost, until the holder leaves."""
    while not left.wait(every):
        with suppress(psycopg.Error):
            connection.execute("select")
            continue
        connection.close()
        try:
            connection = _hold(conninfo, name)
        except psycopg.Error as error:
            LOG.warning("%s: the lock that shows it alive is lost, and is taken again: %s", name, error)
    connection.close()
