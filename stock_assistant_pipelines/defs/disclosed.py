"""The job `disclosed`: the evening's increment of reports. The plan of the open periods first, then who has disclosed since,
and what was announced on the last days, whichever period is open.

Which companies are asked, and in which order, is told by `stock_assistant_pipelines.ingest.increment`. Each week the last
periods are fetched again as a whole, since the source corrects old filings without a word.
"""

from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Any

import dagster as dg

from stock_assistant_pipelines import calendar, clock
from stock_assistant_pipelines.catalog.dataset import Dataset
from stock_assistant_pipelines.defs.assets import NAMED, began, take
from stock_assistant_pipelines.defs.fill import announce, evaluations, failed, fill, fill_config, told
from stock_assistant_pipelines.defs.resources import AHEAD, Platform, urgent
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.ingest.evening import Evening, Heard
from stock_assistant_pipelines.ingest.increment import Limits
from stock_assistant_pipelines.lateness import kept
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.coverage import UNANSWERED, Coverage
from stock_assistant_pipelines.warehouse.disclosure import plan_of, stocks_of
from stock_assistant_pipelines.warehouse.filing import arrived
from stock_assistant_pipelines.warehouse.tables import ORDINARY

JOB = "disclosed"
OP = "land_reports"

EVENING = "stock_assistant/evening"
"""The tag that says which evening a run belongs to: its first moment. What was answered since then is not asked again."""

NOTHING_LANDED = "no report has landed yet: start with a backfill"


@dg.op(name=OP, out={})
def land_reports(context: dg.OpExecutionContext, platform: dg.ResourceParam[Platform]) -> Iterator[Any]:
    """Land what is new of the open periods and the last days, dataset by dataset; report each period as its asset would."""
    evening = context.run.tags.get(EVENING)
    begun = datetime.fromisoformat(evening) if evening else began(context)
    limits = Limits(platform.settings.sync_incremental_missing_limit, platform.settings.sync_failure_max_retries)
    landed: list[tuple[Dataset, Coverage]] = []
    unanswered: dict[str, str] = {}
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
            heard: list[Heard] = []
            arriving = _arriving(ingest, dataset, periods, None if dataset.api == plan else plan, limits, begun, heard)
            stopped = take(context, dataset, arriving, done)
            done = yield from _judged(dataset, periods, done, heard, ingest.evening(begun), ingest)
            yield from told(dataset, done, platform, ingest, begun)
            yield from _heard(dataset, heard, ingest, begun)
            broken = broken or stopped
            landed += [(dataset, entry) for entry in done]
            unanswered |= {f"{dataset.api} {each.asked.name}": str(each.error) for each in heard if each.error}
    if broken:
        raise broken
    lost = [each for each in landed if each[1].status in UNANSWERED or each[1].cause not in ORDINARY]
    if failure := failed(platform, lost, unanswered):
        raise failure


def _arriving(
    ingest: Ingest,
    dataset: Dataset,
    periods: Sequence[date],
    plan: str | None,
    limits: Limits,
    begun: datetime,
    heard: list[Heard],
) -> Iterator[Coverage]:
    """Ask for what was announced on the last days, and then for what is new of the open periods."""
    ingest.prepare_periods(dataset, periods)
    heard += ingest.evening(begun).hear(dataset)
    yield from ingest.increment(dataset, periods, plan, limits, begun=begun)


def _judged(
    dataset: Dataset,
    periods: Sequence[date],
    done: list[Coverage],
    heard: Sequence[Heard],
    evening: Evening,
    ingest: Ingest,
) -> Generator[Any, None, list[Coverage]]:
    """Evaluate the checks, and return the results as they stand then, with those of periods that got rows by the way."""
    others = {period for each in heard for period in each.periods} - {*periods}
    judged = {*periods, *_periods([*done, *evening.shown(dataset, others)])}
    done = ingest.reviewed(dataset, done)
    yield from evaluations(dataset, sorted(judged, reverse=True), done, ingest)
    return [*ingest.reviewed(dataset, done), *evening.shown(dataset, others - {*_periods(done)})]


def _periods(entries: Sequence[Coverage]) -> list[date]:
    return [date.fromisoformat(entry.partition) for entry in entries]


def _heard(dataset: Dataset, heard: Sequence[Heard], ingest: Ingest, begun: datetime) -> Iterator[dg.AssetObservation]:
    """What the UI is told of the days of announcement: how many rows each had, what is new, of which periods, from whom.

    Of the dataset and not of a partition: a period that has not ended has none yet.
    """
    if not heard:
        return
    periods = sorted({period for each in heard for period in each.periods}, reverse=True)
    with ingest.engine.connect() as connection:
        companies = arrived(connection, dataset, periods, begun)
    unanswered = {each.asked.name: str(each.error) for each in heard if each.error}
    yield dg.AssetObservation(
        dataset.api,
        metadata={
            "announced": dg.MetadataValue.json({each.asked.name: each.rows for each in heard if not each.error}),
            "calls": sum(each.calls for each in heard),
            "inserted": sum(each.inserted for each in heard),
            "arrived": dg.MetadataValue.json({str(day): list(codes)[:NAMED] for day, codes in companies.items()}),
            **({"unanswered": dg.MetadataValue.json(unanswered)} if unanswered else {}),
        },
    )


@dg.job(name=JOB, description="What companies have disclosed of the open report periods, and announced of late.")
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
        description="Asks for the reports that were disclosed, and what was announced on the last days; each day of the week.",
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
