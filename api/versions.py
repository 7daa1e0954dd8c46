"""Data versions: which state of the data an answer was made from. They move with every change of what is served.

They are asked for on a connection of their own, at most once at a time: a question that comes while one is under way waits
for the next, which whoever came meanwhile shares. So what is told was true after the question was asked, and 64 requests at
once cost one query.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

import asyncpg

from stock_assistant_pipelines.warehouse.tables import EVERYTHING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

LOG = logging.getLogger(__name__)

SECONDS = 2.0
"""After how long a database that does not answer counts as lost."""

PAUSE = 1.0
"""Seconds to leave a database alone that could not be reached."""

LOST = (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""What asking ends with where the server is gone. The last: it has said that it goes, and has not hung up yet. TimeoutError is
an OSError."""

QUERY = """
select alembic_version.version_num || '.' || watch.oid || ' ' || coalesce(told.versions, '')
from
    alembic_version,
    pg_trigger as watch,
    (
        select string_agg(dataset || '=' || version, ' ' order by dataset) as versions
        from (select dataset, sum(version) as version from data_version group by dataset) as summed
    ) as told
where watch.tgrelid = to_regclass('coverage') and watch.tgname = 'data_changed'
"""
"""The migration that has run and the trigger that watches; and the version of each dataset. Null where nothing watches.

A migration may change what is served, too. A restore over these tables (`pg_restore --clean`) sets the versions back, but makes
the triggers anew, last of all.
"""

GROUND = "ground"
"""Where the versions stand for that."""


@dataclass(frozen=True, slots=True, eq=False)
class Versions:
    """The data versions at one moment."""

    told: str
    """As the database tells them: two that are told alike are the same state."""
    by_dataset: Mapping[str, str] = field(repr=False)

    @classmethod
    def read(cls, told: str) -> Versions:
        """Take apart what the query tells."""
        ground, _, rest = told.partition(" ")
        pairs = (word.rpartition("=") for word in rest.split())
        return cls(told, {GROUND: ground, **{name: version for name, _, version in pairs}})

    def moved(self, told: str) -> Versions:
        """These, or those that are told now."""
        return self if told == self.told else Versions.read(told)

    def of(self, datasets: frozenset[str] | None) -> str:
        """The state of these datasets; None: of all there are."""
        if datasets is None:
            return self.told
        return " ".join(self.by_dataset.get(name, "0") for name in (GROUND, EVERYTHING, *sorted(datasets)))


@dataclass(slots=True)
class Reading:
    """What one answer has read: of which datasets, and at which versions."""

    datasets: frozenset[str] | None = frozenset()
    """None: anything."""
    versions: Versions | None = None
    """None: it has read nothing, or at versions that are not known."""
    mixed: bool = False
    """Whether it has read twice, and the data changed in between."""

    def add(self, datasets: tuple[str, ...], versions: Versions | None) -> None:
        """Take note of a snapshot that is read."""
        self.mixed |= versions is None or (self.versions is not None and self.versions.told != versions.told)
        self.versions = versions
        self.datasets = self.datasets | set(datasets) if datasets and self.datasets is not None else None

    @property
    def state(self) -> str | None:
        """The state that the answer tells; None when it is that of no one moment."""
        return None if self.mixed or self.versions is None else self.versions.of(self.datasets)


READING: ContextVar[Reading] = ContextVar("reading")
"""What the answer that is being made has read."""


class Watch:
    """Tells the data versions, and None while the database does not: then nothing that was kept may be served."""

    def __init__(self, connect: Callable[[], Awaitable[asyncpg.Connection]]) -> None:
        self._connect = connect
        self._lost: list[Callable[[], None]] = []
        self._connection: asyncpg.Connection | None = None
        self._query: asyncpg.prepared_stmt.PreparedStatement | None = None
        self._waiting: list[asyncio.Future[Versions | None]] = []
        self._asking: asyncio.Task[None] | None = None
        self._not_before = 0.0
        self._known = True
        self._last = Versions.read("")

    def when_lost(self, forget: Callable[[], None]) -> None:
        """Call this when the connection is lost: the server that answers next may be another, or hold another database."""
        self._lost.append(forget)

    async def now(self) -> Versions | None:
        """The versions, as of a moment after this call."""
        waiter: asyncio.Future[Versions | None] = asyncio.get_running_loop().create_future()
        self._waiting.append(waiter)
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._answer())
        return await waiter

    async def _answer(self) -> None:
        """Answer who waits, all at once, until nobody does."""
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            told = None
            try:
                told = await self._ask()
            finally:  # whatever went wrong, nobody waits for ever
                for waiter in waiting:
                    if not waiter.done():
                        waiter.set_result(told)

    async def _ask(self) -> Versions | None:
        try:
            if self._query is None:
                if monotonic() < self._not_before:
                    return None
                async with asyncio.timeout(SECONDS):
                    self._connection = await self._connect()
                    self._query = await self._connection.prepare(QUERY)
            assert self._connection is not None
            silence = asyncio.get_running_loop().call_later(SECONDS, self._connection.terminate)
            try:
                told = await self._query.fetchval()
            finally:
                silence.cancel()
        except Exception as error:  # noqa: BLE001 - whatever it is: everybody waits for this answer
            if self._known:  # said once
                LOG.warning("data versions are not known, nothing is served from memory: %s", type(error).__name__)
            self._drop()
            return None
        self._known = True
        if told is None:  # a restore is under way
            return None
        self._last = self._last.moved(told)
        return self._last

    def _drop(self) -> None:
        connection, self._connection, self._query = self._connection, None, None
        self._known, self._not_before = False, monotonic() + PAUSE
        for forget in self._lost:
            forget()
        if connection is not None:
            connection.terminate()

    async def close(self) -> None:
        """Leave the database."""
        if self._connection is not None:
            with suppress(*LOST):
                await self._connection.close(timeout=SECONDS)
        self._connection = self._query = None
