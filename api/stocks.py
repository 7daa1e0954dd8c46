"""Stocks: which there are and were, under which name; now, or as of a day."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

import orjson
from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import Date, Text, bindparam, case, func, or_, select

from api import answers, parameters, problems, standing
from api.answers import NOT_MODIFIED, SOURCE_HEADER, Meta, TableAnswer
from api.database import ReadOnly, reads
from api.formats import Wanted  # noqa: TC001 - FastAPI reads it
from api.problems import Problem
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.warehouse.tables import METADATA

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy import ColumnElement, FromClause
    from sqlalchemy.ext.asyncio import AsyncConnection

    from stock_assistant_pipelines.catalog.dataset import Dataset

STOCK_BASIC, NAMECHANGE = CATALOG["stock_basic"], CATALOG["namechange"]
STOCK, NAME, BAR = (METADATA.tables[name] for name in ("stock_basic", "namechange", "daily"))

Code = Annotated[
    str,
    Path(description="Tushare code: six digits and the exchange.", examples=["600519.SH", "000001.SZ", "920819.BJ"]),
]

DAY = bindparam("day", type_=Date)

KNOWN_NOW = ["area", "industry", "fullname", "enname", "cnspell", "market", "is_hs", "act_name", "act_ent_type"]
"""The columns that change, and of which the source tells only what they are now."""

router = APIRouter(tags=["stocks"])


class ThenMeta(Meta):
    """Where stocks stand."""

    known_as_of: str | None = Field(
        description="The day (ISO) whose names and statuses are told; null: the rows are those that the source tells now.",
        examples=["2024-01-02"],
    )
    known_now: list[str] = Field(
        description="With `as_of`: the columns that are known as they are now only, such as the industry.",
        examples=[["area", "industry"]],
    )


class Page(ThenMeta):
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
    meta: ThenMeta
    stock: dict[str, str | None] = Field(
        description="The columns of `stock_basic`; days are `YYYYMMDD`.",
        examples=[{"ts_code": "600519.SH", "name": "贵州茅台", "list_date": "20010827", "delist_date": None}],
    )


@router.get(
    "/stocks",
    summary="Stocks, listed, delisted and suspended from listing",
    response_model=StocksAnswer,
    responses=answers.documented(problems.NOT_LANDED),
)
async def list_stocks(database: ReadOnly, asked: Annotated[parameters.Stocks, Query()], form: Wanted) -> Response:
    """One row per stock that is or ever was listed, in order of `ts_code`, with the 17 columns of `stock_basic`.

    Delisted stocks are included: leave them out with `list_status=L`. `meta.total` counts what matches; ask for the next
    page with `offset`.

    `as_of` answers with the stocks that were listed by the day, each with the name that it bore then, with `list_status` `L` or
    `D` as it was then, and no `delist_date` that was still to come; filters go by those. `meta.known_now` names the columns of
    which only that is known what they are now, the industry among them.
    """
    rows = _then(asked.as_of)
    where = _chosen(asked, rows)
    page = select(*rows.c).where(*where).order_by(rows.c.ts_code)
    values = {"day": asked.as_of}
    async with database.read() as connection:
        stands = await _standing(connection, asked.as_of)
        total = await connection.scalar(select(func.count()).select_from(rows).where(*where), values)
        items = await answers.copy(connection, page.limit(asked.limit).offset(asked.offset), values, form)
    more = {"total": total, "limit": asked.limit, "offset": asked.offset}
    meta = answers.describe(STOCK_BASIC, items.rows, stands, **_when(asked.as_of), **more)
    return answers.table(STOCK_BASIC.api, STOCK_BASIC.fields, items, meta)


@router.get(
    "/stocks/{ts_code}",
    summary="One stock",
    response_model=StockAnswer,
    responses={
        200: {"headers": SOURCE_HEADER},
        **NOT_MODIFIED,
        **problems.documented(*problems.READING, problems.UNKNOWN_CODE, problems.NOT_LANDED),
    },
)
async def read_stock(database: ReadOnly, ts_code: Code, asked: Annotated[parameters.StockThen, Query()]) -> Response:
    """One stock by its Tushare code: name, board, industry, day of listing and of delisting, controller.

    `as_of` answers with its name and status on a day, as `/stocks` does; before its day of listing there is no such stock.
    """
    rows = _then(asked.as_of)
    query = select(*rows.c).where(rows.c.ts_code == bindparam("code", type_=Text))
    async with database.read() as connection:
        stands = await _standing(connection, asked.as_of)
        items = await answers.copy(connection, query, {"code": well_formed(ts_code), "day": asked.as_of})
        if not items.rows and asked.as_of:
            await _require_listed(connection, ts_code, asked.as_of)
    if not items.rows:
        raise _unknown(ts_code)
    meta = answers.describe(STOCK_BASIC, items.rows, stands, **_when(asked.as_of))
    stock = dict(zip(STOCK_BASIC.fields, orjson.loads(items.json)[0], strict=True))
    body = orjson.dumps({"dataset": STOCK_BASIC.api, "meta": meta, "stock": stock})
    return Response(body, headers=answers.marked(meta["source"]), media_type="application/json")


def _then(day: date | None) -> FromClause:
    """The stocks as they were on a day (`:day`), or as the source tells them now."""
    return STOCK if day is None else _listed_then()


@lru_cache
def _listed_then() -> FromClause:
    """The stocks that were listed by the day, with name and status of the day."""
    borne = (
        select(NAME.c.name)
        .where(NAME.c.ts_code == STOCK.c.ts_code, NAME.c.start_date <= DAY)
        .order_by(NAME.c.start_date.desc(), NAME.c.end_date.desc().nulls_first(), NAME.c.name)
        .limit(1)
        .scalar_subquery()
    )
    renamed = select(NAME).where(NAME.c.ts_code == STOCK.c.ts_code).exists()
    gone = STOCK.c.delist_date <= DAY
    then = {
        "name": func.coalesce(borne, case((~renamed, STOCK.c.name))),
        "list_status": case((gone, "D"), else_="L"),
        "delist_date": case((gone, STOCK.c.delist_date)),
    }
    columns = (then.get(column.name, column).label(column.name) for column in STOCK.c)
    return select(*columns).where(STOCK.c.list_date <= DAY).subquery("then")


def _when(day: date | None) -> dict[str, Any]:
    """Say of which day names and statuses are, and of which columns nobody knows what they were."""
    return {"known_as_of": day, "known_now": KNOWN_NOW if day else []}


def _chosen(asked: parameters.Stocks, rows: FromClause) -> list[ColumnElement[bool]]:
    """The conditions that the filters make."""
    exact = ("list_status", "exchange", "market", "industry")
    where = [rows.c[name] == value for name in exact if (value := getattr(asked, name)) is not None]
    if asked.q is not None:
        where.append(
            or_(
                rows.c.ts_code.istartswith(asked.q, autoescape=True),
                *(rows.c[name].icontains(asked.q, autoescape=True) for name in ("name", "fullname", "cnspell")),
            )
        )
    return where


async def require_known(connection: AsyncConnection, ts_code: str) -> None:
    """Refuse a code that neither `stock_basic` nor a bar knows."""
    reads(connection, STOCK.name, BAR.name, "trade_cal")
    known = select(
        or_(
            select(STOCK).where(STOCK.c.ts_code == ts_code).exists(),
            select(BAR).where(BAR.c.ts_code == ts_code).exists(),
        )
    )
    if not await connection.scalar(known):
        _require_landed(await standing.of_snapshot(connection, STOCK_BASIC))
        raise _unknown(ts_code)


async def _require_listed(connection: AsyncConnection, ts_code: str, day: date) -> None:
    """Refuse a day before a stock was listed, in words."""
    found = (await connection.execute(select(STOCK.c.list_date).where(STOCK.c.ts_code == ts_code))).one_or_none()
    if found:
        listed = f"it was listed on {found.list_date}" if found.list_date else "nobody knows when it was listed"
        detail = f"No stock had the code {ts_code} on {day}: {listed}."
        raise Problem(problems.UNKNOWN_CODE, detail, ts_code=ts_code)


async def _standing(connection: AsyncConnection, day: date | None) -> dict[str, standing.Standing]:
    """Where the stocks stand and, as of a day, their names. Raises a problem when one of them has not landed."""
    used = (
        {STOCK_BASIC: "list of stocks"} if day is None else {STOCK_BASIC: "list of stocks", NAMECHANGE: "list of names"}
    )
    stands = {one: await standing.of_snapshot(connection, one) for one in used}
    for one, what in used.items():
        _require_landed(stands[one], one, what)
    return {one.api: stands[one] for one in used}


def _require_landed(stands: standing.Standing, dataset: Dataset = STOCK_BASIC, what: str = "list of stocks") -> None:
    if not stands.statuses:
        raise Problem(
            problems.NOT_LANDED,
            f"The {what} ({dataset.api}) has not landed yet: materialise it, then ask again.",
            dataset=dataset.api,
        )


def well_formed(ts_code: str) -> str:
    """Refuse what cannot be a code before the database is asked."""
    if not (ts_code.isascii() and ts_code.isprintable()):
        raise _unknown(ts_code)
    return ts_code


def _unknown(ts_code: str) -> Problem:
    advice = (
        "A Tushare code is six digits and the exchange, such as 600519.SH or 000001.SZ; search with ?q= at /stocks."
    )
    return Problem(problems.UNKNOWN_CODE, f"No stock has the code {ts_code[:20]!r}. {advice}", ts_code=ts_code[:20])
