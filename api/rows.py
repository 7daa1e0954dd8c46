"""Rows: a partition of any dataset, as it is stored. What Dagster shows of a partition links here."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field
from sqlalchemy import Date, bindparam, select

from api import answers, parameters, problems, standing
from api.answers import SOURCE_HEADER, Meta, TableAnswer, as_json
from api.database import ReadOnly  # noqa: TC001 - FastAPI reads it
from api.datasets import Name, declared
from api.problems import Problem
from stock_assistant_pipelines.warehouse.tables import METADATA

if TYPE_CHECKING:
    from sqlalchemy import Select

    from stock_assistant_pipelines.catalog.dataset import Dataset

router = APIRouter(tags=["datasets"])


class RowsMeta(Meta):
    """Where rows stand."""

    limit: int = Field(description="Rows in one answer at the most.")
    offset: int = Field(description="Rows left out before the first.")
    more: bool = Field(description="Whether rows follow these: ask again with a higher offset.")


class RowsAnswer(TableAnswer):
    """Rows of one partition."""

    meta: RowsMeta


@router.get(
    "/datasets/{dataset}/rows",
    summary="The rows of one partition",
    response_model=RowsAnswer,
    responses={200: {"headers": SOURCE_HEADER}, **problems.documented(*problems.READING, problems.UNKNOWN_DATASET)},
)
async def read_rows(database: ReadOnly, dataset: Name, asked: Annotated[parameters.Rows, Query()]) -> Response:
    """The rows of a trading day in order of the key, or those of a dataset without a time axis (then without `trade_date`).

    A day that was never landed, or on which the market was closed, has no rows; `meta` tells which it is.
    """
    known = declared(dataset)
    day = asked.trade_date
    if known.partitioned == (day is None):
        wanted = "name a trading day: ?trade_date=20240102" if known.partitioned else "leave trade_date out"
        detail = f"{dataset} is partitioned by {known.grain}: {wanted}."
        raise Problem(problems.INVALID_PARAMETER, detail)
    async with database.read() as connection:
        stands = (
            await standing.of_range(connection, known, day, day)
            if day
            else await standing.of_snapshot(connection, known)
        )
        values = {"day": day} if day else {}
        items = await answers.copy(connection, _page(known, asked.limit + 1, asked.offset), values)
    more = items.rows > asked.limit
    meta = answers.describe(
        known,
        min(items.rows, asked.limit),
        {dataset: stands},
        limit=asked.limit,
        offset=asked.offset,
        more=more,
    )
    return answers.table(dataset, known.fields, items.first(asked.limit), meta)


@lru_cache(maxsize=256)
def _ordered(dataset: Dataset) -> Select[Any]:
    """All rows of a partition, in order of the key."""
    table = METADATA.tables[dataset.api]
    rows = select(*(as_json(column) for column in table.c)).order_by(*(table.c[name] for name in dataset.key))
    if not dataset.partitioned:
        return rows
    return rows.where(table.c[dataset.grain.value] == bindparam("day", type_=Date))


def _page(dataset: Dataset, limit: int, offset: int) -> Select[Any]:
    return _ordered(dataset).limit(limit).offset(offset)
