"""Datasets: what the catalog holds, in English and Chinese, and how much of it has landed."""

from __future__ import annotations

from datetime import date, datetime  # noqa: TC003 - Pydantic reads them
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field
from sqlalchemy import func, select

from api import answers, freshness, parameters, problems, standing
from api.answers import NOT_MODIFIED, SOURCE_HEADER, Meta, TableAnswer
from api.database import ReadOnly  # noqa: TC001 - FastAPI reads it
from api.formats import Wanted  # noqa: TC001 - FastAPI reads it
from api.freshness import Freshness  # noqa: TC001 - Pydantic reads it
from api.problems import Problem
from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.grain import FIRST_PERIOD
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.tables import COVERAGE, SNAPSHOT, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy.ext.asyncio import AsyncConnection

    from api.standing import Standing
    from stock_assistant_pipelines.catalog.dataset import Dataset

LISTED = ("partition", "status", "expected", "landed", "missing", "missing_keys", "reason", "source", "landed_at")
"""The columns of a partition that are shown."""

Name = Annotated[
    str, Path(description="Tushare's name of the interface.", examples=["daily", "adj_factor", "stock_basic"])
]

router = APIRouter(tags=["datasets"])


class ColumnDescription(BaseModel):
    """One of Tushare's columns."""

    name: str
    type: str = Field(description="`text`, `date` (served as YYYYMMDD), `number` (exact decimal) or `integer`.")
    unit: str | None
    title: str
    title_zh: str


class CoverageSummary(BaseModel):
    """How much of a dataset has landed."""

    statuses: dict[str, int] = Field(description=f"Partitions by status: {', '.join(Status)}.")
    rows: int = Field(description="Rows in the table.")
    first_complete: date | None = Field(
        description="The oldest complete trading day or report period; null for a dataset without a time axis."
    )
    last_complete: date | None = Field(
        description="The newest complete trading day or report period; null for a dataset without a time axis."
    )
    landed_at: datetime | None = Field(description="When one of its partitions was last landed or tried.")
    sources: list[str] = Field(description="Who told us: `tushare`, or the sandbox.")


class DatasetSummary(BaseModel):
    """A dataset, in short."""

    dataset: str = Field(description="Tushare's name of the interface.", examples=["daily"])
    title: str
    title_zh: str
    row: str = Field(description="What one row is.", examples=["one row per stock traded on a trading day, unadjusted"])
    family: str
    grain: str = Field(
        description="`trade_date`: one partition per trading day; `end_date`: one per report period; `snapshot`: one, what "
        "the source says now."
    )
    coverage: CoverageSummary
    freshness: Freshness | None = Field(description="How new it is; null for a dataset without a time axis.")


class DatasetDescription(DatasetSummary):
    """A dataset, whole."""

    key: list[str] = Field(description="The natural key.")
    columns: list[ColumnDescription]
    points: int = Field(description="Tushare points that the interface asks for.")
    published: str | None = Field(
        description="When a trading day's rows come out, in Asia/Shanghai.", examples=["16:00"]
    )
    quirks: list[str] = Field(description="What is worth knowing before trusting a number.")


class CoverageMeta(Meta):
    """Where a list of partitions stands."""

    total: int = Field(description="Partitions in the range.")
    limit: int = Field(description="Partitions in one answer at the most.")
    offset: int = Field(description="Partitions left out before the first.")
    keys: int = Field(description="Missing keys named per partition at the most.")


class CoverageAnswer(TableAnswer):
    """Partitions of a dataset, one row each."""

    meta: CoverageMeta


@router.get(
    "/datasets",
    summary="Every dataset, with its coverage",
    response_model=list[DatasetSummary],
    responses={200: {"headers": SOURCE_HEADER}, **NOT_MODIFIED, **problems.documented(*problems.READING)},
)
async def list_datasets(
    database: ReadOnly, asked: Annotated[parameters.Parameters, Query()], response: Response
) -> list[dict[str, Any]]:
    """Every dataset of the catalog: what a row is, and how much of it has landed, by status."""
    async with database.read() as connection:
        covered = await _summaries(connection, CATALOG)
        judged = {one.dataset: one for one in await freshness.read(connection)}
    _mark(response, covered)
    return [_summary(dataset, covered[dataset.api], judged) for dataset in CATALOG.values()]


@router.get(
    "/datasets/{dataset}",
    summary="One dataset",
    response_model=DatasetDescription,
    responses={
        200: {"headers": SOURCE_HEADER},
        **NOT_MODIFIED,
        **problems.documented(*problems.READING, problems.UNKNOWN_DATASET),
    },
)
async def read_dataset(
    database: ReadOnly, dataset: Name, asked: Annotated[parameters.Parameters, Query()], response: Response
) -> dict[str, Any]:
    """What a dataset is, in English and Chinese: key, columns with type, unit and meaning, quirks; and its coverage."""
    known = declared(dataset)
    async with database.read() as connection:
        covered = await _summaries(connection, (dataset,))
        judged = {one.dataset: one for one in await freshness.read(connection)}
    _mark(response, covered)
    return {
        **_summary(known, covered[dataset], judged),
        "key": known.key,
        "columns": [
            {"name": one.name, "type": one.type, "unit": one.unit, "title": one.title, "title_zh": one.title_zh}
            for one in known.columns
        ],
        "points": known.points,
        "published": known.published.isoformat("minutes") if known.published else None,
        "quirks": known.quirks,
    }


