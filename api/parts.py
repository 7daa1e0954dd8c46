"""The parts of what is served, each judged by itself: what is broken does not hide what is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, Field
from sqlalchemy import and_, distinct, func, select

from api.answers import moment
from api.problems import Problem
from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.research.report import Standing
from stock_assistant_pipelines.research.watchlist import ON_DEMAND
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.freshness import Age
from stock_assistant_pipelines.warehouse.tables import METADATA, RESEARCH_REPORT

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from datetime import date

    from sqlalchemy.ext.asyncio import AsyncConnection

    from api.database import Database
    from api.freshness import Freshness
    from api.keys import KeyRing

WATCH = METADATA.tables["research_watch"]

State = Literal["ok", "degraded", "failed", "unknown", "unused"]


class Part(BaseModel):
    """How a part is."""

    status: State = Field(
        description="`ok`. `degraded`: it works, and not as well as it should. `failed`: it does not work. `unknown`: what it "
        "rests on does not work. `unused`: it is switched off, or was never used."
    )
    observed: str | None = Field(None, description="What was found.")
    detail: str | None = Field(None, description="What is wrong, and what to do.")
    at: str = Field(default_factory=lambda: moment(calendar.now()), description="When that was, in Asia/Shanghai.")


UNKNOWN = "what it rests on has failed"


async def judged(judge: Callable[[], Awaitable[Part]]) -> tuple[Part, Problem | None]:
    """A part; and the problem where it is one that lets it fail."""
    try:
        return await judge(), None
    except Problem as problem:
        return Part(status="failed", detail=problem.detail), problem


def unknown() -> Part:
    """A part that cannot be looked at."""
    return Part(status="unknown", detail=UNKNOWN)


def of_data(told: list[Freshness]) -> Part:
    """The data: whether what is due has landed."""
    ages = [one.status for one in told if one.status is not Age.UNUSED]
    fresh = ages.count(Age.FRESH)
    observed = f"{fresh} of {len(ages)} datasets are fresh"
    if ages and fresh == len(ages):
        return Part(status="ok", observed=observed)
    late = [one.dataset for one in told if one.status not in {Age.UNUSED, Age.FRESH}]
    detail = f"late or unknown: {', '.join(late)}" if late else "nothing has ever landed"
    return Part(status="degraded", observed=observed, detail=detail)


async def of_keys(ring: KeyRing) -> Part:
    """The keys: whether they can be read. Those that were read stay good for a while."""
    count = await ring.look()
    return Part(status="ok", observed=f"{count} keys are good")


async def of_invalidation(database: Database, *, kept: bool) -> Part:
    """The listener that tells when an answer in memory is no longer true."""
    if not kept:
        return Part(status="unused", observed="API_CACHE_MB is 0: no answer is kept in memory")
    versions = await database.watch.now()
    if versions is None:
        return Part(status="degraded", detail="The versions of the data are not known: nothing is served from memory.")
    return Part(status="ok", observed=f"the versions of {len(versions.by_dataset) - 1} datasets are known")


async def of_research(connection: AsyncConnection) -> Part:
    """The research reports: whether there is one of each stock that the watchlist named on its last day.

    Any edition will do that did not fail: it is served until a newer one is there. The exporter, which tells what became of
    the day's work, counts the editions on the evidence of now (exporter/sql/reports.sql).
    """
    listed = WATCH.c.named_by != ON_DEMAND
    day: date | None = await connection.scalar(select(func.max(WATCH.c.trade_date)).where(listed))
    if day is None:
        return Part(status="unused", observed="no report was ever expected")
    made = and_(
        RESEARCH_REPORT.c.trade_date == WATCH.c.trade_date,
        RESEARCH_REPORT.c.ts_code == WATCH.c.ts_code,
        RESEARCH_REPORT.c.status != Standing.FAILED,
    )
    counts = select(func.count(distinct(WATCH.c.ts_code)), func.count(distinct(RESEARCH_REPORT.c.ts_code)))
    of_day = counts.select_from(WATCH.outerjoin(RESEARCH_REPORT, made)).where(listed, WATCH.c.trade_date == day)
    expected, there = (await connection.execute(of_day)).one()
    observed = f"{day}: {there} reports of {expected} that are expected"
    if (
        there >= expected or day >= calendar.now().astimezone(SHANGHAI).date()
    ):  # on the day itself they are being written
        return Part(status="ok", observed=observed)
    return Part(status="degraded", observed=observed, detail="The run of the day says why: see Dagster.")
