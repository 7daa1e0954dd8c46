"""Laws of reading again, for every dataset of versions: nothing is written twice, whatever it says and however it comes."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from filings import AT, BY_API, tell
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from stock_assistant_pipelines.catalog.columns import Type
from stock_assistant_pipelines.tushare.decode import compact
from stock_assistant_pipelines.tushare.periods import calls_of
from stock_assistant_pipelines.warehouse.tables import METADATA

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Connection, Engine

    from stock_assistant_pipelines.catalog.columns import Column
    from stock_assistant_pipelines.catalog.dataset import Dataset

laws = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)
Filing = dict[str, Any]


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A transaction that is taken back."""
    with engine.connect() as connection:
        yield connection
        connection.rollback()


# In any order

CODES = ("000002.SZ", "600519.SH")
PERIODS = tuple(compact(date(2023, month, day)) for month, day in ((3, 31), (6, 30), (9, 30)))
DAYS = tuple(compact(day) for day in (date(2022, 12, 1), date(2023, 10, 20), date(2024, 4, 20), date(2028, 1, 1)))
"""Before its period is over, after it, twice, and long after it was read."""
WORDS = {"ts_code": CODES, "end_date": PERIODS, "report_type": "145", "update_flag": (None, "0", "1")}


def few(dataset: Dataset, column: Column) -> st.SearchStrategy[Any]:
    """One of a few values, so that many rows have a key, a day or a figure in common."""
    assert dataset.versions
    stages = dataset.versions.stages
    if stages and column.name == stages.column:
        values: tuple[Any, ...] = (None, "股东大会通过", *stages.days)
    elif column.name in WORDS:
        return st.sampled_from(WORDS[column.name])
    else:
        values = {Type.DATE: DAYS, Type.NUMBER: (1, 2, 3)}.get(column.type, ("a", "b"))
    required = column.name in dataset.key and not column.optional
    return st.sampled_from(values) if required else st.none() | st.sampled_from(values)


def histories(dataset: Dataset) -> st.SearchStrategy[list[Filing]]:
    """Filings of two companies: all that decides which version a row is, and two figures."""
    assert dataset.versions
    stage = [dataset.versions.stages.column] if dataset.versions.stages else []
    told = {*dataset.key, *dataset.versions.days, *dataset.versions.prefer, *stage}
    told |= {*[column.name for column in dataset.columns if column.name not in told][:2]}
    columns = [column for column in dataset.columns if column.name in told]
    row = st.fixed_dictionaries({column.name: few(dataset, column) for column in columns})
    return st.lists(row, min_size=1, max_size=12)


def answers(dataset: Dataset, rows: list[Filing]) -> list[tuple[list[Filing], str | None]]:
    """The answers that a source can give, and by which day, if any, they were asked for. Companies come first, then periods,
    variants of the calls, and days of announcement.
    """
    parts: list[tuple[str, Sequence[str]]] = [("ts_code", CODES), ("end_date", PERIODS)]
    parts += [(name, sorted({row[name] for row in rows})) for name in dataset.fills]
    told = [([row for row in rows if row[name] == value], None) for name, values in parts for value in values]
    by_day = [([row for row in rows if row[name] == day], name) for name in calls_of(dataset).announced for day in DAYS]
    return [*told, *by_day]


def table(connection: Connection, dataset: Dataset) -> list[Any]:
    """All that a table holds, apart from when it was read; and since when it is known, unless that is when it was read."""
    held = METADATA.tables[dataset.api].c
    known = func.nullif(held.known_at, held.ingested_at)
    ours = (known, held.flaw, held.digest, held.filled, held.replaced_at, held.known_until)
    query = select(*(held[name] for name in dataset.fields), *ours)
    return sorted((tuple(row) for row in connection.execute(query)), key=repr)


@pytest.mark.parametrize("dataset", BY_API.values(), ids=BY_API)
@laws
@given(data=st.data())
def test_reading_it_again_in_any_order_gives_the_same_tables(
    connection: Connection, dataset: Dataset, data: st.DataObject
) -> None:
    rows = data.draw(histories(dataset))
    told = answers(dataset, rows)
    again = data.draw(st.lists(st.sampled_from(range(len(told))), max_size=4))
    order = data.draw(st.permutations([*range(len(CODES)), *again]))
    with connection.begin_nested() as savepoint:
        tell(connection, dataset.api, *rows)
        expected = table(connection, dataset)
        connection.execute(METADATA.tables[dataset.api].delete())
        for hours, which in enumerate(order):
            answer, by = told[which]
            tell(connection, dataset.api, *answer, at=AT + timedelta(hours=hours), by=by)
        assert table(connection, dataset) == expected
        savepoint.rollback()


# Whatever it says

TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=8) | st.just("null")
VALUES: dict[Type, st.SearchStrategy[Any]] = {
    Type.TEXT: TEXTS,
    Type.NUMBER: st.floats(allow_nan=False, allow_infinity=False),
    Type.DATE: st.dates(date(1990, 1, 1), date(2030, 1, 1)).map(compact),
    Type.INTEGER: st.integers(-(2**63), 2**63 - 1),
}


def rows_of(dataset: Dataset) -> st.SearchStrategy[list[Filing]]:
    """Rows that fit the columns of a dataset, whatever they say: a few columns are told beside the key."""
    required = {column.name: VALUES[column.type] for column in dataset.columns if column.name in dataset.key}
    others = {column.name: VALUES[column.type] for column in dataset.columns if column.name not in dataset.key}
    some = st.sets(st.sampled_from(sorted(others)), max_size=5)
    row = some.flatmap(lambda names: st.fixed_dictionaries(required | {name: others[name] for name in names}))
    return st.lists(row, min_size=1, max_size=3)


@pytest.mark.parametrize("api", BY_API)
@laws
@given(data=st.data())
def test_whatever_a_row_says_it_is_written_once(connection: Connection, api: str, data: st.DataObject) -> None:
    rows = data.draw(rows_of(BY_API[api]))
    with connection.begin_nested() as savepoint:
        told = tell(connection, api, *rows)
        where = text("tableoid, ctid, xmin, cmin")
        written = connection.execute(select(where).select_from(METADATA.tables[api])).all()
        again = tell(connection, api, *reversed(rows), at=AT + timedelta(days=1))
        assert (again.inserted, again.replaced, again.unchanged) == (0, 0, told.inserted)
        assert connection.execute(select(where).select_from(METADATA.tables[api])).all() == written
        savepoint.rollback()
