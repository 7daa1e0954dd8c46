"""Transactions of many tasks, each in a thread, so that none of them holds up the others while the database works."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection, Engine

T = TypeVar("T")

THREADS = 4
"""Transactions at once."""


class Transactions:
    """The transactions of one process with one database, for any number of tasks."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._threads = anyio.CapacityLimiter(THREADS)

    async def run(self, work: Callable[[Connection], T]) -> T:
        """Do something in a transaction of its own."""

        def done() -> T:
            with self._engine.begin() as connection:
                return work(connection)

        return await anyio.to_thread.run_sync(done, limiter=self._threads)

    async def keep(self, work: Callable[[Connection], None]) -> None:
        """Book what was paid for, in a transaction of its own. Nothing interrupts it."""
        with anyio.CancelScope(shield=True):
            await self.run(work)
