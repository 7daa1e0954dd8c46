"""The routes: one call of Tushare's protocol, from its body to the envelope that answers it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import func, select
from starlette.convertors import PathConvertor, register_url_convertor
from starlette.requests import ClientDisconnect

from api import answers, keys, problems
from api.database import ReadOnly  # noqa: TC001 - FastAPI reads it
from api.problems import Problem
from api.tushare import envelope, rows
from api.tushare.envelope import Envelope
from api.tushare.holdings import find, require_kept, require_landed, stands
from api.tushare.texts import MISTAKE, NOT_KEPT
from stock_assistant_pipelines.protocol.call import read
from stock_assistant_pipelines.protocol.interfaces import home
from stock_assistant_pipelines.protocol.query import parse, parse_fields
from stock_assistant_pipelines.protocol.refusals import Refusal
from stock_assistant_pipelines.warehouse.tables import COVERAGE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection

    from api.database import Database

LOG = logging.getLogger(__name__)

SOURCES = select(func.min(COVERAGE.c.source), func.max(COVERAGE.c.source))
"""Who answered for the rows of this database: one, and not two."""

REFUSED = "tushare-refusal"
"""What the metrics call a call that was refused in Tushare's own words, with status 200."""

router = APIRouter(tags=["tushare"])


class Anything(PathConvertor):
    """The rest of a path, line ends included: no call is answered by 404, which the SDK takes for a table without rows."""

    regex = "(?s:.*)"


register_url_convertor("anything", Anything())


class Call(BaseModel):
    """A call, as the SDK makes it."""

    api_name: str = Field(default="", description="Tushare's name of the interface.", examples=["daily"])
    token: str = Field(default="", description="An API key.")
    params: dict[str, Any] | None = Field(
        default=None,
        description="Tushare's parameters; `limit` and `offset` too.",
        examples=[{"trade_date": "20240102"}],
    )
    fields: str = Field(
        default="", description="Columns, separated by commas; those that Tushare returns by default when empty."
    )


DOCUMENTED: dict[str, Any] = {
    "summary": "Tushare's protocol",
    "response_model": Envelope,
    "openapi_extra": {
        "requestBody": {"required": True, "content": {"application/json": {"schema": Call.model_json_schema()}}}
    },
}


@router.post("/tushare", **DOCUMENTED)
@router.post("/tushare/{api_name:anything}", **DOCUMENTED)
async def answer_call(database: ReadOnly, request: Request, api_name: str = "") -> Response:
    """What the Tushare SDK sends. `pro._DataApi__http_url = "http://127.0.0.1:8000/tushare"` points it here.

    Every answer has status 200, as Tushare's have: `code` tells whether there are rows. The interface may be named by the path,
    by the body, or by both; then the body's name counts.
    """
    api = api_name
    try:
        call = await _read(request)
        api = str(call.get("api_name") or api_name)[:64]
        return await _answer(database, request, call, api)
    except Refusal as refusal:
        request.state.visit.problem = REFUSED
        return envelope.refused(refusal)
    except Problem as problem:
        request.state.visit.problem = problem.kind.name
        return envelope.of_problem(problem, api)
    except ClientDisconnect:
        return Response()  # for which nobody waits
    except Exception:  # the SDK would take a 500 for a table without rows
        LOG.exception("a call of %r was not answered", api)
        request.state.visit.problem = problems.INTERNAL_ERROR.name
        return envelope.refused(Refusal.of(MISTAKE))


async def _answer(database: Database, request: Request, call: Mapping[str, Any], api: str) -> Response:
    """Answer step by step: token, interface, parameters, rows. Raises `Refusal`, `Problem`."""
    token = call.get("token")
    await keys.admit(request, token if isinstance(token, str) else None)
    dataset = find(api)
    if dataset is None:
        raise Refusal.of(NOT_KEPT, api=api)
    query = parse(dataset, call.get("params") or {})
    require_kept(dataset, query)
    fields = parse_fields(dataset, call.get("fields"))
    async with database.read() as connection:
        page = await rows.read(connection, dataset, query, fields)
        told = await stands(connection, dataset, query)
        if not page.items.rows:
            require_landed(dataset, told)
        meta = answers.wholeness({home(dataset): told})
        return envelope.table(fields, page, await _source(connection), meta)


async def _read(request: Request) -> dict[str, Any]:
    """The call of a request. Raises `Refusal` when there is none, which counts for the address, and `Problem`."""
    body = await request.body()
    try:
        return read(body)
    except Refusal:
        keys.count(request)
        raise


async def _source(connection: AsyncConnection) -> str | None:
    """Who answered for the rows; None when nothing has landed."""
    row = (await connection.execute(SOURCES)).one()
    return "; ".join(sorted({source for source in row if source})) or None
