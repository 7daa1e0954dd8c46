"""What a sheet says of valuation: units, and places in history and industry, counted by a query of the test's own."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from evidence_market import DAY, MAIN, NEW, PAST, change, query, sheet, values

from stock_assistant_pipelines.research.evidence import Unit

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from stock_assistant_pipelines.research.evidence import Sheet


def test_money_is_told_in_yuan_and_multiples_as_they_are(market: Connection, known: Sheet) -> None:
    ((pe_ttm, pb),) = query(market, "SELECT pe_ttm, pb FROM daily_basic WHERE ts_code = :main AND trade_date = :day")
    told = values(known)
    assert (told["pe_ttm"], told["pb"]) == (pe_ttm, pb)
    assert (told["total_mv"], told["circ_mv"]) == (Decimal(123456789), Decimal(23456789))
    assert known.by_id["total_mv"].unit is Unit.CNY
    assert known.by_id["pe_ttm"].unit is Unit.TIMES


@pytest.mark.parametrize("name", ["pe_ttm", "pb", "ps_ttm"])
def test_a_percentile_counts_the_days_on_which_it_was_not_higher(market: Connection, known: Sheet, name: str) -> None:
    ((share, days),) = query(
        market,
        f"""
        SELECT 100.0 * count(*) FILTER (WHERE b.{name} <= now.{name}) / count(*), count(*)
        FROM daily_basic b, (SELECT {name} FROM daily_basic WHERE ts_code = :main AND trade_date = :day) now
        WHERE ts_code = :main AND trade_date > :day - interval '3 years' AND trade_date <= :day
        """,
    )
    item = known.by_id[f"{name}.percentile.3y"]
    assert item.value is not None
    assert (abs(item.value - share) < Decimal("1e-9"), item.derivation) == (True, "percentile")
    assert values(known)[f"{name}.percentile.3y.days"] == days == 200


def test_a_place_in_the_industry_is_of_those_who_have_a_value(market: Connection, known: Sheet) -> None:
    rows = query(
        market,
        """
        SELECT pe_ttm, ts_code = :main FROM daily_basic JOIN stock_basic USING (ts_code)
        WHERE trade_date = :day AND industry = '白酒' AND pe_ttm IS NOT NULL
        """,
    )
    own = next(value for value, is_own in rows if is_own)
    told = values(known)
    assert told["pe_ttm.percentile.industry.stocks"] == len(rows) == 5
    assert told["pe_ttm.percentile.industry"] == 100 * Decimal(sum(value <= own for value, _ in rows)) / 5


def test_days_before_three_years_do_not_count(market: Connection, known: Sheet) -> None:
    copy = "INSERT INTO daily_basic (ts_code, trade_date, pe_ttm) VALUES (:main, :then, 1)"
    change(market, copy, then=DAY.replace(year=2022))
    assert values(sheet(market))["pe_ttm.percentile.3y.days"] == 200
    change(market, copy, then=DAY.replace(year=2022, day=4))
    assert values(sheet(market))["pe_ttm.percentile.3y.days"] == 201


def test_fewer_than_sixty_days_have_no_percentile(market: Connection) -> None:
    told = sheet(market, NEW)
    assert "pb" in told.by_id
    assert told.missing["pb.percentile.3y"] == "40 days with a value in 3 years, fewer than 60"
    assert told.missing["pb.percentile.industry"] == "1 stocks of the industry have a value, fewer than 5"
    assert "pb.percentile.3y" not in told.by_id


def test_a_loss_has_no_multiple_and_is_not_filled(market: Connection) -> None:
    told = sheet(market, "600001.SH")
    assert "pe_ttm" not in told.by_id
    assert "loss" in told.missing["pe_ttm"]
    assert "pe_ttm.percentile.3y" not in told.by_id


def test_a_valuation_of_another_day_is_not_taken_for_the_day_s(market: Connection) -> None:
    change(market, "DELETE FROM daily_basic WHERE ts_code = :main AND trade_date = :day")
    told = sheet(market)
    assert "total_mv" not in told.by_id
    assert told.missing["valuation"] == f"daily_basic of {DAY} is complete and has no row of this stock"
    assert {PAST[-1], MAIN} == {DAY, told.ts_code}
