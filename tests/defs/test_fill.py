"""The job `fill` lands exactly the days that it is given, in one run, and reports them as the assets' own runs would."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import dagster as dg
from sqlalchemy import text

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.defs.checks import specs
from stock_assistant_pipelines.defs.fill import fill_config
from stock_assistant_pipelines.defs.freshness import FRESH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from code_location import CodeLocation
    from sqlalchemy import Engine

    from stock_assistant_pipelines.sandbox.server import Running

HOLIDAY, FIRST, SECOND = date(2026, 2, 23), date(2026, 2, 26), date(2026, 3, 2)

BROKEN_DISK = """
create function refuse() returns trigger language plpgsql as
    $$ begin raise exception using errcode = '58030', message = 'the disk is broken'; end $$;
create trigger refuse before insert on adj_factor
    for each row when (new.trade_date = '2026-02-24') execute function refuse();
"""


def fill(
    location: CodeLocation, days: Mapping[str, Sequence[date]], *, refetch: bool = False
) -> dg.ExecuteInProcessResult:
    job = location.repository.get_job("fill")
    config = fill_config(days, refetch=refetch)
    return job.execute_in_process(run_config=config, instance=location.instance, raise_on_error=False)


def asked(sandbox: Running, *apis: str) -> list[tuple[str, str]]:
    return [(call["api"], call["params"].get("trade_date", "")) for call in sandbox.calls() if call["api"] in apis]


def test_exactly_the_days_that_were_named_are_landed_in_one_run(location: CodeLocation, sandbox: Running) -> None:
    result = fill(location, {"adj_factor": [FIRST, SECOND, HOLIDAY], "stk_limit": [SECOND]})
    assert result.success
    assert sorted(asked(sandbox, "adj_factor", "stk_limit")) == [  # calls under way at once arrive in any order
        ("adj_factor", "20260226"),
        ("adj_factor", "20260302"),
        ("stk_limit", "20260302"),
    ]
    assert location.materialized("adj_factor") == {"2026-02-23", "2026-02-26", "2026-03-02"}
    assert location.materialized("stk_limit") == {"2026-03-02"}


def test_a_filled_partition_looks_like_one_of_its_assets_own_runs(location: CodeLocation) -> None:
    fill(location, {"daily": [FIRST]})
    filled = location.instance.get_latest_materialization_event(dg.AssetKey("daily"))
    location.run("daily", first="2026-02-26", last="2026-02-26", refetch=True)
    landed = location.instance.get_latest_materialization_event(dg.AssetKey("daily"))
    assert filled is not None
    assert landed is not None
    assert filled.run_id != landed.run_id
    one, other = filled.asset_materialization, landed.asset_materialization
    assert one is not None
    assert other is not None
    assert one.metadata.keys() == other.metadata.keys()
    assert one.metadata["dagster/partition_row_count"] == other.metadata["dagster/partition_row_count"]


def test_a_dataset_without_a_time_axis_is_filled_as_a_whole(location: CodeLocation, sandbox: Running) -> None:
    assert fill(location, {"namechange": []}).success
    assert [api for api, _ in asked(sandbox, "namechange")] == ["namechange", "namechange"]  # the first is confirmed
    assert location.instance.get_latest_materialization_event(dg.AssetKey("namechange")) is not None


def test_what_is_still_incomplete_fails_the_run_by_name_and_the_rest_is_kept(
    location: CodeLocation, sandbox: Running
) -> None:
    sandbox.inject("empty:api=daily:day=20260302")
    result = fill(location, {"daily": [FIRST, SECOND], "adj_factor": [SECOND]})
    assert not result.success
    failure = next(event for event in result.all_events if event.is_step_failure)
    told = str(failure.step_failure_data.error)
    assert "1 of 3 partitions are not complete" in told
    assert "daily 2026-03-02" in told
    assert location.materialized("daily") == {"2026-02-26"}
    assert location.materialized("adj_factor") == {"2026-03-02"}
    (record,) = location.instance.fetch_observations(dg.AssetKey("daily"), limit=10).records
    assert record.partition_key == "2026-03-02"


def test_complete_days_are_fetched_again_only_when_asked_to(location: CodeLocation, sandbox: Running) -> None:
    fill(location, {"adj_factor": [FIRST]})
    sandbox.forget()
    fill(location, {"adj_factor": [FIRST]})
    assert asked(sandbox, "adj_factor") == []
    fill(location, {"adj_factor": [FIRST]}, refetch=True)
    assert asked(sandbox, "adj_factor") == [("adj_factor", "20260226")]


def test_the_checks_of_the_filled_datasets_are_reported(location: CodeLocation) -> None:
    result = fill(location, {"daily": [FIRST]})
    reported = {one.check_name: one.passed for one in result.get_asset_check_evaluations()}
    assert reported == {FRESH: False} | {spec.name: True for spec in specs(CATALOG["daily"])}


def test_a_dataset_that_the_catalog_lacks_fails_the_run_before_anything_is_asked(
    location: CodeLocation, sandbox: Running
) -> None:
    result = fill(location, {"dialy": [FIRST], "daily": [FIRST]})
    assert not result.success
    assert sandbox.calls() == []


def test_what_has_landed_when_a_run_breaks_is_judged_and_shown(location: CodeLocation, engine: Engine) -> None:
    days = [date(2026, 2, 24), date(2026, 2, 25), FIRST, date(2026, 2, 27), SECOND, date(2026, 3, 3)]
    with engine.begin() as connection:
        connection.execute(text(BROKEN_DISK))
    result = fill(location, {"adj_factor": days})
    assert not result.success
    failure = next(event for event in result.all_events if event.is_step_failure)
    assert "the disk is broken" in failure.step_failure_data.error_display_string
    shown = location.materialized("adj_factor")
    assert shown
    assert "2026-02-24" not in shown
    assert "complete" in {one.check_name for one in result.get_asset_check_evaluations()}
