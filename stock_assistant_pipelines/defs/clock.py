"""What Dagster does by the clock: ask for each dataset when it is published, look again at the recent days in the evening,
and catch up with what is missing. All of it asks through the job `fill`; what for is told by `stock_assistant_pipelines.clock`.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, time

import dagster as dg
from dagster import DagsterRunStatus
from dagster._core.storage.partition_status_cache import get_and_update_asset_status_cache_value
from dagster._core.storage.tags import GRPC_INFO_TAG
from sqlalchemy import Connection

from stock_assistant_pipelines import calendar, clock
from stock_assistant_pipelines.calendar import Calendar
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.dataset import Dataset
from stock_assistant_pipelines.clock import EVENING, Due
from stock_assistant_pipelines.defs import disclosed
from stock_assistant_pipelines.defs.backfills import active
from stock_assistant_pipelines.defs.fill import JOB, fill, fill_config
from stock_assistant_pipelines.defs.partitions import TRADING_DAYS, appeared
from stock_assistant_pipelines.defs.research.names import is_research
from stock_assistant_pipelines.defs.resources import AHEAD, UNDER_WAY, Platform
from stock_assistant_pipelines.defs.tidy import tidy
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.freshness import last_complete, read_booked, read_calendar, read_snapshot
from stock_assistant_pipelines.warehouse.tables import Status

NOTHING_LANDED = "nothing has landed yet: start with a backfill"


def build_sensor(platform: Platform, now: Callable[[], datetime] = calendar.now) -> dg.SensorDefinition:
    """Ask for what is due and was never asked for, or may be asked for again: after downtime, a used-up quota, a failure."""

    @dg.sensor(
        name="catch_up",
        job_name=JOB,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Asks for the days that are out and not there: after downtime, after a used-up quota, after a failure.",
    )
    def catch_up(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        clocks = dg.RunsFilter(job_name=JOB, statuses=UNDER_WAY, tags=AHEAD)
        if context.instance.get_runs_count(clocks):
            return dg.SkipReason("a run of the clock is under way: what it lands need not be caught up")
        moment = now()
        with platform.look() as connection:
            wanted, behind = _due(connection, context.instance, moment)
        if not wanted:
            return dg.SkipReason("; ".join(behind) or "nothing is due")
        return dg.RunRequest(run_key=_key(wanted, moment), run_config=fill_config(wanted, failed=True), tags=AHEAD)

    return catch_up


def build_schedules(platform: Platform) -> list[dg.ScheduleDefinition]:
    """The schedules of the day: one for each time of publication, and that of the evening."""
    published = clock.publications(list(CATALOG.values()))
    daily = [_at_publication(platform, at, datasets) for at, datasets in published.items()]
    return [*daily, _in_the_evening(platform), *disclosed.build_schedules(platform)]


def _at_publication(platform: Platform, published: time, datasets: Sequence[Dataset]) -> dg.ScheduleDefinition:
    """Ask for the day of these datasets when it is published, in one run, so that they prove each other."""
    at = clock.asked_at(published)
    names = ", ".join(dataset.api for dataset in datasets)

    @dg.schedule(
        name=f"published_{published:%H%M}",
        job=fill,
        cron_schedule=f"{at.minute} {at.hour} * * 1-5",
        execution_timezone="Asia/Shanghai",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Asks for the day of {names}, published at {published:%H:%M}, on trading days.",
    )
    def at_publication(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        today = context.scheduled_execution_time.astimezone(SHANGHAI).date()
        with platform.look() as connection:
            kept = last_complete(connection, datasets)
            calendars = _calendars(connection)
        wanted = [dataset for dataset in datasets if dataset.api in kept]
        if not wanted:
            return dg.SkipReason(NOTHING_LANDED)
        days = {each.api: [today] for each in wanted if not clock.is_closed(calendars[str(each.calendar)], today)}
        if not days:
            return dg.SkipReason(f"the market is closed on {today}: the evening books it")
        return dg.RunRequest(run_key=today.isoformat(), run_config=fill_config(days), tags=AHEAD)

    return at_publication


def _in_the_evening(platform: Platform) -> dg.ScheduleDefinition:
    """Fetch the recent days again in the evening, since the source completes and corrects them, and the snapshots."""

    @dg.schedule(
        name="look_again",
        job=fill,
        cron_schedule=f"{EVENING.minute} {EVENING.hour} * * 1-5",
        execution_timezone="Asia/Shanghai",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Fetches the last trading days again (`window`), and the snapshots: late and corrected rows are found so.",
    )
    def look_again(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        today = context.scheduled_execution_time.astimezone(SHANGHAI).date()
        with platform.look() as connection:
            wanted = _recent(connection, today)
        if not wanted:
            return dg.SkipReason(NOTHING_LANDED)
        return dg.RunRequest(run_key=today.isoformat(), run_config=fill_config(wanted, refetch=True), tags=AHEAD)

    return look_again


def _due(
    connection: Connection, instance: dg.DagsterInstance, now: datetime
) -> tuple[dict[str, Sequence[date]], list[str]]:
    """The days by dataset that are to be asked for now, and what is too far behind for that.

    While others land days, a backfill above all, only the recent ones: of the older ones nobody can tell what will be left.
    """
    calendars = _calendars(connection)
    today = now.astimezone(SHANGHAI).date()
    others = _others_land(instance)
    wanted: dict[str, Sequence[date]] = {}
    behind = []
    for dataset in CATALOG.values():
        if dataset.by_period:
            found = Due() if others else clock.due_periods(read_booked(connection, dataset), now)
            days = list(found.days)
        elif dataset.calendar is None:
            found = clock.due_snapshot(read_snapshot(connection, dataset), now)
            days = []
        else:
            booked = read_booked(connection, dataset)
            found = clock.due(dataset, booked, calendars[dataset.calendar], now)
            complete = [day for day, entry in booked.items() if entry.status is Status.COMPLETE]
            asked = {*found.days, *_shown_as_failed(instance, dataset, complete)}
            since = min(calendars[dataset.calendar].last(dataset.window, today), default=today) if others else date.min
            days = [day for day in sorted(asked, reverse=True)[: clock.REACH] if appeared(day, now) and day >= since]
        if days or found.snapshot:
            wanted[dataset.api] = days
        if found.behind:
            behind.append(f"{dataset.api} ends on {found.behind}: start a backfill from there")
    return wanted, behind


def _others_land(instance: dg.DagsterInstance) -> bool:
    """Whether others land days: a backfill, or a run. One without a launcher's mark tells no one when it dies."""
    if any(not is_research(backfill.asset_selection) for backfill in active(instance)):
        return True
    runs = instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY))
    launched = [run for run in runs if run.status is not DagsterRunStatus.STARTED or GRPC_INFO_TAG in run.tags]
    return any(run.job_name != tidy.name and not is_research(run.asset_selection, run.job_name) for run in launched)


