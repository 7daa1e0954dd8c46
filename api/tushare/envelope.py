"""The envelope of every answer: a code, a table or none, and a text. Its HTTP status is 200, as that of Tushare's is.

The SDK takes any status from 400 on for a table without rows, so that no refusal may bear one.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import Response
from pydantic import BaseModel, Field

from api import answers
from api.tushare.texts import translated

if TYPE_CHECKING:
    from collections.abc import Mapping

    from api.problems import Problem
    from api.tushare.rows import Page
    from stock_assistant_pipelines.protocol.refusals import Refusal

SANDBOX_HEADER = "X-Stock-Assistant-Sandbox"
"""How the sandbox marks its answers, and so do we what has landed from it: whoever lands it from us must know."""

SANDBOX = "sandbox: "


PATH = "/tushare"


def speaks_tushare(path: str) -> bool:
    """Whether a path is of Tushare's protocol."""
    return path == PATH or path.startswith(f"{PATH}/")


class Data(BaseModel):
    """A table."""

    fields: list[str] = Field(description="Names of the columns.")
    items: list[list[Any]] = Field(description="Rows.")
    has_more: bool = Field(description="Whether rows follow these: ask again with a higher `offset`.")
    count: int = Field(description="-1, as Tushare has it.")


class Envelope(BaseModel):
    """An answer of Tushare's protocol."""

    request_id: str
    code: int = Field(description="0; any other number is a refusal, which `msg` explains.", examples=[0])
    data: Data | None
    msg: str
    detail: str | None = Field(description="Who told us: `tushare`, or the sandbox. Also in the header X-Data-Source.")


def table(fields: tuple[str, ...], page: Page, source: str | None, meta: Mapping[str, Any]) -> Response:
    """Answer with rows, and say whose they are; in headers what `meta` says, since a `msg` is taken for a refusal."""
    more = b"true" if page.more else b"false"
    data = b'{"fields":%b,"items":%b,"has_more":%b,"count":-1}' % (orjson.dumps(fields), page.items.json, more)
    marks = answers.marked(source) | answers.in_headers(meta)
    if source and source.startswith(SANDBOX):
        marks[SANDBOX_HEADER] = source.removeprefix(SANDBOX)
    return _envelope(0, data, "", source, marks)


def refused(refusal: Refusal, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with a refusal."""
    return _envelope(refusal.code, b"null", refusal.message, None, headers or {})


def of_problem(problem: Problem, api: str) -> Response:
    """Answer with a problem, told as a refusal; with its headers."""
    return refused(translated(problem, api), problem.headers)


def _envelope(code: int, data: bytes, message: str, detail: str | None, headers: Mapping[str, str]) -> Response:
    head = orjson.dumps({"request_id": str(uuid.uuid4()), "code": code})
    foot = orjson.dumps({"msg": message, "detail": detail})
    return Response(
        b'%b,"data":%b,%b' % (head[:-1], data, foot[1:]), headers=dict(headers), media_type="application/json"
    )
