"""After days without a run the missing ones arrive without anyone asking, and in the evening the recent ones are read again."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

import dagster as dg
import pytest
from dagster._core.storage.tags import GRPC_INFO_TAG
from databases import copied, landed
from sqlalchemy import delete, select, text, update

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.defs import clock
from stock_assistant_pipelines.defs.resources import PRIORITY, Platform, urgent
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.tables import COVERAGE, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from code_location import CodeLocation
    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.ingest import Ingest
    from stock_assistant_pipelines.sandbox.server import Running
    from stock_assistant_pipelines.warehouse.database import Database

NOW = datetime(2026, 3, 4, 20, 0, tzinfo=SHANGHAI)
BEFORE = [date(2026, 2, 11), date(2026, 2, 12), date(2026, 2, 13)]
"""The last trading days before the holidays of the Spring Festival, 16 to 23 February 2026."""
MISSED = [
    date(2026, 2, 24) + timedelta(days=at) for at in range(9) if (date(2026, 2, 24) + timedelta(days=at)).weekday() < 5
]


@pytest.fixture(scope="module")
def before(postgres: URL, sandbox_server: Running) -> Iterator[str]:
    """A database as it was before the holidays."""
    with landed(postgres, sandbox_server, dict.fromkeys(("daily", "adj_factor"), BEFORE)) as template:
        yield template


@pytest.fixture
def database(request: pytest.FixtureRequest, postgres: URL, before: str) -> Iterator[Database]:
    """A copy of it for a test of an installation that was stopped then; an empty one for the others."""
    with copied(postgres, before if "stopped" in request.fixturenames else "template") as database:
        yield database


@pytest.fixture
def stopped(ingest: Ingest) -> Ingest:
    """An installation that was stopped before the holidays."""
    return ingest


def evaluate(location: CodeLocation, now: datetime = NOW) -> dg.RunRequest | str | None:
    """What the sensor asks for, or why it asks for nothing."""
    sensor = clock.build_sensor(Platform(location.settings), now=lambda: now)
    with dg.build_sensor_context(instance=location.instance) as context:
        told = sensor.evaluate_tick(context)
    return told.run_requests[0] if told.run_requests else told.skip_message


def fill(location: CodeLocation, request: dg.RunRequest) -> bool:
    """Carry out what was asked for."""
    job = location.repository.get_job("fill")
    return job.execute_in_process(
        instance=location.instance, run_config=request.run_config, raise_on_error=False
    ).success


def statuses(engine: Engine, name: str) -> dict[str, str]:
    """What is booked of a dataset."""
    query = select(COVERAGE.c.partition, COVERAGE.c.status).where(COVERAGE.c.dataset == name)
    with engine.connect() as connection:
        return {row.partition: row.status for row in connection.execute(query)}


def test_after_the_holidays_and_seven_days_more_everything_arrives_and_then_nothing_is_due(
    stopped: Ingest, location: CodeLocation, engine: Engine
) -> None:
    request = evaluate(location)
    assert isinstance(request, dg.RunRequest)
    assert fill(location, request)
    for name in ("daily", "adj_factor"):
        booked = statuses(engine, name)
        assert {booked[day.isoformat()] for day in MISSED} == {Status.COMPLETE}
        assert booked["2026-02-16"] == booked["2026-02-23"] == Status.CLOSED
        assert max(booked) == "2026-03-04"
    assert evaluate(location) == "nothing is due"


def test_a_dataset_of_which_nothing_has_landed_is_not_asked_for(stopped: Ingest, location: CodeLocation) -> None:
    request = evaluate(location)
    assert isinstance(request, dg.RunRequest)
    asked = request.run_config["ops"]["land_days"]["config"]["days"]
    assert {"daily", "adj_factor"} <= asked.keys()
    assert not {"daily_basic", "stk_limit", "index_daily"} & asked.keys()


def under_way(location: CodeLocation, run_id: str, job: str = "fill", **tags: str) -> None:
    """Let a run be under way, of a job, with these tags."""
    location.instance.add_run(dg.DagsterRun(job_name=job, run_id=run_id, status=dg.DagsterRunStatus.STARTED, tags=tags))


def test_nothing_is_asked_for_while_a_run_of_the_clock_is_under_way(stopped: Ingest, location: CodeLocation) -> None:
    under_way(location, "1" * 32, **{PRIORITY: "10"})
    assert evaluate(location) == "a run of the clock is under way: what it lands need not be caught up"


def test_while_a_backfill_is_under_way_only_the_recent_days_are_asked_for(
    stopped: Ingest, location: CodeLocation
) -> None:
    under_way(location, "1" * 32, job="__ASSET_JOB", **{GRPC_INFO_TAG: "{}"})
    request = evaluate(location)
    assert isinstance(request, dg.RunRequest)
    asked = request.run_config["ops"]["land_days"]["config"]["days"]
    assert asked["daily"] == ["2026-03-04", "2026-03-03", "2026-03-02", "2026-02-27", "2026-02-26"]


def test_neither_tidying_nor_a_run_that_nobody_looks_after_keeps_days_waiting(
    stopped: Ingest, location: CodeLocation
) -> None:
    under_way(location, "1" * 32, job="tidy", **{GRPC_INFO_TAG: "{}"})
    under_way(location, "2" * 32)
    request = evaluate(location)
    assert isinstance(request, dg.RunRequest)
    asked = request.run_config["ops"]["land_days"]["config"]["days"]["daily"]
    assert {day.isoformat() for day in MISSED} <= set(asked)


def test_a_complete_day_that_dagster_shows_as_failed_is_judged_and_shown_without_a_call(
    stopped: Ingest, location: CodeLocation, sandbox: Running
) -> None:
    request = evaluate(location)
    assert isinstance(request, dg.RunRequest)
    sandbox.inject("empty:api=daily:day=20260302")
    assert not fill(location, request)
    sandbox.heal()
    assert "2026-03-02" not in location.materialized("daily")
    assert all(entry.settled for entry in stopped.land(CATALOG["daily"], [date(2026, 3, 2)]))
    sandbox.forget()
    again = evaluate(location)
    assert isinstance(again, dg.RunRequest)
    asked = again.run_config["ops"]["land_days"]["config"]["days"]
    assert asked == {"daily": ["2026-03-02"], "suspend_d": ["2026-03-02"]}, "the bars prove the suspensions"
    assert fill(location, again)
    assert sandbox.calls() == []
    assert "2026-03-02" in location.materialized("daily")
    assert evaluate(location) == "nothing is due"


def test_the_same_request_has_the_same_key_for_half_an_hour(stopped: Ingest, location: CodeLocation) -> None:
    keys = []
    for minutes in (0, 20, 40):
        request = evaluate(location, NOW + timedelta(minutes=minutes))
        assert isinstance(request, dg.RunRequest)
        keys.append(request.run_key)
    assert keys[0] == keys[1] != keys[2]


def test_what_the_quota_of_a_day_deferred_resumes_on_the_next_day(
    stopped: Ingest, location: CodeLocation, engine: Engine, sandbox: Running
) -> None:
    first = evaluate(location)
    assert isinstance(first, dg.RunRequest)
    assert fill(location, first)
    with engine.begin() as connection:
        connection.execute(delete(COVERAGE).where(COVERAGE.c.dataset == "daily", COVERAGE.c.partition == "2026-03-04"))
        connection.execute(text("delete from daily where trade_date = '2026-03-04'"))
    sandbox.inject("throttle_day:api=daily")
    second = evaluate(location)
    assert isinstance(second, dg.RunRequest)
    assert not fill(location, second)
    assert statuses(engine, "daily")["2026-03-04"] == Status.DEFERRED
    sandbox.heal()
    with engine.begin() as connection:  # the run's clock is the real one; the sensor's is March 2026
        connection.execute(text("delete from quota"))
        connection.execute(update(COVERAGE).where(COVERAGE.c.status == Status.DEFERRED).values(landed_at=NOW))
    assert evaluate(location, NOW + timedelta(hours=3)) == "nothing is due"
    third = evaluate(location, NOW + timedelta(hours=5))
    assert isinstance(third, dg.RunRequest)
    assert third.run_config["ops"]["land_days"]["config"]["days"]["daily"] == ["2026-03-04"]
    assert fill(location, third)
    assert statuses(engine, "daily")["2026-03-04"] == Status.COMPLETE


def asks(location: CodeLocation, schedule: str, moment: datetime) -> dg.RunRequest | str | None:
    """What a schedule asks for at a moment, or why it asks for nothing."""
    schedules = {one.name: one for one in clock.build_schedules(Platform(location.settings))}
    context = dg.build_schedule_context(instance=location.instance, scheduled_execution_time=moment)
    told = schedules[schedule].evaluate_tick(context)
    return told.run_requests[0] if told.run_requests else told.skip_message


def look_again(location: CodeLocation, day: datetime) -> dg.RunRequest | str | None:
    """What the evening's schedule asks for."""
    return asks(location, "look_again", day)


