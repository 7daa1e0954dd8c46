"""Filings: what companies announce beside their statements, as it was known on a day: dividends, forecasts, dates."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Response
from pydantic import Field
from sqlalchemy import BigInteger, Date, DateTime, Numeric, Text, column, func, select

from api import answers, as_of, parameters, problems, report_parameters, standing
from api.answers import TableAnswer
from api.as_of import KnownMeta
from api.database import ReadOnly  # noqa: TC001 - FastAPI reads it
from api.formats import Wanted  # noqa: TC001 - FastAPI reads it
from api.stocks import Code, require_known, well_formed
from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.grain import FIRST_PERIOD
from stock_assistant_pipelines.warehouse.tables import CODE, METADATA

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from sqlalchemy import FromClause, Select
    from sqlalchemy.types import TypeEngine

    from api.formats import Format
    from stock_assistant_pipelines.catalog.dataset import Dataset

DIVIDEND, FORECAST, DISCLOSURE_DATE = (CATALOG[name] for name in ("dividend", "forecast", "disclosure_date"))

SUMS: Mapping[str, TypeEngine[Any]] = {
    CODE: Text(),
    "ex_date": Date(),
    "plans": BigInteger(),
    "stk_div": Numeric(),
    "stk_bo_rate": Numeric(),
    "stk_co_rate": Numeric(),
    "cash_div": Numeric(),
    "cash_div_tax": Numeric(),
    as_of.SINCE: DateTime(timezone=True),
}
"""What is told of an ex-date."""

DOCUMENTED = answers.documented(problems.UNKNOWN_CODE, problems.NOT_LANDED)

router = APIRouter(tags=["filings"])


class KnownAnswer(TableAnswer):
    """Filings of one company."""

    meta: KnownMeta


class DividendsMeta(KnownMeta):
    """Where dividends stand."""

    by: str = Field(description="`plan` or `ex_date`.")


class DividendsAnswer(TableAnswer):
    """Dividends of one company."""

    meta: DividendsMeta


@router.get(
    "/stocks/{ts_code}/dividends",
    summary="Dividends of one company, as they were known on a day",
    response_model=DividendsAnswer,
    responses=DOCUMENTED,
)
async def read_dividends(
    database: ReadOnly, ts_code: Code, asked: Annotated[report_parameters.Dividends, Query()], form: Wanted
) -> Response:
    """One row per plan, at the stage that it had reached by the day (`div_proc`: 预案, 股东大会通过, 实施), oldest period
    first, with `known_at`.

    `by=ex_date` answers with what is paid per share on each ex-date, oldest first: one ex-date may have several plans that are
    carried out, of different periods, and their sum is what prices are adjusted by. `plans` counts them. When a plan was
    approved or given up Tushare does not tell: those stages count from when they were read.
    """
    by_date = asked.by == "ex_date"
    fields = tuple(SUMS) if by_date else _fields(DIVIDEND)
    query = _of_company(_sums() if by_date else _plans(), fields, ("ex_date",) if by_date else ("end_date", "ann_date"))
    return await _answer(database, DIVIDEND, query, fields, ts_code, asked.day, form, by=asked.by)


@router.get(
    "/stocks/{ts_code}/forecasts",
    summary="Earnings forecasts of one company, as they were known on a day",
    response_model=KnownAnswer,
    responses=DOCUMENTED,
)
async def read_forecasts(
    database: ReadOnly, ts_code: Code, asked: Annotated[parameters.AsOf, Query()], form: Wanted
) -> Response:
    """One row per announcement, oldest period first and then by day, with `known_at`: of each announcement the version that was
    known last by the day. A forecast is often made before its period is over, and revised: the last row of a period stands.
    """
    query = _of_company(_stood(FORECAST), _fields(FORECAST), ("end_date", "ann_date"))
    return await _answer(database, FORECAST, query, _fields(FORECAST), ts_code, asked.day, form)


@router.get(
    "/stocks/{ts_code}/disclosures",
    summary="Days of disclosure of one company, as they were known on a day",
    response_model=KnownAnswer,
    responses=DOCUMENTED,
)
async def read_disclosures(
    database: ReadOnly, ts_code: Code, asked: Annotated[parameters.AsOf, Query()], form: Wanted
) -> Response:
    """One row per report period, oldest first: on which day the company planned to report it (`pre_date`), and since it has, on
    which day it did (`actual_date`), with `known_at`.

    The source overwrites its plans: an earlier one is known where it was read before it was changed, or shows in `modify_date`.
    """
    query = _of_company(_stood(DISCLOSURE_DATE), _fields(DISCLOSURE_DATE), ("end_date",))
    return await _answer(database, DISCLOSURE_DATE, query, _fields(DISCLOSURE_DATE), ts_code, asked.day, form)


async def _answer(
    database: ReadOnly,
    dataset: Dataset,
    query: Select[Any],
    fields: tuple[str, ...],
    ts_code: str,
    day: date,
    form: Format,
    **more: Any,
) -> Response:
    async with database.read() as connection:
        items = await answers.copy(connection, query, as_of.values(day, code=well_formed(ts_code)), form)
        if not items.rows:
            await require_known(connection, ts_code)
        stands = await standing.of_periods(connection, dataset, calendar.periods(FIRST_PERIOD, day))
    meta = as_of.describe(dataset, items.rows, {dataset.api: stands}, fields=fields, day=day, **more)
    return answers.table(dataset.api, fields, items, meta)


@lru_cache
def _of_company(rows: FromClause, fields: tuple[str, ...], order: tuple[str, ...]) -> Select[Any]:
    """The rows of one company, in this order."""
    query = select(*(rows.c[name] for name in fields)).where(rows.c[CODE] == as_of.STOCK)
    return query.order_by(*(rows.c[name] for name in order))


@lru_cache
def _stood(dataset: Dataset) -> FromClause:
    return as_of.stood(dataset)


@lru_cache
def _plans() -> FromClause:
    """Dividends, each plan at the stage that it had reached."""
    columns = (column(one.name, one.type) for one in METADATA.tables[DIVIDEND.api].c)
    return func.dividends_as_of(as_of.DAY).table_valued(*columns)


@lru_cache
def _sums() -> FromClause:
    """What is paid on each ex-date."""
    columns = (column(name, kind) for name, kind in SUMS.items())
    return func.dividend_sums_as_of(as_of.DAY).table_valued(*columns)


def _fields(dataset: Dataset) -> tuple[str, ...]:
    return (*dataset.fields, as_of.SINCE)
