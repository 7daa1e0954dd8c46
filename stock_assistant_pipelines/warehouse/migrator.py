"""Migrations beside code that reads and writes: they wait for a lock briefly and often, and never let others queue for long.

A statement that waits for a table's lock lets everybody wait who comes after it. So it gives up after two seconds, and is
tried again; what fails is taken back, and said.
"""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import alembic.command
import psycopg
from alembic.script import ScriptDirectory
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from stock_assistant_pipelines.warehouse.embedded import conninfo
from stock_assistant_pipelines.warehouse.revision import Standing, standing, verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from alembic.config import Config
    from sqlalchemy import Connection

    from stock_assistant_pipelines.warehouse.revision import Mismatch

LOG = logging.getLogger(__name__)

LOCK = 0x53_41_4D_49_47
"""The advisory lock that keeps two processes from migrating at once."""

OLDEST = """
select pid, usename, now() - xact_start as open, left(regexp_replace(query, '\\s+', ' ', 'g'), 80)
from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null
order by xact_start limit 1
"""
"""The transaction that has been open for longest: the first suspect when a lock is not to be had."""

BUSY = (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long is waited for what, in seconds."""

    lock: float = 2.0
    """For a lock, while others queue behind."""
    statement: float = 300.0
    """For a statement, which may hold a lock."""
    pause: float = 3.0
    """Between two tries, in which those who queued get through."""
    patience: float = 600.0
    """For a migration in all its tries."""

    def limits(self) -> list[str]:
        """The statements that set the server's limits."""
        return [f"set lock_timeout = {self.lock * 1000:.0f}", f"set statement_timeout = {self.statement * 1000:.0f}"]


class MigrationError(RuntimeError):
    """The tables and this version do not go together, and what to do about it. One line."""


class NotMigrated(MigrationError):
    """The tables are not those that this version works with."""


class Retired(MigrationError):
    """The tables are no longer those that this version works with."""


class MigrationFailed(MigrationError):
    """A migration failed, and was taken back."""


class LockNotHad(MigrationFailed):
    """A migration did not get the lock of a table in time: it may be tried again as it is."""


def upgrade(config: Config, target: str = "head", pace: Pace | None = None) -> str:
    """Run the migrations up to `target`, one process at a time, and say at which revision the database is then.

    A database that is newer stays as it is. Raises `MigrationFailed`, and `Retired` when this version is too old for it.
    """
    pace = pace or Pace()
    config.attributes["limits"] = pace.limits()
    server = conninfo(config.attributes["url"].set(drivername="postgresql"))
    script = ScriptDirectory.from_config(config)
    wanted = script.get_revision(target).revision
    with psycopg.connect(server, autocommit=True) as connection, _alone(connection):
        there = _standing(connection)
        found = there.found
        if found is None:  # nobody works with it yet
            _step(config, wanted, connection, pace)
            return wanted
        if found >= wanted:
            mismatch = verdict(there)
            if mismatch and mismatch.retired:
                _refuse(mismatch)
            return found
        for step in reversed(list(script.iterate_revisions(wanted, found))):
            _step(config, step.revision, connection, pace)
        return wanted


def require(connection: Connection) -> None:
    """Raise `NotMigrated` or `Retired` when this version cannot work with the tables."""
    _refuse(verdict(standing(lambda question: connection.exec_driver_sql(question).scalar())))


def check(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """The same for who may not migrate, nor perhaps read where they stand."""
    try:
        found = _standing(connection)
    except psycopg.errors.InsufficientPrivilege:
        found = Standing(None, None)
    _refuse(verdict(found))


def _refuse(mismatch: Mismatch | None) -> None:
    if mismatch:
        raise (Retired if mismatch.retired else NotMigrated)(mismatch.told)


@contextmanager
def _alone(connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[None]:
    """Wait until no other process migrates.

    By asking again and again: an index that is built concurrently waits for every statement that is under way, and so for one
    that waits for the lock.
    """
    asked = 0
    while connection.execute("select pg_try_advisory_lock(%s)", [LOCK]).fetchone() != (True,):
        if asked % 30 == 0:
            LOG.warning("another process is migrating: waiting for it")
        asked += 1
        time.sleep(1)
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("select pg_advisory_unlock(%s)", [LOCK])


def _standing(connection: psycopg.Connection[tuple[object, ...]]) -> Standing:
    """Where the database stands."""

    def ask(question: str) -> object:
        row = connection.execute(question.encode()).fetchone()
        return row[0] if row else None

    return standing(ask)


def _step(config: Config, target: str, connection: psycopg.Connection[tuple[object, ...]], pace: Pace) -> None:
    """Run migrations up to `target`, again and again when a lock is not to be had. Raises `MigrationFailed`."""
    begun, tries = time.monotonic(), 0
    while True:
        tries += 1
        try:
            alembic.command.upgrade(config, target)
        except SQLAlchemyError as error:
            if not (isinstance(error, DBAPIError) and isinstance(error.orig, BUSY)):
                raise MigrationFailed(_failure(target, error, connection)) from error
            if time.monotonic() - begun > pace.patience:
                raise LockNotHad(_busy(target, tries, pace, connection)) from error
            LOG.warning("migration %s did not get its lock within %g s: it is tried again", target, pace.lock)
            time.sleep(pace.pause)
        else:
            LOG.info("migration %s has run, in %.1f s", target, time.monotonic() - begun)
            return


def _failure(target: str, error: SQLAlchemyError, connection: psycopg.Connection[tuple[object, ...]]) -> str:
    cause = " ".join(str(getattr(error, "orig", None) or error).split())
    try:
        stands = f"The database stands at {_standing(connection).found or 'no revision'}"
    except psycopg.OperationalError:
        stands = "The database does not answer"
    return (
        f"migration {target} failed: {cause}. {stands}: what had worked with it still does. What the migration did is taken "
        "back; an index that it was building is built anew. Mend the cause, then `stock-assistant db upgrade` again "
        "(docs/upgrades.md)"
    )


def _busy(target: str, tries: int, pace: Pace, connection: psycopg.Connection[tuple[object, ...]]) -> str:
    row = connection.execute(OLDEST).fetchone()
    holder = "; the oldest open transaction: pid {} of {}, for {}: {}".format(*row) if row else ""
    return (
        f"migration {target} did not get its lock in {tries} tries of {pace.lock:g} s{holder}. Nothing has changed: wait for "
        "that transaction or end it (`select pg_terminate_backend(pid)`), then `stock-assistant db upgrade` again"
    )
