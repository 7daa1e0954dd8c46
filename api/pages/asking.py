"""Asking: the API's own routes, asked from inside this process, so that a page never says anything else than they do."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import msgspec
from fastapi import Response

if TYPE_CHECKING:
    from fastapi import Request
    from starlette.types import Message

ONCE = {b"accept", b"accept-encoding", b"if-none-match", b"if-modified-since", b"range"}
"""Headers that speak of the page, and not of what it asks for."""

EXACT = msgspec.json.Decoder(float_hook=Decimal)
"""Reads a number as the decimal that it is written as."""


@dataclass(frozen=True)
class Told:
    """What a route answered."""

    document: Any
    source: str | None
    """Who told it; None when nothing has landed."""

    @cached_property
    def rows(self) -> list[dict[str, Any]]:
        """The rows of a table."""
        return [dict(zip(self.document["fields"], row, strict=True)) for row in self.document["items"]]

    @property
    def meta(self) -> dict[str, Any]:
        """Where a table stands."""
        meta: dict[str, Any] = self.document["meta"]
        return meta


class Refused(Exception):
    """A route answered with a problem."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status_code)
        self.response = response


async def ask(request: Request, path: str, **query: object) -> Told:
    """Ask a route of the API (`/datasets`), as the one who asks for the page. Raises `Refused` when it answers a problem.

    Queries that are None are left out. The question goes to the routes past what stands before them: the page has been
    admitted already.
    """
    asked = {name: value for name, value in query.items() if value is not None}
    whole = f"{request.app.state.settings.api_v1_str}{path}"
    response = await _answer(request, whole, urlencode(asked).encode())
    if response.status_code != 200:
        raise Refused(response)
    source = response.headers.get("X-Data-Source", "none")
    return Told(EXACT.decode(response.body), None if source == "none" else source)


async def _answer(request: Request, path: str, query: bytes) -> Response:
    headers = [(name, value) for name, value in request.scope["headers"] if name not in ONCE]
    scope = {
        **request.scope,
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query,
        "headers": [*headers, (b"accept", b"application/json")],
        "path_params": {},
    }
    started: list[Message] = []
    chunks: list[bytes] = []
    asked = False

    async def receive() -> Message:
        nonlocal asked
        if asked:  # who listens for the end of a connection waits, until the answer is there
            await asyncio.Event().wait()
        asked = True
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Message) -> None:
        if message["type"] == "http.response.start":
            started.append(message)
        else:
            chunks.append(message.get("body", b""))

    await request.app.router(scope, receive, send)
    response = Response(b"".join(chunks), started[0]["status"])
    response.raw_headers = list(started[0]["headers"])
    return response
