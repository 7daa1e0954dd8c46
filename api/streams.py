"""Streams: long answers are sent while they are read, so that their length costs no memory, here or in PostgreSQL.

PostgreSQL is read no faster than the client takes. Who takes longer than the deadline, or leaves, is dropped, and so is the
connection. An answer begins with its first rows; what fails before becomes a problem. One that has begun cannot: it breaks off,
without the end that makes it whole.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, Request, Response
from sqlalchemy import text

from api import copying, problems
from api.methods import BODILESS
from api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from contextlib import AsyncExitStack

    from sqlalchemy import Select
    from sqlalchemy.ext.asyncio import AsyncConnection
    from starlette.types import Message, Receive, Scope, Send

    from api.documents import Encoder
    from api.formats import Format

DEADLINE_SECONDS = 300
"""How long a stream may take, from its first byte to its last."""


class Broken(Exception):
    """A stream that had begun ended before its end. The server closes the connection, and the client knows."""


class Slots:
    """How many streams there may be at a time: each holds a connection of the pool, and others must be answered too."""

    def __init__(self, free: int) -> None:
        self.free = free

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Take one. Raises a problem when there is none."""
        if self.free < 1:
            detail = "As many long answers as may be are being sent. Ask again in a moment, or for fewer rows."
            raise Problem(problems.OVERLOADED, detail, retry_after=5)
        self.free -= 1
        try:
            yield
        finally:
            self.free += 1


async def of_application(request: Request) -> Slots:
    """The slots of the application that answers this request."""
    slots: Slots = request.app.state.streams
    return slots


Streams = Annotated[Slots, Depends(of_application)]


class Stream(Response):
    """An answer that is sent while it is read. It takes over what is to be given back afterwards, the connection first."""

    def __init__(
        self,
        held: AsyncExitStack,
        connection: AsyncConnection,
        query: tuple[Select[Any], Mapping[str, Any], Format],
        encoder: Encoder,
        rows: int,
        headers: Mapping[str, str],
    ) -> None:
        self.held = held
        self.connection = connection
        self.query = query
        self.encoder = encoder
        self.rows = rows
        self.begun = False
        super().__init__(headers=dict(headers))
        del self.headers["content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it, unless the client leaves. Raises `Problem` when it cannot begin, `Broken` when it cannot be sent whole."""
        try:
            await self._answer(scope, receive, send)
        except TimeoutError as error:
            if not self.begun:
                detail = f"The database worked for {DEADLINE_SECONDS} s without a row. Ask for less at once."
                raise Problem(problems.TOOK_TOO_LONG, detail, retry_after=5) from error
            raise Broken(f"not taken within {DEADLINE_SECONDS} s") from error
        except Problem as error:
            if not self.begun:
                raise
            raise Broken(str(error)) from error

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with asyncio.timeout(DEADLINE_SECONDS), self.held:
            if scope.get(BODILESS):
                await self._start(send)
                await send({"type": "http.response.body"})
                return
            sending = asyncio.create_task(self._send(send))
            left = asyncio.create_task(_left(receive))
            try:
                await asyncio.wait({sending, left}, return_when=asyncio.FIRST_COMPLETED)
                if sending.done():
                    await sending
            finally:
                for task in (sending, left):
                    task.cancel()
                await asyncio.wait({sending, left})

    async def _send(self, send: Send) -> None:
        async def begin_and_send(message: Message) -> None:
            if not self.begun:
                await self._start(send)
            await send(message)

        try:
            await self._copy(_Blocks(self.encoder, begin_and_send))
        except BaseException:
            await self.connection.invalidate()  # PostgreSQL is still writing
            raise

    async def _start(self, send: Send) -> None:
        self.begun = True
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})

    async def _copy(self, blocks: _Blocks) -> None:
        limit = text(f"set local statement_timeout = '{DEADLINE_SECONDS}s'")
        await self.connection.execute(limit)
        rows = await copying.copy_to(blocks.take, self.connection, *self.query, seconds=DEADLINE_SECONDS)
        await blocks.flush()
        if rows != self.rows:
            raise Broken(f"{self.rows} rows were promised, and {rows} came")
        await blocks.end()


class _Blocks:
    """Gathers what COPY writes into blocks, and sends them encoded, the head of the document with the first."""

    def __init__(self, encoder: Encoder, send: Send) -> None:
        self.encoder = encoder
        self.send = send
        self.head = encoder.head()
        self.gathered: list[bytes] = []
        self.size = 0

    async def take(self, chunk: bytes) -> None:
        """Take whole rows."""
        self.gathered.append(chunk)
        self.size += len(chunk)
        if self.size >= self.encoder.block:
            await self.flush()

    async def flush(self) -> None:
        """Send what is gathered."""
        copied, self.gathered, self.size = b"".join(self.gathered), [], 0
        if copied:
            encoded = await asyncio.to_thread(self.encoder.rows, copied)
            head, self.head = self.head, b""
            # Waits until the client has taken most of what was sent.
            await self.send({"type": "http.response.body", "body": head + encoded, "more_body": True})

    async def end(self) -> None:
        """Send what comes after the rows."""
        await self.send({"type": "http.response.body", "body": self.head + self.encoder.end()})


async def _left(receive: Receive) -> None:
    """Return when the client has left."""
    while (await receive())["type"] != "http.disconnect":
        pass
