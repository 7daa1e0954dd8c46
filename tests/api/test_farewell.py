"""A server that has said that it goes, and has not hung up yet, is gone: nobody waits for it, and the next one is asked."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from sqlalchemy.engine import URL, make_url

from api import problems, versions
from api.database import Database
from api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SAID = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
FAREWELL = b"E" + (len(SAID) + 4).to_bytes(4, "big") + SAID
"""What PostgreSQL sends to each connection when it is stopped."""


class Proxy:
    """Stands before PostgreSQL, and can say farewell in its name."""

    def __init__(self, url: URL) -> None:
        self.socket = f"{url.query['host']}/.s.PGSQL.5432"
        self.clients: list[asyncio.StreamWriter] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.clients.append(writer)
        theirs, ours = await asyncio.open_unix_connection(self.socket)
        await asyncio.gather(_pass_on(reader, ours), _pass_on(theirs, writer))

    async def say_farewell(self) -> None:
        leaving, self.clients = self.clients, []
        for client in leaving:
            client.write(FAREWELL)
        await asyncio.sleep(0.1)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
    except OSError:
        pass
    writer.close()


@asynccontextmanager
async def behind_a_proxy(market: str) -> AsyncIterator[tuple[Database, Proxy]]:
    """A database with one connection, and what stands before it."""
    url = make_url(market)
    proxy = Proxy(url)
    async with await asyncio.start_server(proxy, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        database = Database(url.set(host="127.0.0.1", port=port, query={"sslmode": "disable"}), 1)
        try:
            yield database, proxy
        finally:
            await database.close()


def test_who_asks_is_told_that_it_is_gone_and_then_answered_again(market: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "PAUSE", 0.0)

    async def asked() -> None:
        async with behind_a_proxy(market) as (database, proxy), asyncio.timeout(20):
            async with database.read():
                assert await database.watch.now() is not None
            await proxy.say_farewell()
            assert await database.watch.now() is None
            with pytest.raises(Problem) as refused:
                async with database.read():
                    pass
            assert refused.value.kind is problems.DATABASE_UNAVAILABLE
            async with database.read():
                assert await database.watch.now() is not None

    asyncio.run(asked())


def test_nobody_waits_for_versions_that_could_not_be_asked_for(market: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: versions.Watch) -> None:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr(versions.Watch, "_ask", fail)

    async def asked() -> None:
        async with behind_a_proxy(market) as (database, _), asyncio.timeout(20):
            assert await database.watch.now() is None

    asyncio.run(asked())
