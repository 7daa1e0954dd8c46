"""Statements: what companies report by period, as it was known on a day; of one company, and of the whole market."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field
from sqlalchemy import Date, bindparam, select

from api import answers, as_of, problems, report_parameters, standing
from api.answers import TableAnswer
from api.as_of import KnownMeta
from api.database import ReadOnly  # noqa: TC001 - FastAPI reads it
from api.formats import Wanted  # noqa: TC001 - FastAPI reads it
from api.problems import Problem
from api.stocks import Code, require_known, well_formed
from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.grain import FIRST_PERIOD
from stock_assistant_pipelines.warehouse.tables import CODE, COVERAGE, SETTLED

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from sqlalchemy import FromClause, Select
    from sqlalchemy.ext.asyncio import AsyncConnection

    from api.report_parameters import Basis, Known, Statement
    from api.standing import Standing
    from stock_assistant_pipelines.catalog.dataset import Dataset

STATEMENTS = {
    "income": CATALOG["income"],
    "balancesheet": CATALOG["balancesheet"],
    "cashflow": CATALOG["cashflow"],
    "indicators": CATALOG["fina_indicator"],
}
"""Datasets by the name that they have in a path."""

Name = Annotated[
    Literal["income", "balancesheet", "cashflow", "indicators"],
    Path(description="Which statement; `indicators` are what Tushare computes of all three (`fina_indicator`)."),
]
PARTITION = ("status", "expected", "missing", "reason")
"""What is told of the partition of a report period."""

router = APIRouter(tags=["statements"])


class StatementMeta(KnownMeta):
    """Where figures stand."""

    known: str = Field(description="`announced`: by Tushare's days. `read`: by when it was read.")
    basis: str = Field(description="`ytd`, `quarter` or `ttm`.")
    restated: bool = Field(description="Whether the next year's report may restate a figure.")


class StatementsMeta(StatementMeta):
    """Where the statements of a company stand."""

    versions: str = Field(description="`latest` or `all`.")


class StatementsAnswer(TableAnswer):
    """Statements of one company."""

    meta: StatementsMeta


class PeriodMeta(StatementMeta):
    """Where a report period stands."""

    period: str = Field(description="The report period (ISO).", examples=["2023-12-31"])
    status: str | None = Field(description="The status of its partition; null when it was never landed or tried.")
    expected: int | None = Field(
        description="Companies that should have a row by now; null while unknown, and where nothing says who should."
    )
    missing: int | None = Field(description="Those that have none; null while unknown.")
    reason: str | None = Field(description="Why the period is not complete.")
    limit: int = Field(description="Rows in one answer at the most.")
    offset: int = Field(description="Rows left out before the first.")
    more: bool = Field(description="Whether rows follow these: ask again with a higher offset.")


class PeriodAnswer(TableAnswer):
    """The statements of one report period."""

    meta: PeriodMeta


@router.get(
    "/stocks/{ts_code}/statements/{statement}",
    summary="Statements of one company, as they were known on a day",
    response_model=StatementsAnswer,
    responses=answers.documented(problems.UNKNOWN_CODE, problems.NOT_LANDED),
)
async def read_statements(
    database: ReadOnly,
    ts_code: Code,
    statement: Name,
    asked: Annotated[report_parameters.Statements, Query()],
    form: Wanted,
) -> Response:
    """One row per report period, oldest first, with all of Tushare's columns and `known_at`, since when the row is known:
    the end, in Shanghai, of the day on which it was announced.

    `as_of` answers with what was known at the end of a day: of each period the version that became known last, and no period
    that was not reported yet. `versions=all` lists every version. `basis=quarter` and `ttm` are derived from what was
    known that day; a figure is null where one of the reports that it takes was not. `meta.complete` tells whether the report
    periods that were asked for have landed whole.
    """
    dataset = _asked_of(statement, asked)
    every = asked.versions == "all"
    fields = as_of.chosen(_fields(dataset, asked.basis, every=every), asked.fields)
    day, span = asked.day, asked.span
    values = as_of.values(day, code=well_formed(ts_code))
    chosen = _Choice(dataset, asked.basis, asked.known, asked.restated, every)
    async with database.read(dataset.api) as connection:
        first = await _oldest(connection, chosen, values, span.newest) if span.newest else span.first
        query = _of_company(chosen, fields, since=first is not None, until=span.last is not None)
        items = await answers.copy(connection, query, {**values, "first": first, "last": span.last}, form)
        if not items.rows:
            await require_known(connection, ts_code)
        wanted = calendar.periods(first or FIRST_PERIOD, min(span.last or day, day))
        stands = await standing.of_periods(connection, dataset, _used(wanted, asked.basis))
    meta = _describe(dataset, items.rows, stands, asked, fields=fields, day=day, versions=asked.versions)
    return answers.table(dataset.api, fields, items, meta)


@router.get(
    "/statements/{statement}",
    summary="A report period of the whole market, as it was known on a day",
    response_model=PeriodAnswer,
    responses=answers.documented(problems.NOT_LANDED),
)
async def read_period(
    database: ReadOnly, statement: Name, asked: Annotated[report_parameters.MarketStatements, Query()], form: Wanted
) -> Response:
    """One row per company that had reported the period by the day, in order of `ts_code`, with all of Tushare's columns and
    `known_at`.

    `meta.status` tells whether the period is complete now, whatever the day: every company that has disclosed it, according to
    the disclosure plan, has a row. `meta.missing` counts those that have none; which, says `/datasets/{dataset}/coverage`.
    """
    dataset = _asked_of(statement, asked)
    fields = as_of.chosen(_fields(dataset, asked.basis), asked.fields)
    chosen = _Choice(dataset, asked.basis, asked.known, asked.restated)
    query = _of_market(chosen, fields).limit(asked.limit + 1).offset(asked.offset)
    async with database.read(dataset.api) as connection:
        items = await answers.copy(connection, query, as_of.values(asked.day, period=asked.period), form)
        partition = await _partition(connection, dataset, asked.period)
        if not items.rows:
            _require_landed(dataset, asked.period, partition)
        stands = await standing.of_periods(connection, dataset, _used([asked.period], asked.basis))
    known = {name: getattr(partition, name, None) for name in PARTITION}
    more = {"limit": asked.limit, "offset": asked.offset, "more": items.rows > asked.limit}
    items = items.first(asked.limit)
    about = {"fields": fields, "day": asked.day, "period": asked.period, **known, **more}
    return answers.table(dataset.api, fields, items, _describe(dataset, items.rows, stands, asked, **about))


@dataclass(frozen=True, slots=True)
class _Choice:
    """Which rows of a dataset are asked for."""

    dataset: Dataset
    basis: Basis
    known: Known
    restated: bool
    every: bool = False
    """Every version, not only the one that stood."""


@lru_cache(maxsize=128)
def _rows(choice: _Choice) -> FromClause:
    if choice.every:
        return as_of.versions(choice.dataset, choice.known, restated=choice.restated)
    return as_of.stood(choice.dataset, choice.basis, choice.known, restated=choice.restated)


@lru_cache(maxsize=256)
def _of_company(choice: _Choice, fields: tuple[str, ...], *, since: bool, until: bool) -> Select[Any]:
    """The rows of one company, oldest period first: all, or from the first and to the last period that are asked for."""
    rows = _rows(choice)
    first, last = bindparam("first", type_=Date), bindparam("last", type_=Date)
    limits = ([rows.c.end_date >= first] if since else []) + ([rows.c.end_date <= last] if until else [])
    order = as_of.in_time(choice.dataset, rows) if choice.every else []
    query = select(*(rows.c[name] for name in fields)).where(rows.c[CODE] == as_of.STOCK, *limits)
    return query.order_by(rows.c.end_date, *order)


@lru_cache(maxsize=256)
def _of_market(choice: _Choice, fields: tuple[str, ...]) -> Select[Any]:
    """The rows of one period, in order of the code."""
    rows = _rows(choice)
    of_period = rows.c.end_date == bindparam("period", type_=Date)
    return select(*(rows.c[name] for name in fields)).where(of_period).order_by(rows.c[CODE])


async def _oldest(connection: AsyncConnection, choice: _Choice, values: Mapping[str, Any], newest: int) -> date | None:
    """The oldest of so many of the newest periods; None when there are fewer."""
    rows = _rows(choice)
    periods = select(rows.c.end_date).where(rows.c[CODE] == as_of.STOCK).distinct().order_by(rows.c.end_date.desc())
    found: date | None = await connection.scalar(periods.offset(newest - 1).limit(1), values)
    return found


def _used(periods: list[date], basis: Basis) -> list[date]:
    """These report periods, and those that their figures are derived from."""
    used = set(periods)
    for period in periods:
        if basis == "quarter" and period.month > 3:
            used.add(calendar.periods(period.replace(month=1, day=1), period)[-2])
        if basis == "ttm" and period.month < 12:
            used |= {period.replace(year=period.year - 1), period.replace(year=period.year - 1, month=12, day=31)}
    return sorted(period for period in used if period >= FIRST_PERIOD)


def _asked_of(statement: str, asked: Statement) -> Dataset:
    """The dataset; or a problem where it has not what is asked for."""
    dataset = STATEMENTS[statement]
    if asked.basis != "ytd" and not dataset.flows:
        cumulative = ", ".join(name for name, one in STATEMENTS.items() if one.flows)
        detail = (
            f"basis={asked.basis} is derived from figures that count from the start of the year: those of {cumulative}."
        )
        raise Problem(problems.INVALID_PARAMETER, detail)
    if asked.restated and not as_of.restatable(dataset):
        detail = f"{statement} have no restated report: their versions come under the same key. Leave restated out."
        raise Problem(problems.INVALID_PARAMETER, detail)
    return dataset


def _fields(dataset: Dataset, basis: Basis, *, every: bool = False) -> tuple[str, ...]:
    """The columns that there are."""
    if basis != "ytd":
        return as_of.derived_fields(dataset)
    return (*dataset.fields, *(as_of.VERSION if every else (as_of.SINCE,)))


async def _partition(connection: AsyncConnection, dataset: Dataset, period: date) -> Any:
    """What is known of the period's partition; None when it was never landed or tried."""
    known = (COVERAGE.c.dataset == dataset.api, COVERAGE.c.partition == period.isoformat())
    columns = (COVERAGE.c[name] for name in ("landed", *PARTITION))
    return (await connection.execute(select(*columns).where(*known))).one_or_none()


def _require_landed(dataset: Dataset, period: date, partition: Any) -> None:
    """Say why there is no row of this period, where it is not that nothing was known of it on the day."""
    if partition is not None and (partition.landed or partition.status in SETTLED):
        return
    if partition is not None:
        detail = f"The period {period} was asked for and did not come ({partition.status}). Land it again."
        raise Problem(problems.NOT_LANDED, detail, partition=partition.status, reason=partition.reason)
    if period > calendar.over(calendar.now()):
        detail = f"The period {period} has not ended yet: nobody reports it before."
    else:
        detail = (
            f"The period {period} has not landed. Materialise it; /datasets/{dataset.api}/coverage lists what is there."
        )
    raise Problem(problems.NOT_LANDED, detail)


def _describe(dataset: Dataset, rows: int, stands: Standing, asked: Statement, **more: Any) -> dict[str, Any]:
    more |= {"known": asked.known, "basis": asked.basis, "restated": asked.restated}
    return as_of.describe(dataset, rows, {dataset.api: stands}, **more)
