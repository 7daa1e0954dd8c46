"""From an answer to the rows of a partition: days, one row per key, and the way of rows into PostgreSQL."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.columns import Column, Type
from stock_assistant_pipelines.tushare.decode import (
    by_day,
    compact,
    complete_rows,
    parse_day,
    unique,
    wire_types,
    with_keys,
)
from stock_assistant_pipelines.tushare.errors import ConflictingRows, SchemaDrift, WrongDay
from stock_assistant_pipelines.warehouse.landing import csv_lines, stage, stage_name

if TYPE_CHECKING:
    import random

    from sqlalchemy import Engine

    from stock_assistant_pipelines.tushare.decode import Row

ADJ_FACTOR = CATALOG["adj_factor"]
NAMECHANGE = CATALOG["namechange"]
SUSPEND_D = CATALOG["suspend_d"]
STOCK_BASIC = CATALOG["stock_basic"]

FIRST, LAST = date(2026, 3, 2), date(2026, 3, 4)
numbers = st.floats(allow_nan=False, allow_infinity=False).map(lambda number: number + 0.0)  # -0.0 equals 0.0
factors = st.tuples(
    st.sampled_from(["600000.SH", "000001.SZ", "920001.BJ"]), st.just("20260303"), st.sampled_from([None, 1.0, 2.5])
)
texts = st.one_of(
    st.sampled_from(
        ["", "null", "NULL", "],[", "[[", '"', '""', "\\", "\\.", "\\N", "\n", "\r\n", ",", " ", "平安银行"]
    ),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20),
)


# --- days


@given(st.dates())
def test_a_day_reads_back_as_it_was_written(day: date) -> None:
    assert parse_day(compact(day)) == day


@given(st.dates(), st.dates())
def test_days_sort_as_text_as_they_do_as_days(one: date, other: date) -> None:
    assert (compact(one) < compact(other)) == (one < other)


@given(st.text(st.sampled_from("0123456789-/ \n１W"), max_size=10))
def test_a_text_that_reads_as_a_day_is_the_one_that_is_written_for_it(written: str) -> None:
    try:
        day = parse_day(written)
    except ValueError:
        return
    assert compact(day) == written


@pytest.mark.parametrize("written", ["", "2026033", "2026-03-03", "20260230", "20261301", "00000101", "2026W101"])
def test_what_is_no_day_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"day|month|year"):
        parse_day(written)


# --- complete rows


def test_a_column_that_the_call_determines_is_filled_where_the_answer_leaves_it_null() -> None:
    answer: list[Row] = [_stock("000001.SZ", list_status=None), _stock("000002.SZ", list_status="P")]
    rows = complete_rows(STOCK_BASIC, answer, {"list_status": "D"})
    at = STOCK_BASIC.fields.index("list_status")
    assert [row[at] for row in rows] == ["D", "P"]


def test_a_column_of_ours_is_not_expected_in_the_answer_and_stands_in_its_place_in_the_row() -> None:
    ours = tuple(replace(each, ours=each.name == "suspend_type") for each in SUSPEND_D.columns)
    dataset = replace(SUSPEND_D, columns=ours, fills=("suspend_type",))
    assert tuple(wire_types(dataset)) == ("ts_code", "trade_date", "suspend_timing")
    answer: list[Row] = [("000001.SZ", "20260303", None)]
    assert complete_rows(dataset, answer, {"suspend_type": "S"}) == [("000001.SZ", "20260303", None, "S")]


def test_a_parameter_that_is_no_such_column_fills_nothing() -> None:
    answer: list[Row] = [_stock("000001.SZ", name=None)]
    assert complete_rows(STOCK_BASIC, answer, {"name": "x"}) == answer


def test_an_empty_date_is_none() -> None:
    rows = complete_rows(STOCK_BASIC, [_stock("000001.SZ", delist_date=""), _stock("000002.SZ", delist_date=None)], {})
    at = STOCK_BASIC.fields.index("delist_date")
    assert [row[at] for row in rows] == [None, None]


def test_an_empty_text_stays_empty() -> None:
    rows = complete_rows(STOCK_BASIC, [_stock("000001.SZ", area="")], {})
    assert rows[0][STOCK_BASIC.fields.index("area")] == ""


def test_a_date_that_does_not_exist_is_named() -> None:
    with pytest.raises(SchemaDrift, match="list_date holds '20260230'"):
        complete_rows(STOCK_BASIC, [_stock("000001.SZ", list_date="20260230")], {})


# --- by day


def test_rows_are_split_by_their_day() -> None:
    rows: list[Row] = [("a", "20260302", 1.0), ("b", "20260304", 2.0), ("c", "20260302", 3.0)]
    assert by_day(ADJ_FACTOR, rows, FIRST, LAST) == {FIRST: [rows[0], rows[2]], LAST: [rows[1]]}


@pytest.mark.parametrize("stranger", ["20260301", "20260305"])
def test_a_row_of_a_day_outside_those_asked_for_is_named(stranger: str) -> None:
    rows: list[Row] = [("a", "20260302", 1.0), ("b", stranger, 1.0)]
    with pytest.raises(WrongDay, match=f"asked for 2026-03-02 to 2026-03-04, and got 1 rows of {parse_day(stranger)}"):
        by_day(ADJ_FACTOR, rows, FIRST, LAST)


def test_a_row_without_a_day_is_a_drift() -> None:
    with pytest.raises(SchemaDrift, match="lacks trade_date"):
        by_day(ADJ_FACTOR, [("a", None, 1.0)], FIRST, LAST)


def test_no_rows_are_no_days() -> None:
    assert by_day(ADJ_FACTOR, [], FIRST, LAST) == {}


# --- one row per key


def outcome(rows: list[Row]) -> Any:
    """What `unique` makes of rows: its result, or that they contradict each other."""
    try:
        return unique(ADJ_FACTOR, rows)
    except ConflictingRows:
        return ConflictingRows


@given(st.lists(factors, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_the_rows_decides_nothing(rows: list[Row], chance: random.Random) -> None:
    shuffled = list(rows)
    chance.shuffle(shuffled)
    assert outcome(shuffled) == outcome(rows)


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz"), st.none() | st.sampled_from("lr")), max_size=9)
)
def test_the_order_of_rows_with_several_gaps_decides_nothing(cells: list[tuple[Any, ...]]) -> None:
    rows: list[Row] = [("a", name or None, "20200101", end and "20210101", None, reason) for name, reason, end in cells]
    results = set()
    for order in (rows, rows[::-1], sorted(rows, key=repr), sorted(rows, key=lambda row: row.count(None))):
        try:
            results.add(unique(NAMECHANGE, order).revision)
        except ConflictingRows:
            results.add("conflict")
    assert len(results) == 1


def test_a_row_that_says_all_that_two_others_say_in_part_stays_whatever_the_order() -> None:
    one: Row = ("a", "n", "20200101", "20210101", None, None)
    other: Row = ("a", "n", "20200101", None, "20191231", None)
    fuller: Row = ("a", "n", "20200101", "20210101", "20191231", None)
    for rows in ([one, other, fuller], [one, fuller, other], [fuller, one, other]):
        assert unique(NAMECHANGE, rows).rows == [fuller]


@given(st.lists(factors, max_size=12))
def test_a_second_time_changes_nothing(rows: list[Row]) -> None:
    once = outcome(rows)
    if once is not ConflictingRows:
        assert unique(ADJ_FACTOR, once.rows) == once


@given(st.lists(factors, max_size=12))
def test_each_key_is_there_once_and_in_order(rows: list[Row]) -> None:
    once = outcome(rows)
    if once is not ConflictingRows:
        keys = [(day, code) for code, day, _ in once.rows]
        assert keys == sorted({(day, code) for code, day, _ in rows})


@given(st.lists(factors, min_size=1, max_size=12))
def test_the_revision_changes_with_what_the_rows_say(rows: list[Row]) -> None:
    once = outcome(rows)
    if once is not ConflictingRows:
        code, day, factor = once.rows[0]
        assert unique(ADJ_FACTOR, [(code, day, (factor or 0) + 1), *once.rows[1:]]).revision != once.revision


def test_two_days_with_the_same_rows_have_the_same_revision_so_that_a_relabelled_day_shows() -> None:
    one, other = (unique(ADJ_FACTOR, [("a", day, 1.0), ("b", day, 2.0)]) for day in ("20260303", "20260304"))
    assert one.revision == other.revision
    assert one.rows != other.rows


def test_the_same_rows_of_two_snapshots_have_the_same_revision() -> None:
    one, other = [_stock("a"), _stock("b")], [_stock("b"), _stock("a")]
    assert unique(STOCK_BASIC, one).revision == unique(STOCK_BASIC, other).revision


def test_two_rows_that_contradict_each_other_are_named_with_what_differs() -> None:
    with pytest.raises(ConflictingRows, match=r"'ts_code': 'a'.* differ in adj_factor"):
        unique(ADJ_FACTOR, [("a", "20260303", 1.0), ("a", "20260303", 2.0)])


def test_two_rows_that_each_fill_a_gap_of_the_other_contradict_since_no_source_said_them_together() -> None:
    with pytest.raises(ConflictingRows):
        unique(
            NAMECHANGE, [("a", "n", "20200101", "20210101", None, None), ("a", "n", "20200101", None, "20191231", None)]
        )


def test_a_row_without_a_part_of_its_key_is_a_drift() -> None:
    with pytest.raises(SchemaDrift, match="lacks ts_code"):
        unique(ADJ_FACTOR, [(None, "20260303", 1.0)])


def test_a_part_of_the_key_that_may_be_absent_may_be_absent() -> None:
    rows: list[Row] = [("a", "20260303", "09:30-10:00", "S"), ("a", "20260303", None, "S")]
    assert unique(SUSPEND_D, rows).rows == rows[::-1]


def test_a_key_of_numbers_with_gaps_can_be_sorted() -> None:
    columns = (
        *SUSPEND_D.columns[:2],
        Column("suspend_timing", Type.INTEGER, "n", "n", optional=True),
        SUSPEND_D.columns[3],
    )
    dataset = replace(SUSPEND_D, columns=columns)
    rows: list[Row] = [("a", "20260303", at, "S") for at in (2, None, 0)]
    assert [row[2] for row in unique(dataset, rows).rows] == [None, 0, 2]


def test_the_wire_types_are_in_the_order_of_the_columns() -> None:
    assert [tuple(wire_types(dataset)) for dataset in CATALOG.values()] == [
        dataset.asked for dataset in CATALOG.values()
    ]


# --- into PostgreSQL


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(texts, st.none() | texts), max_size=6))
def test_any_text_arrives_in_postgresql_as_it_is(engine: Engine, cells: list[tuple[str, str | None]]) -> None:
    rows = [_stock(f"{at}", symbol=one, name=other) for at, (one, other) in enumerate(cells)]
    assert staged(engine, rows) == cells


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.none() | numbers, max_size=6), st.booleans())
def test_any_number_arrives_in_postgresql_as_it_is(
    engine: Engine, values: list[float | None], with_text_to_escape: bool
) -> None:
    code = '"' if with_text_to_escape else "a"
    rows: list[Row] = [(f"{code}{at}", "20260303", value) for at, value in enumerate(values)]
    with engine.connect() as connection:
        stage(connection, ADJ_FACTOR, rows)
        found = connection.execute(text(f"SELECT adj_factor FROM {stage_name(ADJ_FACTOR)} ORDER BY ctid")).scalars()
        assert [None if value is None else float(value) for value in found] == values


@given(st.lists(st.tuples(texts, st.none() | texts, st.none() | numbers), min_size=1, max_size=4))
def test_a_row_never_spoils_the_lines_of_another(rows: list[Row]) -> None:
    assert csv_lines([*rows, ("a", None, 1.5)]).endswith((b'"a",null,1.5\n', b'"a",null,1.5\r\n'))


def staged(engine: Engine, rows: list[Row]) -> list[tuple[str, str | None]]:
    """Symbol and name of stocks as they stand in the stage, in the order in which they came."""
    with engine.connect() as connection:
        stage(connection, STOCK_BASIC, rows)
        query = f"SELECT symbol, name FROM {stage_name(STOCK_BASIC)} ORDER BY ctid"
        return [tuple(row) for row in connection.execute(text(query))]


def _stock(ts_code: str, **values: str | None) -> Row:
    """A row of `stock_basic` with these values, and null elsewhere."""
    return tuple(ts_code if name == "ts_code" else values.get(name) for name in STOCK_BASIC.fields)


# --- rows without a part of their key


def items(*names: str | None) -> list[Row]:
    """Rows of fina_mainbz, which tell of these items."""
    dataset = CATALOG["fina_mainbz"]
    told = {"ts_code": "600519.SH", "end_date": "20251231", "type": "P"}
    return [tuple((told | {"bz_item": name}).get(field) for field in dataset.fields) for name in names]


def test_a_row_without_a_part_of_its_key_is_left_out_and_named() -> None:
    rows, left_out = with_keys(CATALOG["fina_mainbz"], items("a", None, "b"))
    assert rows == items("a", "b")
    assert left_out == "one row was left out for lack of bz_item, a part of the key: 600519.SH 2025-12-31"
    assert with_keys(CATALOG["fina_mainbz"], items("a")) == (items("a"), None)


@pytest.mark.parametrize(("sound", "broken"), [(0, 1), (5, 2), (199, 3)])
def test_more_than_a_few_rows_without_a_part_of_their_key_are_a_change_at_the_source(sound: int, broken: int) -> None:
    with pytest.raises(SchemaDrift, match="a row lacks bz_item"):
        with_keys(CATALOG["fina_mainbz"], items(*map(str, range(sound)), *[None] * broken))


def test_a_few_rows_of_many_are_left_out_together() -> None:
    rows, left_out = with_keys(CATALOG["fina_mainbz"], items(*map(str, range(400)), None, None, None, None))
    assert len(rows) == 400
    assert str(left_out).startswith("4 rows were left out")
    assert str(left_out).count("600519.SH") == 3


def test_a_part_of_the_key_that_may_be_null_is_no_lack() -> None:
    row = tuple({"ts_code": "600519.SH", "end_date": "20251231"}.get(name) for name in CATALOG["dividend"].fields)
    assert with_keys(CATALOG["dividend"], [row]) == ([row], None)
