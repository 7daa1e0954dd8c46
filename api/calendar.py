"""Calendar: which days the market trades."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from sqlalchemy import select

from api import answers, parameters, problems, standing
from api.answers import TableAnswer
from api.database import ReadOnly  # noqa: TC001 - FastAPI reads it
from api.formats import Wanted  # noqa: TC001 - FastAPI reads it
from api.problems import Problem
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.warehouse.tables import METADATA

TRADE_CAL = CATALOG["trade_cal"]
DAYS = METADATA.tables["trade_cal"]

router = APIRouter(tags=["calendar"])


@router.get(
    "/calendar",
    summary="The trading calendar",
    response_model=TableAnswer,
    responses=answers.documented(problems.NOT_LANDED),
)
async def read_calendar(
    database: ReadOnly, asked: Annotated[parameters.CalendarDays, Query()], form: Wanted
) -> Response:
    """One row per calendar day of the Shanghai exchange, oldest first: `is_open` 1 on a trading day, 0 otherwise, and
    `pretrade_date`, the trading day before. The next year appears about December.
    """
    query = select(DAYS).where(DAYS.c.cal_date.between(asked.first, asked.last))
    if asked.is_open is not None:
        query = query.where(DAYS.c.is_open == int(asked.is_open))
    async with database.read() as connection:
        stands = await standing.of_snapshot(connection, TRADE_CAL)
        if not stands.statuses:
            detail = "The trading calendar (trade_cal) has not landed yet: materialise it, then ask again."
            raise Problem(problems.NOT_LANDED, detail, dataset=TRADE_CAL.api)
        items = await answers.copy(connection, query.order_by(DAYS.c.cal_date), form=form)
    meta = answers.describe(TRADE_CAL, items.rows, {TRADE_CAL.api: stands})
    return answers.table(TRADE_CAL.api, TRADE_CAL.fields, items, meta)
