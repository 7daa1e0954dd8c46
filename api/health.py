"""Health: whether the application, the database, its migrations, the data and what serves them are as they should be.

An unreachable database, pending migrations, or tables that this version is too old for make 503: no request can be answered.
Data that is late makes `degraded` with 200: what has landed is still served, and taking the API out of service would not
bring the data. Every part is told by itself, whatever became of the others.
"""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from sqlalchemy import func, select, text

from api import freshness, parameters, parts, problems
from api.answers import moment
from api.database import ReadOnly  # noqa: TC001 - FastAPI reads it
from api.freshness import Freshness  # noqa: TC001 - Pydantic reads it
from api.parts import Part
from api.problems import Problem
from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.warehouse.revision import HEAD, standing, verdict

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncConnection

    from api.database import Database
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


class Started(BaseModel):
    """The process has seen all that it needs."""

    status: Literal["started"] = "started"


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
    parts: dict[str, Part] = Field(
        description="`application`, `database`, `migrations`, `data`, `keys`, `invalidation`, `research`, each by itself. "
        "Where the database or the migrations make this a problem, it has them too."
    )


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
    responses=problems.documented(*problems.READING, problems.VERSION_RETIRED, problems.DRAINING),
)
async def ready(request: Request, database: ReadOnly, asked: Annotated[parameters.Parameters, Query()]) -> Ready:
    """200 when the database answers and its tables are those that this version reads, else 503: send no requests meanwhile.

    503 as well from the moment on at which the process was told to stop, though it goes on answering for a while.
    """
    if request.app.state.drain.under_way:
        raise Problem(problems.DRAINING, "This process is about to stop. Ask another one.")
    async with database.read() as connection:
        await _require_migrated(connection)
    return Ready()


@router.get(
    "/startup",
    summary="Has the process begun?",
    responses=problems.documented(*problems.READING, problems.VERSION_RETIRED),
)
async def startup(request: Request, database: ReadOnly, asked: Annotated[parameters.Parameters, Query()]) -> Started:
    """503 until the migrations were found to have run, a connection was used and the keys were read; from then on always 200.

    Begin to probe `/live` and `/ready` when this succeeds.
    """
    state = request.app.state
    if not state.started:
        async with database.read() as connection:
            await _require_migrated(connection)
        await state.admission.ring.look()
        await database.watch.now()
        state.started = True
    return Started()


@router.get(
    "",
    summary="Is everything as it should be?",
    responses=problems.documented(*problems.READING, problems.VERSION_RETIRED),
)
async def health(request: Request, database: ReadOnly, asked: Annotated[parameters.Parameters, Query()]) -> Health:
    """Application, database, migrations, and per dataset whether the newest day or evening of reports that is due is whole.

    503 when the database cannot be reached, its migrations have not run, or this version is too old for it; `parts` says
    of each part how it is, also then. Late data is `degraded`, with 200: alert on `status`, on `parts` or on
    `freshness[].behind`.
    """
    state = request.app.state
    settings: Settings = state.settings
    look = _Look(database)
    broken = await look.all()
    found = {"application": _application(draining=state.drain.under_way), **look.parts}
    found["keys"], _ = await parts.judged(lambda: parts.of_keys(state.admission.ring))
    found["invalidation"] = await parts.of_invalidation(database, kept=settings.api_cache_mb > 0)
    if broken is not None:
        broken.members["parts"] = {name: part.model_dump() for name, part in found.items()}
        raise broken
    hale = all(part.status in {"ok", "unused"} for part in found.values())
    return Health(
        status="ok" if hale else "degraded",
        as_of=moment(calendar.now()),
        application=Application(name=settings.project_name, version=VERSION, environment=settings.environment),
        database=DatabaseHealth(server=look.server),
        migrations=MigrationsHealth(revision=look.revision),
        freshness=look.freshness,
        parts=found,
    )


class _Look:
    """One look at the database, part by part."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.parts = {name: parts.unknown() for name in ("database", "migrations", "data", "research")}
        self.server = self.revision = ""
        self.freshness: list[Freshness] = []

    async def all(self) -> Problem | None:
        """Look at all parts; return the problem that keeps requests from being answered."""
        self.parts["database"], broken = await parts.judged(self._database)
        if broken is not None:
            return broken
        self.parts["migrations"], broken = await parts.judged(self._migrations)
        for name, judge in (("data", self._data), ("research", self._research)):
            self.parts[name], trouble = await parts.judged(judge)
            if broken is None and trouble is not None and name == "data":
                broken = trouble
        return broken

    async def _database(self) -> Part:
        began = perf_counter()
        async with self.database.read() as connection:
            told = await connection.scalar(select(func.current_setting("server_version")))
        self.server = str(told).partition(" ")[0]
        return Part(status="ok", observed=f"PostgreSQL {self.server}, in {(perf_counter() - began) * 1e3:.1f} ms")

    async def _migrations(self) -> Part:
        async with self.database.read() as connection:
            self.revision = await _require_migrated(connection)
        return Part(status="ok", observed=self.revision)

    async def _data(self) -> Part:
        async with self.database.read() as connection:
            self.freshness = await freshness.read(connection)
        return parts.of_data(self.freshness)

    async def _research(self) -> Part:
        async with self.database.read() as connection:
            return await parts.of_research(connection)


def _application(*, draining: bool) -> Part:
    if draining:
        return Part(status="degraded", observed=VERSION, detail="It was told to stop, and finishes what it has.")
    return Part(status="ok", observed=VERSION)


async def _require_migrated(connection: AsyncConnection) -> str:
    """The database's revision. Raises a problem when this version lacks something there, or knows too little of it."""
    database = await connection.run_sync(lambda session: standing(lambda question: session.scalar(text(question))))
    if mismatch := verdict(database):
        kind = problems.VERSION_RETIRED if mismatch.retired else problems.MIGRATIONS_PENDING
        raise Problem(kind, mismatch.told, retry_after=30, found=database.found, expected=HEAD, floor=database.floor)
    return str(database.found)