def _shown_as_failed(instance: dg.DagsterInstance, dataset: Dataset, complete: Sequence[date]) -> list[date]:
    """The complete days that Dagster shows as failed: their run ended before it judged them, or they are complete since.

    A run over them asks the source for nothing. It judges the rows by the laws, and shows the days as they are.
    """
    shown = get_and_update_asset_status_cache_value(instance, dg.AssetKey(dataset.api), TRADING_DAYS)
    if shown is None:
        return []
    failed = set(shown.deserialize_failed_partition_subsets(TRADING_DAYS).get_partition_keys())
    return [day for day in complete if day.isoformat() in failed]


def _recent(connection: Connection, today: date) -> dict[str, Sequence[date]]:
    """The recent days of every dataset that is kept, and the snapshots that are."""
    calendars = _calendars(connection)
    kept = last_complete(connection, [dataset for dataset in CATALOG.values() if dataset.partitioned])
    wanted: dict[str, Sequence[date]] = {}
    for dataset in CATALOG.values():
        if dataset.by_period:
            continue  # the reports have an evening of their own
        if dataset.calendar is None:
            if read_snapshot(connection, dataset):
                wanted[dataset.api] = []
        elif dataset.api in kept:
            wanted[dataset.api] = clock.evening(dataset, calendars[dataset.calendar], today)
    return wanted


def _calendars(connection: Connection) -> Mapping[str, Calendar]:
    names = {dataset.calendar for dataset in CATALOG.values() if dataset.calendar}
    return {name: read_calendar(connection, name) for name in names}


def _key(wanted: Mapping[str, Sequence[date]], now: datetime) -> str:
    """Names a request, so that the same one is not made twice within half an hour, whatever becomes of the first."""
    named = {name: [day.isoformat() for day in days] for name, days in wanted.items()}
    half_hour = now.astimezone(SHANGHAI).replace(minute=now.minute // 30 * 30, second=0, microsecond=0)
    return f"{half_hour.isoformat()} {hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:16]}"
