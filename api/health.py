"""Health: whether the application, the database, its migrations and the data are as they should be.

An unreachable database, pending migrations, or tables that this version is too old for make 503: no request can be answered.
Data that is late makes `degraded` with 200: what has landed is still served, and taking the API out of service would not
bring the data.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import func, select, text

from api import freshness, parameters, problems
from api.answers import moment
from api.database import ReadOnly  # noqa: TC001 - FastAPI reads it
from api.freshness import Freshness  # noqa: TC001 - Pydantic reads it
from api.problems import Problem
from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.warehouse import revision
from stock_assistant_pipelines.warehouse.freshness import Age

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from stock_assistant_pipelines.settings import Settings

try:
    VERSION = version("stock-assistant")
except PackageNotFoundError:  # run from the source tree, without installation
    VERSION = "0+source"

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
    revision: str = Field(
        description="The newest migration that has run: the newest that this version has, or one of a later version."
    )


class Health(BaseModel):
    """Whether everything is as it should be."""

    status: Literal["ok", "degraded"] = Field(
        description="`degraded`: requests are answered, and some data is late, or nothing has landed."
    )
    as_of: str = Field(description="The time in Asia/Shanghai.")
    application: Application
    database: DatabaseHealth
    migrations: MigrationsHealth
    freshness: list[Freshness] = Field(description="One for each dataset with a time axis.")


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
    responses=problems.documented(*problems.READING, problems.VERSION_RETIRED),
)
async def ready(database: ReadOnly, asked: Annotated[parameters.Parameters, Query()]) -> Ready:
    """200 when the database answers and its tables are those that this version reads, else 503: send no requests meanwhile."""
    async with database.read() as connection:
        await _require_migrated(connection)
    return Ready()


@router.get(
    "",
    summary="Is everything as it should be?",
    responses=problems.documented(*problems.READING, problems.VERSION_RETIRED),
)
async def health(request: Request, database: ReadOnly, asked: Annotated[parameters.Parameters, Query()]) -> Health:
    """Application, database, migrations, and per dataset whether the newest day or evening of reports that is due is whole.

    503 when the database cannot be reached, its migrations have not run, or this version is too old for it. Late data is
    `degraded`, with 200: alert on `status` or on `freshness[].behind`.
    """
    settings: Settings = request.app.state.settings
    async with database.read() as connection:
        found = await _require_migrated(connection)
        server = await connection.scalar(select(func.current_setting("server_version")))
        told = await freshness.read(connection)
    ages = {one.status for one in told}
    return Health(
        status="ok" if Age.FRESH in ages and ages <= {Age.FRESH, Age.UNUSED} else "degraded",
        as_of=moment(calendar.now()),
        application=Application(name=settings.project_name, version=VERSION, environment=settings.environment),
        database=DatabaseHealth(server=str(server).partition(" ")[0]),
        migrations=MigrationsHealth(revision=found),
        freshness=told,
    )


async def _require_migrated(connection: AsyncConnection) -> str:
    """The database's revision. Raises a problem when this version lacks something there, or knows too little of it."""
    there = await connection.scalar(text(revision.HAS_REVISION))
    found = await connection.scalar(text(revision.REVISION)) if there else None
    expected = revision.HEAD
    if told := revision.behind(found):
        detail = f"{told}. Run the migrations."
        raise Problem(problems.MIGRATIONS_PENDING, detail, retry_after=30, found=found, expected=expected)
    floor = await connection.scalar(text(revision.FLOOR))
    if told := revision.retired(found, floor):
        raise Problem(problems.VERSION_RETIRED, told, retry_after=30, found=found, expected=expected, floor=floor)
    return str(found)
