"""Bars: the daily prices of one stock, as traded or adjusted."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field
from sqlalchemy import Date, Text, bindparam, column, func, select

from api import answers, parameters, problems, standing
from api.answers import Meta, TableAnswer
from api.copying import once
from api.database import ReadOnly, fetch
from api.formats import Wanted  # noqa: TC001 - FastAPI reads it
from api.stocks import Code, require_known, well_formed
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.warehouse.tables import METADATA

if TYPE_CHECKING:
    from sqlalchemy import Select
    from sqlalchemy.ext.asyncio import AsyncConnection

    from api.answers import Items
    from api.parameters import Adjust

DAILY, ADJ_FACTOR = CATALOG["daily"], CATALOG["adj_factor"]
BAR, FACTOR = METADATA.tables[DAILY.api], METADATA.tables[ADJ_FACTOR.api]

NEWEST_FACTOR = (
    select(FACTOR.c.trade_date, FACTOR.c.adj_factor)
    .where(
        FACTOR.c.ts_code == bindparam("code", type_=Text),
        FACTOR.c.trade_date <= bindparam("day", type_=Date),
        FACTOR.c.adj_factor.is_not(None),
    )
    .order_by(FACTOR.c.trade_date.desc())
    .limit(1)
)

router = APIRouter(tags=["stocks"])


class BarsMeta(Meta):
    """Where bars stand."""

    adjust: str = Field(description="`none`, `qfq` or `hfq`.")
    adjust_as_of: str | None = Field(
        description="qfq: the day of the factor that prices are divided by (ISO): the newest known, or with `adjust_as_of` "
        "the newest of that day."
    )
    adjust_factor: str | None = Field(description="qfq: that factor; a decimal, as text.")
    days_without_factor: int = Field(description="Rows whose prices are null because a factor is unknown.")
    start: str | None = Field(description="The first day asked for (ISO); null when not limited.")
    end: str | None = Field(description="The last day asked for (ISO); null when not limited.")


class BarsAnswer(TableAnswer):
    """Bars of one stock."""

    meta: BarsMeta


@router.get(
    "/stocks/{ts_code}/daily",
    summary="Daily bars of one stock",
    response_model=BarsAnswer,
    responses=answers.documented(problems.UNKNOWN_CODE, problems.NOT_LANDED),
)
async def read_bars(
    database: ReadOnly, ts_code: Code, asked: Annotated[parameters.Bars, Query()], form: Wanted
) -> Response:
    """Daily bars of one stock between two days, oldest first: prices in CNY, `vol` in lots of 100 shares, `amount` in 1000 CNY.

    `adjust=none` gives the columns of `daily` as Tushare sends them. `hfq` and `qfq` adjust open, high, low, close, pre_close
    and change, and add `adj_factor`, the factor of the day; `pct_chg`, `vol` and `amount` are the day's own. A day whose
    factor is unknown has null prices, and `meta.days_without_factor` counts them. A day on which the stock was suspended has
    no row. `meta.complete` tells whether every trading day of the range has landed whole.

    `qfq` divides by the newest factor there is, so that all its prices change with the next one. With `adjust_as_of` it divides
    by the newest factor of that day and ends with its bar, and the answer stays as it was seen then.
    """
    adjusted = asked.adjust != "none"
    used = (DAILY, ADJ_FACTOR) if adjusted else (DAILY,)
    async with database.read(*(one.api for one in used), "trade_cal") as connection:
        stands = {one.api: await standing.of_range(connection, one, asked.first, asked.last) for one in used}
        values = {"code": well_formed(ts_code), "first": asked.first, "last": asked.last, "day": asked.adjust_as_of}
        items = await answers.copy(connection, _bars(asked.adjust, as_of=asked.adjust_as_of is not None), values, form)
        if not items.rows:
            await require_known(connection, ts_code)
        newest = await _newest_factor(connection, ts_code, asked.adjust_as_of) if asked.adjust == "qfq" else None
    meta = answers.describe(
        DAILY,
        items.rows,
        stands,
        adjust=asked.adjust,
        adjust_as_of=newest["trade_date"].isoformat() if newest else None,
        adjust_factor=str(newest["adj_factor"]) if newest else None,
        days_without_factor=_without_factor(asked.adjust, items, newest),
        start=asked.start,
        end=asked.end,
    )
    fields = (*DAILY.fields, FACTOR.c.adj_factor.name) if adjusted else DAILY.fields
    return answers.table(DAILY.api, fields, items, meta)


@lru_cache
def _bars(adjust: Adjust, *, as_of: bool) -> Select[Any]:
    """The query for the bars of one stock: from the table itself, or through the SQL functions that adjust them."""
    code, first, last = bindparam("code", type_=Text), bindparam("first", type_=Date), bindparam("last", type_=Date)
    if adjust == "none":
        columns = (once(code) if column is BAR.c.ts_code else column for column in BAR.c)
        query = select(*columns).where(BAR.c.ts_code == code, BAR.c.trade_date.between(first, last))
        return query.order_by(BAR.c.trade_date)
    columns = (column(one.name, one.type) for one in (*BAR.c, FACTOR.c.adj_factor))
    day = bindparam("day", type_=Date)
    function = (
        func.daily_adjusted_as_of(code, first, last, day) if as_of else func.daily_adjusted(code, first, last, adjust)
    )
    adjusted = function.table_valued(*columns)
    return select(*adjusted.c).order_by(adjusted.c.trade_date)


def _without_factor(adjust: Adjust, items: Items, newest: Any) -> int:
    """The rows whose prices are null since a factor is unknown: that of their day or, with qfq, the newest."""
    if adjust == "none":
        return 0
    return items.rows if adjust == "qfq" and newest is None else items.without_last


async def _newest_factor(connection: AsyncConnection, ts_code: str, day: date | None) -> Any:
    """The newest known factor of a stock, or that of a day, by which qfq divides; with its day."""
    found = await fetch(connection, NEWEST_FACTOR, {"code": ts_code, "day": day or date.max})
    return next(iter(found), None)
