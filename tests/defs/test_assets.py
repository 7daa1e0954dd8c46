"""A run lands its partitions and books each by itself."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from code_location import CodeLocation
from sqlalchemy import func, select, text

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.defs.checks import specs
from stock_assistant_pipelines.defs.freshness import FRESH
from stock_assistant_pipelines.sandbox.server import running
from stock_assistant_pipelines.warehouse.tables import COVERAGE, METADATA

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from stock_assistant_pipelines.sandbox.server import Running
    from stock_assistant_pipelines.settings import Settings

WEEK = {"first": "2026-02-23", "last": "2026-03-04"}
"""Eight weekdays, of which Monday the 23rd is the last day of the Spring Festival."""
BAD = {"2026-02-26", "2026-03-02"}
DAYS = {"2026-02-23", "2026-02-24", "2026-02-25", "2026-02-26", "2026-02-27", "2026-03-02", "2026-03-03", "2026-03-04"}


def half_and_empty(sandbox: Running) -> None:
    sandbox.inject("half:api=daily:day=20260302:times=1", "empty:api=daily:day=20260226:times=1")


def daily_days(sandbox: Running) -> list[str]:
    """The days that were asked for: whole, or, from the first of a span on, of some codes."""
    asked = [call["params"] for call in sandbox.calls() if call["api"] == "daily"]
    return sorted(params.get("trade_date") or params["start_date"] for params in asked)


def checks(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {one.check_name: one.passed for one in of_the_rows(result)}


def of_the_rows(result: dg.ExecuteInProcessResult) -> list[dg.AssetCheckEvaluation]:
    """What was checked of the rows; that they are not of today is no fault of theirs."""
    return [one for one in result.get_asset_check_evaluations() if one.check_name != FRESH]


def test_one_bad_day_shows_what_it_lacks_and_does_not_undo_its_neighbours(
    location: CodeLocation, sandbox: Running
) -> None:
    half_and_empty(sandbox)
    result = location.run("daily", **WEEK)
    assert not result.success
    assert checks(result)["complete"] is False
    assert location.materialized("daily") == DAYS - BAD
    records = location.instance.fetch_observations(dg.AssetKey("daily"), limit=10).records
    shown = {record.partition_key: record.asset_observation.metadata for record in records}  # type: ignore[union-attr]
    assert set(shown) == BAD
    assert shown["2026-03-02"]["status"].value == "partial"
    assert shown["2026-03-02"]["missing"].value == shown["2026-03-02"]["expected"].value // 2
    assert shown["2026-02-26"]["status"].value == "empty"


def test_a_second_run_fetches_only_what_is_missing(location: CodeLocation, sandbox: Running) -> None:
    half_and_empty(sandbox)
    location.run("daily", **WEEK)
    sandbox.forget()
    assert location.run("daily", **WEEK).success
    assert daily_days(sandbox) == ["20260226", "20260302"]
    assert location.materialized("daily") == DAYS


def test_refetching_writes_nothing_when_nothing_has_changed(
    location: CodeLocation, sandbox: Running, engine: Engine
) -> None:
    location.run("daily", **WEEK)
    sandbox.forget()
    assert location.run("daily", **WEEK, refetch=True).success
    assert len(daily_days(sandbox)) == 7
    with engine.connect() as connection:
        written = connection.execute(
            select(func.sum(COVERAGE.c.inserted + COVERAGE.c.updated + COVERAGE.c.deleted)).where(
                COVERAGE.c.dataset == "daily"
            )
        )
        assert written.scalar_one() == 0


def test_the_retry_of_a_refetching_run_fetches_only_what_that_run_did_not(
    location: CodeLocation, sandbox: Running
) -> None:
    sandbox.inject("http_502:api=daily:day=20260227:times=5")
    first = location.run("daily", **WEEK, refetch=True)
    sandbox.forget()
    assert location.run("daily", **WEEK, refetch=True, root=first.run_id).success
    assert daily_days(sandbox) == ["20260227"]


def test_a_market_holiday_is_booked_as_closed_and_nothing_is_asked(location: CodeLocation, sandbox: Running) -> None:
    assert location.run("daily", first="2026-02-23", last="2026-02-23").success
    assert daily_days(sandbox) == []
    event = location.instance.get_latest_materialization_event(dg.AssetKey("daily"))
    assert event is not None
    assert event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    assert (metadata["status"].value, metadata["dagster/partition_row_count"].value) == ("closed", 0)


def test_each_partition_carries_its_own_metadata(location: CodeLocation, engine: Engine) -> None:
    location.run("daily", **WEEK)
    records = location.instance.fetch_materializations(dg.AssetKey("daily"), limit=20).records
    shown = {record.partition_key: record.asset_materialization.metadata for record in records}  # type: ignore[union-attr]
    assert set(shown) == DAYS
    bar = METADATA.tables["daily"]
    with engine.connect() as connection:
        rows = dict(connection.execute(select(bar.c.trade_date, func.count()).group_by(bar.c.trade_date)).all())
    for day, count in rows.items():
        metadata = shown[day.isoformat()]
        assert metadata["dagster/partition_row_count"].value == count
        assert metadata["source"].value == "sandbox: synthetic"
        assert metadata["rows"].value.endswith(f"/api/v1/datasets/daily/rows?trade_date={day:%Y%m%d}")


def test_all_checks_pass_on_a_healthy_market(location: CodeLocation) -> None:
    names = ("trade_cal", "stock_basic", "suspend_d", "daily", "adj_factor", "daily_basic", "stk_limit", "index_daily")
    result = location.run(*names, **WEEK)
    assert result.success
    evaluated = {(one.asset_key.to_user_string(), one.check_name): one.passed for one in of_the_rows(result)}
    declared = {(name, spec.name) for name in names for spec in specs(CATALOG[name])}
    assert evaluated == dict.fromkeys(declared, True)
    assert {("daily", "ohlc"), ("daily", "pct_chg"), ("daily", "calendar"), ("daily", "keys")} < declared


def spoil(engine: Engine, assignment: str) -> None:
    """Have the database spoil every daily bar of 2026-02-26 as it is written."""
    function = f"""create function spoil() returns trigger language plpgsql as $$
        begin if new.trade_date = '2026-02-26' then {assignment}; end if; return new; end $$"""
    with engine.begin() as connection:
        connection.execute(text(function))
        connection.execute(text("create trigger spoil before insert on daily for each row execute function spoil()"))


@pytest.mark.parametrize(
    ("check", "assignment"),
    [("ohlc", "new.high := new.low - 1"), ("ohlc", "new.low := 0"), ("pct_chg", "new.pct_chg := new.pct_chg + 0.03")],
)
def test_a_check_names_rows_that_break_a_rule(
    location: CodeLocation, engine: Engine, check: str, assignment: str
) -> None:
    spoil(engine, assignment)
    result = location.run("daily", **WEEK)
    assert [name for name, passed in checks(result).items() if not passed] == [check]
    evaluation = next(one for one in result.get_asset_check_evaluations() if one.check_name == check)
    examples: Any = evaluation.metadata["examples"].value
    assert {day for day, _ in examples} == {"2026-02-26"}


def test_a_row_of_a_closed_day_fails_the_calendar_check(location: CodeLocation, engine: Engine) -> None:
    location.run("daily", **WEEK)
    with engine.begin() as connection:
        connection.execute(text("insert into daily (trade_date, ts_code) values ('2026-02-23', '600000.SH')"))
    assert checks(location.run("daily", **WEEK))["calendar"] is False


def test_a_failure_names_the_first_partition_and_the_reason(location: CodeLocation, sandbox: Running) -> None:
    sandbox.inject("permission:api=adj_factor")
    result = location.run("adj_factor", **WEEK)
    failure = next(event for event in result.all_events if event.is_step_failure)
    assert "7 of 8 partitions are not complete" in str(failure.step_failure_data.error)
    assert "do not open this dataset" in str(failure.step_failure_data.error)


def test_the_token_is_in_no_event_log_line_or_tag(
    installation: Settings, caplog: pytest.LogCaptureFixture, sandbox: Running
) -> None:
    canary = "canary-8d2e71"
    caplog.set_level(logging.DEBUG)
    with running(stocks=60, quota=False, token=canary, now=None) as server, dg.DagsterInstance.ephemeral() as instance:
        server.inject("http_502:times=1", "malformed:times=1", "reset:times=1", "bad_token:api=adj_factor:times=1")
        settings = installation.model_copy(
            update={"tushare_token": type(installation.tushare_token)(canary), "tushare_base_url": server.url}  # type: ignore[misc]
        )
        location = CodeLocation(settings, instance)
        result = location.run("daily", "adj_factor", **WEEK)
        told = "\n".join(map(repr, instance.all_logs(result.run_id))) + repr(result.dagster_run) + caplog.text
        assert server.stats()["calls"]["daily"] >= 7
    assert canary not in told
    assert "您的token不对" in told
