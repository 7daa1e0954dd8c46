"""A database whose host has vanished hangs up on nobody: who asks is told that it is gone, and waits for no answer."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

import pytest
from proxy import behind_a_proxy
from sqlalchemy import text

from api import driver, problems, streams, versions
from api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from proxy import Proxy

    from api.database import Database

NEVER = 20
"""Seconds by which it has hung."""

SILENCE_SECONDS = driver.SILENCE_SECONDS
"""As it is outside of these tests."""


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, name in (
        (driver, "CONNECT_SECONDS"),
        (driver, "SILENCE_SECONDS"),
        (versions, "SECONDS"),
        (versions, "PAUSE"),
    ):
        monkeypatch.setattr(module, name, 2.0)


def asked(market: str, steps: Callable[[Database, Proxy], Awaitable[None]]) -> None:
    """Let the steps be taken, and see that the database answers when it is there again."""

    async def run() -> None:
        async with behind_a_proxy(market) as (database, proxy), asyncio.timeout(NEVER):
            await steps(database, proxy)
            proxy.silent, proxy.until = False, None
            async with database.read() as connection:
                assert await connection.scalar(text("select 1")) == 1

    asyncio.run(run())


async def gone(database: Database, query: str = "select 1") -> None:
    """Read, and be told that the database does not answer."""

    async def read() -> None:
        async with database.read() as connection:
            await connection.execute(text(query))

    with pytest.raises(Problem) as refused:
        await read()
    assert refused.value.kind is problems.DATABASE_UNAVAILABLE
    assert int(refused.value.headers["Retry-After"]) > 0


def test_a_connection_that_was_kept_is_not_waited_for(market: str) -> None:
    async def steps(database: Database, proxy: Proxy) -> None:
        async with database.read():
            pass
        proxy.silent = True
        await gone(database)

    asked(market, steps)


def test_a_new_connection_is_not_waited_for(market: str) -> None:
    async def steps(database: Database, proxy: Proxy) -> None:
        proxy.silent = True
        await gone(database)

    asked(market, steps)


def test_a_statement_is_not_waited_for(market: str) -> None:
    async def steps(database: Database, proxy: Proxy) -> None:
        proxy.until = b"the last word"
        await gone(database, "select 'the last word'")

    asked(market, steps)


def test_the_end_of_a_transaction_is_not_waited_for(market: str) -> None:
    async def steps(database: Database, proxy: Proxy) -> None:
        async with database.read():
            proxy.silent = True

    asked(market, steps)


def test_what_is_asked_beside_the_pool_is_not_waited_for(market: str) -> None:
    async def steps(database: Database, proxy: Proxy) -> None:
        proxy.until = b"the last word"
        assert await database.watch.now() is not None
        with pytest.raises(Problem) as refused:
            await database.fetch("select 'the last word'")
        assert refused.value.kind is problems.DATABASE_UNAVAILABLE
        assert await database.watch.now() is None

    asked(market, steps)


def test_the_system_looks_whether_the_host_is_there(market: str) -> None:
    async def steps(database: Database, _: Proxy) -> None:
        connection = await database.connect()
        line = connection._transport.get_extra_info("socket")
        assert line.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        for name, value in driver.PROBES.items():
            assert line.getsockopt(socket.IPPROTO_TCP, getattr(socket, name)) == value
        await connection.close()

    asked(market, steps)


def test_a_statement_is_given_up_only_after_the_server_had_to_end_it() -> None:
    assert driver.STATEMENT_SECONDS < SILENCE_SECONDS < streams.DEADLINE_SECONDS
