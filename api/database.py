"""The database, read-only: a pool of asyncpg connections, one snapshot per answer, and its failures as problems."""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated, Any

import asyncpg
from fastapi import Depends, Request
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import create_async_engine

from api import problems
from api.problems import Problem
from stock_assistant_pipelines.settings import SettingsError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from sqlalchemy.engine import URL
    from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

    from stock_assistant_pipelines.settings import Settings

LOG = logging.getLogger(__name__)

CONNECT_SECONDS = 5
POOL_SECONDS = 5
STATEMENT_SECONDS = 20

SESSION = {
    "application_name": "stock-assistant-api",
    "default_transaction_read_only": "on",
    "statement_timeout": f"{STATEMENT_SECONDS}s",
    "idle_in_transaction_session_timeout": "60s",
    "timezone": "Asia/Shanghai",
    "datestyle": "ISO, YMD",
    "jit": "off",
}
"""What each connection is set to. Compiling a query that runs for milliseconds costs more than it saves, hence no JIT."""

FAILURES = (DBAPIError, PoolTimeoutError, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
"""What reading can end with: wrapped by SQLAlchemy, or raw from COPY, which goes past it. TimeoutError is an OSError."""

CLASSES = {
    "08": problems.DATABASE_UNAVAILABLE,  # connection lost
    "28": problems.DATABASE_UNAVAILABLE,  # user or password refused
    "3D": problems.DATABASE_UNAVAILABLE,  # no such database
    "53": problems.OVERLOADED,  # too many connections, out of memory or disk
    "57": problems.DATABASE_UNAVAILABLE,  # shut down, starting up
}
"""Kinds of problem by class of SQLSTATE."""

STATES = {
    "57014": problems.TOOK_TOO_LONG,
    "0A000": problems.MIGRATIONS_PENDING,  # a cached plan, whose table a migration has changed
    "42P01": problems.MIGRATIONS_PENDING,  # no such table
    "42703": problems.MIGRATIONS_PENDING,  # no such column
    "42883": problems.MIGRATIONS_PENDING,  # no such function
}
"""Kinds of problem by SQLSTATE; these go before the classes."""

ADVICE = {
    problems.DATABASE_UNAVAILABLE: ("The database does not answer. Ask again in a moment.", 5),
    problems.OVERLOADED: ("All database connections are taken. Ask again in a moment.", 1),
    problems.TOOK_TOO_LONG: (
        f"The database worked for {STATEMENT_SECONDS} s without an answer. Ask for a shorter range.",
        5,
    ),
    problems.MIGRATIONS_PENDING: (
        "The tables are not those that this version reads. Run the migrations; see the health route.",
        30,
    ),
}
"""What to do about them, and after how many seconds to ask again."""


class Database:
    """The pool. It connects when first asked, so that the API starts, and says why it is not ready, without a database."""

    def __init__(self, url: URL, pool_size: int) -> None:
        dsn = url.set(drivername="postgresql").render_as_string(hide_password=False)

        async def connect(*_: Any, **__: Any) -> asyncpg.Connection:
            # asyncpg reads the URL itself, as libpq would: socket directories, sslmode, password files.
            return await asyncpg.connect(dsn, timeout=CONNECT_SECONDS, server_settings=SESSION)

        self.connect: Callable[[], Awaitable[asyncpg.Connection]] = connect
        self.engine: AsyncEngine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=connect,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=POOL_SECONDS,
            pool_pre_ping=True,
            isolation_level="REPEATABLE READ",
        )

    @classmethod
    def configured(cls, settings: Settings) -> Database:
        """The database of the settings. Raises `SettingsError` when none is set."""
        if settings.read_url is None:
            raise SettingsError(
                "DATABASE_URL: takes the URL of the database to serve, postgresql://user:password@host:5432/name; "
                "`stock-assistant up` passes that of the embedded PostgreSQL"
            )
        return cls(settings.read_url, settings.api_pool_size)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[AsyncConnection]:
        """Lend a connection in one snapshot: rows and coverage that are read through it belong together."""
        try:
            async with self.engine.connect() as connection:
                try:
                    yield connection
                except (OSError, asyncpg.PostgresConnectionError, asyncpg.InterfaceError):
                    await connection.invalidate()  # broken underneath SQLAlchemy, which cannot know
                    raise
        except FAILURES as error:
            problem = _problem(error)
            if problem is None:
                raise
            LOG.warning("%s: %s", problem.kind.name, type(error).__name__)
            raise problem from error

    async def fetch(self, query: str) -> list[asyncpg.Record]:
        """Ask on a connection of its own, past the pool: what has to be known whoever else reads. Raises `Problem`."""
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
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


def _problem(error: BaseException) -> Problem | None:
    """Tell which problem a failure is; None when it is our own mistake."""
    if isinstance(error, PoolTimeoutError):
        kind = problems.OVERLOADED
    elif isinstance(error, OSError | asyncpg.InterfaceError):
        kind = problems.DATABASE_UNAVAILABLE
    else:
        original = error.orig if isinstance(error, DBAPIError) else error
        state = getattr(original, "sqlstate", None) or ""
        lost = isinstance(error, DBAPIError) and error.connection_invalidated
        found = STATES.get(state) or CLASSES.get(state[:2]) or (problems.DATABASE_UNAVAILABLE if lost else None)
        if found is None:
            return None
        kind = found
    detail, seconds = ADVICE[kind]
    return Problem(kind, detail, retry_after=seconds)


async def of_application(request: Request) -> Database:
    """The database of the application that answers this request: async, since FastAPI calls others in a thread."""
    database: Database = request.app.state.database
    return database


ReadOnly = Annotated[Database, Depends(of_application)]
