"""The login: a person gives a key once, and the browser keeps it."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, quote

from fastapi import Response

from api import problems, session
from api.access import LOOPBACK
from api.keys import refused
from api.pages import html
from api.problems import Problem

if TYPE_CHECKING:
    from fastapi import Request

FIELDS = 10
"""Fields of a form at the most; it has one."""


async def show(request: Request, way: str | None) -> Response:
    """The form; who is logged in already goes on at once."""
    kept = session.key(request.scope)
    if kept and await _good(request, kept):
        return _to(session.within(way) or "/")
    return _form(request, way, "kept_wrong" if kept else None)


async def take(request: Request, way: str | None) -> Response:
    """Keep the key that was given, if it is one. The gate has counted the try for the address. Raises `Problem`."""
    _require_own(request)
    form = (await request.body()).decode("utf-8", "replace")
    try:
        given = "".join(parse_qs(form, max_num_fields=FIELDS).get("key", [])[:1]).strip()
    except ValueError:
        raise Problem(problems.BAD_REQUEST, "Send the form as /login has it.") from None
    if not given or not await _good(request, given):
        return _form(request, way, "key_wrong", HTTPStatus.UNAUTHORIZED)
    response = _to(session.within(way) or "/")
    session.begin(request, response, given)
    return response


def forget(request: Request) -> Response:
    """Let the browser forget its key. Raises `Problem`."""
    _require_own(request)
    response = _to(session.LOGIN)
    session.end(request, response)
    return response


async def _good(request: Request, given: str) -> bool:
    key = await request.app.state.admission.ring.find(given.encode("utf-8", "surrogatepass"))
    return key is not None


def _require_own(request: Request) -> None:
    """Raise `Problem` for a form of another site's page, which would log somebody in or out behind his back."""
    if not session.own(request):
        raise Problem(
            problems.BAD_REQUEST,
            "This form was not sent from a page of this server. Open /login here; a proxy in between has to pass Host on.",
        )


def _to(way: str) -> Response:
    return Response(status_code=HTTPStatus.SEE_OTHER, headers={"Location": way, "Cache-Control": "no-store"})


def _form(request: Request, way: str | None, wrong: str | None, status: int = HTTPStatus.OK) -> Response:
    way = session.within(way) or "/"
    headers = {"Cache-Control": "no-store"}
    if status == HTTPStatus.UNAUTHORIZED:
        headers |= refused("").headers
    here = LOOPBACK.fullmatch(request.headers.get("Host", "").encode("latin-1"))
    return html.page(
        request,
        "login.html",
        status=status,
        headers=headers,
        wrong=wrong,
        way=way,
        action=session.LOGIN if way == "/" else f"{session.LOGIN}?next={quote(way)}",
        overheard=not session.encrypted(request) and not here,
    )
