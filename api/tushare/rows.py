"""Rows for a call: what stands now of what has landed, filtered, ordered and written as Tushare writes it."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import ARRAY, Date, Integer, Numeric, Text, any_, bindparam, case, func, literal_column, select

from api import answers
from api.answers import as_json
from api.tushare.days import at_or_after, at_or_before, exactly
from stock_assistant_pipelines.protocol.interfaces import home
from stock_assistant_pipelines.protocol.order import order
from stock_assistant_pipelines.protocol.query import BEGINNING, CODE, END, day_columns
from stock_assistant_pipelines.warehouse.tables import METADATA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from sqlalchemy import ColumnElement, Select, Table
    from sqlalchemy.ext.asyncio import AsyncConnection

    from api.answers import Items
    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.protocol.query import Query

MOST_ROWS = 20_000
"""Rows in one answer at the most where Tushare states no cap: all that it is known to answer fits, and memory has a bound."""


ZERO, ONE = (literal_column(digit, Integer) for digit in "01")
SINCE, UNTIL = (bindparam(name, type_=Date) for name in ("since", "until"))


class Page(NamedTuple):
    """Rows of an answer, and whether more follow."""

    items: Items
    more: bool


class Shape(NamedTuple):
    """All of a question that its SQL depends on: what differs otherwise are values."""

    dataset: Dataset
    fields: tuple[str, ...]
    codes: int
    """How many: 0 for all, 1, or 2 for several."""
    since: bool
    until: bool
    one_day: bool
    filters: tuple[str, ...]


async def read(connection: AsyncConnection, dataset: Dataset, query: Query, fields: tuple[str, ...]) -> Page:
    """The rows that are asked for, no more than the row cap."""
    room = min(query.limit if query.limit is not None else MOST_ROWS, dataset.row_cap or MOST_ROWS)
    values = _values(dataset, query) | {"room": room + 1, "offset": query.offset}
    items = await answers.copy(connection, _statement(_shape(dataset, query, fields)), values)
    return Page(items.first(room), items.rows > room)


def _shape(dataset: Dataset, query: Query, fields: tuple[str, ...]) -> Shape:
    return Shape(
        dataset,
        fields,
        codes=0 if query.codes is None else min(len(query.codes), 2),
        since=query.first > BEGINNING,
        until=query.last < END,
        one_day=query.first == query.last and exactly(query.first) is not None,
        filters=tuple(name for name, _ in query.filters),
    )


def _values(dataset: Dataset, query: Query) -> dict[str, Any]:
    """What is asked for, as columns hold it. What no column can hold is left out: no row has it."""
    table = _table(dataset)
    codes = [_text(code) for code in query.codes or ()]
    return {
        "code": codes[0] if codes else None,
        "codes": [code for code in codes if code],
        "since": at_or_after(query.first),
        "until": at_or_before(query.last),
        **{f"of_{name}": _held(table.c[name], allowed) for name, allowed in query.filters},
    }


def _held(column: ColumnElement[Any], texts: Iterable[str]) -> list[Any]:
    read = next(read for kind, read in READ.items() if isinstance(column.type, kind))
    return [value for text in sorted(texts) if (value := read(text)) is not None]


def _text(text: str) -> str | None:
    return None if "\0" in text else text


def _number(text: str) -> Decimal | None:
    return Decimal(text) if NUMBER.fullmatch(text) else None


def _integer(text: str) -> int | None:
    return int(text) if INTEGER.fullmatch(text) else None


NUMBER = re.compile(r"-?[0-9]{1,30}(\.[0-9]{1,30})?")
INTEGER = re.compile(r"-?[0-9]{1,18}")

READ: Mapping[type, Callable[[str], Any]] = {Text: _text, Date: exactly, Integer: _integer, Numeric: _number}
"""How a filter's value is read, by the type of its column; None is what no row can have."""


@lru_cache(maxsize=1024)
def _statement(shape: Shape) -> Select[Any]:
    """The question in SQL."""
    table = _table(shape.dataset)
    rows = select(*(_as_told(table.c[name]) for name in shape.fields)).select_from(table).where(*_asked(table, shape))
    room, offset = bindparam("room", type_=Integer), bindparam("offset", type_=Integer)
    return rows.order_by(*_ordered(table, shape)).limit(room).offset(offset)


def _asked(table: Table, shape: Shape) -> Iterator[ColumnElement[bool]]:
    """The conditions. Of versions those that an answer told last and none has replaced."""
    if shape.dataset.versions:
        yield table.c.replaced_at.is_(None)
    if shape.codes == 1:
        yield table.c[CODE] == bindparam("code", type_=Text)
    elif shape.codes:
        yield table.c[CODE] == any_(bindparam("codes", type_=ARRAY(Text)))
    for name in shape.filters:
        yield table.c[name] == any_(bindparam(f"of_{name}", type_=ARRAY(table.c[name].type)))
    if days := [table.c[name] for name in day_columns(shape.dataset)]:
        day = func.coalesce(*days) if len(days) > 1 else days[0]
        if shape.one_day:
            yield day == SINCE
        else:
            yield from ([day >= SINCE] if shape.since else []) + ([day <= UNTIL] if shape.until else [])


def _ordered(table: Table, shape: Shape) -> Iterator[ColumnElement[Any]]:
    """The order of the protocol, code point by code point; what all rows share is left out, so that an index serves."""
    shared = {CODE} if shape.codes == 1 else set()
    if shape.one_day and shape.dataset.partitioned:
        shared.add(shape.dataset.grain.value)
    for name, descending in order(shape.dataset):
        column = table.c[name]
        if name not in shared:
            plain = column.collate("C") if isinstance(column.type, Text) else column
            by = plain.desc() if descending else plain.asc()
            yield by.nulls_last() if column.nullable else by
    if shape.dataset.versions:
        yield table.c.digest.collate("C")


def _as_told(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """A column as Tushare writes it: a number with its point, so that pandas reads `10.0`, and no integer."""
    if isinstance(column.type, Numeric):
        return case((func.scale(column) == ZERO, func.round(column, ONE, type_=column.type)), else_=column)
    return as_json(column)


def _table(dataset: Dataset) -> Table:
    return METADATA.tables[home(dataset)]
