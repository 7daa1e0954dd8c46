"""Runs whose death is noticed: each holds a lock in PostgreSQL while it lives, and a sensor fails those that hold none.

Dagster itself cannot tell whether a run lives once its code server is gone: such a run would stay STARTED for hours. Why a
sensor does it, and not run monitoring: docs/decisions/0009-runs-that-die.md.
"""

import json
from collections.abc import Iterator
from typing import Any, cast

import dagster as dg
from dagster._core.storage.tags import DOCKER_IMAGE_TAG, GRPC_INFO_TAG

from stock_assistant_pipelines.defs import logged
from stock_assistant_pipelines.defs.resources import Platform
from stock_assistant_pipelines.warehouse.database import available
from stock_assistant_pipelines.warehouse.embedded import conninfo
from stock_assistant_pipelines.warehouse.presence import is_present, present

EVERY = 30
"""Seconds between two looks. A live run may be without its lock at one of them: as it starts or ends, or PostgreSQL does."""

LAUNCHED = {GRPC_INFO_TAG, DOCKER_IMAGE_TAG}
"""Tags of which a run has one that a launcher started: in a code server, or as a Kubernetes job."""


class LivingExecutor(dg.Executor):
    """Runs all steps in the run's own process, and holds the run's lock meanwhile."""

    def __init__(self, steps: dg.Executor, platform: Platform) -> None:
        self._steps = steps
        self._platform = platform

    @property
    def retries(self) -> Any:
        """How steps are retried."""
        return self._steps.retries

    @property
    def step_dependency_config(self) -> Any:
        """When a step may start."""
        return self._steps.step_dependency_config

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[dg.DagsterEvent]:
        """Run the steps."""
        with (
            available(self._platform.settings) as database,
            present(conninfo(database.url), _name(plan_context.run_id)),
            logged.of_run(plan_context.run_id),
        ):
            yield from self._steps.execute(plan_context, execution_plan)


def build_executor(platform: Platform) -> dg.ExecutorDefinition:
    """All steps in the run's process: one of its own costs 6.5 s. It takes the configuration that Dagster's own takes."""
    original = dg.in_process_executor

    def create(context: dg.InitExecutorContext) -> dg.Executor:
        assert original.executor_creation_fn is not None
        return LivingExecutor(original.executor_creation_fn(context), platform)

    return dg.ExecutorDefinition(
        name=original.name,
        config_schema=cast("Any", original.config_schema),
        executor_creation_fn=create,
        description=original.description,
    )


def build_sensor(platform: Platform) -> dg.SensorDefinition:
    """Fail the runs whose process is gone, so that they are started again: nobody held the lock at two looks in a row."""

    @dg.sensor(
        name="lost_runs",
        minimum_interval_seconds=EVERY,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Fails runs whose process is gone, as when the code server was killed with them: they are started again.",
    )
    def lost_runs(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        before = set(json.loads(context.cursor or "[]"))
        with available(platform.settings) as database:
            free = without_lock(context.instance, conninfo(database.url))
        lost = [run for run in free if run.run_id in before]
        for run in lost:
            fail(context.instance, run)
        context.update_cursor(json.dumps([run.run_id for run in free if run not in lost]))
        return dg.SkipReason(f"{len(lost)} runs were lost, and are started again" if lost else "no run is lost")

    return lost_runs


def without_lock(instance: dg.DagsterInstance, conninfo: str) -> list[dg.DagsterRun]:
    """The runs that were launched, and whose lock nobody holds: gone, or just starting or ending."""
    started = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    # What the command line runs in its own process has no lock, and was not launched.
    return [run for run in started if LAUNCHED & run.tags.keys() and not is_present(conninfo, _name(run.run_id))]


def fail(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Book a run as failed, unless it has ended meanwhile."""
    now = instance.get_run_by_id(run.run_id)
    if now and now.status is dg.DagsterRunStatus.STARTED:
        instance.report_run_failed(now, "The process of this run is gone: nobody holds its lock.")


def _name(run_id: str) -> str:
    return f"run {run_id}"
