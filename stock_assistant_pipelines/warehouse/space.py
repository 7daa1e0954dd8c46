"""Space on PostgreSQL's disk: what is said when there is none, and how it is waited for."""

from __future__ import annotations

import logging
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy import event, text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Engine, ExceptionContext

LOG = logging.getLogger(__name__)

NO_SPACE = "No space left on device"
"""What is said where a new session finds no space: an error of connecting has no code."""

PAUSE = 30.0
"""Seconds between two looks whether there is space again."""

PROBE = text("select count(*) from generate_series(1, 75000)")
"""A megabyte, for a moment: what the series has too much for memory goes to the disk, and neither into a table nor the log."""

LITTLE = text("set local work_mem = '64kB'")
"""The memory that it has."""


class DiskFull(RuntimeError):
    """PostgreSQL has no space for what is to be written. What was begun is undone; reading goes on."""

    def __init__(self, said: BaseException) -> None:
        super().__init__(
            f"PostgreSQL's disk is full ({str(said).splitlines()[0]}): free space on it or enlarge it, and delete nothing of "
            "PostgreSQL's own; runs wait for it, and go on"
        )


@contextmanager
def explained() -> Iterator[None]:
    """Say what to do when a statement finds no space. Raises `DiskFull`."""
    try:
        yield
    except psycopg.errors.DiskFull as error:
        raise DiskFull(error) from error


def explain(engine: Engine) -> Engine:
    """Let every statement of an engine that finds no space raise `DiskFull`; the same engine."""
    event.listen(engine, "handle_error", _explain)
    return engine


def _explain(context: ExceptionContext) -> None:
    error = context.original_exception
    if isinstance(error, psycopg.errors.DiskFull) or NO_SPACE in str(error):
        raise DiskFull(error) from error


def require(engine: Engine) -> None:
    """Raise `DiskFull` when there is no space for another megabyte."""
    with engine.begin() as connection:
        connection.execute(LITTLE)
        connection.execute(PROBE)


def wait(engine: Engine) -> None:
    """Wait until there is space again, however long that takes; at least a while, since a megabyte may not be enough."""
    while True:
        time.sleep(PAUSE)
        try:
            require(engine)
        except DiskFull as full:
            LOG.warning("%s", full)
        else:
            return
