"""The journal: every request has an id, every answer bears it, and one line of the log tells what became of it.

Logged is the route and not the URL: what stands in a query, a header or a body may be a secret. This is the outermost layer, so
that an answer to a mistake of ours is no exception; it also puts on the headers that keep browsers out of trouble.
"""

from __future__ import annotations

import os
import re
from time import perf_counter
from typing import TYPE_CHECKING, Any

from structlog.contextvars import bind_contextvars

from api import routes
from api.drain import Drain
from api.keys import Visit
from stock_assistant_pipelines import logs

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from api.metrics.requests import Requests

NAME = "api.access"
"""The logger of the requests' lines."""

WELL_FORMED = re.compile(rb"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
"""Ids that are taken over from who asks."""

CLOSED = b"default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""For data: a browser that takes it for a page loads and runs nothing."""

DOCUMENTATION = (
    b"default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; "
    b"connect-src 'self'; font-src 'self' data:; worker-src blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""For the two pages of documentation, whose scripts and styles stand in them."""

PAGES = {"/docs": DOCUMENTATION, "/redoc": DOCUMENTATION}
POLICY = b"content-security-policy"

CLOSE = (b"connection", b"close")

HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
]


class Journal:
    """Give each request its id, each answer its headers, count it, and write a line about it."""

    def __init__(self, app: ASGIApp, requests: Requests, drain: Drain | None = None) -> None:
        self.app = app
        self.requests = requests
        self.drain = drain or Drain(0)
        self.log = logs.quick(NAME)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, and note what is answered."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = perf_counter()
        visit = Visit(_id(scope))
        scope.setdefault("state", {})["visit"] = visit
        bind_contextvars(request_id=visit.id)  # for this task, which ends after what uvicorn logs of it
        method, path = scope["method"], scope["path"]
        status, written = 0, 0

        async def note(message: Message) -> None:
            nonlocal status, written
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": _dressed(message.get("headers", ()), path, visit)}
                if self.drain.under_way:  # the next request goes to another process
                    message["headers"].append(CLOSE)
            elif message["type"] == "http.response.body":
                written += len(message.get("body", b""))
            await send(message)

        self.requests.under_way += 1
        try:
            await self.app(scope, receive, note)
        finally:
            self.requests.under_way -= 1
            seconds, route = perf_counter() - began, routes.of(scope)
            self.requests.note(route, method, status, seconds, written, visit.problem)
            if self.log is not None:
                self.log.info("request", **_told(route, method, visit, status, written, seconds))


def _id(scope: Scope) -> str:
    """The id that was sent, when it is one; else a new one."""
    for name, value in scope["headers"]:
        if name == b"x-request-id":
            if WELL_FORMED.fullmatch(value):
                return str(value, "ascii")
            break
    return os.urandom(12).hex()


def _dressed(headers: Any, path: str, visit: Visit) -> list[tuple[bytes, bytes]]:
    """An answer's headers, and ours. A page that brings some of its own keeps them."""
    brought = {name for name, _ in headers}
    dressed = [*headers, *(one for one in HEADERS if one[0] not in brought), (b"x-request-id", visit.id.encode())]
    if POLICY not in brought:
        dressed.append((POLICY, PAGES.get(path, CLOSED)))
    if visit.count is not None:
        dressed += visit.count.headers
    return dressed


def _told(route: str | None, method: str, visit: Visit, status: int, written: int, seconds: float) -> dict[str, Any]:
    """What the log says of a request."""
    return {
        "method": method,
        "route": route,
        "status": status,
        "ms": round(seconds * 1e3, 2),
        "bytes": written,
        "key": visit.key.name if visit.key else None,
        "address": visit.origin.address if visit.origin else None,
    }
