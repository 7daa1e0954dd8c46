"""The database, read-only: a pool of asyncpg connections, one snapshot per answer, and its failures as problems.

So many requests read at once as there are connections, so many more wait for one, briefly, and the rest is refused at once: a
queue without an end answers nobody in time.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

import asyncpg
from fastapi import Depends, Request
from sqlalchemy import event
from sqlalchemy.exc import DBAPIError, DisconnectionError
from sqlalchemy.ext.asyncio import create_async_engine

from api import driver, problems, versions
from api.problems import Problem
from api.versions import LOST, READING, Reading, Versions, Watch
from api.written import written
from stock_assistant_pipelines.settings.errors import SettingsError
from stock_assistant_pipelines.warehouse.encryption import advice

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from sqlalchemy.engine import URL
    from sqlalchemy.engine.interfaces import DBAPIConnection
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
    from sqlalchemy.sql.elements import ClauseElement

    from api.problems import Kind
    from stock_assistant_pipelines.settings import Settings

LOG = logging.getLogger(__name__)

POOL_SECONDS = 5

BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

FAILURES = (DBAPIError, *LOST)
"""What reading can end with: wrapped by SQLAlchemy, or raw from COPY, which goes past it."""

CLASSES = {
    "08": problems.DATABASE_UNAVAILABLE,  # connection lost
    "28": problems.DATABASE_UNAVAILABLE,  # user or password refused
    "3D": problems.DATABASE_UNAVAILABLE,  # no such database
    "53": problems.OVERLOADED,  # too many connections, out of memory or disk
    "57": problems.DATABASE_UNAVAILABLE,  # shut down, starting up
}
"""Kinds of problem by class of SQLSTATE."""

STATES = {
    "40001": problems.DATABASE_UNAVAILABLE,  # a replica that had to take out rows which this query still saw
    "55000": problems.DATABASE_UNAVAILABLE,  # the database takes no connections
    "57014": problems.TOOK_TOO_LONG,
    "0A000": problems.MIGRATIONS_PENDING,  # a cached plan, whose table a migration has changed
    "42P01": problems.MIGRATIONS_PENDING,  # no such table
    "42501": problems.MIGRATIONS_PENDING,  # not granted to our role yet, which follows them
    "42703": problems.MIGRATIONS_PENDING,  # no such column
    "42883": problems.MIGRATIONS_PENDING,  # no such function
}
"""Kinds of problem by SQLSTATE; these go before the classes."""

ADVICE = {
    problems.DATABASE_UNAVAILABLE: ("The database does not answer. Ask again in a moment.", 5),
    problems.OVERLOADED: ("All database connections are taken. Ask again in a moment.", 1),
    problems.TOOK_TOO_LONG: (
        f"The database worked for {driver.STATEMENT_SECONDS} s without an answer. Ask for less: a shorter range, or one stock.",
        5,
    ),
    problems.MIGRATIONS_PENDING: (
        "The tables are not those that this version reads. Run the migrations; see the health route.",
        30,
    ),
}
"""What to do about them, and after how many seconds to ask again."""


@dataclass(slots=True)
class Load:
    """How much is asked of the pool."""

    size: int
    """Requests that may read at once."""
    room: int
    """Requests that may wait for that."""
    reading: int = 0
    waiting: int = 0
    refused: int = 0
    """Since as many waited as may."""
    gave_up: int = 0
    """After they had waited."""


class Database:
    """The pool. It connects when first asked, so that the API starts, and says why it is not ready, without a database."""

    def __init__(self, url: URL, pool_size: int, queue_size: int = 64) -> None:
        async def connect(*_: Any, **__: Any) -> asyncpg.Connection:
            return await driver.connect(url)

        self.connect: Callable[[], Awaitable[asyncpg.Connection]] = connect
        self.engine: AsyncEngine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=connect,
            pool_size=pool_size,
            max_overflow=0,
            isolation_level="AUTOCOMMIT",  # `read` begins and ends the transaction, in one message each
        )
        event.listen(self.engine.sync_engine, "checkout", _require_open)
        self.watch = Watch(connect)
        self.watch.when_lost(self._forget)
        self._versions = Versions.read("")
        self._standings: dict[Any, Any] = {}
        self._turns = asyncio.Semaphore(pool_size)
        self.load = Load(pool_size, queue_size)

    @classmethod
    def configured(cls, settings: Settings) -> Database:
        """The database of the settings. Raises `SettingsError` when none is set."""
        url = settings.read_url
        if url is None:
            raise SettingsError(
                "DATABASE_URL: takes the URL of the database to serve, postgresql://user:password@host:5432/name; "
                "`stock-assistant up` passes that of the embedded PostgreSQL"
            )
        return cls(url, settings.api_pool_size, settings.api_queue_size)

    @asynccontextmanager
    async def read(self, *datasets: str) -> AsyncIterator[AsyncConnection]:
        """Lend a connection in one snapshot: rows and coverage that are read through it belong together.

        `datasets` are those that are read, and whose coverage is, beside those that are named later (`reads`); without a name
        anything may be. The answer is kept for as long as none of them changes.
        """
        await self._admit()
        self.load.reading += 1
        try:
            async with self.engine.connect() as connection, _snapshot(connection) as told:
                self._versions = self._versions.moved(told or "")
                known = self._versions if told else None
                connection.info.update(versions=known, standings=self._standings)
                READING.get(Reading()).add(datasets, known)
                yield connection
        except FAILURES as error:
            problem = _problem(error)
            if problem is None:
                raise
            LOG.warning("%s: %s", problem.kind.name, advice(str(error)) or type(error).__name__)
            raise problem from error
        finally:
            self.load.reading -= 1
            self._turns.release()

    async def fetch(self, query: str) -> list[asyncpg.Record]:
        """Ask on a connection of its own, past the pool: what has to be known whoever else reads. Raises `Problem`."""
        try:
            async with asyncio.timeout(driver.CONNECT_SECONDS):
                connection = await self.connect()
                try:
                    rows: list[asyncpg.Record] = await connection.fetch(query)
                    return rows
                finally:
                    await connection.close(timeout=1)
        except FAILURES as error:
            problem = _problem(error)
            if problem is None:
                raise
            raise problem from error

    def _forget(self) -> None:
        """Start anew: what is being read remembers what it finds in the old place."""
        self._standings = {}

    async def close(self) -> None:
        """Leave the server."""
        await self.watch.close()
        await self.engine.dispose()

    async def _admit(self) -> None:
        """Wait for a turn. Raises a problem at once when too many wait, and after some seconds when none came."""
        if not self._turns.locked():
            await self._turns.acquire()
            return
        if self.load.waiting >= self.load.room:
            self.load.refused += 1
            raise _refusal(problems.OVERLOADED)
        self.load.waiting += 1
        try:
            async with asyncio.timeout(POOL_SECONDS):
                await self._turns.acquire()
        except TimeoutError:
            self.load.gave_up += 1
            raise _refusal(problems.OVERLOADED) from None
        finally:
            self.load.waiting -= 1


@asynccontextmanager
async def _snapshot(connection: AsyncConnection) -> AsyncIterator[str | None]:
    """Hold a transaction that sees one state of the database. Yields the data versions of this state, where they are there."""
    raw = driver_of(connection)
    try:
        await raw.execute(BEGIN, timeout=driver.CONNECT_SECONDS)
        try:
            told = await raw.fetchval(versions.QUERY)
        except (
            asyncpg.UndefinedTableError,
            asyncpg.InsufficientPrivilegeError,
        ):  # before the migrations, or our role's
            told = None
            await raw.execute(f"ROLLBACK; {BEGIN}")
        yield told
    finally:
        try:
            await raw.execute("ROLLBACK", timeout=driver.CONNECT_SECONDS)
        except LOST:
            await connection.invalidate()  # broken underneath SQLAlchemy, which cannot know


def reads(connection: AsyncConnection, *datasets: str) -> None:
    """Say that an answer is made from these datasets, too."""
    READING.get(Reading()).add(datasets, connection.info["versions"])


def driver_of(connection: AsyncConnection) -> asyncpg.Connection:
    """The driver's own connection, for what SQLAlchemy makes too dear."""
    assert connection.sync_connection is not None
    return connection.sync_connection.connection.driver_connection


