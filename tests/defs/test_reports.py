"""Report periods in Dagster: one run lands many, and each evening asks for what companies have disclosed."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from sqlalchemy import text, update

from stock_assistant_pipelines.defs import clock
from stock_assistant_pipelines.defs.resources import Platform
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.tables import COVERAGE, METADATA, Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from code_location import CodeLocation
    from sqlalchemy import Engine

    from stock_assistant_pipelines.sandbox.server import Running

FIRST, LAST = "2025-06-30", "2025-09-30"
BOTH = {"2025-06-30", "2025-09-30"}
FIXED = datetime(2026, 3, 4, 20, 0, tzinfo=SHANGHAI)
"""Where the clock of the sandbox stands in the other tests."""


@pytest.fixture
def today(sandbox: Running) -> Iterator[Running]:
    """The sandbox at this very day: a run of Dagster knows no other."""
    sandbox.set_clock(None)
    yield sandbox
    sandbox.set_clock(FIXED)


def newest(location: CodeLocation, name: str, partition: str) -> dict[str, Any]:
    """The metadata of the newest materialization or observation of a partition."""
    wanted = dg.AssetRecordsFilter(asset_key=dg.AssetKey(name), asset_partitions=[partition])
    told = [
        *location.instance.fetch_materializations(wanted, limit=1).records,
        *location.instance.fetch_observations(wanted, limit=1).records,
    ]
    record = max(told, key=lambda one: one.storage_id)
    event = record.asset_materialization or record.event_log_entry.asset_observation
    assert event is not None
    return {key: value.value for key, value in event.metadata.items()}


def test_one_run_lands_many_periods_after_the_plan_that_they_are_judged_by(
    location: CodeLocation, today: Running
) -> None:
    result = location.run("disclosure_date", "income", "balancesheet", first=FIRST, last=LAST)
    assert result.success
    for name in ("disclosure_date", "income", "balancesheet"):
        assert location.materialized(name) == BOTH
    made = [call["api"] for call in today.calls() if call["api"] != "stock_basic"]
    assert made[:2] == ["disclosure_date"] * 2
    assert made.count("disclosure_date") == 2, "whoever needs the plan finds it there"


def test_a_period_shows_what_arrived_and_from_whom(location: CodeLocation, today: Running) -> None:
    location.run("income", first=FIRST, last=LAST)
    shown = newest(location, "income", LAST)
    assert shown["status"] == "complete"
    assert shown["companies"] == shown["expected"] == len({*shown["arrived"]}) + max(0, shown["companies"] - 50)
    assert shown["dagster/partition_row_count"] == shown["inserted"] > shown["companies"]
    assert shown["rows"].endswith("/datasets/income/rows?period=20250930")
    location.run("income", first=FIRST, last=LAST, refetch=True)
    again = newest(location, "income", LAST)
    assert (again["inserted"], again["updated"]) == (0, 0)
    assert "arrived" not in again


def test_who_is_missing_is_named_and_the_run_fails(location: CodeLocation, today: Running) -> None:
    location.run("disclosure_date", first=FIRST, last=LAST)
    today.inject("half:api=income:times=1")
    result = location.run("income", first=FIRST, last=LAST)
    assert not result.success
    (told,) = {FIRST, LAST} - location.materialized("income")
    shown = newest(location, "income", told)
    assert shown["status"] == "partial"
    assert shown["missing"] == len(shown["missing_keys"])
    assert location.run("income", first=FIRST, last=LAST).success
    assert location.materialized("income") == BOTH


def test_the_checks_of_reports(location: CodeLocation, today: Running) -> None:
    result = location.run("balancesheet", first=FIRST, last=LAST)
    told = {one.check_name: one for one in result.get_asset_check_evaluations()}
    assert told.keys() == {"complete", "keys", "versions", "ann_after_period", "balance"}
    assert {name for name, one in told.items() if not one.passed} <= {"ann_after_period"}
    assert told["balance"].description == "it holds on 2 days"


def test_versions_that_are_gone_are_found_by_the_next_run(
    location: CodeLocation, today: Running, engine: Engine
) -> None:
    location.run("forecast", first=FIRST, last=LAST)
    table = METADATA.tables["forecast"]
    with engine.begin() as connection:
        connection.execute(
            update(table).where(table.c.end_date == date(2025, 9, 30)).values(end_date=date(2020, 9, 30))
        )
        connection.execute(
            update(COVERAGE).where(COVERAGE.c.dataset == "forecast").values(landed=COVERAGE.c.landed + 1)
        )
    today.inject("empty:api=forecast")
    result = location.run("forecast", first=FIRST, last=LAST, refetch=True)
    assert not result.success
    (told,) = (one for one in result.get_asset_check_evaluations() if one.check_name == "versions")
    assert (told.passed, told.metadata["rows"].value) == (False, 2)


def test_what_an_error_kept_from_being_complete_is_caught_up(
    location: CodeLocation, today: Running, engine: Engine
) -> None:
    location.run("disclosure_date", first=FIRST, last=LAST)
    today.inject("throttle_day:api=income")
    location.run("income", first=FIRST, last=LAST)
    today.heal()
    sensor = clock.build_sensor(Platform(location.settings), now=lambda: datetime.now(UTC) + timedelta(days=1, hours=3))
    with dg.build_sensor_context(instance=location.instance) as context:
        (request,) = sensor.evaluate_tick(context).run_requests or [None]
    assert request is not None
    config = request.run_config["ops"]["land_days"]["config"]
    assert config["days"]["income"] == [LAST, FIRST]
    with engine.connect() as connection:
        booked = connection.execute(text("select distinct status from coverage where dataset = 'income'")).scalars()
        assert [*booked] == [Status.DEFERRED]
    job = location.repository.get_job("fill")
    config = {"ops": {"land_days": {"config": {"days": {"income": [LAST, FIRST]}}}}}
    assert job.execute_in_process(instance=location.instance, run_config=config, raise_on_error=False).success
    assert location.materialized("income") == BOTH
