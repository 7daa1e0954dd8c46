"""What PostgreSQL holds is what a client reads, to the last digit and character."""

from __future__ import annotations

import asyncio
import json
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from small_market import connected
from sqlalchemy import Date, Numeric, Text, bindparam, column, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine import make_url

from api import answers
from api.answers import Items, as_json
from api.database import Database
from stock_assistant_pipelines.warehouse.tables import METADATA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TEXTS = (
    st.none()
    | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]))
    | st.text('\\",\n\r\t\v\b[]茅台N')
)
NUMBERS = st.none() | st.decimals(
    allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=6
)
DAYS = st.none() | st.dates(date(1900, 1, 1), date(2999, 12, 31))
ROWS = st.lists(st.tuples(TEXTS, NUMBERS, DAYS, TEXTS), max_size=5)

GIVEN = (("a", Text), ("b", Numeric), ("c", Date), ("d", Text))
VALUES = (
    func.unnest(*(bindparam(name, type_=ARRAY(kind)) for name, kind in GIVEN))
    .table_valued(*(column(name, kind) for name, kind in GIVEN), with_ordinality="row")
    .render_derived(name="given")
)
QUERY = select(*(as_json(VALUES.c[name]) for name, _ in GIVEN)).order_by(VALUES.c.row)


@pytest.fixture(scope="module")
def copied(database: str) -> Iterator[Callable[[list[Any]], Items]]:
    with asyncio.Runner() as loop:
        pool = Database(make_url(database), 1)

        async def copy(rows: list[Any]) -> Items:
            values = (
                dict(zip("abcd", map(list, zip(*rows, strict=True)), strict=True))
                if rows
                else {name: [] for name in "abcd"}
            )
            async with pool.read() as connection:
                return await answers.copy(connection, QUERY, values)

        yield lambda rows: loop.run(copy(rows))
        loop.run(pool.engine.dispose())


def parsed(items: Items) -> list[Any]:
    return json.loads(items.json, parse_float=Decimal, parse_int=Decimal)  # type: ignore[no-any-return]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=ROWS)
@example(
    rows=[
        ("\\", None, None, ","),
        ("\\,", None, None, "\\\\,\\"),
        ('",\\n', None, None, "null"),
        ("$1", None, None, "'; --"),
    ]
)
@example(rows=[])
def test_texts_decimals_days_and_nulls_come_back_exactly(copied: Callable[[list[Any]], Items], rows: list[Any]) -> None:
    items = copied(rows)
    assert items.rows == len(rows)
    assert parsed(items) == [[a, b, c and f"{c:%Y%m%d}", d] for a, b, c, d in rows]
    assert items.without_last == sum(d is None for *_, d in rows)


def test_decimals_keep_the_digits_that_are_stored(copied: Callable[[list[Any]], Items]) -> None:
    stored = [
        (None, Decimal(text), None, None)
        for text in ("1715.0", "0.00000001", "12345678901234567890.125", "-40.99", "7")
    ]
    assert copied(stored).json == (
        b"[[null,1715.0,null,null],[null,0.00000001,null,null],[null,12345678901234567890.125,null,null],"
        b"[null,-40.99,null,null],[null,7,null,null]]"
    )


def test_rows_and_what_is_said_of_them_are_read_in_one_snapshot(database: str) -> None:
    stock = METADATA.tables["stock_basic"]

    async def read() -> tuple[int | None, int]:
        pool = Database(make_url(database), 1)
        async with pool.read() as connection:
            before = await connection.scalar(select(func.count()).select_from(stock))
            with connected(database) as engine, engine.begin() as writer:
                writer.execute(stock.insert(), {"ts_code": "600519.SH"})
            items = await answers.copy(connection, select(as_json(stock.c.ts_code)))
        await pool.engine.dispose()
        return before, items.rows

    assert asyncio.run(read()) == (0, 0)
