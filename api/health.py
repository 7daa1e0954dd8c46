"""Health: whether the application, the database, its migrations and the data are as they should be.

An unreachable database or pending migrations make 503: no request can be answered. Data that is late makes `degraded` with
200: what has landed is still served, and taking the API out of service would not bring the data.
"""

from __future__ import annotations

from datetime import date
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import column, func, select, table

from api import parameters, problems, standing
from api.answers import moment
from api.database import ReadOnly  # noqa: TC001 - FastAPI reads it
from api.problems import Problem
from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.warehouse import revision
from stock_assistant_pipelines.warehouse.tables import COVERAGE, METADATA, Status

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.settings import Settings

try:
    VERSION = version("stock-assistant")
except PackageNotFoundError:  # run from the source tree, without installation
    VERSION = "0+source"

MIGRATED = table("alembic_version", column("version_num"))
DAYS = METADATA.tables["trade_cal"]

router = APIRouter(prefix="/health", tags=["health"])


class Alive(BaseModel):
    """The process answers."""

    status: Literal["alive"] = "alive"


class Ready(BaseModel):
    """Requests can be answered."""

    status: Literal["ready"] = "ready"


class Application(BaseModel):
    """The process that answers."""

    name: str
    version: str
    environment: str


class DatabaseHealth(BaseModel):
    """The database that is read."""

    status: Literal["ok"] = "ok"
    server: str = Field(description="PostgreSQL's version.", examples=["18.4"])


class MigrationsHealth(BaseModel):
    """The revision of the tables."""

    status: Literal["ok"] = "ok"
    revision: str = Field(description="The newest migration that has run; it is the newest there is.")


class Freshness(BaseModel):
    """How new a dataset is."""

    dataset: str
    status: Literal["fresh", "stale", "unknown"] = Field(
        description="`fresh`: every published trading day up to now is complete at the newest end. `stale`: the last complete "
        "day is older than the newest published one. `unknown`: the calendar does not reach today."
    )
    last_complete: date | None = Field(description="The newest complete trading day.")
    due: date | None = Field(description="The newest trading day whose rows are published by now.")
    behind: int | None = Field(description="Published trading days after the last complete one.")
    source: str | None = Field(description="Who told us the last complete day.")


class Health(BaseModel):
    """Whether everything is as it should be."""

    status: Literal["ok", "degraded"] = Field(description="`degraded`: requests are answered, and some data is late.")
    as_of: str = Field(description="The time in Asia/Shanghai.")
    application: Application
    database: DatabaseHealth
    migrations: MigrationsHealth
    freshness: list[Freshness]


@router.get(
    "/live",
    summary="Does the process answer?",
    responses=problems.documented(),
)
async def live(asked: Annotated[parameters.Parameters, Query()]) -> Alive:
    """Always 200, without touching the database: restart the process when this fails."""
    return Alive()


@router.get(
    "/ready",
    summary="Can requests be answered?",
    responses=problems.documented(*problems.READING),
)
async def ready(database: ReadOnly, asked: Annotated[parameters.Parameters, Query()]) -> Ready:
    """200 when the database answers and its migrations have run, else 503: send no requests while this fails."""
    async with database.read() as connection:
        await _require_migrated(connection)
    return Ready()


@router.get(
    "",
    summary="Is everything as it should be?",
    responses=problems.documented(*problems.READING),
)
async def health(request: Request, database: ReadOnly, asked: Annotated[parameters.Parameters, Query()]) -> Health:
    """Application, database, migrations, and per dataset the last complete day against the newest published one.

    503 when the database cannot be reached or its migrations have not run. Late data is `degraded`, with 200: alert on
    `status` or on `freshness[].behind`.
    """
    settings: Settings = request.app.state.settings
    async with database.read() as connection:
        await _require_migrated(connection)
        server = await connection.scalar(select(func.current_setting("server_version")))
        datasets = [dataset for dataset in CATALOG.values() if dataset.partitioned]
        freshness = [await _freshness(connection, dataset) for dataset in datasets]
    return Health(
        status="ok" if all(one.status == "fresh" for one in freshness) else "degraded",
        as_of=moment(calendar.now()),
        application=Application(name=settings.project_name, version=VERSION, environment=settings.environment),
        database=DatabaseHealth(server=str(server).partition(" ")[0]),
        migrations=MigrationsHealth(revision=revision.HEAD),
        freshness=freshness,
    )


async def _require_migrated(connection: AsyncConnection) -> None:
    """Compare the database's revision with that of this version. Raises a problem when they differ."""
    there = await connection.scalar(select(func.to_regclass(MIGRATED.name).is_not(None)))
    found = await connection.scalar(select(MIGRATED.c.version_num)) if there else None
    if found != revision.HEAD:
        detail = (
            f"The database is at revision {found or 'none'}, this version reads {revision.HEAD}. Run the migrations."
        )
        raise Problem(problems.MIGRATIONS_PENDING, detail, retry_after=30, found=found, expected=revision.HEAD)


async def _freshness(connection: AsyncConnection, dataset: Dataset) -> Freshness:
    """Compare the last complete day of a dataset with the newest one that is published."""
    until = standing.due(dataset, calendar.now())
    ours = (DAYS.c.exchange == standing.EXCHANGE, DAYS.c.cal_date <= until)
    trading = (*ours, DAYS.c.is_open == 1)
    last = (
        select(COVERAGE.c.partition, COVERAGE.c.source)
        .where(COVERAGE.c.dataset == dataset.api, COVERAGE.c.status == Status.COMPLETE)
        .order_by(COVERAGE.c.partition.desc())
        .limit(1)
    )
    complete: Any = (await connection.execute(last)).one_or_none()
    since = date.fromisoformat(complete.partition) if complete else date.min
    query = select(
        select(func.max(DAYS.c.cal_date)).where(*ours).scalar_subquery().label("known"),
        select(func.max(DAYS.c.cal_date)).where(*trading).scalar_subquery().label("due"),
        select(func.count()).where(*trading, DAYS.c.cal_date > since).scalar_subquery().label("behind"),
    )
    days = (await connection.execute(query)).one()
    told = days.known == until
    return Freshness(
        dataset=dataset.api,
        status=("stale" if days.behind else "fresh") if told else "unknown",
        last_complete=since if complete else None,
        due=days.due if told else None,
        behind=days.behind if told else None,
        source=complete.source if complete else None,
    )
