"""Copying: rows go from PostgreSQL to an answer as the bytes that COPY writes; no row becomes a Python object on the way.

PostgreSQL writes each value as the format needs it. For JSON that is JSON: numbers as they are stored, days `YYYYMMDD`,
everything else quoted. A text's control characters are escaped then, so that each line end is that of a row.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import Date, DateTime, Numeric, ScalarSelect, Text, cast, func, literal_column, select, type_coerce
from sqlalchemy.types import Integer

from api.database import driver_of
from api.formats import Format
from api.written import Written

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.ext.asyncio import AsyncConnection
    from sqlalchemy.types import TypeEngine

NUMBERS = (Numeric, Integer)
YYYYMMDD: ColumnElement[str] = literal_column("'YYYYMMDD'", Text)
QUOTE: ColumnElement[str] = literal_column("'\"'", Text)
DASH: ColumnElement[str] = literal_column("'-'", Text)
NOTHING: ColumnElement[str] = literal_column("''", Text)

Output = Callable[[bytes], Awaitable[None]]


class Json(Text):
    """The type of a text that is JSON already."""


def as_json(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Let PostgreSQL write a column as JSON: numbers are JSON as they are, days `YYYYMMDD`, everything else is quoted."""
    if isinstance(column.type, (*NUMBERS, Json)):
        return column
    if isinstance(column.type, Date):
        # Written as ISO by each of our sessions; to_char and to_json take longer than all the rest of a row of prices.
        return type_coerce(QUOTE + func.replace(cast(column, Text), DASH, NOTHING) + QUOTE, Json)
    return cast(func.to_json(column), Json)


def once(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """A value that is the same in all rows: PostgreSQL writes it once."""
    return select(value).scalar_subquery()


def as_csv(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Let PostgreSQL write a column as it stands in JSON, without the quotation marks; what is no scalar stays JSON."""
    if isinstance(column.type, Date):
        return func.to_char(column, YYYYMMDD)
    if isinstance(column.type, DateTime):
        return func.to_json(column).op("#>>")(literal_column("'{}'"))
    return as_typed(column)


def as_typed(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Let PostgreSQL write a column as it writes its type; what is no scalar becomes JSON."""
    if isinstance(column.type, (*NUMBERS, Text, Date, DateTime)):
        return column
    return cast(func.to_json(column), Text)


@dataclass(frozen=True, slots=True)
class Wire:
    """How COPY writes the rows of a format."""

    write: Callable[[ColumnElement[Any]], ColumnElement[Any]]
    delimiter: str
    null: str
    csv: bool = False

    @property
    def options(self) -> dict[str, str]:
        """What COPY is told."""
        return {"format": "csv" if self.csv else "text", "delimiter": self.delimiter, "null": self.null}


CELLS = Wire(as_json, "\t", "null")
"""Values that are told apart: JSON has no tabulator of its own."""

WIRES: Mapping[Format, Wire] = {
    Format.JSON: Wire(as_json, ",", "null"),
    Format.ROWS: CELLS,
    Format.COLUMNS: CELLS,
    Format.CSV: Wire(as_csv, ",", "", csv=True),
    Format.PARQUET: Wire(as_typed, ",", "", csv=True),
    Format.ARROW: Wire(as_typed, ",", "", csv=True),
}


@dataclass(frozen=True, slots=True)
class Items:
    """Rows, as COPY wrote them for a format."""

    rows: int
    copied: bytes
    form: Format = Format.JSON
    types: tuple[TypeEngine[Any], ...] = ()
    """What the columns hold."""

    @property
    def json(self) -> bytes:
        """The rows as a JSON array of arrays, if they were copied for that."""
        return b"[" + arrays(self.copied) + b"]" if self.rows else b"[]"

    def first(self, limit: int) -> Items:
        """At most the first `limit` rows."""
        end = len(self.copied)
        for _ in range(limit, self.rows):
            end = self._last_begins(end)
        return Items(min(limit, self.rows), self.copied[:end], self.form, self.types)

    def _last_begins(self, end: int) -> int:
        """Where the last row before `end` begins. In CSV a line end between quotation marks is none of a row."""
        place = self.copied.rfind(b"\n", 0, end - 1)
        while WIRES[self.form].csv and self.copied.count(b'"', place + 1, end) % 2:
            place = self.copied.rfind(b"\n", 0, place)
        return place + 1

    @property
    def without_last(self) -> int:
        """Rows whose last column, a number, is null."""
        wire = WIRES[self.form]
        return self.copied.count(f"{wire.delimiter}{wire.null}\n".encode())


def arrays(copied: bytes) -> bytes:
    """Rows that were copied for JSON, as arrays with commas between them.

    COPY doubles each backslash and puts one before a comma inside a value. A value never ends with a backslash (texts end
    with a quotation mark), so that a backslash before a comma is always COPY's own.
    """
    if b"\\" in copied:
        copied = copied.replace(b"\\,", b",").replace(b"\\\\", b"\\")
    return b"[" + copied[:-1].replace(b"\n", b"],[") + b"]"


async def copy(
    connection: AsyncConnection,
    statement: Select[Any],
    values: Mapping[str, Any] | None = None,
    form: Format = Format.JSON,
) -> Items:
    """Run a query and take its rows as COPY writes them for a format, inside the connection's snapshot."""
    chunks: list[bytes] = []

    async def take(chunk: bytes) -> None:
        chunks.append(chunk)

    rows = await copy_to(take, connection, statement, values, form)
    return Items(rows, b"".join(chunks), form, types(statement))


async def copy_to(
    output: Output,
    connection: AsyncConnection,
    statement: Select[Any],
    values: Mapping[str, Any] | None,
    form: Format,
    seconds: float | None = None,
) -> int:
    """Run a query and hand on whole rows as they come, no faster than they are taken. Returns how many there were.

    `seconds` is how long all of it may take; as long as any statement by default.
    """
    query = _written(statement, form).filled(values)
    done = await driver_of(connection).copy_from_query(query, output=output, timeout=seconds, **WIRES[form].options)
    return int(done.rpartition(" ")[2])


def types(statement: Select[Any]) -> tuple[TypeEngine[Any], ...]:
    """What the columns of a query hold."""
    return tuple(column.type for column in statement.selected_columns)


@lru_cache(maxsize=256)
def _written(statement: Select[Any], form: Format) -> Written:
    """The SQL of a query whose columns are written for a format. A query that is kept is compiled once."""
    columns = (_column(WIRES[form].write, column) for column in statement.selected_columns)
    return Written.of(statement.with_only_columns(*columns, maintain_column_froms=True))


def _column(
    write: Callable[[ColumnElement[Any]], ColumnElement[Any]], column: ColumnElement[Any]
) -> ColumnElement[Any]:
    if isinstance(column, ScalarSelect):
        return once(write(column.element.selected_columns[0]))
    return write(column)
