"""A proxy before PostgreSQL, on loopback: it can say farewell in its name, or say nothing any more."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from sqlalchemy.engine import URL, make_url

from api.database import Database

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SAID = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
FAREWELL = b"E" + (len(SAID) + 4).to_bytes(4, "big") + SAID
"""What PostgreSQL sends to each connection when it is stopped."""


class Proxy:
    """Stands before PostgreSQL. What it has gone silent for stays so: only connections that are made later are served again."""

    def __init__(self, url: URL) -> None:
        self.socket = f"{url.query['host']}/.s.PGSQL.5432"
        self.clients: list[asyncio.StreamWriter] = []
        self.silent = False
        self.until: bytes | None = None
        """What nobody may say any more: it goes silent when somebody does."""

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.clients.append(writer)
        theirs, ours = await asyncio.open_unix_connection(self.socket)
        await asyncio.gather(self._pass_on(reader, ours), self._pass_on(theirs, writer))

    async def say_farewell(self) -> None:
        leaving, self.clients = self.clients, []
        for client in leaving:
            client.write(FAREWELL)
        await asyncio.sleep(0.1)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lost = False
        try:
            while data := await reader.read(65_536):
                self.silent |= self.until is not None and self.until in data
                lost |= self.silent
                if not lost:
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
