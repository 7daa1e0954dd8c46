"""What Dagster does by the clock beside the schedule after the close: catch up with what is missing, and look again at the
recent days. Both ask through the job `fill`; what to ask for is told by `stock_assistant_pipelines.clock`.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime

import dagster as dg
from dagster import DagsterRunStatus
from sqlalchemy import Connection

from stock_assistant_pipelines import calendar, clock
from stock_assistant_pipelines.calendar import Calendar
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.dataset import Dataset
from stock_assistant_pipelines.clock import EVENING
from stock_assistant_pipelines.defs.fill import JOB, fill, fill_config
from stock_assistant_pipelines.defs.partitions import appeared
from stock_assistant_pipelines.defs.resources import Platform
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.database import available
from stock_assistant_pipelines.warehouse.freshness import read_booked, read_calendar, read_snapshot

UNDER_WAY = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]

AHEAD = {"dagster/priority": "10"}
"""Goes before backfills in the queue."""


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
        if context.instance.get_runs_count(dg.RunsFilter(statuses=UNDER_WAY)):
            return dg.SkipReason("runs are under way: what they land need not be caught up")
        moment = now()
        with _connected(platform) as connection:
            wanted, behind = _due(connection, moment)
        if not wanted:
            return dg.SkipReason("; ".join(behind) or "nothing is due")
        return dg.RunRequest(run_key=_key(wanted, moment), run_config=fill_config(wanted), tags=AHEAD)

    return catch_up


def build_schedule(platform: Platform) -> dg.ScheduleDefinition:
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
        with _connected(platform) as connection:
            wanted = _recent(connection, today)
        if not wanted:
            return dg.SkipReason("nothing has landed yet: start with a backfill")
        return dg.RunRequest(run_key=today.isoformat(), run_config=fill_config(wanted, refetch=True), tags=AHEAD)

    return look_again


@contextmanager
def _connected(platform: Platform) -> Iterator[Connection]:
    """A connection to the installation's database, for one look."""
    with available(platform.settings) as database:
        engine = database.engine(pool_size=1)
        try:
            with engine.connect() as connection:
                yield connection
        finally:
            engine.dispose()


def _due(connection: Connection, now: datetime) -> tuple[dict[str, Sequence[date]], list[str]]:
    """The days by dataset that are to be asked for now, and what is too far behind for that."""
    calendars = _calendars(connection)
    wanted: dict[str, Sequence[date]] = {}
    behind = []
    for dataset in CATALOG.values():
        if dataset.calendar is None:
            found = clock.due_snapshot(read_snapshot(connection, dataset), now)
        else:
            found = clock.due(dataset, read_booked(connection, dataset), calendars[dataset.calendar], now)
        days = [day for day in found.days if appeared(day, now)]
        if days or found.snapshot:
            wanted[dataset.api] = days
        if found.behind:
            behind.append(f"{dataset.api} ends on {found.behind}: start a backfill from there")
    return wanted, behind


def _recent(connection: Connection, today: date) -> dict[str, Sequence[date]]:
    """The recent days of every dataset that is kept, and the snapshots that are."""
    calendars = _calendars(connection)
    wanted: dict[str, Sequence[date]] = {}
    for dataset in CATALOG.values():
        if dataset.calendar is None:
            if read_snapshot(connection, dataset):
                wanted[dataset.api] = []
        elif _kept(connection, dataset):
            wanted[dataset.api] = clock.evening(dataset, calendars[dataset.calendar], today)
    return wanted


def _kept(connection: Connection, dataset: Dataset) -> bool:
    return any(entry.settled for entry in read_booked(connection, dataset).values())


def _calendars(connection: Connection) -> Mapping[str, Calendar]:
    names = {dataset.calendar for dataset in CATALOG.values() if dataset.calendar}
    return {name: read_calendar(connection, name) for name in names}


def _key(wanted: Mapping[str, Sequence[date]], now: datetime) -> str:
    """Names a request, so that the same one is not made twice within half an hour, whatever becomes of the first."""
    named = {name: [day.isoformat() for day in days] for name, days in wanted.items()}
    half_hour = now.astimezone(SHANGHAI).replace(minute=now.minute // 30 * 30, second=0, microsecond=0)
    return f"{half_hour.isoformat()} {hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:16]}"
