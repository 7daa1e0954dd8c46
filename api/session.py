"""The session of a browser: the key that a person gave once, in a cookie, for it can send no header by itself.

The cookie is out of scripts' reach, is not sent from other sites' pages, and opens nothing but reading. It is the key
itself: nothing is kept on the server, and a key that is revoked ends its sessions.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from fastapi import Request, Response

if TYPE_CHECKING:
    from starlette.types import Scope

COOKIE = "stock_assistant_key"
DAYS = 30
"""For so long a browser keeps it."""

LOGIN, LOGOUT = "/login", "/logout"
METHODS = frozenset({"GET", "HEAD"})
"""What the cookie is good for."""

WITHIN = re.compile(r"/(?![/\\])[!-\[\]-~]*")
"""A path of this host, its query too: no second slash, no backslash, and nothing that a browser leaves out when it reads."""
LONGEST = 2_000
"""Characters of a way back."""


def key(scope: Scope) -> str | None:
    """The key that a browser keeps, where it may be used."""
    return Request(scope).cookies.get(COOKIE) if scope["method"] in METHODS else None


def of_person(scope: Scope) -> bool:
    """Whether a browser asks for a page, so that a person can be asked for his key."""
    return scope["method"] in METHODS and "text/html" in Request(scope).headers.get("Accept", "")


def ask(scope: Scope) -> Response:
    """Lead a person to where he can give his key, and from there back."""
    here = quote(scope["path"]) + (f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else "")
    way = f"{LOGIN}?next={quote(here)}" if within(here) not in {"/", None} else LOGIN
    return Response(status_code=HTTPStatus.SEE_OTHER, headers={"Location": way, "Cache-Control": "no-store"})


def within(way: str | None) -> str | None:
    """A way that stays on this host, as it is; None for any other."""
    return way if way and len(way) <= LONGEST and WITHIN.fullmatch(way) else None


def encrypted(request: Request) -> bool:
    """Whether the browser speaks HTTPS, to us or to what stands before us. Who says so falsely gets a cookie he cannot use."""
    told = request.headers.get("X-Forwarded-Proto", request.url.scheme)
    return told.rpartition(",")[2].strip().lower() == "https"


def own(request: Request) -> bool:
    """Whether a form was sent from a page of ours, as the browser tells it."""
    headers = request.headers
    if (site := headers.get("Sec-Fetch-Site")) is not None:
        return site == "same-origin"
    origin = headers.get("Origin")
    hosts = (headers.get("Host"), headers.get("X-Forwarded-Host"))
    return origin is None or urlsplit(origin).netloc in hosts


def begin(request: Request, response: Response, given: str) -> None:
    """Let the browser keep a key."""
    _set(request, response, given, DAYS * 86_400)


def end(request: Request, response: Response) -> None:
    """Let it forget the key."""
    _set(request, response, "", 0)


def _set(request: Request, response: Response, value: str, seconds: int) -> None:
    response.set_cookie(
        COOKIE, value, max_age=seconds, path="/", secure=encrypted(request), httponly=True, samesite="strict"
    )
