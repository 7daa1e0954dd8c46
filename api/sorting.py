"""Sorting: the one order in which the rows of a dataset come, by columns that tell every row from every other, so that a page
can begin after any row.

By day and code, as they are stored; where codes are named, by code and day, as the covering index has them
(`docs/decisions/0003-storage.md`). Versions of a row follow each other as they became known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, false, or_, tuple_

from api.as_of import SINCE
from stock_assistant_pipelines.warehouse.tables import CODE, METADATA

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import Column, ColumnElement

    from stock_assistant_pipelines.catalog.dataset import Dataset


@dataclass(frozen=True, slots=True)
class By:
    """A column by which rows are sorted."""

    column: Column[Any]
    descending: bool = False
    nulls_first: bool = False

    @property
    def expression(self) -> ColumnElement[Any]:
        """For ORDER BY; without a word on nulls where there are none, or an index could not serve it."""
        order = self.column.desc() if self.descending else self.column.asc()
        if not self.column.nullable:
            return order
        return order.nulls_first() if self.nulls_first else order.nulls_last()

    @property
    def reversed(self) -> By:
        """The other way round."""
        return By(self.column, not self.descending, not self.nulls_first)


def order(dataset: Dataset, *, by_code: bool, descending: bool) -> tuple[By, ...]:
    """By what the rows of a dataset are sorted."""
    table = METADATA.tables[dataset.api]
    leading = CODE if by_code else dataset.grain.value if dataset.dated else dataset.key[0]
    second = dataset.grain.value if by_code and dataset.dated else CODE if CODE in dataset.key else leading
    names = dict.fromkeys((leading, second, *dataset.key) if dataset.dated else dataset.key)
    ascending = [*(By(table.c[name]) for name in names), *_versions(dataset)]
    return tuple(by.reversed for by in ascending) if descending else tuple(ascending)


def _versions(dataset: Dataset) -> Iterator[By]:
    """Versions of one key: as they became known, and of those known at the same time, the one that stands last."""
    if dataset.versions is None:
        return
    table = METADATA.tables[dataset.api]
    yield By(table.c[SINCE])
    for name in dataset.versions.prefer:
        yield By(table.c[name], nulls_first=True)
    yield By(table.c.ingested_at)
    yield By(table.c.filled)
    yield By(table.c.digest, descending=True, nulls_first=True)


def after(sorted_by: Sequence[By], nulls: Sequence[bool]) -> ColumnElement[bool]:
    """Rows that follow the one whose values are bound as `after_0`, `after_1` …; `nulls` tells which of them are null.

    Where the first columns are never null and point the same way, they are compared as one, which an index serves.
    """
    leading = next(
        (place for place, by in enumerate(sorted_by) if by.column.nullable or by.descending != sorted_by[0].descending),
        len(sorted_by),
    )
    if leading == 0:
        return _follows(sorted_by, nulls, 0)
    columns = tuple_(*(by.column for by in sorted_by[:leading]))
    values = tuple_(*(_value(sorted_by[place], place) for place in range(leading)))
    beyond = columns < values if sorted_by[0].descending else columns > values
    if leading == len(sorted_by):
        return beyond
    from_there = columns <= values if sorted_by[0].descending else columns >= values
    return and_(from_there, or_(beyond, _follows(sorted_by, nulls, leading)))


def _follows(sorted_by: Sequence[By], nulls: Sequence[bool], place: int) -> ColumnElement[bool]:
    """Rows that follow by the columns from `place` on, those before being equal."""
    if place == len(sorted_by):
        return false()
    by, value = sorted_by[place], _value(sorted_by[place], place)
    if nulls[place]:
        beyond: ColumnElement[bool] = by.column.is_not(None) if by.nulls_first else false()
        equal: ColumnElement[bool] = by.column.is_(None)
    else:
        beyond = by.column < value if by.descending else by.column > value
        equal = by.column == value
        if by.column.nullable and not by.nulls_first:
            beyond = or_(beyond, by.column.is_(None))
    return or_(beyond, and_(equal, _follows(sorted_by, nulls, place + 1)))


def _value(by: By, place: int) -> ColumnElement[Any]:
    return bindparam(f"after_{place}", type_=by.column.type)
