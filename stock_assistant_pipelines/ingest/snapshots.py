"""The walk of a snapshot, which has no time axis: ask all of it, have a second answer confirm what nothing else can, land."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, Any

from stock_assistant_pipelines.calendar import Calendar
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.calls import Whole
from stock_assistant_pipelines.ingest.books import settled_since
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.tushare.decode import complete_rows, unique
from stock_assistant_pipelines.tushare.errors import TushareError
from stock_assistant_pipelines.tushare.plan import plan
from stock_assistant_pipelines.warehouse.freshness import read_calendar
from stock_assistant_pipelines.warehouse.partition import Delivery, land_snapshot, needs_confirmation

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.ingest.books import Books
    from stock_assistant_pipelines.ingest.source import Source
    from stock_assistant_pipelines.tushare.decode import Row
    from stock_assistant_pipelines.warehouse.coverage import Coverage


@dataclass
class _Whole:
    """What the calls of a snapshot told, together."""

    rows: list[Row] = field(default_factory=list)
    calls: int = 0
    source: str = ""
    lacks: str | None = None


@dataclass(frozen=True, slots=True)
class Snapshots:
    """Lands snapshots; also those that other datasets rest on: the calendar, and the stocks."""

    books: Books
    source: Source

    def land(self, dataset: Dataset, since: datetime | None) -> Coverage:
        """Land a snapshot, unless it was settled at `since` or later."""
        known = self.books.entries(dataset, [None]).get(None)
        return known if known and settled_since(known, since) else self._land(dataset)

    def renew(self, snapshot: Dataset, newest: date) -> None:
        """Land a snapshot that is not complete, or older than this day."""
        entry = self.books.entries(snapshot, [None]).get(None)
        if not (entry and entry.settled and entry.landed_at.astimezone(SHANGHAI).date() >= newest):
            self._land(snapshot)

    def calendar(self, dataset: Dataset, days: Sequence[date], since: date = date.min) -> tuple[Calendar, str | None]:
        """The calendar of a dataset from `since` on, landed first when it does not know all these days, and why it is not
        whole then.
        """
        assert dataset.calendar is not None
        calendar = self._read_calendar(dataset.calendar, since)
        if all(calendar.knows(day) for day in days):
            return calendar, None
        landed = self._land(CATALOG[dataset.calendar])
        return self._read_calendar(dataset.calendar, since), landed.reason

    def _read_calendar(self, name: str, since: date) -> Calendar:
        with self.books.engine.connect() as connection:
            return read_calendar(connection, name, since)

    def _land(self, dataset: Dataset) -> Coverage:
        """Ask for a snapshot, twice where only a second answer can confirm it, and land it."""
        books = self.books
        try:
            told = self._whole(dataset)
            rows = unique(dataset, told.rows)
            calls = told.calls
            confirmed = None
            if needs_confirmation(books.engine, dataset, rows):
                second = self._whole(dataset)
                calls += second.calls
                confirmed = _keys(dataset, second.rows) == _keys(dataset, told.rows)
            delivery = Delivery(rows, told.source, calls, books.now(), books.run_id, told.lacks)
            return land_snapshot(books.engine, dataset, delivery, confirmed=confirmed)
        except TushareError as error:
            return books.refused(dataset, None, error)

    def _whole(self, dataset: Dataset) -> _Whole:
        """Ask all calls of a snapshot, one after the other; note a call that is without a row and should not be."""
        assert isinstance(dataset.calls, Whole)
        whole = _Whole()
        for at, call in enumerate(plan(dataset, (), Calendar({}))):
            answer = self.source.fetch(dataset, call)
            whole.rows += complete_rows(dataset, answer.rows, dict(call.params))
            whole.calls += answer.calls
            whole.source = answer.source
            if not answer.rows and at not in dataset.calls.may_be_empty:
                whole.lacks = f"the source answered without a row for {dict(call.params) or dataset.api}"
        return whole


def _keys(dataset: Dataset, rows: Iterable[Row]) -> set[Any]:
    positions = [dataset.fields.index(name) for name in dataset.key]
    return {tuple(row[at] for at in positions) for row in rows}
