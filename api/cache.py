"""The response cache: an answer is given again for as long as the data that it was made from, and the clock, let it.

A thin layer of ASGI, before FastAPI. Whether an answer still holds is asked of the database each time, by data versions that
move with every change (`api.versions`): nothing is ever served that a landing had changed before the request came. While the
versions are not known, nothing is served from memory.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from itertools import count
from secrets import token_hex
from typing import TYPE_CHECKING

from api import routes
from api.kept import Answer, Store, header, next_change
from api.methods import BODILESS
from api.versions import READING, Reading
from stock_assistant_pipelines import calendar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from api.kept import Headers, Use
    from api.versions import Watch

POLICY = (b"cache-control", b"private, no-cache")
"""A client may keep an answer, and must ask each time whether it still holds."""

FOLLOWING = 5.0
"""Seconds to wait for somebody else's answer to the same question, whose client may be slow to take it."""

Key = tuple[str, bytes, bytes, bytes]


class CacheMiddleware:
    """Answers from memory below one path, and keeps what the application answers there.

    What it keeps are answers with status 200 that were read from the database, without a `Cache-Control` of their own.
    """

    def __init__(self, app: ASGIApp, watch: Watch, use: Use, path: str, beside: Sequence[str] = ()) -> None:
        self.app = app
        self.watch = watch
        self.use = use
        self._path = path
        self._beside = tuple(beside)
        self._made: dict[Key, asyncio.Future[bool]] = {}
        self._tags, self._nonce = count(1), token_hex(6)
        watch.when_lost(self._forget)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from memory, or let the application answer."""
        if scope["type"] != "http" or scope["method"] != "GET" or not self._concerns(scope["path"]):
            await self.app(scope, receive, send)
            return
        key, tags = question(scope)
        alone = False
        while (versions := await self.watch.now()) is not None:
            answer = self.store.find(key, versions, calendar.now())
            if answer is not None:
                scope[routes.KNOWN] = answer.route
                await self._give(answer, tags, send)
                return
            made = self._made.get(key)
            if made is None or made.done() or alone:  # done: it holds no longer, and its client is still taking it
                break
            alone = not await _follow(made)
        if versions is None:
            self.use.unknown += 1
        else:
            self.use.misses += 1
        if versions is None or alone or scope.get(BODILESS):
            await self._make(scope, receive, send, key)
            return
        self._made[key] = made = asyncio.get_running_loop().create_future()
        try:
            await self._make(scope, receive, send, key, made)
        finally:
            _finish(made, kept=False)
            if self._made.get(key) is made:
                del self._made[key]

    @property
    def store(self) -> Store:
        """The answers that are kept."""
        return self.use.store

    def _concerns(self, path: str) -> bool:
        return path.startswith(self._path) and not path.startswith(self._beside)

    def _forget(self) -> None:
        """Start anew: an answer that is being made lands in the old store, and is never asked for."""
        self.use.store = Store(self.store.room)

    async def _give(self, answer: Answer, tags: bytes, send: Send) -> None:
        """Send an answer that is kept, or say that the client has it already. Others may add to the headers on their way."""
        if tags and answer.told(tags):
            self.use.not_modified += 1
            await send({"type": "http.response.start", "status": 304, "headers": answer.headers_alone})
            await send({"type": "http.response.body", "body": b""})
            return
        self.use.hits += 1
        await send({"type": "http.response.start", "status": 200, "headers": list(answer.headers)})
        await send({"type": "http.response.body", "body": answer.body})

    async def _make(
        self, scope: Scope, receive: Receive, send: Send, key: Key, made: asyncio.Future[bool] | None = None
    ) -> None:
        """Let the application answer, and keep it."""
        tag = f'"{self._nonce}-{next(self._tags)}"'.encode()
        making = _Making(self.store, scope, key, tag, made)
        token = READING.set(making.reading)
        try:
            await self.app(scope, receive, lambda message: making.pass_on(message, send))
        finally:
            READING.reset(token)


class _Making:
    """An answer that is being made: passed on as it comes, and kept when it has come whole."""

    def __init__(self, store: Store, scope: Scope, key: Key, tag: bytes, made: asyncio.Future[bool] | None) -> None:
        self.reading = Reading()
        self._scope = scope
        self._store, self._key, self._tag, self._made = store, key, tag, made
        self._whole = not scope.get(BODILESS)
        """Whether its body is made at all."""
        self._until = next_change(calendar.now())
        self._headers: Headers | None = None
        self._chunks: list[bytes] = []
        self._size = 0

    async def pass_on(self, message: Message, send: Send) -> None:
        """Pass a part of the answer on."""
        if message["type"] == "http.response.start":
            message = self._begin(message)
        elif message["type"] == "http.response.body" and self._headers is not None:
            self._add(message.get("body", b""), whole=not message.get("more_body", False))
        await send(message)

    def _begin(self, message: Message) -> Message:
        headers: Headers = list(message["headers"])
        if message["status"] != 200 or header(headers, b"cache-control"):
            return message
        headers.append(POLICY)
        length = header(headers, b"content-length")
        if self._whole and self.reading.state is not None and self._store.takes(int(length or 0)):
            headers.append((b"etag", self._tag))
            self._headers = headers
        return {**message, "headers": list(headers)}

    def _add(self, chunk: bytes, *, whole: bool) -> None:
        self._chunks.append(chunk)
        self._size += len(chunk)
        if not self._store.takes(self._size):
            self._headers, self._chunks = None, []
            return
        state = self.reading.state
        if not whole or state is None or self._headers is None:
            return
        body = b"".join(self._chunks)
        datasets, route = self.reading.datasets, routes.of(self._scope)
        self._store.keep(self._key, Answer(self._headers, body, self._tag, datasets, state, self._until, route))
        if self._made is not None:
            _finish(self._made, kept=True)


def question(scope: Scope) -> tuple[Key, bytes]:
    """What is asked: the path, the parameters in any order, and the form that is taken; and what the client has already.

    Of a header that is sent twice the first counts, as it does for who makes the answer.
    """
    query: bytes = scope["query_string"]
    if b"&" in query:
        query = b"&".join(sorted(query.split(b"&")))
    accept = encoding = tags = b""
    for name, value in reversed(scope["headers"]):
        if name == b"accept":
            accept = b"" if value == b"*/*" else value
        elif name == b"accept-encoding":
            encoding = b"" if value == b"identity" else value
        elif name == b"if-none-match":
            tags = tags + b"," + value if tags else value
    return (scope["path"], query, accept, encoding), tags


async def _follow(made: asyncio.Future[bool]) -> bool:
    """Wait for the answer that another makes; tell whether it was kept."""
    with suppress(TimeoutError):
        async with asyncio.timeout(FOLLOWING):
            return await asyncio.shield(made)
    return False


def _finish(made: asyncio.Future[bool], *, kept: bool) -> None:
    if not made.done():
        made.set_result(kept)
