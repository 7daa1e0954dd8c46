"""Holes: the trading days and keys of a dataset that should be there and are not."""

from __future__ import annotations

from datetime import date  # noqa: TC003 - Pydantic reads it
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api import parameters, problems
from api.answers import NOT_MODIFIED, moment
from api.database import ReadOnly  # noqa: TC001 - FastAPI reads it
from api.datasets import Name, declared
from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse import holes

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from stock_assistant_pipelines.catalog.dataset import Dataset

router = APIRouter(tags=["datasets"])


class Hole(BaseModel):
    """A trading day or report period that is not whole."""

    trade_date: date | None = Field(description="The trading day; null where it is a report period.")
    period: date | None = Field(description="The report period; null where it is a trading day.")
    status: str = Field(description="`missing`: no row is there. `partial`: some are.")
    rows: int = Field(description="Rows that are there.")
    expected: int | None = Field(description="Keys that a complete partition holds; null while nobody can tell.")
    missing: int | None = Field(description="Keys that are not there; null while nobody can tell.")
    missing_keys: list[str] | None = Field(
        description="Which, `keys` of them at the most; null when all are, or nobody can tell."
    )
    reason: str


class HolesAnswer(BaseModel):
    """The holes of a dataset between two days."""

    dataset: str
    as_of: str = Field(description="The time in Asia/Shanghai.")
    start: date | None = Field(description="The first day that was looked at; null when nothing has landed.")
    end: date | None = Field(description="The last one.")
    total: int = Field(
        description="Trading days or report periods that are not booked as whole, or hold another number of rows."
    )
    limit: int
    offset: int
    holes: list[Hole]


@router.get(
    "/datasets/{dataset}/holes",
    summary="What is missing of one dataset",
    responses={**NOT_MODIFIED, **problems.documented(*problems.READING, problems.UNKNOWN_DATASET)},
)
async def read_holes(
    database: ReadOnly, dataset: Name, asked: Annotated[parameters.Partitions, Query()]
) -> HolesAnswer:
    """The trading days or report periods, and keys, that should be there and are not, oldest first, told by the calendar, by
    what is expected and by the rows that are in the table now. By default from the first day that is kept to the last
    published one.

    A dataset without a time axis has none. `stock-assistant holes --fix` lands exactly what is named here.
    """
    known = declared(dataset)
    async with database.read() as connection:
        return await connection.run_sync(partial(_answer, dataset=known, asked=asked))


def _answer(connection: Connection, dataset: Dataset, asked: parameters.Partitions) -> HolesAnswer:
    now = calendar.now()
    told: dict[str, Any] = {
        "dataset": dataset.api,
        "as_of": moment(now),
        "limit": asked.limit,
        "offset": asked.offset,
    }
    first = (asked.start or holes.kept_since(connection, dataset)) if dataset.dated else None
    if first is None:
        return HolesAnswer(**told, start=None, end=None, total=0, holes=[])
    last = min(asked.last, holes.published(dataset, now))
    suspects = holes.suspects(connection, dataset, first, last)
    page = suspects[asked.offset : asked.offset + asked.limit]
    found = holes.find(connection, dataset, page, today=now.astimezone(SHANGHAI).date())
    shown = [_hole(dataset, hole, asked.keys) for hole in found]
    return HolesAnswer(**told, start=first, end=last, total=len(suspects), holes=shown)


def _hole(dataset: Dataset, hole: holes.Hole, keys: int) -> Hole:
    return Hole(
        trade_date=None if dataset.by_period else hole.day,
        period=hole.day if dataset.by_period else None,
        status=hole.status,
        rows=hole.rows,
        expected=hole.expected,
        missing=hole.expected if hole.status == "missing" else None if hole.missing is None else len(hole.missing),
        missing_keys=None if hole.missing is None else list(hole.missing[:keys]),
        reason=hole.reason,
    )
