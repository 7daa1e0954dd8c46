"""Rows reach their table as they were told, and what is there already is left alone."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_market import AT, CODES, DAY, bar, held, suspension, told
from sqlalchemy import select, text

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.columns import Type
from stock_assistant_pipelines.tushare.errors import SchemaDrift
from stock_assistant_pipelines.warehouse import landing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

laws = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)

texts = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=12) | st.sampled_from(
    ["null", "", '"', "a],[b", "],[", "\\N", "\\.", "a\r\nb", "'", ",", "贵州茅台", "[]"]
)
numbers = st.floats(allow_nan=False, allow_infinity=False)
days = st.dates().map(lambda day: f"{day:%Y%m%d}".zfill(8))
VALUES: dict[Type, st.SearchStrategy[Any]] = {
    Type.TEXT: texts,
    Type.NUMBER: numbers,
    Type.DATE: days,
    Type.INTEGER: st.integers(-(2**63), 2**63 - 1),
}


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A transaction that is taken back."""
    with engine.connect() as connection:
        yield connection
        connection.rollback()


def rows_of(api: str) -> st.SearchStrategy[list[tuple[Any, ...]]]:
    """Rows that fit the columns of a dataset, whatever they say."""
    dataset = CATALOG[api]
    required = {name for name in dataset.key if not dataset.by_name[name].optional}
    columns = [
        VALUES[column.type] if column.name in required else st.none() | VALUES[column.type]
        for column in dataset.columns
    ]
    return st.lists(st.tuples(*columns), min_size=1, max_size=4)


def staged(connection: Connection, api: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.execute(select(landing.stage_table(CATALOG[api])))]


def as_stored(api: str, row: tuple[Any, ...]) -> tuple[Any, ...]:
    """A row as PostgreSQL gives it back: numbers are the shortest decimals that mean them, days are dates."""
    from stock_assistant_pipelines.tushare.decode import parse_day

    readers = {Type.NUMBER: lambda value: Decimal(repr(value)), Type.DATE: parse_day}
    columns = CATALOG[api].columns
    return tuple(
        value if value is None else readers.get(column.type, lambda value: value)(value)
        for column, value in zip(columns, row, strict=True)
    )


@pytest.mark.parametrize("api", ["stock_basic", "trade_cal", "daily"])
@laws
@given(data=st.data())
def test_whatever_a_row_says_is_stored_as_it_is(connection: Connection, api: str, data: st.DataObject) -> None:
    rows = data.draw(rows_of(api))
    landing.stage(connection, CATALOG[api], rows)
    stored = staged(connection, api)
    connection.rollback()
    assert stored == [as_stored(api, row) for row in rows]


def test_a_number_keeps_its_digits(connection: Connection) -> None:
    landing.stage(connection, CATALOG["daily"], told("daily", bar(CODES[0], close=1467.98)).rows)
    assert connection.execute(text("SELECT close::text FROM stage_daily")).scalar_one() == "1467.98"


def test_an_empty_text_is_not_null(connection: Connection) -> None:
    dataset = CATALOG["stock_basic"]
    landing.stage(
        connection,
        dataset,
        [tuple("" if name == "name" else "x" if name == "ts_code" else None for name in dataset.fields)],
    )
    assert connection.execute(text("SELECT name FROM stage_stock_basic")).scalar_one() == ""


def test_a_stage_is_empty_when_the_next_transaction_begins(engine: Engine) -> None:
    with engine.connect() as connection:
        with connection.begin():
            landing.stage(connection, CATALOG["daily"], told("daily", bar(CODES[0])).rows)
        assert staged(connection, "daily") == []


def test_a_number_too_large_for_its_column_is_a_drift_of_the_schema(connection: Connection) -> None:
    row = ("SSE", "20260304", 2**63, None)
    with pytest.raises(SchemaDrift, match="trade_cal: a value cannot be stored"):
        landing.stage(connection, CATALOG["trade_cal"], [row])


def merged(connection: Connection, api: str, *rows: dict[str, Any]) -> landing.Written:
    landing.stage(connection, CATALOG[api], told(api, *rows).rows)
    written = landing.merge(connection, CATALOG[api], DAY if CATALOG[api].partitioned else None, at=AT, run_id="r")
    connection.commit()
    return written


