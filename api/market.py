"""Market: the whole market of A-shares in figures, one row per trading day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query, Response
from sqlalchemy import Select, Text, bindparam, case, cast, func, select

from api import answers, parameters, standing
from api.answers import TableAnswer
from api.database import ReadOnly  # noqa: TC001 - FastAPI reads it
from api.formats import Wanted  # noqa: TC001 - FastAPI reads it
from api.standing import Standing
from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.derived import MARKET_DAY
from stock_assistant_pipelines.warehouse.provenance import complete_days
from stock_assistant_pipelines.warehouse.tables import COVERAGE, METADATA, Status

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy.ext.asyncio import AsyncConnection

DAY = METADATA.tables[MARKET_DAY.name]
CALENDAR = METADATA.tables["trade_cal"]
LAST_SOURCE = max((CATALOG[name] for name in MARKET_DAY.sources), key=lambda dataset: str(dataset.published))
"""The source that is published last: before that nobody waits for the day."""

OUTDATED = "outdated"
"""What is said of a row that was made of other rows than those that the sources hold now, or hold no more."""

FIRST, LAST = bindparam("first", type_=Text), bindparam("last", type_=Text)

router = APIRouter(tags=["market"])


@router.get(
    "/market",
    summary="The market, day by day",
    response_model=TableAnswer,
    responses=answers.documented(),
)
async def read_market(database: ReadOnly, asked: Annotated[parameters.MarketDays, Query()], form: Wanted) -> Response:
    """One row per trading day, oldest first: stocks traded, suspended, up, down and at their limits, turnover, market value,
    and medians. `meta.units` says the units.

    A day is made when `suspend_d`, `daily`, `daily_basic` and `stk_limit` are complete. `meta.partitions` counts the days whose
    row is made of what those hold now (`complete`), of what they held before (`outdated`: a correction is about to follow), and
    the published trading days without a row (`not_landed`).
    """
    query = select(*(DAY.c[name] for name in MARKET_DAY.fields)).where(
        DAY.c.trade_date.between(asked.first, asked.last)
    )
    async with database.read() as connection:
        stands = await _standing(connection, asked.first, asked.last)
        items = await answers.copy(connection, query.order_by(DAY.c.trade_date), form=form)
    meta = answers.describe(MARKET_DAY, items.rows, {MARKET_DAY.name: stands})
    return answers.table(MARKET_DAY.name, MARKET_DAY.fields, items, meta)


async def _standing(connection: AsyncConnection, first: date, last: date) -> Standing:
    """Tell how many days of the range hold, how many are outdated, and how many that are published are not there."""
    until = min(last, standing.due(LAST_SOURCE, calendar.now()))
    keys = {"first": first.isoformat(), "last": last.isoformat()}
    rows = (await connection.execute(_counted(first, last), keys)).all()
    trading = (CALENDAR.c.exchange == standing.EXCHANGE, CALENDAR.c.is_open == 1)
    there = select(DAY.c.trade_date).where(DAY.c.trade_date == CALENDAR.c.cal_date).exists()
    days = select(
        select(func.min(CALENDAR.c.cal_date)).where(trading[0]).scalar_subquery().label("since"),
        select(func.max(CALENDAR.c.cal_date)).where(trading[0]).scalar_subquery().label("until"),
        select(func.count())
        .where(*trading, CALENDAR.c.cal_date.between(first, until), ~there)
        .scalar_subquery()
        .label("absent"),
    )
    known = (await connection.execute(days)).one()
    told = until < first or (known.since is not None and known.since <= first and known.until >= until)
    sources = COVERAGE.c.source.distinct()
    ours = (COVERAGE.c.dataset.in_(MARKET_DAY.sources), COVERAGE.c.partition.between(FIRST, LAST))
    names = await connection.execute(select(sources).where(*ours, COVERAGE.c.source.is_not(None)), keys)
    return Standing(
        {row.status: row.days for row in rows},
        tuple(sorted(names.scalars())) if rows else (),
        max((row.made_at for row in rows), default=None),
        known.absent if told else None,
    )


def _counted(first: date, last: date) -> Select[str, int, Any]:
    """The rows of the range, counted by whether they hold."""
    complete = complete_days(MARKET_DAY, COVERAGE.c.partition.between(FIRST, LAST))
    holds = case((complete.c.made_from == DAY.c.made_from, Status.COMPLETE.value), else_=OUTDATED)
    status = cast(holds, Text).label("status")
    return (
        select(status, func.count().label("days"), func.max(DAY.c.made_at).label("made_at"))
        .select_from(DAY.outerjoin(complete, complete.c.trade_date == DAY.c.trade_date))
        .where(DAY.c.trade_date.between(first, last))
        .group_by(status)
    )