@router.get(
    "/datasets/{dataset}/coverage",
    summary="The partitions of one dataset",
    response_model=CoverageAnswer,
    responses=answers.documented(problems.UNKNOWN_DATASET),
)
async def read_coverage(
    database: ReadOnly, dataset: Name, asked: Annotated[parameters.Coverage, Query()], form: Wanted
) -> Response:
    """One row per partition that was ever landed or tried, oldest first: how many keys a complete one holds (`expected`), how
    many rows landed, which keys are missing, and why.

    Trading days and report periods of which nothing is known have no row; `meta.partitions` counts them as `not_landed`. A
    dataset without a time axis has one partition, `all`, whatever the range.
    """
    known = declared(dataset)
    where = [COVERAGE.c.dataset == dataset]
    if known.partitioned or known.by_period:
        where.append(COVERAGE.c.partition.between(asked.first.isoformat(), asked.last.isoformat()))
    shown = {**COVERAGE.c, "missing_keys": COVERAGE.c.missing_keys[1 : asked.keys]}
    page = select(*(shown[name] for name in LISTED)).where(*where).order_by(COVERAGE.c.partition)
    async with database.read() as connection:
        stands = await stands_between(connection, known, asked.first, asked.last)
        items = await answers.copy(connection, page.limit(asked.limit).offset(asked.offset), form=form)
    more = {"total": sum(stands.statuses.values()), "limit": asked.limit, "offset": asked.offset, "keys": asked.keys}
    meta = answers.describe(known, items.rows, {dataset: stands}, **more)
    return answers.table(dataset, LISTED, items, meta)


def declared(name: str) -> Dataset:
    """The declaration of a dataset, or a problem that lists which there are."""
    if name not in CATALOG:
        detail = f"There is no dataset {name[:40]!r}. There are {', '.join(CATALOG)}."
        raise Problem(problems.UNKNOWN_DATASET, detail)
    return CATALOG[name]


async def stands_between(connection: AsyncConnection, dataset: Dataset, first: date, last: date) -> Standing:
    """Count the partitions of a dataset from one day to another; or all of it, where it has no time axis."""
    if dataset.partitioned:
        return await standing.of_range(connection, dataset, first, last)
    if dataset.by_period:
        return await standing.of_periods(connection, dataset, calendar.periods(max(first, FIRST_PERIOD), last))
    return await standing.of_snapshot(connection, dataset)


def _summary(dataset: Dataset, coverage: dict[str, Any], judged: Mapping[str, Freshness]) -> dict[str, Any]:
    return {
        "dataset": dataset.api,
        "title": dataset.title,
        "title_zh": dataset.title_zh,
        "row": dataset.row,
        "family": dataset.family,
        "grain": dataset.grain,
        "coverage": coverage,
        "freshness": judged.get(dataset.api),
    }


async def _summaries(connection: AsyncConnection, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Count the partitions of these datasets by status, and find their first and last complete day."""
    names = list(names)
    complete = (COVERAGE.c.status == Status.COMPLETE, COVERAGE.c.partition != SNAPSHOT)
    query = (
        select(
            COVERAGE.c.dataset,
            COVERAGE.c.status,
            func.count().label("partitions"),
            func.sum(COVERAGE.c.landed).label("rows"),
            func.max(COVERAGE.c.landed_at).label("landed_at"),
            func.min(COVERAGE.c.partition).filter(*complete).label("first_complete"),
            func.max(COVERAGE.c.partition).filter(*complete).label("last_complete"),
            func.array_agg(COVERAGE.c.source.distinct()).filter(COVERAGE.c.source.is_not(None)).label("sources"),
        )
        .where(COVERAGE.c.dataset.in_(names))
        .group_by(COVERAGE.c.dataset, COVERAGE.c.status)
    )
    found = (await connection.execute(query)).all()
    return {name: _coverage([row for row in found if row.dataset == name]) for name in names}


def _coverage(rows: list[Any]) -> dict[str, Any]:
    """Join what is known per status to one summary."""
    whole = next((row for row in rows if row.status == Status.COMPLETE), None)
    return {
        "statuses": {row.status: row.partitions for row in rows},
        "rows": sum(row.rows for row in rows),
        "first_complete": whole.first_complete if whole else None,
        "last_complete": whole.last_complete if whole else None,
        "landed_at": max((row.landed_at.astimezone(SHANGHAI) for row in rows), default=None),
        "sources": sorted({source for row in rows for source in row.sources or ()}),
    }


def _mark(response: Response, covered: dict[str, dict[str, Any]]) -> None:
    sources = {source for coverage in covered.values() for source in coverage["sources"]}
    response.headers.update(answers.marked("; ".join(sorted(sources)) or None))
