"""One answer: a page of a source's rows, misshapen if a fault asks for it, as JSON. Keeps the last answers."""

from __future__ import annotations

import itertools
from bisect import bisect_left, bisect_right
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from stock_assistant_pipelines.protocol.query import END

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.protocol.query import Query
    from stock_assistant_pipelines.sandbox.table import Source

ROW_FAULTS = frozenset({"half", "yesterday", "stale", "empty", "drop_field"})
"""The faults that change rows; the others are the protocol's business."""


class Page(NamedTuple):
    """Rows as an answer's `data`."""

    data: bytes
    rows: int


@dataclass(frozen=True, slots=True)
class Question:
    """All that an answer depends on besides the source and its edition."""

    dataset: Dataset
    query: Query
    fields: tuple[str, ...]
    fault: str | None = None

    def key(self, edition: str) -> tuple[Any, ...]:
        """What makes two answers the same."""
        return (self.dataset.api, self.query, self.fields, self.fault, edition)


class Answers:
    """Answers questions from a source, and keeps the last answers up to a number of bytes."""

    def __init__(self, source: Source, kept_bytes: int = 32 << 20) -> None:
        self._source = source
        self._kept: OrderedDict[tuple[Any, ...], Page] = OrderedDict()
        self._room = kept_bytes

    def kept(self, question: Question, now: datetime) -> Page | None:
        """The answer, if the same question was asked a short while ago."""
        key = question.key(self._source.edition(question.dataset, now))
        page = self._kept.get(key)
        if page:
            self._kept.move_to_end(key)
        return page

    def keep(self, question: Question, now: datetime, page: Page) -> None:
        """Keep an answer; the ones asked for longest ago make room."""
        key = question.key(self._source.edition(question.dataset, now))
        if key in self._kept:
            return
        self._kept[key] = page
        self._room -= len(page.data)
        while self._room < 0:
            _, oldest = self._kept.popitem(last=False)
            self._room += len(oldest.data)

    def make(self, question: Question, now: datetime) -> Page:
        """Answer a question: the rows in order, no more than the row cap, and whether there are more."""
        dataset, query, fields, fault = question.dataset, question.query, question.fields, question.fault
        if fault in {"yesterday", "stale"}:
            query = self._days_before(dataset, query, now)
        room = min(count for count in (query.limit, dataset.row_cap, 1 << 60) if count is not None)
        wanted = query.offset + room + 1
        pieces: list[list[tuple[Any, ...]]] = []
        found = 0
        for table in self._source.tables(dataset, query, now):
            pieces.append(table.rows(fields))
            found += len(table)
            if found >= wanted:
                break
        rows = list(itertools.chain.from_iterable(pieces))[query.offset : query.offset + room]
        more = found > query.offset + room
        if fault:
            rows, fields = self._misshapen(question, rows, now)
            more = more and fault != "empty"
        data = orjson.dumps(
            {"fields": fields, "items": rows, "has_more": more, "count": -1}, option=orjson.OPT_SERIALIZE_NUMPY
        )
        return Page(data, len(rows))

    def _days_before(self, dataset: Dataset, query: Query, now: datetime) -> Query:
        """The same question, each day moved back to the trading day before."""
        if not (query.dated and dataset.partitioned):
            return query
        days = self._source.days(dataset, now)
        first, last = bisect_left(days, query.first), bisect_right(days, query.last) - 1
        if first > last:
            return query
        return query.between(_at(days, first - 1), _at(days, last - 1))

    def _misshapen(
        self, question: Question, rows: list[tuple[Any, ...]], now: datetime
    ) -> tuple[list[tuple[Any, ...]], tuple[str, ...]]:
        """The rows and fields as the fault leaves them."""
        fields = question.fields
        match question.fault:
            case "empty":
                return [], fields
            case "half":
                return rows[::2], fields
            case "drop_field":
                return [row[:-1] for row in rows], fields[:-1]
            case "stale":
                return self._relabelled(question, rows, self._source.days(question.dataset, now)), fields
        return rows, fields

    def _relabelled(
        self, question: Question, rows: list[tuple[Any, ...]], days: Sequence[str]
    ) -> list[tuple[Any, ...]]:
        """Rows under the trading day after their own."""
        day_column = question.dataset.grain.value
        if not question.dataset.partitioned or day_column not in question.fields:
            return rows
        at = question.fields.index(day_column)
        after = {day: _at(days, bisect_right(days, day)) for day in {row[at] for row in rows}}
        return [(*row[:at], after[row[at]], *row[at + 1 :]) for row in rows]


def _at(days: Sequence[str], position: int) -> str:
    """The day at a position; before the first one and after the last one, a day that holds nothing."""
    if position < 0:
        return "00000000"
    return days[position] if position < len(days) else END
