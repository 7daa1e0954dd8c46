"""What blocks, blocks: the run, what is built on it, and the partition. What warns is told, and stops nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from sqlalchemy import select, text

from stock_assistant_pipelines.defs.fill import fill_config
from stock_assistant_pipelines.defs.partitions import TRADING_DAYS, days
from stock_assistant_pipelines.warehouse import laws
from stock_assistant_pipelines.warehouse.tables import COVERAGE

if TYPE_CHECKING:
    from code_location import CodeLocation
    from sqlalchemy import Engine

    from stock_assistant_pipelines.sandbox.server import Running

WEEK = {"first": "2026-02-26", "last": "2026-03-04"}
DAY = "2026-03-02"


@pytest.fixture
def downstream(location: CodeLocation) -> Any:
    """Materialise `daily` and an asset that is built on it, and tell what became of the run."""

    @dg.asset(deps=["daily"], partitions_def=TRADING_DAYS, backfill_policy=dg.BackfillPolicy.single_run())
    def built_on_it() -> None:
        """Built on the bars."""

    def run() -> dg.ExecuteInProcessResult:
        daily = location.repository.assets_defs_by_key[dg.AssetKey("daily")]
        tags = {"dagster/asset_partition_range_start": WEEK["first"], "dagster/asset_partition_range_end": WEEK["last"]}
        return dg.materialize([daily, built_on_it], instance=location.instance, tags=tags, raise_on_error=False)

    return run


def evaluated(result: dg.ExecuteInProcessResult, asset: str, check: str) -> dg.AssetCheckEvaluation:
    return next(
        one
        for one in result.get_asset_check_evaluations()
        if (one.asset_key.to_user_string(), one.check_name) == (asset, check)
    )


def booked(engine: Engine, dataset: str, day: str = DAY) -> Any:
    with engine.connect() as connection:
        return connection.execute(
            select(COVERAGE).where(COVERAGE.c.dataset == dataset, COVERAGE.c.partition == day)
        ).one()


def execute(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def spoil(engine: Engine, assignment: str) -> None:
    """Have the database spoil one bar of the day as it is written."""
    execute(
        engine,
        f"""create function spoil() returns trigger language plpgsql as $$
            begin if new.trade_date = '{DAY}' and new.ts_code = '600000.SH' then {assignment}; end if; return new; end $$""",
        "create trigger spoil before insert or update on daily for each row execute function spoil()",
    )


def test_rows_that_break_what_blocks_are_not_believed_and_fetched_again(
    location: CodeLocation, engine: Engine, sandbox: Running
) -> None:
    spoil(engine, "new.high := new.low - 1")
    result = location.run("daily", **WEEK)
    assert not result.success
    assert not evaluated(result, "daily", "ohlc").passed
    assert evaluated(result, "daily", "complete").passed, "nothing is missing"
    assert location.materialized("daily") == {"2026-02-26", "2026-02-27", "2026-03-03", "2026-03-04"}
    entry = booked(engine, "daily")
    assert (entry.status, entry.cause, entry.complete_at) == ("partial", "broken", None)
    assert entry.reason == "1 rows break the check C04 ohlc: they are not believed"

    execute(engine, "drop trigger spoil on daily")
    sandbox.forget()
    assert location.run("daily", **WEEK).success
    assert [call["params"] for call in sandbox.calls() if call["api"] == "daily"] == [{"trade_date": "20260302"}]
    assert booked(engine, "daily").status == "complete"


def test_a_law_that_blocks_fails_the_run_and_books_the_day_of_whom_it_blames(
    location: CodeLocation, engine: Engine
) -> None:
    location.run("daily", "adj_factor", **WEEK)
    execute(engine, f"delete from adj_factor where trade_date = '{DAY}' and ts_code = '600000.SH'")
    result = location.run("daily", **WEEK)
    assert not result.success
    found = evaluated(result, "daily", "factors")
    assert (found.passed, found.severity, found.blocking) == (False, dg.AssetCheckSeverity.ERROR, True)
    told = {name: value.value for name, value in found.metadata.items()}
    assert (told["id"], told["rows"], told["days_checked"], told["days_skipped"]) == ("C08", 1, 5, 0)
    assert told["examples"] == [
        {"trade_date": DAY, "subject": "600000.SH", "told": "no factor", "expected": "a factor"}
    ]
    assert "--fix" in told["look"]
    assert booked(engine, "daily").status == "complete"
    assert (booked(engine, "adj_factor").status, booked(engine, "adj_factor").cause) == ("partial", "broken")


def test_what_is_built_on_a_blocked_asset_is_not_built(downstream: Any, location: CodeLocation, engine: Engine) -> None:
    location.run("adj_factor", **WEEK)
    execute(engine, f"delete from adj_factor where trade_date = '{DAY}' and ts_code = '600000.SH'")
    result = downstream()
    assert not result.success
    assert location.materialized("daily") == {"2026-02-26", "2026-02-27", DAY, "2026-03-03", "2026-03-04"}
    assert location.materialized("built_on_it") == set()


def test_a_warning_stops_nothing_and_names_what_it_found(
    downstream: Any, location: CodeLocation, engine: Engine
) -> None:
    location.run("adj_factor", **WEEK)
    spoil(engine, "new.pre_close := new.pre_close + 0.05")
    result = downstream()
    assert result.success
    found = evaluated(result, "daily", "pre_close")
    assert (found.passed, found.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert found.metadata["rows"].value == 1
    assert found.metadata["examples"].value[0]["subject"] == "600000.SH"
    assert booked(engine, "daily").status == "complete"
    assert len(location.materialized("built_on_it")) == 5


def test_a_chain_of_stale_days_is_found_on_the_first_true_day_after_it(
    location: CodeLocation, engine: Engine, sandbox: Running
) -> None:
    location.run("adj_factor", **WEEK)
    chain = ("2026-02-27", DAY)
    sandbox.inject(*(f"stale:api=daily:day={day.replace('-', '')}" for day in chain))
    result = location.run("daily", first=chain[0], last=WEEK["last"])
    assert all(booked(engine, "daily", day).status == "complete" for day in chain), "each holds all that is expected"
    found = evaluated(result, "daily", "pre_close")
    assert not found.passed
    assert found.metadata["rows"].value > 40
    assert {each["trade_date"] for each in found.metadata["examples"].value} == {"2026-03-03"}


def test_what_cannot_be_judged_yet_says_so_and_is_judged_when_the_other_side_lands(location: CodeLocation) -> None:
    skipped = evaluated(location.run("daily", **WEEK), "daily", "pre_close")
    assert (skipped.metadata["days_checked"].value, skipped.metadata["days_skipped"].value) == (0, 5)
    assert str(skipped.description).startswith("nothing was judged; 5 days were skipped")
    judged = evaluated(location.run("adj_factor", **WEEK), "adj_factor", "pre_close")
    assert (judged.metadata["days_checked"].value, judged.metadata["days_skipped"].value) == (4, 1)


def test_the_job_fill_judges_and_blocks_as_the_assets_do(location: CodeLocation, engine: Engine) -> None:
    location.run("adj_factor", **WEEK)
    execute(engine, f"delete from adj_factor where trade_date = '{DAY}' and ts_code = '600000.SH'")
    config = fill_config({"daily": days([DAY])})
    job = location.repository.get_job("fill")
    result = job.execute_in_process(run_config=config, instance=location.instance, raise_on_error=False)
    assert not result.success
    assert not evaluated(result, "daily", "factors").passed
    assert booked(engine, "adj_factor").cause == "broken"


def test_the_synthetic_market_obeys_every_law_through_its_season_of_dividends(location: CodeLocation) -> None:
    names = {name for law in laws.LAWS for name in law.reads}
    result = location.run(*names, first="2025-05-26", last="2025-07-04")
    found = {(one.asset_key.to_user_string(), one.check_name): one for one in result.get_asset_check_evaluations()}
    assert [key for key, one in found.items() if not one.passed and one.check_name != "fresh"] == []
    judged = {
        one.check_name
        for one in found.values()
        if "days_checked" in one.metadata and one.metadata["days_checked"].value
    }
    assert {law.name for law in laws.LAWS} <= judged
