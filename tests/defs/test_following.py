"""A derived day follows its sources: made when all are complete, waiting while one is not, anew when one is corrected."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from sqlalchemy import text

from stock_assistant_pipelines import definitions
from stock_assistant_pipelines.catalog.derived import MARKET_DAY
from stock_assistant_pipelines.defs.fill import fill_config

if TYPE_CHECKING:
    from collections.abc import Sequence

    from code_location import CodeLocation
    from sqlalchemy import Engine

    from stock_assistant_pipelines.sandbox.server import Running

KEY = dg.AssetKey(MARKET_DAY.name)
OLD, DAY = date(2026, 2, 26), date(2026, 3, 2)


@dataclass
class Automation:
    """What the daemon does every half minute: look which days are to follow, and from where it looked last."""

    location: CodeLocation
    cursor: Any = None

    def __post_init__(self) -> None:
        self.definitions = definitions.build(self.location.settings)
        self.requested()

    def requested(self) -> set[str]:
        """The days that are asked for now."""
        told = dg.evaluate_automation_conditions(
            self.definitions,
            self.location.instance,
            asset_selection=dg.AssetSelection.assets(KEY),
            cursor=self.cursor,
        )
        self.cursor = told.cursor
        return {str(key) for key in told.get_requested_partitions(KEY)}


@pytest.fixture
def automation(location: CodeLocation) -> Automation:
    return Automation(location)


def land(location: CodeLocation, names: Sequence[str], *days: date, refetch: bool = False) -> bool:
    job = location.repository.get_job("fill")
    config = fill_config(dict.fromkeys(names, days), refetch=refetch)
    return job.execute_in_process(run_config=config, instance=location.instance, raise_on_error=False).success


def follow(location: CodeLocation, first: date, last: date) -> dg.ExecuteInProcessResult:
    return location.run(MARKET_DAY.name, first=first.isoformat(), last=last.isoformat(), config=False)


def test_a_day_is_asked_for_once_when_all_sources_are_there_and_anew_when_one_was_corrected(
    automation: Automation, location: CodeLocation, engine: Engine
) -> None:
    assert land(location, MARKET_DAY.sources[:-1], DAY)
    assert automation.requested() == set()
    assert land(location, MARKET_DAY.sources[-1:], DAY)
    assert automation.requested() == {DAY.isoformat()}
    assert follow(location, DAY, DAY).success
    assert automation.requested() == set()
    with engine.begin() as connection:
        made = connection.execute(text("select made_at from market_day")).scalar_one()
        connection.execute(text("update daily set amount = amount + 1 where trade_date = '2026-03-02'"))
        connection.execute(text("update coverage set revision = 'old' where dataset = 'daily'"))
    assert land(location, ["daily"], DAY, refetch=True)
    assert automation.requested() == {DAY.isoformat()}
    assert follow(location, DAY, DAY).success
    with engine.connect() as connection:
        assert connection.execute(text("select made_at from market_day")).scalar_one() == made  # as it was before


def test_a_partial_source_is_shown_as_failed_and_waited_for(
    automation: Automation, location: CodeLocation, sandbox: Running
) -> None:
    assert land(location, MARKET_DAY.sources, DAY)
    assert automation.requested() == {DAY.isoformat()}
    sandbox.inject("half:api=stk_limit:day=20260226")
    assert not land(location, MARKET_DAY.sources, OLD)
    assert shown_as_failed(location, "stk_limit") == {OLD.isoformat()}
    assert shown_as_failed(location, "daily") == set()
    assert automation.requested() == set()
    sandbox.heal()
    assert land(location, ["stk_limit"], OLD)
    assert shown_as_failed(location, "stk_limit") == set()
    assert automation.requested() == {OLD.isoformat()}


def shown_as_failed(location: CodeLocation, name: str) -> set[str]:
    """The partitions that Dagster shows as failed."""
    asset = location.repository.asset_graph.get(dg.AssetKey(name))
    value = location.instance.get_status_by_partition(dg.AssetKey(name), [OLD.isoformat()], asset.partitions_def)
    return {key for key, status in (value or {}).items() if status is not None and status.value == "FAILED"}


def test_a_day_that_is_not_complete_is_refused_and_its_neighbours_are_kept(
    location: CodeLocation, engine: Engine
) -> None:
    assert land(location, MARKET_DAY.sources, OLD, DAY)
    with engine.begin() as connection:
        connection.execute(
            text("update coverage set status = 'partial', reason = '3 are missing' where partition = '2026-03-02'")
        )
    result = location.run(MARKET_DAY.name, first="2026-02-26", last="2026-03-02", config=False)
    assert not result.success
    failure = next(event for event in result.all_events if event.is_step_failure)
    told = str(failure.step_failure_data.error)
    assert (
        "2 of 3 days are not made, since a source is not complete; the first: 2026-03-02: suspend_d is partial" in told
    )
    assert location.materialized(MARKET_DAY.name) == {"2026-02-26"}


def test_a_backfill_of_many_days_is_followed_in_one_range(automation: Automation, location: CodeLocation) -> None:
    days = [date(2026, 2, 25), OLD, date(2026, 2, 27)]
    assert land(location, MARKET_DAY.sources, *days)
    assert automation.requested() == {day.isoformat() for day in days}
    asset = location.repository.assets_defs_by_key[KEY]
    assert asset.backfill_policy is not None
    assert asset.backfill_policy.max_partitions_per_run == 366
    assert follow(location, days[0], days[-1]).success
    assert location.materialized(MARKET_DAY.name) == {day.isoformat() for day in days}
