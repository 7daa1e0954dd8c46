"""The sensor `research_goes_on`: what runs of the research left is asked for again, when its time has come."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.defs.research import names, on_demand
from stock_assistant_pipelines.defs.research.waits import ANSWER, BUDGETS, FOR, TRIES, Wait
from stock_assistant_pipelines.defs.resources import Platform
from stock_assistant_pipelines.research import watchlist
from stock_assistant_pipelines.research.render import Language

if TYPE_CHECKING:
    from stock_assistant_pipelines.research.session import Session

REACH = timedelta(days=40)
"""How far back runs are looked at: further than any budget lasts."""

RUN_KEY = "dagster/run_key"
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
"""The tags by which Dagster knows what a run was asked for by, and which partitions it is for."""


def build_sensor(
    platform: Platform, jobs: Sequence[Any], now: Callable[[], datetime] = calendar.now
) -> dg.SensorDefinition:
    """Ask again for the days that waited, and for nothing else: neither evidence nor days that nobody asked for."""

    @dg.sensor(
        name="research_goes_on",
        jobs=list(jobs),
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Goes on with research that waits: when its budget begins anew or is raised, or an hour after no answer.",
    )
    def research_goes_on(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        moment = now()
        left = _left(context.instance, moment)
        if not left:
            return dg.SkipReason("nothing waits")
        if names.under_way(context.instance):
            return dg.SkipReason("research is under way: what it leaves is asked for afterwards")
        stops = [
            wait for wait in left.values() if wait.cause in BUDGETS and not wait.is_over(platform.settings, moment)
        ]
        if stops:
            last = max(stops, key=lambda wait: wait.again)
            return dg.SkipReason(
                f"the {last.cause} is used up until {last.again:%Y-%m-%d %H:%M}, or until it is raised"
            )
        with platform.research() as session:
            for run_id, wait in left.items():
                run = context.instance.get_run_by_id(run_id)
                if run and wait.is_over(platform.settings, moment) and (request := _request(run, wait, session)):
                    return request  # one at a time: where the budget ends again, the others are not started in vain
        return dg.SkipReason("nothing that waits is due")

    return research_goes_on


def _left(instance: dg.DagsterInstance, now: datetime) -> dict[str, Wait]:
    """What runs left that nobody has asked for again, by run, the newest first.

    A day that a later run left is that one's; stocks that somebody asked for are theirs who asked.
    """
    filters = dg.RunsFilter(tags={FOR: [*BUDGETS, ANSWER]}, created_after=now - REACH)
    found: dict[str, Wait] = {}
    seen: set[date] = set()
    for record in instance.get_run_records(filters):
        left = _last(instance, record)
        if left is None:
            continue
        run_id, wait = left
        if record.dagster_run.job_name != names.ON_DEMAND:
            wait = replace(wait, days=tuple(day for day in wait.days if day not in seen))
            seen |= {*wait.days}
        if wait.days:
            found[run_id] = wait
    return found


def _last(instance: dg.DagsterInstance, record: dg.RunRecord) -> tuple[str, Wait] | None:
    """The run that was the last to leave a run's work, and for what that waits; None: nothing is left, or it was asked for.

    Who was asked to do it and died has left it as well: it is tried again an hour later, and counted with what is.
    """
    wait = Wait.read(record.dagster_run)
    while wait and (later := instance.get_run_records(dg.RunsFilter(tags={RUN_KEY: record.dagster_run.run_id}), 1)):
        (record,) = later
        if record.dagster_run.status is not dg.DagsterRunStatus.FAILURE or Wait.read(record.dagster_run):
            return None
        wait = wait.after_death(record)
    return (record.dagster_run.run_id, wait) if wait else None


def _request(run: dg.DagsterRun, wait: Wait, session: Session) -> dg.RunRequest | None:
    """What does the rest of a run's work: those of its stocks that lack a report, or its days; None: nothing is left of it."""
    tries = {TRIES: str(wait.tries)}
    if run.job_name == names.ON_DEMAND:
        config = _stocks(on_demand.asked(run), wait.days[0], session)
        if config is None:
            return None
        return dg.RunRequest(run.run_id, run_config=config, job_name=names.ON_DEMAND, tags=tries)
    days = [day.isoformat() for day in wait.days if session.lacking(day)]
    if not days:
        return None
    return dg.RunRequest(
        run.run_id,
        job_name=names.DAILY,
        asset_selection=[dg.AssetKey(name) for name in names.WRITTEN],
        tags={RANGE_START: min(days), RANGE_END: max(days), **tries},
    )


def _stocks(asked: on_demand.Asked, day: date, session: Session) -> dict[str, Any] | None:
    """The run config that does the rest of what somebody asked for, on the day that it was; None: nothing is left of it."""
    language = Language(asked.language) if asked.language else None
    with session.engine.connect() as connection:
        try:
            named = watchlist.resolve(connection, asked.ts_codes, day)
        except watchlist.NotWatchable:  # a group that has another name since
            return None
    lacking = replace(session, language=language).lacking(day, named)
    return on_demand.config(lacking, day, asked.language, collect=False) if lacking else None
