"""What a run of the research leaves undone: it says so in its tags, and the sensor `research_goes_on` asks for it again.

A budget that is used up stops all until it begins anew or is raised; what no model answered for is tried three times more.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Self

import dagster as dg

from stock_assistant_pipelines.defs.research import names
from stock_assistant_pipelines.research.ledger import BudgetExhausted
from stock_assistant_pipelines.settings import Settings

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

    def after_death(self, record: dg.RunRecord) -> Self | None:
        """The wait of what a run that died was to do; None: it was tried often enough."""
        tries = int(record.dagster_run.tags.get(TRIES, 0)) + 1
        again = record.update_timestamp + PAUSE
        return type(self)(ANSWER, again, self.days, tries=tries) if tries <= MOST_TRIES else None

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
