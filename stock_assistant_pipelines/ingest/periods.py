"""The walk of report periods: leave out what need not be asked for, land what the others rest on, and let `filings` ask."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stock_assistant_pipelines.calendar import over
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.clock import may_be_open
from stock_assistant_pipelines.ingest.books import settled_since
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse import asked, coverage

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date, datetime

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.ingest.books import Books
    from stock_assistant_pipelines.ingest.filings import Filings
    from stock_assistant_pipelines.ingest.snapshots import Snapshots
    from stock_assistant_pipelines.warehouse.coverage import Coverage


@dataclass(frozen=True, slots=True)
class Periods:
    """Lands report periods."""

    books: Books
    snapshots: Snapshots
    filings: Filings
    tried: set[tuple[str, date, date]]
    """The plans that were asked for, their periods, and on which day: not once for each dataset that rests on them."""

    def land(
        self,
        dataset: Dataset,
        periods: Sequence[date],
        since: datetime | None,
        begun: datetime | None,
        *,
        whole: bool,
        failed: bool = False,
    ) -> Iterator[Coverage]:
        """Land these report periods, as far as they have ended."""
        settled = self._fetched(dataset, periods, since, whole=whole)
        todo = []
        for period in periods:
            if entry := settled.get(period):
                yield entry
            elif period > over(self.books.now()):
                yield self.books.early(dataset, period, "has not ended: it was not asked for")
            else:
                todo.append(period)
        if todo:
            self.prepare(dataset, todo)
            judged = self._fetched(dataset, todo, since, whole=whole)
            yield from judged.values()  # by what they rest on, which was not there before
            todo = [period for period in todo if period not in judged]
            yield from self.filings.land(dataset, todo, begun=begun, whole=whole, failed=failed)

    def prepare(self, dataset: Dataset, periods: Sequence[date]) -> None:
        """Land what the completeness of these periods rests on: the stocks of today, and the plan where it is not there."""
        for name in dataset.expected.reads:
            read = CATALOG[name]
            if not read.by_period:
                self.snapshots.renew(read, self.books.now().date())
                continue
            today = self.books.now().astimezone(SHANGHAI).date()
            absent = [
                period
                for period in periods
                if (name, period, today) not in self.tried and not self._is_told(read, period, today)
            ]
            if absent:
                self.tried.update((name, period, today) for period in absent)
                for _ in self.land(read, absent, None, None, whole=True):
                    pass
            if lacking := self._lacking(read, periods, today):
                for _ in self.land(read, lacking, None, None, whole=False):
                    pass

    def _fetched(
        self, dataset: Dataset, periods: Sequence[date], since: datetime | None, *, whole: bool
    ) -> dict[date, Coverage]:
        """The periods that were settled since, and need not be asked for.

        Where they are fetched again, only those of which all was asked: an evening may have asked for one variant alone.
        """
        found = self.books.entries(dataset, periods).items()
        settled = {period: entry for period, entry in found if period and settled_since(entry, since)}
        if not (settled and since and whole):
            return settled
        answered = self.filings.answered(dataset, settled, since)
        return {period: entry for period, entry in settled.items() if period in answered}

    def _is_told(self, plan: Dataset, period: date, today: date) -> bool:
        """Whether a plan was answered for; that of a period which may be open, today. A try in vain is no answer."""
        with self.books.engine.connect() as connection:
            entry = coverage.entries(connection, plan, [period]).get(period)
            answered = asked.last_answer(connection, plan, period)
        if entry is None or entry.status not in coverage.JUDGED:
            return False
        return period not in may_be_open(today) or bool(answered and answered.astimezone(SHANGHAI).date() >= today)

    def _lacking(self, plan: Dataset, periods: Sequence[date], today: date) -> list[date]:
        """The old periods of which a plan lacks companies by one answer: a second one has to say so."""
        entries = self.books.entries(plan, [period for period in periods if period not in may_be_open(today)])
        once = {period for period, each in entries.items() if each.landed and not each.settled and each.attempts == 1}
        return [period for period in periods if period in once]
