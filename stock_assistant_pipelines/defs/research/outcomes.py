"""Outcomes as an asset: how the reports of a day turned out. They follow by themselves each evening, of whichever days."""

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg

from stock_assistant_pipelines import calendar, clock
from stock_assistant_pipelines.defs.partitions import days
from stock_assistant_pipelines.defs.research import names
from stock_assistant_pipelines.defs.research.booked import POLICY, Booked, spec
from stock_assistant_pipelines.defs.research.shown import Shown
from stock_assistant_pipelines.defs.resources import Platform
from stock_assistant_pipelines.settings import SHANGHAI

if TYPE_CHECKING:
    from stock_assistant_pipelines.research.outcomes import Made

OP = "tell_outcomes"


def build_asset() -> dg.AssetsDefinition:
    """Build the asset."""

    told = spec(
        names.OUTCOMES,
        "**Outcomes** (结果): one per report and horizon of 1, 5, 20 and 60 trading days that has passed: what the stock did "
        "against index and industry, and whether the stance came true. They follow each evening.",
        [names.REPORTS],
    )

    @dg.multi_asset(name=names.OUTCOMES, specs=[told], backfill_policy=POLICY)
    def outcomes(context: dg.AssetExecutionContext, platform: dg.ResourceParam[Platform]) -> Iterator[Any]:
        booked = Booked({made.day: _shown(made) for made in _make(platform, days(list(context.partition_keys)))})
        yield from booked.show(context, names.OUTCOMES)

    return outcomes


@dg.op(name=OP, out={})
def tell_outcomes(platform: dg.ResourceParam[Platform]) -> Iterator[Any]:
    """Tell what can be told of all reports that there are, and report each day as its asset would."""
    for made in _make(platform, None):
        yield dg.AssetMaterialization(names.OUTCOMES, partition=made.day.isoformat(), metadata=_shown(made))


@dg.job(name=names.FOLLOWING, description="How reports turned out, of all days of which that can be told and was not.")
def research_follow() -> None:
    """Follow all reports."""
    tell_outcomes()


def build_schedule(platform: Platform) -> dg.ScheduleDefinition:
    """Follow the reports each evening, when the day's bars are there."""

    @dg.schedule(
        name="outcomes",
        job=research_follow,
        cron_schedule=f"{clock.OUTCOMES.minute} {clock.OUTCOMES.hour} * * 1-5",
        execution_timezone="Asia/Shanghai",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Tells how reports turned out whose horizons have passed; again where bars were corrected.",
    )
    def outcomes(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        from stock_assistant_pipelines.research.outcomes import due

        today = context.scheduled_execution_time.astimezone(SHANGHAI).date()
        with platform.look() as connection:
            wanted = due(connection, today)
        if not wanted:
            return dg.SkipReason("of no report an outcome can be told that was not")
        return dg.RunRequest(run_key=today.isoformat())

    return outcomes


def _make(platform: Platform, wanted: list[date] | None) -> "list[Made]":
    """Tell the outcomes of these days, or of all that are due."""
    from stock_assistant_pipelines.research.outcomes import due, make

    now = calendar.now()
    with platform.change() as connection:
        return make(connection, due(connection, now.date()) if wanted is None else wanted, at=now)


def _shown(made: "Made") -> Shown:
    numbers = {"reports": made.reports, "dagster/partition_row_count": made.told, "written": made.written}
    waits = {str(horizon): reason for horizon, reason in made.waits.items()}
    return {
        **{name: dg.MetadataValue.int(number) for name, number in numbers.items()},
        **({"waits": dg.MetadataValue.json(waits)} if waits else {}),
    }
