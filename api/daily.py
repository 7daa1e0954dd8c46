"""Daily: the whole market on one trading day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field
from sqlalchemy import Date, Text, bindparam, func, select

from api import answers, parameters, problems, standing
from api.answers import Meta, TableAnswer
from api.copying import once
from api.database import ReadOnly, fetch
from api.formats import Wanted  # noqa: TC001 - FastAPI reads it
from api.problems import Problem
from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.warehouse.tables import COVERAGE, METADATA, Status

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy.ext.asyncio import AsyncConnection

DAILY = CATALOG["daily"]
BAR, CALENDAR = METADATA.tables["daily"], METADATA.tables["trade_cal"]

DAY = bindparam("day", type_=Date)

MARKET_DAY = (
    select(*(once(DAY) if column is BAR.c.trade_date else column for column in BAR.c))
    .where(BAR.c.trade_date == DAY)
    .order_by(BAR.c.ts_code)
)

KNOWN = ("status", "landed", "expected", "missing", "reason")
PARTITION = select(*(COVERAGE.c[name] for name in KNOWN)).where(
    COVERAGE.c.dataset == DAILY.api, COVERAGE.c.partition == bindparam("partition", type_=Text)
)

router = APIRouter(tags=["daily"])


class DayMeta(Meta):
    """Where a market day stands."""

    trade_date: str = Field(description="The trading day (ISO).", examples=["2024-01-02"])
    status: str = Field(description="The status of its partition.", examples=[Status.COMPLETE])
    expected: int | None = Field(description="Stocks that should have a bar that day; null while unknown.")
    missing: int | None = Field(description="Those that have none; null while unknown.")
    reason: str | None = Field(description="Why the day is not complete.")


class DayAnswer(TableAnswer):
    """The market on one day."""

    meta: DayMeta


@router.get(
    "/daily",
    summary="The whole market on one trading day",
    response_model=DayAnswer,
    responses=answers.documented(problems.NOT_A_TRADING_DAY, problems.NOT_LANDED),
)
async def read_market_day(
    database: ReadOnly, asked: Annotated[parameters.MarketDay, Query()], form: Wanted
) -> Response:
    """One row per stock traded that day, in order of `ts_code`, unadjusted: prices in CNY, `vol` in lots of 100 shares,
    `amount` in 1000 CNY.

    A stock that is suspended for the whole day has no row. `meta.status` tells whether the day is complete, and `meta.missing`
    how many stocks are not there though they should be; which, says `/datasets/daily/coverage`.
    """
    day = asked.trade_date
    async with database.read(DAILY.api, CALENDAR.name) as connection:
        partition = await _partition(connection, day)
        if partition is None or not partition["landed"]:
            raise await _absent(connection, day, partition)
        stands = await standing.of_range(connection, DAILY, day, day)
        items = await answers.copy(connection, MARKET_DAY, {"day": day}, form)
    meta = answers.describe(
        DAILY,
        items.rows,
        {DAILY.api: stands},
        trade_date=day,
        status=partition["status"],
        expected=partition["expected"],
        missing=partition["missing"],
        reason=partition["reason"],
    )
    return answers.table(DAILY.api, DAILY.fields, items, meta)


async def _partition(connection: AsyncConnection, day: date) -> Any:
    """What is known of the day's partition; None when it never landed."""
    found = await fetch(connection, PARTITION, {"partition": day.isoformat()})
    return next(iter(found), None)


async def _absent(connection: AsyncConnection, day: date, partition: Any) -> Problem:
    """Say why there is no row of this day: the market was closed, nothing was published yet, or nothing landed."""
    ours = CALENDAR.c.exchange == standing.EXCHANGE
    days = select(
        select(CALENDAR.c.is_open).where(ours, CALENDAR.c.cal_date == day).scalar_subquery().label("is_open"),
        select(func.max(CALENDAR.c.cal_date))
        .where(ours, CALENDAR.c.cal_date < day, CALENDAR.c.is_open == 1)
        .scalar_subquery()
        .label("before"),
        select(func.min(CALENDAR.c.cal_date))
        .where(ours, CALENDAR.c.cal_date > day, CALENDAR.c.is_open == 1)
        .scalar_subquery()
        .label("after"),
    )
    known = (await connection.execute(days)).one()
    neighbours = {"trading_day_before": known.before, "trading_day_after": known.after}
    if known.is_open == 0 or (partition is not None and partition["status"] == Status.CLOSED):
        near = " and ".join(str(one) for one in neighbours.values() if one) or "not known"
        detail = f"The market was closed on {day}. The trading days beside it: {near}."
        return Problem(problems.NOT_A_TRADING_DAY, detail, **neighbours)
    if partition is not None:
        detail = f"The bars of {day} were asked for and did not come ({partition['status']}). Land the day again."
        return Problem(problems.NOT_LANDED, detail, partition=partition["status"], reason=partition["reason"])
    if day > standing.due(DAILY, calendar.now()):
        detail = (
            f"The bars of {day} are not published yet: a day's bars come out at about {DAILY.published} in Shanghai."
        )
    else:
        detail = (
            f"The bars of {day} have not landed. Materialise that day; /datasets/daily/coverage lists what is there."
        )
    return Problem(problems.NOT_LANDED, detail, **neighbours)
