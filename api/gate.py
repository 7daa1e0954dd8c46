"""The gate, before the routes: the address, the key, the limits. Whoever is refused is told by a problem."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.requests import Request

from api import problems, session
from api.access import PROXIED, X_FORWARDED, Access
from api.problems import Problem
from api.tushare import envelope
from api.tushare.envelope import speaks_tushare

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastapi import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from api.keys import Admission, Visit
    from stock_assistant_pipelines.settings import Settings

LONGEST_URL = 8_192
"""Bytes of a path and its query."""

LARGEST_BODY = 65_536
"""Bytes of a request's body."""

READ = PROXIED | {b"authorization", b"content-length", b"host", b"transfer-encoding", b"x-api-key"}
"""The headers that the gate reads, beside those that begin with `X-Forwarded-`."""

BEARER = b"bearer "


class Gate:
    """Let a request pass to the routes, or answer it with what keeps it out."""

    def __init__(self, app: ASGIApp, settings: Settings, admission: Admission, open_paths: Iterable[str] = ()) -> None:
        self.app = app
        self.access = Access(settings)
        self.admission = admission
        self.open = frozenset(
            {*open_paths, *(f"{settings.api_v1_str}/health/{name}" for name in ("live", "ready", "startup"))}
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a problem, or pass the request on."""
        if scope["type"] == "http":
            try:
                await self._enter(scope)
            except Problem as problem:
                scope["state"]["visit"].problem = problem.kind.name
                await _refusal(scope, problem)(scope, receive, send)
                return
        elif scope["type"] == "websocket":
            await send(
                {"type": "websocket.close", "code": 1008}
            )  # nothing here speaks it, so nothing looks for its key
            return
        await self.app(scope, receive, send)

    async def _enter(self, scope: Scope) -> None:
        """Look at the request in order: its size, its address, its key. Raises `Problem`."""
        headers = _read(scope)
        visit: Visit = scope["state"]["visit"]
        visit.origin = self.access.origin(scope, headers)
        _require_small(scope, headers)
        if not visit.origin.allowed:
            raise Problem(problems.ADDRESS_NOT_ALLOWED, f"This server does not answer {visit.origin.address or 'you'}.")
        path = scope["path"]
        if path in self.open:
            self.admission.count(visit)
            return
        token = _token(headers)
        if not token and speaks_tushare(path) and scope["method"] == "POST":
            return  # the key is in the body, where `keys.admit` finds it
        if not token and not visit.origin.keyless:
            token = session.key(scope)
        await self.admission.admit(visit, token)


def _refusal(scope: Scope, problem: Problem) -> Response:
    """Tell somebody what keeps him out, in the tongue that he speaks."""
    if speaks_tushare(scope["path"]) and scope["method"] == "POST":
        return envelope.of_problem(problem, scope["path"].rpartition("/")[2])
    if problem.kind is problems.UNAUTHENTICATED and session.of_person(scope) and not _token(_read(scope)):
        return session.ask(scope)
    return problems.answer(Request(scope), problem)


def _read(scope: Scope) -> dict[bytes, bytes]:
    """The headers that count here. One that is there twice is joined, as HTTP has it: two hosts are none, nor are two keys."""
    found: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in READ or name.startswith(X_FORWARDED):
            found[name] = found[name] + b"," + value if name in found else value
    return found


def _token(headers: dict[bytes, bytes]) -> str | None:
    """The key that was sent. An Authorization of another kind is a proxy's own."""
    given = headers.get(b"authorization", b"")
    if given[: len(BEARER)].lower() == BEARER:
        return given[len(BEARER) :].strip().decode("latin-1")
    key = headers.get(b"x-api-key")
    return key.strip().decode("latin-1") if key else None


def _require_small(scope: Scope, headers: dict[bytes, bytes]) -> None:
    """Raise `Problem` when the URL is too long, or the body too large or of a size that is not said."""
    if len(scope["path"]) + len(scope["query_string"]) > LONGEST_URL:
        raise Problem(problems.URL_TOO_LONG, f"The URL is longer than {LONGEST_URL:,} bytes. Ask for less at once.")
    if b"transfer-encoding" in headers:
        raise Problem(problems.BAD_REQUEST, "Say in Content-Length how long the body is.")
    size = headers.get(b"content-length")
    if size is not None and (not size.isdigit() or int(size) > LARGEST_BODY):
        raise Problem(problems.BODY_TOO_LARGE, f"The body is larger than {LARGEST_BODY:,} bytes. Send a smaller one.")
