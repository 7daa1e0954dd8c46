"""Statements are compiled once, and what they are filled in with arrives as it was."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Date, DateTime, Integer, Numeric, Text, bindparam, column, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from api.written import literal, written

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])) | st.text("\\'\"$1;-\n{},")
VALUES = st.one_of(
    st.tuples(st.just(Text), TEXTS | st.none()),
    st.tuples(st.just(Integer), st.integers(-(2**31), 2**31 - 1)),
    st.tuples(st.just(Numeric), st.decimals(allow_nan=False, allow_infinity=False, places=6)),
    st.tuples(st.just(Date), st.dates(date(1, 1, 1))),
    st.tuples(st.just(DateTime(timezone=True)), st.datetimes(datetime(1900, 1, 1), timezones=st.just(UTC))),  # noqa: DTZ001
    st.tuples(st.just(ARRAY(Text)), st.lists(TEXTS, max_size=3)),
)


@pytest.fixture(scope="module")
def reader(database: str) -> Iterator[psycopg.Connection[Any]]:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("set timezone = 'UTC'")
        yield connection


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(typed=VALUES)
def test_a_literal_is_the_value(reader: psycopg.Connection[Any], typed: tuple[Any, Any]) -> None:
    kind, value = typed
    statement = select(bindparam("value", type_=kind), bindparam("value", type_=kind))
    assert reader.execute(written(statement).filled({"value": value}).encode()).fetchall() == [(value, value)]


def test_what_has_no_literal_is_refused() -> None:
    with pytest.raises(TypeError, match="bytes"):
        literal(b"x")
    assert literal(Decimal("1.50")) == "'1.50'"


def test_a_statement_is_compiled_once() -> None:
    statement = select(column("a"))
    assert written(statement) is written(statement)


def test_values_of_the_statement_itself_are_filled_in_and_others_must_be_given() -> None:
    statement = select(column("a", Integer)).where(column("a", Integer) == bindparam("b", type_=Integer)).limit(3)
    assert written(statement).filled({"b": 1}).endswith("= '1'::INTEGER \n LIMIT '3'::INTEGER")
    with pytest.raises(KeyError, match="b"):
        written(statement).filled()


def test_a_list_that_would_be_expanded_is_refused_since_it_is_compiled_once() -> None:
    with pytest.raises(TypeError, match="any_"):
        written(select(func.count()).where(column("a", Integer).in_([1, 2])))
