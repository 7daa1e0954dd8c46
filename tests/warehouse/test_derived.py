"""The market, day by day, is made of complete days only, says which it was made of, and follows what is corrected."""

from __future__ import annotations

from datetime import date
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, text, update

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.derived import DERIVED, MARKET_DAY
from stock_assistant_pipelines.warehouse.derived import Made, make
from stock_assistant_pipelines.warehouse.tables import COVERAGE, METADATA, Status

if TYPE_CHECKING:
    from decimal import Decimal

    from sqlalchemy import Engine

    from stock_assistant_pipelines.ingest import Ingest

TABLE = METADATA.tables["market_day"]
HOLIDAY, FIRST, SECOND = date(2026, 2, 23), date(2026, 2, 24), date(2026, 2, 25)


@pytest.fixture
def landed(ingest: Ingest) -> Ingest:
    """A holiday and two trading days, complete in all sources."""
    for name in MARKET_DAY.sources:
        assert all(entry.settled for entry in ingest.land(CATALOG[name], [HOLIDAY, FIRST, SECOND]))
    return ingest


def made(engine: Engine, *days: date, run: str = "a run") -> list[Made]:
    with engine.begin() as connection:
        return make(connection, MARKET_DAY, days, at=calendar.now(), run_id=run)


def rows(engine: Engine) -> dict[date, dict[str, Any]]:
    with engine.connect() as connection:
        return {row["trade_date"]: dict(row) for row in connection.execute(select(TABLE)).mappings()}


def column(engine: Engine, query: str) -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(text(query)).scalars())


def test_a_declaration_names_datasets_with_trading_days_and_the_day_is_its_key() -> None:
    for derived in DERIVED.values():
        assert all(CATALOG[name].partitioned for name in derived.sources)
        assert derived.fields[0] == "trade_date"
        assert derived.name not in CATALOG
        assert all(each.title and each.title_zh for each in derived.columns)


def test_a_row_says_of_the_whole_market_what_its_rows_say(landed: Ingest, engine: Engine) -> None:
    assert made(engine, SECOND, FIRST) == [Made(SECOND, written=True), Made(FIRST, written=True)]
    row = rows(engine)[FIRST]
    with engine.connect() as connection:
        bars = list(
            connection.execute(
                text("select * from daily join stk_limit using (trade_date, ts_code) where trade_date = '2026-02-24'")
            ).mappings()
        )
    assert row["traded"] == len(bars) > 40
    assert row["amount"] == sum(bar["amount"] for bar in bars)
    assert row["up"] == sum(bar["pct_chg"] > 0 for bar in bars)
    assert row["down"] == sum(bar["pct_chg"] < 0 for bar in bars)
    assert row["up"] + row["down"] + row["unchanged"] == len(bars)
    assert row["limit_up"] == sum(bar["close"] == bar["up_limit"] for bar in bars)
    assert row["limit_down"] == sum(bar["close"] == bar["down_limit"] for bar in bars)
    assert row["pct_chg_median"] == median(bar["pct_chg"] for bar in bars)
    day = "from daily_basic where trade_date = '2026-02-24'"
    assert row["total_mv"] == sum(column(engine, f"select total_mv {day}"))
    assert row["circ_mv"] == sum(column(engine, f"select circ_mv {day}"))
    assert row["pe_ttm_median"] == median(column(engine, f"select pe_ttm {day} and pe_ttm is not null"))
    assert row["pb_median"] == median(column(engine, f"select pb {day} and pb is not null"))
    halts = "select ts_code from suspend_d where trade_date = '2026-02-24' and suspend_type = 'S' and suspend_timing is null"
    assert row["suspended"] == len(column(engine, halts))
    assert row["made_from"].keys() == set(MARKET_DAY.sources)


def test_a_second_time_nothing_is_written(landed: Ingest, engine: Engine) -> None:
    made(engine, FIRST, SECOND)
    before = rows(engine)
    assert made(engine, FIRST, SECOND, run="another") == [Made(FIRST), Made(SECOND)]
    assert rows(engine) == before


def test_a_corrected_day_is_made_anew_and_its_neighbour_is_not_touched(landed: Ingest, engine: Engine) -> None:
    made(engine, FIRST, SECOND)
    before = rows(engine)
    with engine.begin() as connection:  # what the source is about to correct
        connection.execute(text("update daily set amount = amount + 1 where trade_date = '2026-02-24'"))
        connection.execute(
            text("update coverage set revision = 'old' where dataset = 'daily' and partition = '2026-02-24'")
        )
    assert made(engine, FIRST, SECOND) == [Made(FIRST, written=True), Made(SECOND)]
    assert rows(engine)[FIRST]["amount"] == before[FIRST]["amount"] + before[FIRST]["traded"]
    assert all(entry.settled for entry in landed.land(CATALOG["daily"], [FIRST]))
    made(engine, FIRST, SECOND)
    after = rows(engine)
    assert after[FIRST]["amount"] == before[FIRST]["amount"]
    assert after[FIRST]["made_from"] == before[FIRST]["made_from"]
    assert after[SECOND] == before[SECOND]


def test_a_day_that_is_not_complete_is_refused_with_the_reason_and_the_others_are_made(
    landed: Ingest, engine: Engine
) -> None:
    with engine.begin() as connection:
        of_day = COVERAGE.c.partition == "2026-02-24"
        daily = (COVERAGE.c.dataset == "daily", of_day)
        connection.execute(update(COVERAGE).where(*daily).values(status=Status.PARTIAL, reason="3 of 58 are missing"))
        connection.execute(delete(COVERAGE).where(COVERAGE.c.dataset == "stk_limit", of_day))
    first, second = made(engine, FIRST, SECOND)
    assert first.lacks == "daily is partial: 3 of 58 are missing; stk_limit has not landed"
    assert (second.lacks, rows(engine).keys()) == (None, {SECOND})


def test_on_a_holiday_there_is_nothing_to_make(landed: Ingest, engine: Engine) -> None:
    assert made(engine, HOLIDAY) == [Made(HOLIDAY, closed=True)]
    assert rows(engine) == {}


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(st.decimals(-30, 30, places=4), min_size=1, max_size=9))
def test_a_median_is_exact(engine: Engine, changes: list[Decimal]) -> None:
    bars = [{"trade_date": FIRST, "ts_code": f"{at:06}.SZ", "pct_chg": each} for at, each in enumerate(changes)]
    noted = {"landed": 1, "calls": 1, "inserted": 0, "updated": 0, "deleted": 0, "landed_at": calendar.now()}
    complete = {"partition": FIRST.isoformat(), "status": Status.COMPLETE, **noted}
    with engine.begin() as connection:
        for table in (METADATA.tables["daily"], COVERAGE, TABLE):
            connection.execute(delete(table))
        connection.execute(insert(METADATA.tables["daily"]), bars)
        connection.execute(
            insert(COVERAGE), [{"dataset": name, "revision": name, **complete} for name in MARKET_DAY.sources]
        )
    made(engine, FIRST)
    assert rows(engine)[FIRST]["pct_chg_median"] == median(changes)
