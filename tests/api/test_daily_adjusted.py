"""The law of adjustment, in exact arithmetic: hfq is price × factor, qfq is hfq ÷ newest factor, none is the price."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal, localcontext
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_market import connected
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from stock_assistant_pipelines.warehouse.tables import METADATA

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

CODE = "600519.SH"
PRICES = ("open", "high", "low", "close", "pre_close", "change")
UNTOUCHED = ("pct_chg", "vol", "amount")
PRICE = st.none() | st.decimals("-99999.999", "99999.999", places=3)
FACTOR = st.decimals("0.0001", "99999.999999", places=6)
DAY = st.fixed_dictionaries(
    {**dict.fromkeys(PRICES, PRICE), **dict.fromkeys(UNTOUCHED, PRICE), "factor": st.none() | FACTOR}
)
ADJUSTED = text("select * from daily_adjusted(:code, :first, :last, :adjust) order by trade_date")
AS_OF = text("select * from daily_adjusted_as_of(:code, :first, :last, :day) order by trade_date")


@pytest.fixture(scope="module")
def engine(database: str) -> Iterator[Engine]:
    with connected(database) as engine:
        yield engine


def adjusted(
    engine: Engine, days: list[dict[str, Any]], after: Decimal | None, adjust: str, as_of: int | None = None
) -> list[Any]:
    """Hold these days and, after them, one more factor; adjust all but the last of them; keep nothing.

    `as_of` is the position of the day whose factor is the newest that counts.
    """
    first = date(2024, 1, 1)
    bars = [
        {"ts_code": CODE, "trade_date": first + timedelta(n), **{k: v for k, v in day.items() if k != "factor"}}
        for n, day in enumerate(days)
    ]
    factors = [day["factor"] for day in days] + [after]
    rows = [
        {"ts_code": CODE, "trade_date": first + timedelta(n), "adj_factor": f}
        for n, f in enumerate(factors)
        if f is not None
    ]
    strangers = [{**row, "ts_code": "000001.SZ", "adj_factor": 3, "trade_date": date(2025, 1, 1)} for row in rows[:1]]
    with engine.connect() as connection:
        connection.execute(METADATA.tables["daily"].insert(), bars)
        if rows:
            connection.execute(METADATA.tables["adj_factor"].insert(), rows + strangers)
        query = {"code": CODE, "first": first, "last": first + timedelta(len(days) - 2), "adjust": adjust}
        if as_of is not None:
            query["day"] = first + timedelta(as_of)
        found = list(connection.execute(ADJUSTED if as_of is None else AS_OF, query).mappings())
        connection.rollback()
    return found


@pytest.mark.parametrize("adjust", ["none", "hfq", "qfq"])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days=st.lists(DAY, min_size=2, max_size=4), after=st.none() | FACTOR)
def test_adjusted_prices_follow_the_law(
    engine: Engine, adjust: str, days: list[dict[str, Any]], after: Decimal | None
) -> None:
    newest = next(
        (factor for factor in reversed([*(day["factor"] for day in days), after]) if factor is not None), None
    )

    def law(price: Decimal | None, factor: Decimal | None) -> Decimal | None:
        if price is None or adjust == "none":
            return price
        if factor is None:
            return None
        if adjust == "hfq":
            return price * factor
        assert newest is not None
        with localcontext(prec=60):
            return (price * factor / newest).quantize(Decimal("0.0001"), ROUND_HALF_UP)

    rows = adjusted(engine, days, after, adjust)
    assert len(rows) == len(days) - 1
    for row, day in zip(rows, days, strict=False):
        assert row["adj_factor"] == day["factor"]
        assert [row[name] for name in UNTOUCHED] == [day[name] for name in UNTOUCHED]
        assert [row[name] for name in PRICES] == [law(day[name], day["factor"]) for name in PRICES]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(days=st.lists(DAY, min_size=2, max_size=4), after=st.none() | FACTOR, as_of=st.integers(-1, 5))
def test_as_of_a_day_all_is_as_if_what_came_later_had_never_come(
    engine: Engine, days: list[dict[str, Any]], after: Decimal | None, as_of: int
) -> None:
    seen = [*(day["factor"] for day in days), after][: as_of + 1]
    found = adjusted(engine, days, after, "qfq", as_of)
    if any(factor is not None for factor in seen):
        then = [day | {"factor": day["factor"] if at <= as_of else None} for at, day in enumerate(days)]
        expected = adjusted(engine, then, after if as_of >= len(days) else None, "qfq")
        assert found == expected[: as_of + 1]
    else:
        assert len(found) == min(as_of + 1, len(days) - 1)
        assert all(row[name] is None for row in found for name in PRICES)


def test_a_quotient_just_below_a_half_is_not_rounded_twice(engine: Engine) -> None:
    thousandths, newest_millionths = 99999999, 99999999989
    # Of all factors, the one that puts the quotient as near below a half of the fourth decimal as it can be: 5e-16.
    factor_millionths = -pow(20 * thousandths, -1, newest_millionths) % newest_millionths
    price, factor, newest = (
        Decimal(thousandths) / 1000,
        Decimal(factor_millionths) / 10**6,
        Decimal(newest_millionths) / 10**6,
    )
    day = {**dict.fromkeys((*PRICES, *UNTOUCHED), price), "factor": factor}
    with localcontext(prec=60):
        exact = (price * factor / newest).quantize(Decimal("0.0001"), ROUND_HALF_UP)
    assert adjusted(engine, [day, day], newest, "qfq")[0]["close"] == exact


@pytest.mark.parametrize("adjust", ["QFQ", "", None])
def test_an_unknown_adjustment_is_an_error_that_says_what_is_taken(engine: Engine, adjust: str | None) -> None:
    with engine.connect() as connection:
        connection.execute(METADATA.tables["daily"].insert(), {"ts_code": CODE, "trade_date": date(2024, 1, 2)})
        query = {"code": CODE, "first": date(2024, 1, 1), "last": date(2024, 1, 9), "adjust": adjust}
        with pytest.raises(DBAPIError, match="p_adjust takes none, hfq or qfq"):
            connection.execute(ADJUSTED, query)


@pytest.mark.parametrize(
    "function",
    [
        "daily_adjusted('600519.SH', '2024-01-01', '2024-12-31', 'qfq')",
        "daily_adjusted_as_of('600519.SH', '2024-01-01', '2024-12-31', '2024-06-30')",
    ],
)
def test_one_stock_is_found_by_its_code_in_the_covering_indexes(engine: Engine, function: str) -> None:
    explain = f"explain select * from {function} order by trade_date"
    with engine.connect() as connection:
        connection.execute(text("set local enable_seqscan = off"))
        connection.execute(text("set local enable_bitmapscan = off"))
        plan = "\n".join(connection.execute(text(explain)).scalars())
    assert "Index Only Scan using daily_by_code" in plan
    assert "Index Only Scan Backward using adj_factor_by_code" in plan
    assert "Function Scan" not in plan
