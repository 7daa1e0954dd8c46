"""Rows: those of any dataset, as they are stored, by key, by partition, by range; page by page. Dagster's UI links here."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from api import answers, copying, problems, row_parameters
from api.answers import Meta, TableAnswer
from api.database import ReadOnly  # noqa: TC001 - FastAPI reads it
from api.datasets import Name, declared, stands_between
from api.documents import Document
from api.encoders import encoder
from api.formats import Format, Wanted
from api.problems import Problem
from api.questions import Question, fields
from api.streams import Stream, Streams
from stock_assistant_pipelines.catalog import CATALOG

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from api.row_parameters import Rows
    from api.standing import Standing
    from stock_assistant_pipelines.catalog.dataset import Dataset

SHORT = 250_000
"""Values in an answer that is put together before it is sent; what is longer is streamed."""

router = APIRouter(tags=["datasets"])


class RowsMeta(Meta):
    """Where rows stand."""

    limit: int = Field(description="Rows in one answer at the most.")
    order: str = Field(description="`asc` or `desc`.")
    next_cursor: str | None = Field(
        description='Where the next page begins; null on the last. Also as a header, `Link: <…>; rel="next"`.'
    )


class RowsAnswer(TableAnswer):
    """Rows of a dataset."""

    meta: RowsMeta


async def read(
    request: Request, database: ReadOnly, asked: Rows, form: Wanted, slots: Streams, *, dataset: Dataset
) -> Response:
    """Answer with a page of rows; with a stream where they are many."""
    question = Question.of(dataset, asked)
    many = question.limit * len(question.fields) > SHORT
    async with AsyncExitStack() as held:
        connection = await held.enter_async_context(database.read())
        stands = await stands_between(connection, dataset, question.first, question.last)
        rows = await _count(connection, question) if many else None
        if rows is not None and min(rows, question.limit) * len(question.fields) > SHORT:
            if form is Format.COLUMNS:
                raise _too_long(question)
            held.enter_context(slots.taken())
            meta, links = await _said(connection, question, rows, stands, request)
            return _stream(held.pop_all(), connection, question, form, meta, links)
        # One row more than a page holds is read, to know whether others follow.
        items = await answers.copy(connection, question.rows, question.bound(question.limit + 1), form)
        meta, links = await _said(connection, question, items.rows, stands, request)
    return answers.table(dataset.api, question.fields, items.first(question.limit), meta, links)


def _stream(
    held: AsyncExitStack,
    connection: AsyncConnection,
    question: Question,
    form: Format,
    meta: dict[str, Any],
    links: dict[str, str],
) -> Stream:
    """An answer that reads its rows while it is sent, and gives back what is held for that."""
    document = Document(question.dataset.api, question.fields, copying.types(question.rows), meta)
    query = (question.rows, question.bound(question.limit), form)
    headers = answers.headers(document.dataset, meta, form) | links
    return Stream(held, connection, query, encoder(document, form), meta["rows"], headers)


async def _count(connection: AsyncConnection, question: Question) -> int:
    """How many rows follow, one more than the page holds at the most."""
    return await connection.scalar(question.counted, question.bound(question.limit + 1)) or 0


async def _said(
    connection: AsyncConnection, question: Question, rows: int, stands: Standing, request: Request
) -> tuple[dict[str, Any], dict[str, str]]:
    """What is said of a page, and the link to the next; `rows` counts one more than it holds if there is a next."""
    cursor = None
    if rows > question.limit:
        last = (await connection.execute(question.place, question.bound(1))).one()
        cursor = question.cursor(last)
    known = question.dataset.by_name
    meta = answers.describe(
        question.dataset,
        min(rows, question.limit),
        {question.dataset.api: stands},
        units={name: unit for name in question.fields if name in known and (unit := known[name].unit)},
        limit=question.limit,
        order="desc" if question.descending else "asc",
        next_cursor=cursor,
    )
    if cursor is None:
        return meta, {}
    again = urlencode({**request.query_params, "cursor": cursor})
    return meta, {"Link": f'<{request.url.path}?{again}>; rel="next"'}


def _too_long(question: Question) -> Problem:
    most = SHORT // len(question.fields)
    detail = (
        f"format=columns cannot be sent before the last row is read: ask for {most} rows at a time (limit={most}), "
    )
    return Problem(problems.INVALID_PARAMETER, f"{detail}for fewer columns (fields=…), or in another format.")


def _declare(dataset: Dataset) -> None:
    """Give a dataset its route, with parameters of its own."""
    model = row_parameters.model(dataset)

    async def rows(request: Request, database: ReadOnly, asked: Any, form: Wanted, slots: Streams) -> Response:
        return await read(request, database, asked, form, slots, dataset=dataset)

    rows.__annotations__["asked"] = Annotated[model, Query()]
    router.add_api_route(
        f"/datasets/{dataset.api}/rows",
        rows,
        methods=["GET"],
        name=f"rows of {dataset.api}",
        summary=f"{dataset.title} ({dataset.api}): rows",
        description=_described(dataset),
        response_model=RowsAnswer,
        responses=answers.documented(problems.INVALID_CURSOR),
    )


def _described(dataset: Dataset) -> str:
    axis = row_parameters.axis(dataset)
    ranged = f" `start` and `end` are about `{axis}`." if axis else ""
    versions = " All versions of a row, those in quarantine too, as they became known." if dataset.versions else ""
    return f"{dataset.title_zh}: {dataset.row}.{ranged}{versions} Columns: {', '.join(fields(dataset))}."


for _dataset in CATALOG.values():
    _declare(_dataset)


@router.get("/datasets/{dataset}/rows", include_in_schema=False)
async def no_rows(dataset: Name) -> Response:
    """Say which datasets there are."""
    declared(dataset)
    raise AssertionError(f"{dataset} has a route of its own")
