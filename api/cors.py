"""CORS: which pages of other origins may read, as their browsers ask beforehand. Who may not is told so by a problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response

from api import problems
from api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.datastructures import Headers
    from starlette.types import ASGIApp, Receive, Scope, Send

METHODS = ("GET", "HEAD")
SENT = ("Authorization", "X-API-Key", "X-Request-ID")
"""Headers that pages of other origins may send."""

EXPOSED = (
    "X-Data-Source",
    "X-As-Of",
    "X-Rows",
    "X-Complete",
    "X-Partitions",
    "X-Data-Version",
    "X-Next-Cursor",
    "Link",
    "ETag",
    "X-Request-ID",
    "Retry-After",
    "RateLimit",
    "RateLimit-Policy",
)
"""Headers that they may read."""

OF_BODY = {"content-length", "content-type"}
"""Headers of Starlette's text, which is not sent."""


class Cors(CORSMiddleware):
    """Let pages of these origins read."""

    def __init__(self, app: ASGIApp, origins: Sequence[str]) -> None:
        super().__init__(app, origins, METHODS, SENT, expose_headers=EXPOSED)

    def preflight_response(self, request_headers: Headers) -> Response:
        """What a browser is told that asks whether it may."""
        told = super().preflight_response(request_headers)
        return told if told.status_code < 400 else Refused(told)


class Refused(Response):
    """A refusal, as the problem that the API has for it."""

    def __init__(self, told: Response) -> None:
        super().__init__()
        self.told = told

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the problem."""
        which = bytes(self.told.body).decode()
        detail = (
            f"{which}: origins are let in by BACKEND_CORS_ORIGINS, with {' and '.join(METHODS)} and {', '.join(SENT)}."
        )
        problem = Problem(problems.CORS_REFUSED, detail)
        problem.headers |= {name: value for name, value in self.told.headers.items() if name not in OF_BODY}
        await problems.answer(Request(scope), problem)(scope, receive, send)
