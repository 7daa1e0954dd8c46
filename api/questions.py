"""Questions: what is asked of a dataset's rows, as queries. The catalog tells all of it; no dataset has code of its own."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Date, Text, any_, bindparam, func, literal_column, select
from sqlalchemy.dialects.postgresql import ARRAY

from api import as_of, cursors, row_parameters, sorting
from api.parameters import last_day
from stock_assistant_pipelines.catalog.grain import MARKET_OPENED
from stock_assistant_pipelines.warehouse.tables import CODE, METADATA

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sqlalchemy import ColumnElement, Select

    from api.row_parameters import Rows
    from api.sorting import By
    from stock_assistant_pipelines.catalog.dataset import Dataset


@dataclass(frozen=True, slots=True)
class Question:
    """Rows of a dataset: which, which columns, in which order, from where on, how many."""

    dataset: Dataset
    fields: tuple[str, ...]
    values: Mapping[str, Any]
    """By column, the day or the texts that it holds."""
    start: date | None
    end: date | None
    descending: bool
    limit: int
    after: tuple[Any, ...] | None
    """By what the last row of the page before was sorted."""

    @classmethod
    def of(cls, dataset: Dataset, asked: Rows) -> Question:
        """What is asked. Raises a problem when a column or the cursor is none of this question."""
        values = row_parameters.wanted(dataset, asked)
        question = cls(
            dataset,
            as_of.chosen(fields(dataset), asked.fields),
            values,
            getattr(asked, "start", None),
            getattr(asked, "end", None),
            asked.order == "desc",
            asked.limit,
            None,
        )
        return question if asked.cursor is None else question._from(asked.cursor)

    def _from(self, cursor: str) -> Question:
        kinds = [(by.column.type.python_type, bool(by.column.nullable)) for by in self.sorted_by]
        after = tuple(cursors.read(self.identity, cursor, kinds))
        return Question(
            self.dataset, self.fields, self.values, self.start, self.end, self.descending, self.limit, after
        )

    @property
    def sorted_by(self) -> tuple[By, ...]:
        """By what the rows are sorted."""
        return _order(self.dataset, by_code=CODE in self.values, descending=self.descending)

    @property
    def identity(self) -> list[Any]:
        """What a cursor belongs to: not the columns, nor how many rows."""
        return [self.dataset.api, self.values, self.start, self.end, self.descending]

    @property
    def first(self) -> date:
        """The first day or report period that is asked for."""
        return self._partition or self.start or MARKET_OPENED

    @property
    def last(self) -> date:
        """The last one; the last that there can be when nothing limits it."""
        return self._partition or self.end or last_day()

    @property
    def _partition(self) -> date | None:
        found: date | None = self.values.get(self.dataset.grain.value)
        return found

    def bound(self, limit: int) -> dict[str, Any]:
        """The values of the queries' parameters."""
        last = {f"after_{place}": value for place, value in enumerate(self.after or ()) if value is not None}
        limits = {name: value for name, value in (("start", self.start), ("end", self.end)) if value is not None}
        return {**{f"is_{name}": value for name, value in self.values.items()}, **limits, **last, "limit": limit}

    @property
    def rows(self) -> Select[Any]:
        """The rows from where the page begins, `:limit` of them."""
        return _rows(self._shape, self.fields)

    @property
    def counted(self) -> Select[int]:
        """How many rows there are from where the page begins, `:limit` at the most."""
        return select(func.count()).select_from(_rows(self._shape, ()).order_by(None).subquery())

    @property
    def place(self) -> Select[Any]:
        """By what the last row of a full page is sorted."""
        sorted_by = tuple(by.column.name for by in self.sorted_by)
        return _rows(self._shape, sorted_by).offset(self.limit - 1)

    def cursor(self, last: Sequence[Any]) -> str:
        """The cursor for the page that follows this row."""
        return cursors.write(self.identity, last)

    @property
    def _shape(self) -> _Shape:
        nulls = None if self.after is None else tuple(value is None for value in self.after)
        names = tuple(sorted(self.values))
        return _Shape(self.dataset, names, self.start is not None, self.end is not None, self.descending, nulls)


@dataclass(frozen=True, slots=True)
class _Shape:
    """What makes one query another, whatever the values."""

    dataset: Dataset
    names: tuple[str, ...]
    start: bool
    end: bool
    descending: bool
    after: tuple[bool, ...] | None


def fields(dataset: Dataset) -> tuple[str, ...]:
    """Every column that can be asked for."""
    return (*dataset.fields, *as_of.VERSION) if dataset.versions else dataset.fields


@lru_cache(maxsize=256)
def _order(dataset: Dataset, *, by_code: bool, descending: bool) -> tuple[By, ...]:
    return sorting.order(dataset, by_code=by_code, descending=descending)


@lru_cache(maxsize=512)
def _rows(shape: _Shape, names: tuple[str, ...]) -> Select[Any]:
    """These columns of the rows, in order, `:limit` of them."""
    table = METADATA.tables[shape.dataset.api]
    order = _order(shape.dataset, by_code=CODE in shape.names, descending=shape.descending)
    where = [_is(table.c[name]) for name in shape.names]
    day = row_parameters.axis(shape.dataset)
    if day and shape.start:
        where.append(table.c[day] >= bindparam("start", type_=Date))
    if day and shape.end:
        where.append(table.c[day] <= bindparam("end", type_=Date))
    if shape.after is not None:
        where.append(sorting.after(order, shape.after))
    columns: list[ColumnElement[Any]] = [table.c[name] for name in names] or [literal_column("1")]
    rows = select(*columns).select_from(table).where(*where).order_by(*(by.expression for by in order))
    return rows.limit(bindparam("limit", type_=BigInteger))


def _is(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """A column has the value, or one of the values, that are asked for."""
    if isinstance(column.type, Date):
        return column == bindparam(f"is_{column.key}", type_=Date)
    return column == any_(bindparam(f"is_{column.key}", type_=ARRAY(Text)))
