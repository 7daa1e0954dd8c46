"""The job `disclosed`: the evening's increment of reports. The plan of the open periods first, then who has disclosed since.

Which companies are asked, and in which order, is told by `stock_assistant_pipelines.increment`. Each week the last periods are
fetched again as a whole, since the source corrects old filings without a word.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg

from stock_assistant_pipelines import calendar, clock
from stock_assistant_pipelines.catalog.dataset import Dataset
from stock_assistant_pipelines.defs.assets import began, take
from stock_assistant_pipelines.defs.fill import announce, evaluations, fill, fill_config, incomplete, told
from stock_assistant_pipelines.defs.resources import AHEAD, Platform, urgent
from stock_assistant_pipelines.evenings import kept
from stock_assistant_pipelines.increment import Limits
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.coverage import UNANSWERED, Coverage, entries
from stock_assistant_pipelines.warehouse.disclosure import plan_of, stocks_of
from stock_assistant_pipelines.warehouse.tables import ORDINARY

JOB = "disclosed"
OP = "land_reports"

EVENING = "stock_assistant/evening"
"""The tag that says which evening a run belongs to: its first moment. What was answered since then is not asked again."""

NOTHING_LANDED = "no report has landed yet: start with a backfill"


@dg.op(name=OP, out={})
def land_reports(context: dg.OpExecutionContext, platform: dg.ResourceParam[Platform]) -> Iterator[Any]:
    """Land what is new of the open periods, dataset by dataset, and report each period as its asset would."""
    evening = context.run.tags.get(EVENING)
    begun = datetime.fromisoformat(evening) if evening else began(context)
    limits = Limits(platform.settings.sync_incremental_missing_limit, platform.settings.sync_failure_max_retries)
    landed: list[tuple[Dataset, Coverage]] = []
    broken: Exception | None = None
    with platform.ingest(context.run.run_id, urgent=urgent(context.run.tags)) as ingest:
        with ingest.engine.connect() as connection:
            datasets = kept(connection)
        if not datasets:
            return
        plan = plan_of(datasets)
        periods = ingest.open_periods(plan, stocks_of(datasets[0]))
        announce(context, OP, {dataset.api: [period.isoformat() for period in periods] for dataset in datasets})
        for dataset in datasets:
            done: list[Coverage] = []
            arriving = _arriving(ingest, dataset, periods, None if dataset.api == plan else plan, limits, begun)
            stopped = take(context, dataset, arriving, done)
            done = yield from _judged(dataset, periods, done, ingest)
            yield from told(dataset, done, platform, ingest, begun)
            broken = broken or stopped
            landed += [(dataset, entry) for entry in done]
    if broken:
        raise broken
    if failure := _failure(platform, landed):
        raise failure


def _arriving(
    ingest: Ingest, dataset: Dataset, periods: Sequence[date], plan: str | None, limits: Limits, begun: datetime
) -> Iterator[Coverage]:
    ingest.prepare_periods(dataset, periods)
    yield from ingest.increment(dataset, periods, plan, limits, begun=begun)


def _failure(platform: Platform, landed: Sequence[tuple[Dataset, Coverage]]) -> dg.Failure | None:
    """The end of a run that could not get what it asked for.

    What is booked as complete all the same, as of an earlier evening, is told as the run's own failure: the coverage does not
    know of it.
    """
    kept = [each for each in landed if each[1].status in UNANSWERED or each[1].cause not in ORDINARY]
    failure = incomplete(kept)
    unknown = [(dataset, entry) for dataset, entry in kept if _booked_as_settled(platform, dataset, entry)]
    if failure is None or not unknown:
        return failure
    dataset, entry = unknown[0]
    return dg.Failure(
        f"{dataset.api} {entry.partition} is complete as of an earlier answer, and was not answered for now: {entry.reason}",
        metadata={"unanswered": dg.MetadataValue.json({f"{d.api} {e.partition}": e.reason for d, e in unknown})},
        allow_retries=False,
    )


def _booked_as_settled(platform: Platform, dataset: Dataset, entry: Coverage) -> bool:
    period = date.fromisoformat(entry.partition)
    with platform.look() as connection:
        booked = entries(connection, dataset, [period]).get(period)
    return bool(booked and booked.settled)


def _judged(
    dataset: Dataset, periods: Sequence[date], done: list[Coverage], ingest: Ingest
) -> Generator[Any, None, list[Coverage]]:
    """Evaluate the checks, and return the results as they stand then."""
    done = ingest.reviewed(dataset, done)
    yield from evaluations(dataset, periods, done, ingest)
    return ingest.reviewed(dataset, done)


@dg.job(name=JOB, description="What companies have disclosed of the report periods that are open.")
def disclosed() -> None:
    """Land the reports of the day."""
    land_reports()


def build_schedules(platform: Platform) -> list[dg.ScheduleDefinition]:
    """The schedules of reports: each evening what is new, and each week the last periods again."""

    @dg.schedule(
        name="reports",
        job=disclosed,
        cron_schedule=f"{clock.FILINGS.minute} {clock.FILINGS.hour} * * *",
        execution_timezone="Asia/Shanghai",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Asks for the reports that were disclosed, of every period that is open; on every day of the week.",
    )
    def reports(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        today = context.scheduled_execution_time.astimezone(SHANGHAI).date()
        with platform.look() as connection:
            if not kept(connection):
                return dg.SkipReason(NOTHING_LANDED)
        return dg.RunRequest(run_key=today.isoformat(), tags=_tags(context.scheduled_execution_time))

    @dg.schedule(
        name="reports_again",
        job=fill,
        cron_schedule=f"{clock.REPULL.minute} {clock.REPULL.hour} * * 6",
        execution_timezone="Asia/Shanghai",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Fetches the last {clock.REPULLED} report periods again, each week: silent corrections are found so.",
    )
    def reports_again(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        today = context.scheduled_execution_time.astimezone(SHANGHAI).date()
        with platform.look() as connection:
            datasets = kept(connection)
        if not datasets:
            return dg.SkipReason(NOTHING_LANDED)
        periods = clock.last_periods(today)
        return [
            dg.RunRequest(
                run_key=f"{today} {dataset.api}", run_config=fill_config({dataset.api: periods}, refetch=True)
            )
            for dataset in datasets  # a run each: by stock one is long, and each interface has its own minutes
        ]

    return [reports, reports_again]


def _tags(evening: datetime) -> dict[str, str]:
    return {**AHEAD, EVENING: evening.astimezone(SHANGHAI).isoformat()}


def build_sensor(platform: Platform, now: Callable[[], datetime] = calendar.now) -> dg.SensorDefinition:
    """Go on with an evening whose run failed: the coverage of what was complete before does not tell `catch_up` of it."""

    @dg.sensor(
        name="reports_go_on",
        job_name=JOB,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Goes on with the evening's reports an hour after its last run failed: after an outage, or a quota.",
    )
    def reports_go_on(context: dg.SensorEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        moment = now()
        tags = _tags(clock.last_filings(moment))
        records = context.instance.get_run_records(dg.RunsFilter(job_name=JOB, tags=tags), limit=1)
        if not records or records[0].dagster_run.status is not dg.DagsterRunStatus.FAILURE:
            return dg.SkipReason("the last run of the evening did not fail, or is under way")
        if moment - records[0].update_timestamp.astimezone(UTC) < clock.GOES_ON:
            return dg.SkipReason("the last run of the evening failed a short time ago")
        return dg.RunRequest(run_key=records[0].dagster_run.run_id, tags=tags)

    return reports_go_on
