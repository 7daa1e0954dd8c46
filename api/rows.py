"""Rows: a partition of any dataset, as it is stored. What Dagster shows of a partition links here."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field
from sqlalchemy import Date, bindparam, select

from api import answers, as_of, parameters, problems
from api.answers import SOURCE_HEADER, Meta, TableAnswer, as_json
from api.database import ReadOnly  # noqa: TC001 - FastAPI reads it
from api.datasets import Name, declared, stands_between
from api.problems import Problem
from stock_assistant_pipelines.catalog.dataset import MARKET_OPENED
from stock_assistant_pipelines.warehouse.tables import METADATA

if TYPE_CHECKING:
    from datetime import date

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
    """The rows of a trading day (`trade_date`) or of a report period (`period`) in order of the key, or those of a dataset
    without a time axis (then with neither).

    Of a report period these are all versions of its rows, in the order in which they became known, those that are quarantined
    too. A partition that was never landed, or a day on which the market was closed, has no rows; `meta` tells which it is.
    """
    known = declared(dataset)
    day = _partition(known, asked)
    async with database.read() as connection:
        stands = await stands_between(connection, known, day or MARKET_OPENED, day or MARKET_OPENED)
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
    return answers.table(dataset, _fields(known), items.first(asked.limit), meta)


def _partition(dataset: Dataset, asked: parameters.Rows) -> date | None:
    """The day or the period that is asked for; None without a time axis. Raises a problem when it cannot be meant."""
    wanted, other, name = asked.trade_date, asked.period, "a trading day: ?trade_date=20240102"
    if dataset.by_period:
        wanted, other, name = asked.period, asked.trade_date, "a report period: ?period=20231231"
    if not dataset.partitioned and not dataset.by_period and (wanted or other):
        what = "leave trade_date and period out"
    elif (dataset.partitioned or dataset.by_period) and (wanted is None or other):
        what = f"name {name}, and nothing else"
    else:
        return wanted
    raise Problem(problems.INVALID_PARAMETER, f"{dataset.api} is partitioned by {dataset.grain}: {what}.")


def _fields(dataset: Dataset) -> tuple[str, ...]:
    return (*dataset.fields, *as_of.VERSION) if dataset.versions else dataset.fields


@lru_cache(maxsize=256)
def _ordered(dataset: Dataset) -> Select[Any]:
    """All rows of a partition, in order of the key."""
    table = METADATA.tables[dataset.api]
    order = [*(table.c[name] for name in dataset.key), *(as_of.in_time(dataset, table) if dataset.versions else ())]
    rows = select(*(as_json(table.c[name]) for name in _fields(dataset))).order_by(*order)
    if not dataset.partitioned and not dataset.by_period:
        return rows
    return rows.where(table.c[dataset.grain.value] == bindparam("day", type_=Date))


def _page(dataset: Dataset, limit: int, offset: int) -> Select[Any]:
    return _ordered(dataset).limit(limit).offset(offset)