async def fetch(
    connection: AsyncConnection, statement: ClauseElement, values: Mapping[str, Any] | None = None
) -> list[asyncpg.Record]:
    """The rows of a statement that is kept by its module, past SQLAlchemy: a few rows cost a third of what it takes."""
    query = written(statement)
    rows: list[asyncpg.Record] = await driver_of(connection).fetch(query.text, *query.arguments(values))
    return rows


def _require_open(connection: DBAPIConnection, *_: Any) -> None:
    """Do not lend a connection that the server has closed: the driver knows, without asking."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError("closed by the server")


def _refusal(kind: Kind) -> Problem:
    detail, seconds = ADVICE[kind]
    return Problem(kind, detail, retry_after=seconds)


def _problem(error: BaseException) -> Problem | None:
    """Tell which problem a failure is; None when it is our own mistake."""
    if isinstance(error, OSError | asyncpg.InterfaceError | asyncpg.InternalClientError):
        kind = problems.DATABASE_UNAVAILABLE
    else:
        original = error.orig if isinstance(error, DBAPIError) else error
        state = getattr(original, "sqlstate", None) or ""
        lost = isinstance(error, DBAPIError) and error.connection_invalidated
        found = STATES.get(state) or CLASSES.get(state[:2]) or (problems.DATABASE_UNAVAILABLE if lost else None)
        if found is None:
            return None
        kind = found
    return _refusal(kind)


async def of_application(request: Request) -> Database:
    """The database of the application that answers this request: async, since FastAPI calls others in a thread."""
    database: Database = request.app.state.database
    return database


ReadOnly = Annotated[Database, Depends(of_application)]
