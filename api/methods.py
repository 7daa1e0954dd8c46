"""Methods: HEAD is answered wherever GET is, with the same headers and no body."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


BODILESS = "stock_assistant.bodiless"
"""Stands in the scope of a request whose answer's body nobody reads, so that a long one need not be made."""


class HeadMiddleware:
    """Let HEAD be answered by the route that answers GET."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, HEAD as GET, and keep the body of its answer back."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self.app(scope, receive, send)
            return

        async def without_body(message: Message) -> None:
            if message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        inner: Scope = {**scope, "method": "GET", BODILESS: True}
        try:
            await self.app(inner, receive, without_body)
        finally:
            scope.update({**inner, "method": "HEAD"})  # which route it was, for the log
