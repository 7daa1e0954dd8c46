"""What a sheet says of statements and expectations, each figure recomputed from what was filed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from evidence_market import DAY, MAIN, PEERS, QUARTERS, book, change, income, query, sheet, tell, values, year_to_date

from stock_assistant_pipelines.research.evidence import Unit
from stock_assistant_pipelines.settings import SHANGHAI

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from stock_assistant_pipelines.research.evidence import Sheet

FILED = QUARTERS[:-1]
TOLD = FILED[-8:]
"""The eight quarters that are known on the day, oldest first."""
LAST = {"revenue": 8_888, "n_income_attr_p": 888}
"""What was restated of the year 2023."""


def named(period: str) -> str:
    return f"{period[:4]}q{int(period[4:6]) // 3}"


def filed(column: str, period: str) -> int:
    """What was known of a period from the start of its year."""
    if column == "n_cashflow_act":
        return year_to_date(period, 250)
    return LAST[column] if period == "20231231" and column in LAST else income(period)[column]


def quarter(column: str, period: str) -> int:
    before = QUARTERS[QUARTERS.index(period) - 1]
    return filed(column, period) - (0 if period.endswith("0331") else filed(column, before))


def twelve(column: str, period: str) -> int:
    if period.endswith("1231"):
        return filed(column, period)
    year = int(period[:4]) - 1
    return filed(column, period) + filed(column, f"{year}1231") - filed(column, f"{year}{period[4:]}")


@pytest.mark.parametrize("column", ["revenue", "n_income_attr_p", "n_cashflow_act"])
def test_quarters_and_twelve_months_are_those_of_the_filings(known: Sheet, column: str) -> None:
    told = values(known)
    for period in TOLD:
        assert told[f"{column}.{named(period)}.quarter"] == quarter(column, period)
        assert told[f"{column}.{named(period)}.ttm"] == twelve(column, period)
    assert f"{column}.{named(FILED[-9])}.quarter" not in told
    assert f"{column}.{named(QUARTERS[-1])}.quarter" not in told


@pytest.mark.parametrize("column", ["revenue", "n_income_attr_p", "n_cashflow_act"])
def test_growth_is_that_of_the_same_quarter_a_year_before(known: Sheet, column: str) -> None:
    told = values(known)
    for period, before in zip(TOLD[4:], TOLD[:4], strict=True):
        for kind, figure in (("quarter", quarter), ("ttm", twelve)):
            growth = (Decimal(figure(column, period)) / figure(column, before) - 1) * 100
            assert told[f"{column}.{named(period)}.{kind}.yoy"] == growth
    assert known.by_id[f"{column}.2024q3.ttm.yoy"].inputs == (f"{column}.2024q3.ttm", f"{column}.2023q3.ttm")


def test_margins_and_cash_are_shares_of_twelve_months(known: Sheet) -> None:
    told = values(known)
    revenue = Decimal(twelve("revenue", "20240930"))
    assert told["gross_margin.2024q3.ttm"] == (revenue - twelve("oper_cost", "20240930")) / revenue * 100
    assert told["net_margin.2024q3.ttm"] == twelve("n_income_attr_p", "20240930") / revenue * 100
    cash = Decimal(twelve("n_cashflow_act", "20240930")) / twelve("n_income", "20240930")
    assert (told["cash_to_profit.2024q3.ttm"], known.by_id["cash_to_profit.2024q3.ttm"].unit) == (cash, Unit.TIMES)
    assert told["gross_margin.2024q3.ttm.yoy"] == told["gross_margin.2024q3.ttm"] - told["gross_margin.2023q3.ttm"]


def test_the_balance_sheet_and_the_indicators_are_of_the_newest_quarter_and_a_year_before(known: Sheet) -> None:
    told = values(known)
    assert [told[f"{name}.2024q3"] for name in ("money_cap", "total_assets", "total_liab")] == [2_000, 36_000, 12_000]
    assert told["total_hldr_eqy_exc_min_int.2023q3"] == 18_000
    assert told["total_assets.2024q3.yoy"] == (Decimal(36_000) / 27_000 - 1) * 100
    assert told["debt_ratio.2024q3"] == Decimal(12_000) / 36_000 * 100
    assert (told["roe.2024q3"], told["roe.2023q3"], told["roe.2024q3.yoy"]) == (14, 13, 1)
    assert known.by_id["roe.2024q3.yoy"].unit is Unit.POINTS
    assert (told["interestdebt.2024q3"], known.by_id["interestdebt.2024q3"].unit) == (700, Unit.CNY)


def test_each_figure_names_the_filings_that_it_was_made_of(market: Connection, known: Sheet) -> None:
    origins = known.by_id["revenue.2024q3.ttm"].origins
    assert [origin.key["end_date"] for origin in origins] == ["2024-09-30", "2023-12-31", "2023-09-30"]
    for origin in origins:
        key = dict(origin.key)
        assert query(
            market,
            f"SELECT revenue FROM {origin.dataset} WHERE ts_code = :ts_code AND end_date = :end_date"
            " AND report_type = :report_type",
            **key | {"end_date": date.fromisoformat(key["end_date"])},
        )


def test_a_figure_is_known_since_the_part_of_it_that_was_known_last(known: Sheet) -> None:
    assert known.by_id["revenue.2023q4.ttm"].known_at == datetime(2024, 9, 2, tzinfo=SHANGHAI)
    assert known.by_id["revenue.2024q1.ttm"].known_at == datetime(2024, 9, 2, tzinfo=SHANGHAI)
    assert known.by_id["revenue.2024q1.quarter"].known_at == datetime(2024, 5, 13, tzinfo=SHANGHAI)


def test_what_was_restated_is_told_beside_what_was_first_announced(known: Sheet) -> None:
    told = values(known)
    first = income("20231231")["revenue"]
    assert (told["revenue.2023q4.first"], told["revenue.2023q4.restated"]) == (first, 8_888)
    assert told["revenue.2023q4.restated.difference"] == 8_888 - first
    assert [name for name in told if name.endswith(".first")] == [
        "n_income_attr_p.2023q4.first",
        "revenue.2023q4.first",
    ]


def test_a_part_that_was_not_known_leaves_its_quarters_out_and_says_so(market: Connection) -> None:
    change(market, "DELETE FROM income WHERE ts_code = :main AND end_date = '2024-06-30'")
    told = sheet(market)
    assert "revenue.2024q3.ttm" in told.by_id
    assert not {"revenue.2024q3.quarter", "revenue.2024q2.quarter", "revenue.2024q2.ttm"} & set(told.by_id)
    assert told.missing["revenue.quarter"].endswith("for 2024q3, 2024q2")
    assert told.missing["revenue.ttm"].endswith("for 2024q2")


def test_a_growth_from_a_loss_is_refused_with_the_reason(market: Connection) -> None:
    change(market, "UPDATE income SET n_income_attr_p = -5 WHERE ts_code = :main AND end_date = '2023-03-31'")
    told = sheet(market)
    assert told.by_id["n_income_attr_p.2023q1.quarter"].value == -5
    assert "above zero" in told.missing["n_income_attr_p.2024q1.quarter.yoy"]


def test_forecast_and_preliminary_earnings_are_told_in_yuan(known: Sheet) -> None:
    told = values(known)
    assert (told["forecast.2024q4.type"], told["forecast.2024q4.p_change_max"]) == ("预增", Decimal("20.5"))
    assert told["forecast.2024q4.net_profit_min"] == Decimal(802500)
    assert (told["express.2024q4.revenue"], told["express.2024q4.diluted_roe"]) == (41_000, Decimal("12.5"))
    assert known.by_id["forecast.2024q4.p_change_min"].signed


def test_a_preview_is_no_longer_told_once_the_period_is_reported(market: Connection) -> None:
    change(market, "UPDATE forecast SET end_date = '2024-09-30' WHERE ts_code = :main")
    told = sheet(market)
    assert not any(name.startswith("forecast") for name in told.by_id)
    assert told.missing["forecast"] == "none was known for a period after 2024q3"


def test_a_dividend_is_told_at_the_stage_that_it_had_reached(market: Connection, known: Sheet) -> None:
    told = values(known)
    assert (told["dividend.2023q4.stage"], told["dividend.2023q4.ex_date"]) == ("实施", "2024-06-18")
    assert told["dividend.2023q4.cash_div_tax"] == Decimal("3.07")
    early = values(sheet(market, day=date(2024, 6, 7)))
    assert (early["dividend.2023q4.stage"], "dividend.2023q4.ex_date" in early) == ("预案", False)


def test_two_dividends_of_a_period_have_ids_of_their_own(market: Connection) -> None:
    more = {"ts_code": MAIN, "end_date": "20240930", "div_proc": "预案", "stk_div": 0}
    tell(
        market,
        "dividend",
        *({**more, "ann_date": day, "cash_div_tax": cash} for day, cash in (("20241101", 1), ("20241201", 2))),
        at=datetime(2025, 3, 3, 13, tzinfo=UTC),
    )
    told = values(sheet(market))
    assert (told["dividend.2024q3.cash_div_tax"], told["dividend.2024q3.2.cash_div_tax"]) == (1, 2)


def test_what_never_landed_is_told_apart_from_what_was_not_announced(market: Connection) -> None:
    other = PEERS[1]
    assert sheet(market, other).missing["statements"] == "no statement of three years was known"
    assert sheet(market, other).missing["dividend"] == "none was known of the last three years"
    change(market, "DELETE FROM coverage WHERE dataset IN ('income', 'dividend', 'forecast')")
    missing = sheet(market, other).missing
    assert (missing["statements"], missing["dividend"]) == ("income has not landed", "dividend has not landed")
    assert missing["forecast"] == "forecast has not landed"
    book(market, "forecast", "2025-03-31")
    assert sheet(market, other).missing["forecast"] == missing["forecast"]
    assert sheet(market, other).day == DAY
