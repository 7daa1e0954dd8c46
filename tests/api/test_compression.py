"""Answers are compressed for who accepts it, when they are long enough."""

from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING, Any

import brotli
import pytest
import zstandard

from api import compression
from api.compression import CompressionMiddleware, chosen

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx2

    Message = dict[str, Any]

DECODERS: dict[str, Callable[[bytes], bytes]] = {
    "zstd": lambda body: zstandard.ZstdDecompressor().decompressobj().decompress(body),
    "br": brotli.decompress,
    "gzip": gzip.decompress,
}


@pytest.mark.parametrize(
    ("header", "coding"),
    [
        ("", None),
        ("identity", None),
        ("gzip, deflate, br, zstd", "zstd"),
        ("gzip, deflate, br", "br"),
        ("gzip", "gzip"),
        ("*", "zstd"),
        ("zstd;q=0, *", "br"),
        ("gzip;q=1.0, br;q=0.5, zstd;q=0.2", "gzip"),
        ("zstd;q=0", None),
        ("br;q=x, gzip", "gzip"),
    ],
)
def test_the_quickest_of_what_is_accepted_is_taken(header: str, coding: str | None) -> None:
    assert chosen(header) == coding


@pytest.mark.parametrize("coding", DECODERS)
@pytest.mark.parametrize("size", [compression.SMALLEST, compression.LONG * 2])
def test_a_long_answer_is_compressed_and_a_short_one_is_not(coding: str, size: int) -> None:
    body = b"600519.SH," * (size // 10 + 1)
    start, told = answered(coding, [body])
    assert DECODERS[coding](told) == body
    assert start["content-encoding"] == coding
    assert int(start["content-length"]) == len(told) < len(body)
    start, told = answered(coding, [body[: compression.SMALLEST - 1]])
    assert told == body[: compression.SMALLEST - 1]
    assert "content-encoding" not in start
    assert start["vary"] == "Accept-Encoding"


@pytest.mark.parametrize("coding", DECODERS)
def test_a_stream_is_compressed_as_it_goes(coding: str) -> None:
    pieces = [str(place).encode() * 1000 for place in range(50)]
    start, told = answered(coding, pieces)
    assert DECODERS[coding](told) == b"".join(pieces)
    assert "content-length" not in start


@pytest.mark.parametrize(
    "headers",
    [{"content-type": "application/vnd.apache.parquet"}, {"content-type": "text/csv", "content-encoding": "x"}],
)
def test_what_is_compressed_already_is_left_as_it_is(headers: dict[str, str]) -> None:
    start, told = answered("zstd", [b"0" * 5000], headers)
    assert told == b"0" * 5000
    assert start == {**headers, "content-length": "5000"}


@pytest.mark.parametrize("coding", DECODERS)
def test_a_client_reads_a_compressed_table(client: httpx2.Client, coding: str) -> None:
    asked: dict[str, Any] = {"url": "/api/v1/openapi.json", "headers": {"Accept-Encoding": coding}}
    with client.stream("GET", **asked) as response:
        body = b"".join(response.iter_raw())
    assert response.headers["content-encoding"] == coding
    plain = client.get("/api/v1/openapi.json", headers={"Accept-Encoding": "identity"})
    assert DECODERS[coding](body) == plain.content


def answered(accept: str, pieces: list[bytes], headers: dict[str, str] | None = None) -> tuple[dict[str, str], bytes]:
    """What the middleware makes of an answer that comes in these pieces: its headers and its body."""
    headers = headers or {"content-type": "application/json"}
    if len(pieces) == 1:
        headers = {**headers, "content-length": str(len(pieces[0]))}
    sent: list[Message] = []

    async def application(_scope: Any, _receive: Any, send: Any) -> None:
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        await send({"type": "http.response.start", "status": 200, "headers": raw})
        for piece in pieces[:-1]:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": pieces[-1]})

    async def keep(message: Message) -> None:
        sent.append(message)

    scope = {"type": "http", "headers": [(b"accept-encoding", accept.encode())]}
    asyncio.run(CompressionMiddleware(application)(scope, None, keep))  # type: ignore[arg-type]
    start, *bodies = sent
    assert start["type"] == "http.response.start"
    assert not any(message.get("more_body") for message in bodies[-1:])
    told = {name.decode().lower(): value.decode() for name, value in start["headers"]}
    return told, b"".join(message["body"] for message in bodies)