def test_merging_counts_new_and_changed_rows(connection: Connection) -> None:
    assert merged(connection, "daily", bar("a", close=1), bar("b", close=1)) == landing.Written(inserted=2)
    again = merged(connection, "daily", bar("a", close=1), bar("b", close=2), bar("c", close=1))
    assert again == landing.Written(inserted=1, updated=1)


def test_a_value_that_becomes_null_is_a_change(connection: Connection, engine: Engine) -> None:
    merged(connection, "daily", {**bar("a"), "vol": 5.0})
    assert merged(connection, "daily", bar("a")) == landing.Written(updated=1)
    assert held(engine, "daily", "vol") == [None]


def test_a_number_with_other_trailing_zeros_is_no_change(connection: Connection) -> None:
    merged(connection, "daily", bar("a", close=10.5))
    connection.execute(text("UPDATE daily SET close = 10.500"))
    connection.commit()
    assert merged(connection, "daily", bar("a", close=10.5)) == landing.Written()


def test_merging_touches_no_other_day(connection: Connection, engine: Engine) -> None:
    from datetime import timedelta

    other = DAY - timedelta(days=1)
    landing.stage(connection, CATALOG["daily"], told("daily", bar("a", other, close=1.0)).rows)
    landing.merge(connection, CATALOG["daily"], other, at=AT, run_id=None)
    connection.commit()
    merged(connection, "daily", bar("a", close=2.0))
    assert held(engine, "daily", "close") == [1, 2]


def test_a_key_that_is_absent_in_part_is_the_same_key_the_next_time(connection: Connection) -> None:
    name = {"ts_code": "a", "name": "x", "start_date": None}
    merged(connection, "namechange", name)
    assert merged(connection, "namechange", {**name, "end_date": "20260304"}) == landing.Written(updated=1)


def test_rows_that_are_nothing_but_a_key_are_never_updated(connection: Connection) -> None:
    rows = [suspension("a"), suspension("a", timing="09:30-10:00"), suspension("a", kind="R")]
    assert merged(connection, "suspend_d", *rows) == landing.Written(inserted=3)
    assert merged(connection, "suspend_d", *rows) == landing.Written()


def test_what_a_changed_row_said_is_kept_with_its_partition_and_run(connection: Connection) -> None:
    merged(connection, "daily", bar("a", close=1.25))
    merged(connection, "daily", bar("a", close=2.0))
    kept = connection.execute(text("SELECT dataset, partition, row->>'close', run_id, superseded_at FROM superseded"))
    assert [tuple(row) for row in kept] == [("daily", "2026-03-04", "1.25", "r", AT)]


def test_withdrawing_keeps_what_the_rows_said(connection: Connection, engine: Engine) -> None:
    merged(connection, "daily", bar("a"), bar("b"))
    landing.stage(connection, CATALOG["daily"], told("daily", bar("a")).rows)
    assert landing.withdraw(connection, CATALOG["daily"], DAY, at=AT, run_id=None) == 1
    connection.commit()
    assert held(engine, "daily", "ts_code") == ["a"]
    assert connection.execute(text("SELECT row->>'ts_code' FROM superseded")).scalars().all() == ["b"]


def test_withdrawing_touches_no_other_day(connection: Connection, engine: Engine) -> None:
    from datetime import timedelta

    merged(connection, "daily", bar("a"))
    landing.stage(connection, CATALOG["daily"], [])
    assert landing.withdraw(connection, CATALOG["daily"], DAY + timedelta(days=1), at=AT, run_id=None) == 0
    assert held(engine, "daily", "ts_code") == ["a"]


@pytest.mark.parametrize("api", [api for api, dataset in CATALOG.items() if not dataset.versions])
def test_every_dataset_whose_rows_are_replaced_can_be_merged_and_withdrawn(connection: Connection, api: str) -> None:
    dataset = CATALOG[api]
    columns = {"date": "20260304", "text": "x", "number": 1.5, "integer": 1}
    row = {column.name: columns[column.type] for column in dataset.columns}
    if "suspend_type" in row:
        row |= suspension("x")
    assert merged(connection, api, row) == landing.Written(inserted=1)
    assert merged(connection, api, row) == landing.Written()
    landing.stage(connection, dataset, [])
    day = DAY if dataset.partitioned else None
    assert landing.withdraw(connection, dataset, day, at=AT, run_id=None) == 1


def test_the_stage_has_tushares_columns_of_the_table() -> None:
    for dataset in CATALOG.values():
        assert tuple(landing.stage_table(dataset).columns.keys()) == dataset.fields
