"""A budget that stops research is told as what it is: a quota, not a run that broke; until what waited is written."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from research_location import Research, goes_on
from sqlalchemy import text

from stock_assistant_pipelines.alerts import outbox
from stock_assistant_pipelines.calendar import now
from stock_assistant_pipelines.defs import alerts

if TYPE_CHECKING:
    from datetime import datetime

    from stock_assistant_pipelines.alerts.outbox import Alert


class Watch:
    """The sensor `alerts`, from tick to tick."""

    def __init__(self, research: Research) -> None:
        self.research = research
        self.cursor: str | None = None
        with research.engine.begin() as connection:
            connection.execute(text("truncate alert cascade"))

    def runs(self, at: datetime) -> list[Alert]:
        """What is told of runs at a moment."""
        sensor = alerts.build_sensor(self.research.platform, now=lambda: at)
        with dg.build_sensor_context(self.research.instance, self.cursor) as context:
            self.cursor = sensor.evaluate_tick(context).cursor
        with self.research.engine.connect() as connection:
            return [each for each in outbox.alerts(connection) if ":run of " in each.cause]


@pytest.fixture
def watch(research: Research) -> Watch:
    """A watch that began before anything ran."""
    watch = Watch(research)
    assert watch.runs(now()) == []
    return watch


def test_a_used_up_budget_is_a_quota_until_what_waited_is_written(
    research: Research, watch: Watch, stopped: dg.ExecuteInProcessResult
) -> None:
    (alert,) = watch.runs(now())
    assert (alert.cause.partition(":")[0], alert.severity) == ("quota", "warning")
    assert "a budget of the language models is used up" in alert.title
    assert "原因 Why: the budget of the day, CNY" in alert.body
    assert stopped.run_id in alert.body
    assert [each.cause for each in watch.runs(now() + timedelta(days=1))] == [alert.cause]
    research.options |= {"llm_budget_day": Decimal(10_000), "llm_concurrency": 16}
    request = goes_on(research, now())
    assert isinstance(request, dg.RunRequest)
    assert research.follow(request).success
    assert watch.runs(now()) == []


def test_a_model_that_cannot_be_asked_is_a_failure(research: Research, watch: Watch) -> None:
    research.options["llm_base_url"] = "http://127.0.0.1:9/v1"
    assert not research.run().success
    (alert,) = watch.runs(now())
    assert (alert.cause.partition(":")[0], alert.severity) == ("failed", "critical")
    assert "no model can be asked: sandbox/sandbox-rules: cannot be reached" in alert.body
