"""How reports turned out is told by itself, each evening, of all days of which it can be told; or of days asked for."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from evidence_market import DAY, MAIN
from made_reports import report
from research_location import BEFORE, CLOSED, Research
from sqlalchemy import select

from stock_assistant_pipelines.defs.research import names, outcomes
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.tables import RESEARCH_OUTCOME

if TYPE_CHECKING:
    from datetime import date

EVENING = datetime(DAY.year, DAY.month, DAY.day, 22, 30, tzinfo=SHANGHAI)


@pytest.fixture
def reported(research: Research) -> Research:
    """Reports of two days in a row: of the first it can be told how it turned out a day later."""
    with research.engine.begin() as connection:
        report(connection, MAIN, BEFORE)
        report(connection, MAIN, DAY)
    return research


def told(research: Research) -> list[tuple[str, int, date]]:
    with research.engine.connect() as connection:
        table = RESEARCH_OUTCOME.c
        return [(*row,) for row in connection.execute(select(table.report_id, table.horizon, table.end_date))]


def scheduled(research: Research, at: datetime) -> dg.RunRequest | str | None:
    schedule = outcomes.build_schedule(research.platform)
    with dg.build_schedule_context(instance=research.instance, scheduled_execution_time=at) as context:
        asked = schedule.evaluate_tick(context)
    return asked.run_requests[0] if asked.run_requests else asked.skip_message


def test_reports_are_followed_by_themselves_once(reported: Research) -> None:
    request = scheduled(reported, EVENING)
    assert isinstance(request, dg.RunRequest)
    done = outcomes.research_follow.execute_in_process(
        instance=reported.instance, resources={"platform": reported.platform}
    )
    assert done.success
    ((report_id, horizon, end),) = told(reported)
    assert report_id.startswith(f"{MAIN}-{BEFORE:%Y%m%d}")
    assert (horizon, end) == (1, DAY)
    assert reported.materialized(names.OUTCOMES) == {BEFORE.isoformat()}
    shown = reported.shown(names.OUTCOMES, BEFORE)
    assert (shown["reports"], shown["dagster/partition_row_count"], shown["written"]) == (1, 1, 1)
    assert set(shown["waits"]) == {"5", "20", "60"}
    assert scheduled(reported, EVENING + timedelta(days=1)) == "of no report an outcome can be told that was not"


def test_the_days_that_are_asked_for_are_told_as_far_as_can_be(reported: Research) -> None:
    assert reported.run(names.OUTCOMES, first=BEFORE).success
    assert len(told(reported)) == 1
    assert reported.materialized(names.OUTCOMES) == {BEFORE.isoformat(), DAY.isoformat()}
    assert reported.shown(names.OUTCOMES, DAY)["dagster/partition_row_count"] == 0
    assert "2025-03-04 is not complete" in reported.shown(names.OUTCOMES, DAY)["waits"]["1"]
    assert reported.run(names.OUTCOMES, first=CLOSED, last=CLOSED).success
    assert "no trading day" in reported.shown(names.OUTCOMES, CLOSED)["waits"]["1"]
