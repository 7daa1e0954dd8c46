"""What a run of the research leaves undone: it says so in its tags, and the sensor `research_goes_on` asks for it again.

A budget that is used up stops all until it begins anew or is raised; what no model answered for is tried three times more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

import dagster as dg

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.defs.research import names
from stock_assistant_pipelines.defs.resources import Platform
from stock_assistant_pipelines.research.ledger import BudgetExhausted
from stock_assistant_pipelines.settings import Settings

if TYPE_CHECKING:
    from stock_assistant_pipelines.research.session import Session

FOR, AGAIN, DAYS, BUDGET, TRIES, RUN = (
    f"stock_assistant/research_{name}" for name in ("waits_for", "goes_on", "days", "budget", "tries", "run")
)
"""The tags of a run that left something: for what it waits, when it goes on, which days, which budget, which try it was; and
which run it is, since one that is executed again inherits them."""

ANSWER = "an answer"
BUDGETS = ("budget of the day", "budget of the month")
"""What is waited for."""

PAUSE, MOST_TRIES = timedelta(hours=1), 3
"""How long what nobody answered for is left alone, and how often it is asked for again by itself."""

REACH = timedelta(days=40)
"""How far back runs are looked at: further than any budget lasts."""

RUN_KEY = "dagster/run_key"
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
"""The tags by which Dagster knows what a run was asked for by, and which partitions it is for."""


@dataclass(frozen=True)
class Wait:
    """For what the days of a run wait."""

    cause: str
    again: datetime
    days: tuple[date, ...]
    budget: Decimal | None = None
    tries: int = 0

    @classmethod
    def of_budget(cls, error: BudgetExhausted, days: Collection[date]) -> Self:
        """The wait for a budget of the day or the month."""
        assert error.ends is not None, "the budget of a report stops no run"
        return cls(f"budget of the {error.span}", error.ends, tuple(days), error.budget)

    @classmethod
    def of_answer(cls, run: dg.DagsterRun, days: Collection[date], now: datetime) -> Self | None:
        """The wait for a model that answers; None: it was waited for often enough."""
        tries = int(run.tags.get(TRIES, 0)) + 1
        return cls(ANSWER, now + PAUSE, tuple(days), tries=tries) if tries <= MOST_TRIES else None

    @classmethod
    def read(cls, run: dg.DagsterRun) -> Self | None:
        """The wait that the tags of a run tell; None: it left nothing."""
        if run.tags.get(RUN) != run.run_id:
            return None
        budget = run.tags.get(BUDGET)
        days = (date.fromisoformat(day) for day in run.tags[DAYS].split(","))
        again, tries = datetime.fromisoformat(run.tags[AGAIN]), int(run.tags.get(TRIES, 0))
        return cls(run.tags[FOR], again, tuple(days), Decimal(budget) if budget else None, tries)

    def tell(self, instance: dg.DagsterInstance, run_id: str) -> None:
        """Tell it in the tags of a run."""
        days = ",".join(day.isoformat() for day in self.days)
        tags = {FOR: self.cause, AGAIN: self.again.isoformat(), DAYS: days, TRIES: str(self.tries), RUN: run_id}
        instance.add_run_tags(run_id, tags if self.budget is None else {**tags, BUDGET: str(self.budget)})

    def work(self, run: dg.DagsterRun) -> dict[str, list[str]]:
        """What is left of a run: by asset, the first and the last day; nothing of one that is for no asset."""
        span = [min(self.days).isoformat(), max(self.days).isoformat()]
        return {} if run.job_name == names.ON_DEMAND else {name: list(span) for name in names.WRITTEN}

    def is_over(self, settings: Settings, now: datetime) -> bool:
        """Whether it can go on: the time has come, or the budget was raised."""
        raised = {BUDGETS[0]: settings.llm_budget_day, BUDGETS[1]: settings.llm_budget_month}.get(self.cause)
        return now >= self.again or (raised is not None and self.budget is not None and raised > self.budget)


def of_budget(run: dg.DagsterRun) -> Wait | None:
    """For which budget a run waits; None: for none."""
    wait = Wait.read(run)
    return wait if wait and wait.cause in BUDGETS else None


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
    for run in instance.get_runs(filters):
        wait = Wait.read(run)
        if wait is None or instance.get_runs_count(dg.RunsFilter(tags={RUN_KEY: run.run_id})):
            continue
        if run.job_name != names.ON_DEMAND:
            wait = replace(wait, days=tuple(day for day in wait.days if day not in seen))
            seen |= {*wait.days}
        if wait.days:
            found[run.run_id] = wait
    return found


def _request(run: dg.DagsterRun, wait: Wait, session: Session) -> dg.RunRequest | None:
    """What does the rest of a run's work: the same stocks again, or its days; None: nothing is left of it."""
    tries = {TRIES: str(wait.tries)}
    if run.job_name == names.ON_DEMAND:
        return dg.RunRequest(run.run_id, run_config=run.run_config, job_name=names.ON_DEMAND, tags=tries)
    days = [day.isoformat() for day in wait.days if session.lacking(day)]
    if not days:
        return None
    return dg.RunRequest(
        run.run_id,
        job_name=names.DAILY,
        asset_selection=[dg.AssetKey(name) for name in names.WRITTEN],
        tags={RANGE_START: min(days), RANGE_END: max(days), **tries},
    )
