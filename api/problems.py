"""Problems: every answer that is not the one asked for, as RFC 9457 describes them.

`type` is one of the references below, explained in `docs/api.md`; `detail` is a sentence that says what to do.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import orjson
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import FastAPI, Request

MEDIA_TYPE = "application/problem+json"
LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of problem: the last part of its `type`, its HTTP status, its title."""

    name: str
    status: HTTPStatus
    title: str

    @property
    def type(self) -> str:
        """The reference that `type` holds."""
        return f"/problems/{self.name}"

    def document(self, detail: str, instance: str) -> dict[str, Any]:
        """A problem of this kind, as it is told: what is wrong, and what was asked for."""
        return {
            "type": self.type,
            "title": self.title,
            "status": int(self.status),
            "detail": detail,
            "instance": instance,
        }


UNAUTHENTICATED = Kind("unauthenticated", HTTPStatus.UNAUTHORIZED, "Unauthenticated")
ADDRESS_NOT_ALLOWED = Kind("address-not-allowed", HTTPStatus.FORBIDDEN, "Address not allowed")
CORS_REFUSED = Kind("cors-refused", HTTPStatus.FORBIDDEN, "CORS refused")
RATE_LIMITED = Kind("rate-limited", HTTPStatus.TOO_MANY_REQUESTS, "Rate limited")
UNKNOWN_PARAMETER = Kind("unknown-parameter", HTTPStatus.UNPROCESSABLE_ENTITY, "Unknown parameter")
INVALID_PARAMETER = Kind("invalid-parameter", HTTPStatus.UNPROCESSABLE_ENTITY, "Invalid parameter")
UNKNOWN_CODE = Kind("unknown-code", HTTPStatus.NOT_FOUND, "Unknown code")
UNKNOWN_DATASET = Kind("unknown-dataset", HTTPStatus.NOT_FOUND, "Unknown dataset")
UNKNOWN_REPORT = Kind("unknown-report", HTTPStatus.NOT_FOUND, "Unknown report")
NOT_WRITTEN = Kind("not-written", HTTPStatus.NOT_FOUND, "Not written")
NOT_A_TRADING_DAY = Kind("not-a-trading-day", HTTPStatus.NOT_FOUND, "Not a trading day")
NOT_LANDED = Kind("not-landed", HTTPStatus.NOT_FOUND, "Not landed")
UNKNOWN_PATH = Kind("unknown-path", HTTPStatus.NOT_FOUND, "Unknown path")
METHOD_NOT_ALLOWED = Kind("method-not-allowed", HTTPStatus.METHOD_NOT_ALLOWED, "Method not allowed")
NOT_ACCEPTABLE = Kind("not-acceptable", HTTPStatus.NOT_ACCEPTABLE, "Not acceptable")
INVALID_CURSOR = Kind("invalid-cursor", HTTPStatus.BAD_REQUEST, "Invalid cursor")
BAD_REQUEST = Kind("bad-request", HTTPStatus.BAD_REQUEST, "Bad request")
BODY_TOO_LARGE = Kind("body-too-large", HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Body too large")
URL_TOO_LONG = Kind("url-too-long", HTTPStatus.REQUEST_URI_TOO_LONG, "URL too long")
HEADERS_TOO_LARGE = Kind("headers-too-large", HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "Headers too large")
TOO_SLOW = Kind("too-slow", HTTPStatus.REQUEST_TIMEOUT, "Too slow")
INTERNAL_ERROR = Kind("internal-error", HTTPStatus.INTERNAL_SERVER_ERROR, "Internal error")
DATABASE_UNAVAILABLE = Kind("database-unavailable", HTTPStatus.SERVICE_UNAVAILABLE, "Database unavailable")
OVERLOADED = Kind("overloaded", HTTPStatus.SERVICE_UNAVAILABLE, "Overloaded")
TOOK_TOO_LONG = Kind("took-too-long", HTTPStatus.SERVICE_UNAVAILABLE, "Took too long")
DRAINING = Kind("draining", HTTPStatus.SERVICE_UNAVAILABLE, "Draining")
MIGRATIONS_PENDING = Kind("migrations-pending", HTTPStatus.SERVICE_UNAVAILABLE, "Migrations pending")
VERSION_RETIRED = Kind("version-retired", HTTPStatus.SERVICE_UNAVAILABLE, "Version retired")

KINDS = tuple(kind for kind in list(globals().values()) if isinstance(kind, Kind))
"""Every kind; `docs/api.md` describes each of them."""


class Problem(Exception):
    """An answer that is not the one asked for. `members` are further members of the document."""

    def __init__(self, kind: Kind, detail: str, *, retry_after: int | None = None, **members: Any) -> None:
        super().__init__(detail)
        self.kind = kind
        self.detail = detail
        self.members = members
        self.headers = {} if retry_after is None else {"Retry-After": str(retry_after)}


class ProblemDocument(BaseModel):
    """A problem (RFC 9457). Some kinds have further members, such as `errors`."""

    model_config = ConfigDict(extra="allow", title="Problem")

    type: str = Field(description="Which kind of problem, a reference explained in docs/api.md.")
    title: str = Field(description="The kind in two or three words.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What is wrong with this request and what to do, in a sentence.")
    instance: str = Field(description="The path that was asked for.")
    request_id: str | None = Field(None, description="The request's id, as in the header X-Request-ID and in the log.")


def documented(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """Describe these kinds, and those that every route can answer with, for the OpenAPI document."""
    every_route = (UNKNOWN_PARAMETER, INVALID_PARAMETER, INTERNAL_ERROR, *GATE)
    by_status: dict[int | str, list[Kind]] = {}
    for kind in sorted({*kinds, *every_route}, key=lambda kind: (kind.status, kind.name)):
        by_status.setdefault(int(kind.status), []).append(kind)
    schema = {"$ref": "#/components/schemas/Problem"}
    described: dict[int | str, dict[str, Any]] = {
        status: {
            "description": ", ".join(f"{kind.title} (`{kind.type}`)" for kind in of_status),
            "content": {MEDIA_TYPE: {"schema": schema}},
        }
        for status, of_status in by_status.items()
    }
    for status in {429, 503} & described.keys():
        described[status]["headers"] = {
            "Retry-After": {"description": "Seconds after which to ask again.", "schema": {"type": "string"}}
        }
    return described


GATE = (
    UNAUTHENTICATED,
    ADDRESS_NOT_ALLOWED,
    RATE_LIMITED,
    BAD_REQUEST,
    BODY_TOO_LARGE,
    URL_TOO_LONG,
    HEADERS_TOO_LARGE,
    TOO_SLOW,
)
"""The problems of who does not come as far as a route."""

READING = (DATABASE_UNAVAILABLE, OVERLOADED, TOOK_TOO_LONG, MIGRATIONS_PENDING)
"""The problems of every route that reads the database."""


def install(app: FastAPI) -> None:
    """Let every error of the application be answered by a problem."""

    @app.exception_handler(Problem)
    async def answer_problem(request: Request, problem: Problem) -> Response:
        return answer(request, problem)

    @app.exception_handler(RequestValidationError)
    async def answer_invalid(request: Request, error: RequestValidationError) -> Response:
        errors = [_sentence(one) for one in error.errors()]
        unknown = any(one["type"] == "unknown_parameter" for one in error.errors())
        detail = " ".join(one["message"] for one in errors)
        return _answer(request, UNKNOWN_PARAMETER if unknown else INVALID_PARAMETER, detail, {}, errors=errors)

    @app.exception_handler(HTTPException)
    async def answer_http(request: Request, error: HTTPException) -> Response:
        if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            return _answer_method(request, error)
        if error.status_code == HTTPStatus.NOT_FOUND:
            detail = f"There is nothing at this path. {app.openapi_url} lists what there is, /docs shows it."
            return _answer(request, UNKNOWN_PATH, detail, {})
        return _answer(request, BAD_REQUEST, str(error.detail), error.headers or {}, status=error.status_code)

    @app.exception_handler(Exception)
    async def answer_internal(request: Request, error: Exception) -> Response:
        # The traceback goes to the server's log: the exception is raised again after this answer.
        return _answer(request, INTERNAL_ERROR, "The server made a mistake; its log says which. Please report it.", {})


def answer(request: Request, problem: Problem) -> Response:
    """Answer with a problem."""
    return _answer(request, problem.kind, problem.detail, problem.headers, **problem.members)


def _answer(request: Request, kind: Kind, detail: str, headers: Mapping[str, str], **members: Any) -> Response:
    document = kind.document(detail, request.url.path) | members
    visit = request.scope.get("state", {}).get("visit")
    if visit is not None:
        document["request_id"] = visit.id
        visit.problem = kind.name
    return Response(orjson.dumps(document), document["status"], {"Cache-Control": "no-store", **headers}, MEDIA_TYPE)


def _answer_method(request: Request, error: HTTPException) -> Response:
    """Answer OPTIONS with what is allowed, and any other method with a problem that says so."""
    posted = "POST" in (error.headers or {}).get("Allow", "")
    allowed = {"Allow": "POST, OPTIONS" if posted else "GET, HEAD, OPTIONS"}
    if request.method == "OPTIONS":
        return Response(status_code=HTTPStatus.NO_CONTENT, headers=allowed)
    detail = "Something is sent to this path: ask with POST" if posted else "This API is read-only: ask with GET"
    return _answer(request, METHOD_NOT_ALLOWED, f"{detail}, not {request.method}.", allowed)


def _sentence(error: Mapping[str, Any]) -> dict[str, str]:
    """Say which parameter is wrong, and how."""
    parameter = ".".join(str(part) for part in error["loc"][1:])
    message = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
    if error["type"] == "missing":
        message = "is required"
    return {"parameter": parameter, "message": f"{parameter}: {message}." if parameter else f"{message}."}
