"""HTML: templates filled in, what a page may load, and a problem as a page. Everything that is filled in is escaped."""

from __future__ import annotations

import hashlib
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api import session
from api.answers import moment
from api.pages import languages, texts
from api.pages.asking import Refused
from api.problems import Problem
from stock_assistant_pipelines import calendar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from fastapi import Request

HERE = Path(__file__).parent

POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "img-src 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
    )
)
"""What a page may load: our stylesheet, script and icon, from here."""

HEADERS = {
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
    "Vary": "Accept-Language, Cookie",
}

ASSETS = {
    path.name: (path.read_bytes(), kind)
    for name, kind in (("style.css", "text/css"), ("script.js", "text/javascript"), ("icon.svg", "image/svg+xml"))
    for path in (HERE / "assets" / name,)
}
"""What pages load, with its media type."""

VERSION = hashlib.sha256(b"".join(content for content, _ in ASSETS.values())).hexdigest()[:12]
"""Changes with them, so that a browser may keep them for ever."""


def figure(value: Any) -> str:
    """A number as it is, its thousands apart; what is absent as a dash."""
    return "–" if value is None else f"{value:,}" if not isinstance(value, str) else value


def places(value: Any) -> int:
    """How many decimals a number has."""
    return len(f"{value}".partition(".")[2]) if isinstance(value, Decimal) else 0


def lacking(value: Any, most: int) -> str:
    """The decimals that a number lacks: unseen beside it, they let the points of a column stand below each other."""
    lacks = most - places(value)
    if isinstance(value, str) or not lacks:
        return ""
    return "0" * lacks if places(value) else "." + "0" * lacks


def minute(value: str | None) -> str:
    """A moment of ISO's to the minute; all are Shanghai's. What is absent as a dash."""
    return "–" if value is None else value[:16].replace("T", " ")


def day(value: str | date | None) -> str:
    """A day as ISO has it, given as `YYYYMMDD` or as a date; what is absent as a dash."""
    if value is None:
        return "–"
    return (date.fromisoformat(value) if isinstance(value, str) else value).isoformat()


def known(value: str) -> str:
    """The day at whose end something was known, given the moment from which on it was."""
    return (datetime.fromisoformat(value) - timedelta(microseconds=1)).date().isoformat()


ENVIRONMENT = Environment(
    loader=FileSystemLoader(HERE / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
ENVIRONMENT.filters.update(figure=figure, lacking=lacking, minute=minute, day=day, known=known)


def page(
    request: Request,
    template: str,
    sources: Iterable[str | None] = (),
    *,
    status: int = HTTPStatus.OK,
    headers: dict[str, str] | None = None,
    **values: Any,
) -> Response:
    """Fill a template in. `sources` told what it shows: the sandbox's figures are marked."""
    language = languages.chosen(request)
    told_by = sorted({part for source in sources if source for part in source.split("; ")})
    html = ENVIRONMENT.get_template(template).render(
        t=partial(texts.told, language),
        language=language,
        links={one: str(request.url.include_query_params(lang=one).query) for one in languages.LANGUAGES},
        version=VERSION,
        told_by=told_by,
        made_up=any(source.startswith("sandbox") for source in told_by),
        as_of=moment(calendar.now()),
        project=request.app.state.settings.project_name,
        api=request.app.state.settings.api_v1_str,
        remembered=session.COOKIE in request.cookies,
        **{"query": "", **values},
    )
    response = Response(html, status, {**HEADERS, **(headers or {})}, "text/html")
    if request.query_params.get("lang") == language:
        response.set_cookie(languages.COOKIE, language, max_age=365 * 86400, httponly=True, samesite="lax")
    return response


def asset(name: str) -> Response | None:
    """A file that pages load; None where there is none of that name."""
    if name not in ASSETS:
        return None
    content, kind = ASSETS[name]
    return Response(content, headers={"Cache-Control": "public, max-age=31536000, immutable"}, media_type=kind)


class PageRoute(APIRoute):
    """A route whose problems are pages as well, with the status and the words that the API has for them."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Answer a problem as a page."""
        answer = super().get_route_handler()

        async def answer_people(request: Request) -> Response:
            try:
                return await answer(request)
            except Refused as refused:
                problem = refused.response
            except (Problem, RequestValidationError) as error:
                problem = await request.app.exception_handlers[type(error)](request, error)
            document = msgspec.json.decode(problem.body)
            headers = {name: problem.headers[name] for name in ("Retry-After",) if name in problem.headers}
            return page(request, "problem.html", status=problem.status_code, headers=headers, document=document)

        return answer_people
