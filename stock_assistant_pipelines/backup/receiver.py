"""WAL is received as it is written, through a slot that keeps the server from forgetting what we have not.

Where the server cannot go on from what was received last, for it has gone back to a moment or given the slot up, what was
begun is set aside, the slot made anew, and a mark left: what was received until then leads no further, a base backup is due.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import psycopg

from stock_assistant_pipelines.backup import timelines, wal
from stock_assistant_pipelines.backup.programs import BackupFailed, Programs
from stock_assistant_pipelines.backup.timelines import SEGMENT, SIZE, Line
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from psycopg import Connection
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.backup.sealing import Seal
    from stock_assistant_pipelines.backup.store import Store

SLOT = "stock_assistant_backup"
PATIENCE = 20.0
"""Seconds after which a receiver should have begun."""

ARRIVAL = 300.0
"""Seconds within which the end of a base backup should be received."""

BEHIND = """
SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint FROM pg_replication_slots WHERE slot_name = %s AND active
"""
REACHED = "SELECT restart_lsn >= %s::pg_lsn FROM pg_replication_slots WHERE slot_name = %s AND active"
KNOWN = "SELECT coalesce(restart_lsn, '0/0')::text FROM pg_replication_slots WHERE slot_name = %s"
LOST = (
    "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = %s AND wal_status = 'lost'"
)
MADE = "SELECT pg_create_physical_replication_slot(%s, true)"
SEGMENT_SIZE = "SELECT setting::bigint FROM pg_settings WHERE name = 'wal_segment_size'"

LOG = logging.getLogger(__name__)


@dataclass
class Receiver:
    """The process that receives. It asks for nothing that has been received already."""

    url: URL
    store: Store
    seal: Seal
    programs: Programs
    process: subprocess.Popen[bytes] | None = None
    tried: str | None = None
    """The segment that it was to go on with when it was started last."""

    @property
    def runs(self) -> bool:
        """Whether the process is there."""
        return self.process is not None and self.process.poll() is None

    def keep(self) -> int:
        """Start it where it does not run; tell how many bytes the server has written that are not on our disk.

        Raises `BackupFailed` when it does not receive.
        """
        with psycopg.connect(conninfo(self.url), autocommit=True) as connection:
            for _ in range(2):  # the second time from where the server can go on
                if not self.runs:
                    self._start(connection)
                deadline = time.monotonic() + PATIENCE
                while self.runs and time.monotonic() < deadline:
                    row = connection.execute(BEHIND, (SLOT,)).fetchone()
                    if row:
                        return int(row[0])
                    time.sleep(0.1)
        raise BackupFailed("no WAL is being received: what pg_receivewal says is in the log")

    def stop(self) -> None:
        """Stop it, as if it had been asked to: what it has received stays."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait()

    def _start(self, connection: Connection) -> None:
        line = self._admitted(connection)
        self.store.incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            wal.keep(self.store, self.seal)
        except OSError as error:  # it stays where it is, and the service tells of it: to receive is worth more
            LOG.error("%s", error)
        begun, place = self._begun(), _kept_from(connection)
        on = begun[-1] if begun and self._goes_on(begun[-1].name, line, place or 0) else None
        if on is None and (begun or (place is None and any(self.store.wal.glob("[!.]*")))):
            self.store.mark_gap()  # first: what is cut off from here on has left the mark
            LOG.warning(
                "the server cannot go on from the WAL that was received last: it is received anew, and a base backup is due"
            )
        for path in begun:
            if path != on:
                wal.put(path, self.store, self.seal)
        if place is None:
            connection.execute(MADE, (SLOT,))
        self.tried = on.name if on else None
        words = ("-D", str(self.store.incoming), "-S", SLOT, "--synchronous", "--no-loop", "-s", "1")
        self.process = self.programs.start("pg_receivewal", *words, url=self.url)

    def _admitted(self, connection: Connection) -> Line:
        """The server's timeline. Raises `BackupFailed` where its WAL must not come beside what is kept, or cannot be read."""
        system, line = identify(self.url)
        self.store.admit(system)
        (size,) = connection.execute(SEGMENT_SIZE).fetchone() or (0,)
        if size != SIZE:
            raise BackupFailed(
                f"the server's WAL has segments of {size} bytes: only those of {SIZE}, the default, are kept"
            )
        return line

    def _begun(self) -> list[Path]:
        """The segments that were begun; that with which `pg_receivewal` would go on is the last."""
        paths = [path for path in self.store.incoming.glob(f"*{wal.PARTIAL}") if SEGMENT.match(path.name)]
        return sorted(paths, key=lambda path: (timelines.number_of(path.name), path.name))

    def _goes_on(self, name: str, line: Line, kept: int) -> bool:
        """Whether the server may go on with a segment: it has lived through it, and the slot keeps it, or it is worth a try."""
        number = timelines.number_of(name)
        held = line.holds(timelines.timeline_of(name), number * SIZE)
        return held and not (kept // SIZE > number and self.tried == name)


def _kept_from(connection: Connection) -> int | None:
    """The place from which on the slot keeps WAL; None where there is no slot, or it was given up, and is gone now."""
    connection.execute(LOST, (SLOT,))
    row = connection.execute(KNOWN, (SLOT,)).fetchone()
    return timelines.place_of(row[0]) if row else None


def identify(url: URL) -> tuple[str, Line]:
    """The number by which a server is told from all others; its timeline, and what came before that."""
    with psycopg.connect(conninfo(url.update_query_dict({"replication": "true"})), autocommit=True) as connection:
        system, number, *_ = connection.execute("IDENTIFY_SYSTEM").fetchone() or ("", 1)
        if number == 1:
            return _plain(system), Line(1)
        # Not a statement of SQL: it takes no parameters.
        _, content = connection.execute(f"TIMELINE_HISTORY {int(number)}").fetchone() or ("", "")
        return _plain(system), timelines.line(number, _plain(content))


def _plain(content: str | bytes) -> str:
    """Text, which comes as bytes where the connection names no encoding."""
    return content if isinstance(content, str) else bytes(content).decode()


def receiving(connection: Connection) -> None:
    """Wait until somebody receives. Raises `BackupFailed` when nobody does."""
    _wait(
        connection,
        "0/0",
        PATIENCE,
        "no WAL is being received, without which a base backup is nothing: start the service",
    )


def arrived(connection: Connection, place: str) -> None:
    """Wait until what was written up to a place has been received. Raises `BackupFailed` when it takes too long."""
    _wait(connection, place, ARRIVAL, f"the WAL up to {place}, with which the base backup ends, has not been received")


def _wait(connection: Connection, place: str, patience: float, otherwise: str) -> None:
    deadline = time.monotonic() + patience
    while connection.execute(REACHED, (place, SLOT)).fetchone() != (True,):
        if time.monotonic() > deadline:
            raise BackupFailed(otherwise)
        time.sleep(0.1)


def due(store: Store) -> bool:
    """Whether WAL is received anew since the last base backup was begun."""
    gap, bases = store.gap, store.backups("bases")
    return gap is not None and (not bases or bases[-1].began < datetime.fromtimestamp(gap, UTC))
