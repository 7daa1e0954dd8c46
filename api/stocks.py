"""Stocks: which there are, and the bars of one of them, adjusted or not."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import Date, Text, bindparam, column, func, or_, select

from api import answers, parameters, problems, standing
from api.answers import SOURCE_HEADER, Meta, TableAnswer, as_json
from api.database import ReadOnly  # noqa: TC001 - FastAPI reads it
from api.problems import Problem
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.warehouse.tables import METADATA

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.ext.asyncio import AsyncConnection

    from api.parameters import Adjust

STOCK_BASIC, DAILY, ADJ_FACTOR = CATALOG["stock_basic"], CATALOG["daily"], CATALOG["adj_factor"]
STOCK, BAR, FACTOR = (METADATA.tables[dataset.api] for dataset in (STOCK_BASIC, DAILY, ADJ_FACTOR))

Code = Annotated[
    str,
    Path(description="Tushare code: six digits and the exchange.", examples=["600519.SH", "000001.SZ", "920819.BJ"]),
]

router = APIRouter(tags=["stocks"])


class Page(Meta):
    """Where a page of a longer table stands."""

    total: int = Field(description="Rows that match, on all pages together.")
    limit: int = Field(description="Rows in one answer at the most.")
    offset: int = Field(description="Rows left out before the first.")


class StocksAnswer(TableAnswer):
    """Stocks."""

    meta: Page


class StockAnswer(BaseModel):
    """One stock."""

    dataset: str
    meta: Meta
    stock: dict[str, str | None] = Field(
        description="The columns of `stock_basic`; days are `YYYYMMDD`.",
        examples=[{"ts_code": "600519.SH", "name": "贵州茅台", "list_date": "20010827", "delist_date": None}],
    )


class BarsMeta(Meta):
    """Where bars stand."""

    adjust: str = Field(description="`none`, `qfq` or `hfq`.")
    adjust_as_of: str | None = Field(
        description="qfq: the day of the newest known factor (ISO), whose prices are as traded."
    )
    adjust_factor: str | None = Field(description="qfq: that factor, by which prices are divided; a decimal, as text.")
    days_without_factor: int = Field(description="Rows whose prices are null because the factor of the day is unknown.")
    start: str | None = Field(description="The first day asked for (ISO); null when not limited.")
    end: str | None = Field(description="The last day asked for (ISO); null when not limited.")


class BarsAnswer(TableAnswer):
    """Bars of one stock."""

    meta: BarsMeta


@router.get(
    "/stocks",
    summary="Stocks, listed, delisted and suspended from listing",
    response_model=StocksAnswer,
    responses={200: {"headers": SOURCE_HEADER}, **problems.documented(*problems.READING, problems.NOT_LANDED)},
)
async def list_stocks(database: ReadOnly, asked: Annotated[parameters.Stocks, Query()]) -> Response:
    """One row per stock that is or ever was listed, in order of `ts_code`, with the 17 columns of `stock_basic`.

    Delisted stocks are included: leave them out with `list_status=L`. `meta.total` counts what matches; ask for the next
    page with `offset`.
    """
    where = _chosen(asked)
    page = select(*(as_json(column) for column in STOCK.c)).where(*where).order_by(STOCK.c.ts_code)
    async with database.read() as connection:
        stands = await standing.of_snapshot(connection, STOCK_BASIC)
        _require_landed(stands)
        total = await connection.scalar(select(func.count()).select_from(STOCK).where(*where))
        items = await answers.copy(connection, page.limit(asked.limit).offset(asked.offset))
    more = {"total": total, "limit": asked.limit, "offset": asked.offset}
    meta = answers.describe(STOCK_BASIC, items.rows, {STOCK_BASIC.api: stands}, **more)
    return answers.table(STOCK_BASIC.api, STOCK_BASIC.fields, items, meta)


@router.get(
    "/stocks/{ts_code}",
    summary="One stock",
    response_model=StockAnswer,
    responses={
        200: {"headers": SOURCE_HEADER},
        **problems.documented(*problems.READING, problems.UNKNOWN_CODE, problems.NOT_LANDED),
    },
)
async def read_stock(database: ReadOnly, ts_code: Code, asked: Annotated[parameters.Parameters, Query()]) -> Response:
    """One stock by its Tushare code: name, board, industry, day of listing and of delisting, controller."""
    query = select(*(as_json(column) for column in STOCK.c)).where(STOCK.c.ts_code == bindparam("code", type_=Text))
    async with database.read() as connection:
        stands = await standing.of_snapshot(connection, STOCK_BASIC)
        _require_landed(stands)
        items = await answers.copy(connection, query, {"code": _well_formed(ts_code)})
    if not items.rows:
        raise _unknown(ts_code)
    meta = answers.describe(STOCK_BASIC, items.rows, {STOCK_BASIC.api: stands})
    stock = dict(zip(STOCK_BASIC.fields, orjson.loads(items.json)[0], strict=True))
    body = orjson.dumps({"dataset": STOCK_BASIC.api, "meta": meta, "stock": stock})
    return Response(body, headers=answers.marked(meta["source"]), media_type="application/json")


@router.get(
    "/stocks/{ts_code}/daily",
    summary="Daily bars of one stock",
    response_model=BarsAnswer,
    responses={
        200: {"headers": SOURCE_HEADER},
        **problems.documented(*problems.READING, problems.UNKNOWN_CODE, problems.NOT_LANDED),
    },
)
async def read_bars(database: ReadOnly, ts_code: Code, asked: Annotated[parameters.Bars, Query()]) -> Response:
    """Daily bars of one stock between two days, oldest first: prices in CNY, `vol` in lots of 100 shares, `amount` in 1000 CNY.

    `adjust=none` gives the columns of `daily` as Tushare sends them. `hfq` and `qfq` adjust open, high, low, close, pre_close
    and change, and add `adj_factor`, the factor of the day; `pct_chg`, `vol` and `amount` are the day's own. A day whose
    factor is unknown has null prices, and `meta.days_without_factor` counts them. A day on which the stock was suspended has
    no row. `meta.complete` tells whether every trading day of the range has landed whole.
    """
    adjusted = asked.adjust != "none"
    used = (DAILY, ADJ_FACTOR) if adjusted else (DAILY,)
    async with database.read() as connection:
        stands = {one.api: await standing.of_range(connection, one, asked.first, asked.last) for one in used}
        values = {"code": _well_formed(ts_code), "first": asked.first, "last": asked.last}
        items = await answers.copy(connection, _bars(asked.adjust), values)
        if not items.rows:
            await _require_known(connection, ts_code)
        newest = await _newest_factor(connection, ts_code) if asked.adjust == "qfq" else None
    meta = answers.describe(
        DAILY,
        items.rows,
        stands,
        adjust=asked.adjust,
        adjust_as_of=newest.trade_date.isoformat() if newest else None,
        adjust_factor=str(newest.adj_factor) if newest else None,
        days_without_factor=items.without_last if adjusted else 0,
        start=asked.start,
        end=asked.end,
    )
    fields = (*DAILY.fields, FACTOR.c.adj_factor.name) if adjusted else DAILY.fields
    return answers.table(DAILY.api, fields, items, meta)


@lru_cache
def _bars(adjust: Adjust) -> Select[Any]:
    """The query for the bars of one stock: from the table itself, or through the SQL function that adjusts them."""
    code, first, last = bindparam("code", type_=Text), bindparam("first", type_=Date), bindparam("last", type_=Date)
    if adjust == "none":
        columns = (as_json(column) for column in BAR.c)
        query = select(*columns).where(BAR.c.ts_code == code, BAR.c.trade_date.between(first, last))
        return query.order_by(BAR.c.trade_date)
    columns = (column(one.name, one.type) for one in (*BAR.c, FACTOR.c.adj_factor))
    function = func.daily_adjusted(code, first, last, adjust).table_valued(*columns)
    return select(*(as_json(column) for column in function.c)).order_by(function.c.trade_date)


def _chosen(asked: parameters.Stocks) -> list[ColumnElement[bool]]:
    """The conditions that the filters make."""
    exact = ("list_status", "exchange", "market", "industry")
    where = [STOCK.c[name] == value for name in exact if (value := getattr(asked, name)) is not None]
    if asked.q is not None:
        where.append(
            or_(
                STOCK.c.ts_code.istartswith(asked.q, autoescape=True),
                *(STOCK.c[name].icontains(asked.q, autoescape=True) for name in ("name", "fullname", "cnspell")),
            )
        )
    return where


async def _newest_factor(connection: AsyncConnection, ts_code: str) -> Any:
    """The newest known factor of a stock, by which qfq divides, with its day."""
    query = select(FACTOR.c.trade_date, FACTOR.c.adj_factor).where(
        FACTOR.c.ts_code == ts_code, FACTOR.c.adj_factor.is_not(None)
    )
    return (await connection.execute(query.order_by(FACTOR.c.trade_date.desc()).limit(1))).one_or_none()


async def _require_known(connection: AsyncConnection, ts_code: str) -> None:
    """Refuse a code that neither `stock_basic` nor a bar knows."""
    known = select(
        or_(
            select(STOCK).where(STOCK.c.ts_code == ts_code).exists(),
            select(BAR).where(BAR.c.ts_code == ts_code).exists(),
        )
    )
    if not await connection.scalar(known):
        _require_landed(await standing.of_snapshot(connection, STOCK_BASIC))
        raise _unknown(ts_code)


def _require_landed(stands: standing.Standing) -> None:
    if not stands.statuses:
        raise Problem(
            problems.NOT_LANDED,
            "The list of stocks (stock_basic) has not landed yet: materialise it, then ask again.",
            dataset=STOCK_BASIC.api,
        )


def _well_formed(ts_code: str) -> str:
    """Refuse what cannot be a code before the database is asked."""
    if not (ts_code.isascii() and ts_code.isprintable()):
        raise _unknown(ts_code)
    return ts_code


def _unknown(ts_code: str) -> Problem:
    advice = (
        "A Tushare code is six digits and the exchange, such as 600519.SH or 000001.SZ; search with ?q= at /stocks."
    )
    return Problem(problems.UNKNOWN_CODE, f"No stock has the code {ts_code[:20]!r}. {advice}", ts_code=ts_code[:20])
