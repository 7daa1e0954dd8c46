"""When research runs by itself: the newest trading day, once, in its evening, when its data are there. Older days never do."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from stock_assistant_pipelines import calendar, clock, lateness
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.defs import disclosed
from stock_assistant_pipelines.research.evidence import DATASETS
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.freshness import last_complete, read_calendar

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Connection

    from stock_assistant_pipelines.defs.resources import Platform
    from stock_assistant_pipelines.settings import Settings

BARS = CATALOG["daily"]
NEEDED = tuple(each for name in DATASETS if not (each := CATALOG[name]).by_period)
"""What has to be complete of a day before it is written of, of those datasets that are kept."""

RECENT = timedelta(days=31)
"""How far back a trading day is looked for: no holidays have ever been as long."""


def build_sensor(platform: Platform, job: Any, now: Callable[[], datetime] = calendar.now) -> dg.SensorDefinition:
    """Ask for the research of the newest trading day, once."""

    @dg.sensor(
        name="research",
        job=job,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for the research of the day in its evening, when its data are complete; never for older days.",
    )
    def research(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        if lacks := _lacks(platform.settings):
            return dg.SkipReason(lacks)
        moment = now()
        with platform.look() as connection:
            day = _newest(connection, moment)
            if day is None:
                return dg.SkipReason("the calendar knows no trading day whose evening has come")
            if context.cursor == day.isoformat():
                return dg.SkipReason(f"{day} was asked for")
            if lacking := _lacking(connection, day):
                return dg.SkipReason(f"{day} waits for {', '.join(lacking)}")
            if moment < lateness.due_at(day) and lateness.kept(connection) and not _reports_came(context.instance, day):
                return dg.SkipReason(f"{day} waits for the evening's reports")
        context.update_cursor(day.isoformat())
        return dg.RunRequest(run_key=day.isoformat(), partition_key=day.isoformat())

    return research


def _lacks(settings: Settings) -> str | None:
    """What has to be set first."""
    if settings.llm_provider is None:
        return "no model is configured: LLM_PROVIDER is not set"
    return None if settings.research_watchlist else "nobody is watched: RESEARCH_WATCHLIST is not set"


def _newest(connection: Connection, now: datetime) -> date | None:
    """The newest trading day whose research may begin."""
    known = read_calendar(connection, str(BARS.calendar), since=(now - RECENT).date())
    return known.latest(now, clock.RESEARCH)


def _lacking(connection: Connection, day: date) -> list[str]:
    """The datasets that are kept and not complete on a day; without bars there is nothing to wait for but those."""
    last = last_complete(connection, NEEDED)
    wanted = [dataset.api for dataset in NEEDED if dataset.api in last or dataset is BARS]
    return [name for name in wanted if name not in last or last[name].day < day]


def _reports_came(instance: dg.DagsterInstance, day: date) -> bool:
    """Whether the last run that was to land the reports of an evening did; none, or one that failed, is yet to come."""
    evening = datetime.combine(day, clock.FILINGS, SHANGHAI)
    filters = dg.RunsFilter(job_name=disclosed.JOB, tags={disclosed.EVENING: evening.isoformat()})
    return any(run.status is dg.DagsterRunStatus.SUCCESS for run in instance.get_runs(filters, limit=1))
