"""Compression: answers are made smaller for who accepts it, with zstd, else br, else gzip, each at its quickest.

gzip at its usual level costs twenty times what zstd does, for the same size.
"""

from __future__ import annotations

import asyncio
import zlib
from typing import TYPE_CHECKING, Any, Protocol

import brotli
import zstandard
from starlette.datastructures import Headers, MutableHeaders

from api.formats import weighed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

SMALLEST = 1024
"""Bytes from which on an answer is compressed: less hardly gets smaller."""
LONG = 256 * 1024
"""Bytes from which on a thread compresses them, while others are answered."""

COMPRESSIBLE = ("application/json", "application/problem+json", "application/vnd.apache.arrow.stream", "text/")
"""Beginnings of the media types that get smaller. Parquet is compressed already."""


class Compressor(Protocol):
    """Compresses a body piece by piece."""

    def compress(self, piece: bytes) -> bytes:
        """What a piece becomes; may be empty, and come with a later one."""

    def flush(self) -> bytes:
        """What is left."""


class Brotli:
    """Brotli, under the names that the others have."""

    def __init__(self) -> None:
        self.compressor = brotli.Compressor(quality=1)

    def compress(self, piece: bytes) -> bytes:
        """What a piece becomes."""
        return bytes(self.compressor.process(piece))

    def flush(self) -> bytes:
        """What is left."""
        return bytes(self.compressor.finish())


CODINGS: Mapping[str, Callable[[], Compressor]] = {
    "zstd": lambda: zstandard.ZstdCompressor(level=1).compressobj(),
    "br": Brotli,
    "gzip": lambda: zlib.compressobj(1, wbits=31),
}
"""Ours first."""


def chosen(header: str) -> str | None:
    """The coding for this Accept-Encoding: the one with most weight, and of equals ours first; None for none."""
    weights = dict(weighed(header))
    liked = {coding: weights.get(coding, weights.get("*", 0.0)) for coding in CODINGS}
    best = max(liked, key=lambda coding: liked[coding])
    return best if liked[best] > 0 else None


class CompressionMiddleware:
    """Compress what an application answers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer through a compressor."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        coding = chosen(Headers(scope=scope).get("accept-encoding", ""))
        await self.app(scope, receive, _Answer(send, coding).pass_on)


class _Answer:
    """One answer on its way. Its start waits for the first piece of the body, which tells whether it is long enough."""

    def __init__(self, send: Send, coding: str | None) -> None:
        self.send = send
        self.coding = coding
        self.start: Message | None = None
        self.compressor: Compressor | None = None

    async def pass_on(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.start = message
            return
        if message["type"] != "http.response.body":
            await self.send(message)
            return
        if self.start is not None:
            start, self.start = self.start, None
            self._begin(MutableHeaders(raw=start["headers"]), message)
            if self.compressor and not message.get("more_body"):
                message = {**message, "body": await self._compressed(message)}
                MutableHeaders(raw=start["headers"])["Content-Length"] = str(len(message["body"]))
                self.compressor = None
            await self.send(start)
        if self.compressor:
            message = {**message, "body": await self._compressed(message)}
            if not message["body"] and message.get("more_body"):
                return
        await self.send(message)

    def _begin(self, headers: MutableHeaders, first: Mapping[str, Any]) -> None:
        """Decide whether to compress, and say so."""
        if "content-encoding" in headers or not headers.get("content-type", "").startswith(COMPRESSIBLE):
            return
        headers.add_vary_header("Accept-Encoding")
        if self.coding and (first.get("more_body") or len(first.get("body", b"")) >= SMALLEST):
            headers["Content-Encoding"] = self.coding
            del headers["Content-Length"]
            self.compressor = CODINGS[self.coding]()

    async def _compressed(self, message: Mapping[str, Any]) -> bytes:
        piece, last = message.get("body", b""), not message.get("more_body")
        if len(piece) >= LONG:
            return await asyncio.to_thread(self._compress, piece, last=last)
        return self._compress(piece, last=last)

    def _compress(self, piece: bytes, *, last: bool) -> bytes:
        assert self.compressor
        return self.compressor.compress(piece) + (self.compressor.flush() if last else b"")
