"""Rows on their way from a source to an answer, kept by column."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence
    from datetime import datetime

    from numpy.typing import NDArray

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.protocol.query import Query


class Table:
    """Columns of equal length. Numbers are numpy arrays (NaN is null), texts object arrays (None is null)."""

    __slots__ = ("columns", "length")

    def __init__(self, columns: Mapping[str, NDArray[Any]]) -> None:
        self.columns = columns
        self.length = len(next(iter(columns.values()))) if columns else 0

    def __len__(self) -> int:
        return self.length

    def take(self, positions: Any) -> Table:
        """The rows at these positions, or where this mask is true."""
        return Table({name: values[positions] for name, values in self.columns.items()})

    def where(self, column: str, allowed: Collection[str]) -> Table:
        """The rows whose column, written as text, is one of `allowed`; all of them when there is no such column."""
        values = self.columns.get(column)
        if values is None:
            return self
        return self.take(np.fromiter((str(value) in allowed for value in values), bool, self.length))

    def between(self, columns: Sequence[str], first: str, last: str) -> Table:
        """The rows whose day lies between two, both included; their day is the first of these columns that is not null."""
        known = [self.columns[name].tolist() for name in columns if name in self.columns]
        if not known:
            return self
        days = (next((day for day in choices if day is not None), "") for choices in zip(*known, strict=True))
        return self.take(np.fromiter((first <= day <= last for day in days), bool, self.length))

    def rows(self, fields: Sequence[str]) -> list[tuple[Any, ...]]:
        """The rows as tuples in the order of `fields`; a column that is not there is null."""
        nothing = [None] * self.length
        if not fields:
            return [()] * self.length
        columns = (self.columns[name].tolist() if name in self.columns else nothing for name in fields)
        return list(zip(*columns, strict=True))


def texts(values: Sequence[str | None]) -> NDArray[Any]:
    """An object array of texts; None is null."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


class Source(Protocol):
    """Where rows come from. Rows arrive in the answer's order: newest day first, by code within a day."""

    label: str
    """What the header says of every answer."""

    def tables(self, dataset: Dataset, query: Query, now: datetime) -> Iterator[Table]:
        """The rows that the query asks for and that are out by `now`, piece by piece, made only as they are taken."""

    def days(self, dataset: Dataset, now: datetime) -> Sequence[str]:
        """The trading days of a dataset that are out by `now`, `YYYYMMDD`, ascending."""

    def edition(self, dataset: Dataset, now: datetime) -> str:
        """A mark that is the same as long as the same query has the same answer."""
