"""What is booked of partitions: how they stand, and why nothing landed of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stock_assistant_pipelines.warehouse import coverage
from stock_assistant_pipelines.warehouse.coverage import Coverage
from stock_assistant_pipelines.warehouse.partition import book_closed, book_failure, status_of
from stock_assistant_pipelines.warehouse.tables import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from datetime import date, datetime

    from sqlalchemy import Engine

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.tushare.errors import TushareError


@dataclass(frozen=True, slots=True)
class Books:
    """Reads what is booked, and books what comes without rows."""

    engine: Engine
    now: Callable[[], datetime]
    run_id: str | None = None

    def entries(self, dataset: Dataset, days: Iterable[date | None]) -> dict[date | None, Coverage]:
        """What is booked of these partitions. None is that of a snapshot."""
        with self.engine.connect() as connection:
            return coverage.entries(connection, dataset, days)

    def closed(self, dataset: Dataset, day: date) -> Coverage:
        """Book a day on which the market was closed."""
        return book_closed(self.engine, dataset, day, at=self.now(), run_id=self.run_id)

    def early(self, dataset: Dataset, day: date, reason: str) -> Coverage:
        """Tell that a partition cannot be there yet. It is not booked: nobody was asked."""
        return Coverage(dataset.api, day.isoformat(), Status.EMPTY, self.now(), cause="unpublished", reason=reason)

    def failure(self, dataset: Dataset, day: date | None, reason: str, status: Status, cause: str) -> Coverage:
        """Book why a partition did not land."""
        return book_failure(self.engine, dataset, day, reason, status, cause=cause, at=self.now(), run_id=self.run_id)

    def refused(self, dataset: Dataset, day: date | None, error: TushareError) -> Coverage:
        """Book that there was no answer, or none that can be stored."""
        return self.failure(dataset, day, str(error), status_of(error), error.cause)


def settled_since(entry: Coverage, since: datetime | None) -> bool:
    """Whether a partition was settled at this moment or later, and need not be asked for again."""
    return entry.settled and since is not None and entry.landed_at >= since
