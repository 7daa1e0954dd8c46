"""Asking Tushare for a dataset: one call, what it told by day, or why it told nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stock_assistant_pipelines.tushare.decode import by_day, complete_rows, wire_types
from stock_assistant_pipelines.tushare.errors import TushareError
from stock_assistant_pipelines.tushare.plan import DEFAULT_CAP, too_few
from stock_assistant_pipelines.warehouse.tables import CODE

if TYPE_CHECKING:
    from datetime import date

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.tushare.decode import Row
    from stock_assistant_pipelines.tushare.plan import Call
    from stock_assistant_pipelines.tushare.transport import Answer, Transport


@dataclass(frozen=True, slots=True)
class Told:
    """What one call told: its rows by day, or why it told nothing."""

    call: Call
    rows: dict[date, list[Row]] = field(default_factory=dict)
    calls: int = 0
    source: str = ""
    error: TushareError | None = None
    differs: frozenset[date] = frozenset()
    """The days of which a second answer told something else."""


@dataclass(frozen=True, slots=True)
class Source:
    """Tushare, as far as the token's points reach."""

    transport: Transport
    points: int | None
    """Datasets that ask for more are not asked for. None: Tushare decides."""

    def fetch(self, dataset: Dataset, call: Call) -> Answer:
        """Make one call. Raises `TushareError`."""
        if refusal := too_few(dataset, self.points):
            raise refusal
        cap = dataset.row_cap if call.api == dataset.api else DEFAULT_CAP
        return self.transport.fetch(call.api, dict(call.params), wire_types(dataset), row_cap=cap)

    def ask(self, dataset: Dataset, call: Call) -> Told:
        """Make one call, and split its answer by day. An error is told, not raised: it concerns this call's days only.

        Where a second answer has to confirm the first, the rows of both are told, and on which days they differ.
        """
        try:
            rows, calls, source = self._answer(dataset, call)
            if not dataset.confirm:
                return Told(call, rows, calls, source)
            again, more, _ = self._answer(dataset, call)
        except TushareError as error:
            return Told(call, error=error)
        both = {day: list({*rows.get(day, ()), *again.get(day, ())}) for day in rows.keys() | again.keys()}
        differs = frozenset(day for day in both if set(rows.get(day, ())) != set(again.get(day, ())))
        return Told(call, both, calls + more, source, differs=differs)

    def _answer(self, dataset: Dataset, call: Call) -> tuple[dict[date, list[Row]], int, str]:
        """The rows of a call by day, the answers that took, and who gave them."""
        answer = self.fetch(dataset, call)
        rows = complete_rows(dataset, answer.rows, dict(call.params))
        if call.codes:
            at = dataset.fields.index(CODE)
            rows = [row for row in rows if row[at] in call.codes]
        return by_day(dataset, rows, min(call.days), max(call.days)), answer.calls, answer.source
