"""Space on PostgreSQL's disk, and what is said when there is none."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy import event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Engine, ExceptionContext


class DiskFull(RuntimeError):
    """PostgreSQL has no space for what is to be written. What was begun is undone; reading goes on."""

    def __init__(self, said: psycopg.errors.DiskFull) -> None:
        super().__init__(
            f"PostgreSQL's disk is full ({str(said).splitlines()[0]}): free space on it or enlarge it, and delete nothing of "
            "PostgreSQL's own; runs try again each minute"
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
    if isinstance(context.original_exception, psycopg.errors.DiskFull):
        raise DiskFull(context.original_exception) from context.original_exception
