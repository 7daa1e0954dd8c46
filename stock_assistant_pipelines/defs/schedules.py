"""When it runs: every weekday after the close, once, the whole catalog for that day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from stock_assistant_pipelines.defs.partitions import TRADING_DAYS
from stock_assistant_pipelines.settings import SHANGHAI

if TYPE_CHECKING:
    from collections.abc import Sequence


def build_job(assets: Sequence[dg.AssetsDefinition]) -> dg.UnresolvedAssetJobDefinition:
    """The job that lands one trading day of every dataset, and the snapshots."""
    return dg.define_asset_job(
        "trading_day",
        selection=dg.AssetSelection.assets(*assets),
        partitions_def=TRADING_DAYS,
        description="One trading day of every dataset.",
    )


def build_schedule(job: dg.UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """Land the day at 18:30 in Shanghai, when every dataset of it is published. A holiday is booked as closed."""

    @dg.schedule(
        name="after_the_close",
        job=job,
        cron_schedule="30 18 * * 1-5",
        execution_timezone="Asia/Shanghai",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
    def after_the_close(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day = context.scheduled_execution_time.astimezone(SHANGHAI).date().isoformat()
        return dg.RunRequest(run_key=day, partition_key=day)

    return after_the_close