@pytest.mark.parametrize(
    ("schedule", "names"), [("published_0920", {"adj_factor"}), ("published_1600", {"daily", "suspend_d"})]
)
def test_each_dataset_is_asked_for_when_it_is_published_those_of_one_hour_together(
    stopped: Ingest, location: CodeLocation, schedule: str, names: set[str]
) -> None:
    request = asks(location, schedule, datetime(2026, 3, 4, 16, 15, tzinfo=SHANGHAI))
    assert isinstance(request, dg.RunRequest)
    assert request.run_config["ops"]["land_days"]["config"]["days"] == {name: ["2026-03-04"] for name in names}
    assert (request.run_key, urgent(request.tags)) == ("2026-03-04", True)
    assert fill(location, request)


def test_on_a_holiday_no_dataset_is_asked_for(stopped: Ingest, location: CodeLocation) -> None:
    told = asks(location, "published_1600", datetime(2026, 2, 23, 16, 15, tzinfo=SHANGHAI))
    assert told == "the market is closed on 2026-02-23: the evening books it"


def test_a_weekday_that_the_calendar_does_not_know_is_asked_for(
    stopped: Ingest, location: CodeLocation, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.execute(text("delete from trade_cal where cal_date >= '2026-02-23'"))
    assert isinstance(asks(location, "published_1600", datetime(2026, 2, 23, 16, 15, tzinfo=SHANGHAI)), dg.RunRequest)


def test_what_nobody_landed_is_not_asked_for_at_its_publication(stopped: Ingest, location: CodeLocation) -> None:
    told = asks(location, "published_1700", datetime(2026, 3, 4, 17, 15, tzinfo=SHANGHAI))
    assert told == "nothing has landed yet: start with a backfill"


def test_a_day_of_the_whole_catalog_is_one_run_of_all_assets_but_the_reports(location: CodeLocation) -> None:
    """What `Materialize` does in the UI for all assets and one partition."""
    daily = [dataset for dataset in CATALOG.values() if not dataset.by_period]
    assert location.run(*(each.api for each in daily), first="2026-03-02", last="2026-03-02").success
    for dataset in daily:
        record = location.instance.get_latest_materialization_event(dg.AssetKey(dataset.api))
        assert record is not None
        assert record.asset_materialization is not None
        assert record.asset_materialization.partition == ("2026-03-02" if dataset.partitioned else None)


def test_the_evening_fetches_the_window_again_and_finds_what_was_corrected(
    stopped: Ingest, location: CodeLocation, engine: Engine
) -> None:
    with engine.begin() as connection:
        connection.execute(text("update daily set close = close + 1 where trade_date = '2026-02-13'"))
    request = look_again(location, datetime(2026, 2, 13, 20, 0, tzinfo=SHANGHAI))
    assert isinstance(request, dg.RunRequest)
    config = request.run_config["ops"]["land_days"]["config"]
    assert config["refetch"]
    assert config["days"]["daily"][:3] == ["2026-02-13", "2026-02-12", "2026-02-11"]
    assert len(config["days"]["daily"]) == 5
    assert config["days"]["stock_basic"] == []
    assert fill(location, request)
    with engine.connect() as connection:
        corrected = connection.execute(
            text("select count(*) from superseded where partition = '2026-02-13'")
        ).scalar_one()
    assert corrected > 40


def test_on_a_holiday_the_evening_books_the_day_as_closed_and_asks_for_no_other(
    stopped: Ingest, location: CodeLocation
) -> None:
    request = look_again(location, datetime(2026, 2, 23, 20, 0, tzinfo=SHANGHAI))
    assert isinstance(request, dg.RunRequest)
    assert request.run_config["ops"]["land_days"]["config"]["days"]["daily"] == ["2026-02-23"]


def test_an_empty_installation_is_left_alone(location: CodeLocation, engine: Engine) -> None:
    assert evaluate(location) == "nothing is due"
    assert look_again(location, NOW) == "nothing has landed yet: start with a backfill"
