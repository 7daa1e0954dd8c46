"""When research runs by itself: once for the newest trading day, in its evening, with its data there; never for older days."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from evidence_market import DAY, book
from research_location import BEFORE, Research

from stock_assistant_pipelines import lateness
from stock_assistant_pipelines.defs import clock as landing
from stock_assistant_pipelines.defs import disclosed
from stock_assistant_pipelines.defs.research import clock, names
from stock_assistant_pipelines.settings import SHANGHAI

if TYPE_CHECKING:
    from collections.abc import Iterator

EVENING = datetime(DAY.year, DAY.month, DAY.day, 22, 5, tzinfo=SHANGHAI)
FILINGS = EVENING.replace(hour=21, minute=0)


def asks(research: Research, at: datetime, cursor: str | None = None) -> tuple[str | None, str | None]:
    """The day that the sensor asks for, else why it asks for none; and its cursor."""
    repository = research.repository
    sensor = clock.build_sensor(research.platform, repository.get_job(names.DAILY), now=lambda: at)
    with dg.build_sensor_context(research.instance, cursor, repository_def=repository) as context:
        told = sensor.evaluate_tick(context)
    if not told.run_requests:
        return told.skip_message, told.cursor
    (request,) = told.run_requests
    assert request.run_key == request.partition_key
    return request.partition_key, told.cursor


def lands(research: Research, evening: datetime, status: dg.DagsterRunStatus) -> None:
    """Let a run of the evening's reports be in this state."""
    tags = {disclosed.EVENING: evening.isoformat()}
    research.instance.add_run(dg.DagsterRun(disclosed.JOB, tags=tags, status=status))


@pytest.fixture
def incomplete(research: Research) -> Iterator[Research]:
    with research.engine.begin() as connection:
        book(connection, "daily_basic", DAY.isoformat(), "partial")
    yield research
    with research.engine.begin() as connection:
        book(connection, "daily_basic", DAY.isoformat())


def test_the_day_is_asked_for_once_in_its_evening(research: Research) -> None:
    assert asks(research, EVENING - timedelta(minutes=10))[0] == BEFORE.isoformat()
    lands(research, FILINGS, dg.DagsterRunStatus.SUCCESS)
    asked, cursor = asks(research, EVENING)
    assert asked == DAY.isoformat()
    assert asks(research, EVENING + timedelta(hours=9), cursor)[0] == f"{DAY} was asked for"


def test_it_waits_until_what_is_kept_is_complete(incomplete: Research) -> None:
    assert asks(incomplete, EVENING)[0] == f"{DAY} waits for daily_basic"


def test_older_days_are_never_asked_for(research: Research) -> None:
    following = EVENING + timedelta(days=1)
    assert asks(research, following)[0] == (
        f"{following.date()} waits for daily, adj_factor, daily_basic, suspend_d, index_daily"
    )


def test_it_waits_for_the_reports_of_the_evening_until_that_should_be_over(research: Research) -> None:
    waits = f"{DAY} waits for the evening's reports"
    lands(research, FILINGS - timedelta(days=1), dg.DagsterRunStatus.SUCCESS)
    assert asks(research, EVENING)[0] == waits, "nothing has begun"
    for status in (dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE):
        lands(research, FILINGS, status)
        assert asks(research, EVENING)[0] == waits, status
    assert asks(research, EVENING.replace(hour=6) + timedelta(days=1))[0] == DAY.isoformat()
    lands(research, FILINGS, dg.DagsterRunStatus.SUCCESS)
    assert asks(research, EVENING)[0] == DAY.isoformat()


def test_who_keeps_no_reports_waits_for_none(research: Research, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lateness, "kept", lambda connection: [])
    assert asks(research, EVENING)[0] == DAY.isoformat()


@pytest.mark.parametrize(
    ("option", "told"),
    [
        ({"llm_provider": None}, "no model is configured: LLM_PROVIDER is not set"),
        ({"research_watchlist": []}, "nobody is watched: RESEARCH_WATCHLIST is not set"),
    ],
)
def test_without_a_model_or_a_watchlist_nothing_is_asked_for(
    research: Research, option: dict[str, object], told: str
) -> None:
    research.options |= option
    assert asks(research, EVENING)[0] == told


def test_research_under_way_keeps_no_day_from_being_caught_up(research: Research) -> None:
    """What lands no days leaves none of which nobody can tell."""
    keys = frozenset(map(dg.AssetKey, names.ASSETS))
    queued = dg.DagsterRunStatus.NOT_STARTED
    research.instance.add_run(dg.DagsterRun("__ASSET_JOB", status=queued, asset_selection=keys))
    research.instance.add_run(dg.DagsterRun(names.ON_DEMAND, status=queued))
    assert not landing._others_land(research.instance)
    mixed = keys | {dg.AssetKey("daily")}
    research.instance.add_run(dg.DagsterRun("__ASSET_JOB", status=queued, asset_selection=mixed))
    assert landing._others_land(research.instance)
