"""A coverage written by hand, at moments of the first days of March 2026."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import insert, text

from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse import coverage
from stock_assistant_pipelines.warehouse.coverage import Coverage
from stock_assistant_pipelines.warehouse.tables import METADATA, Status

if TYPE_CHECKING:
    from sqlalchemy import Engine

TODAY = date(2026, 3, 4)
OLD = date(2025, 6, 2)
WINDOW = [date(2026, 2, 26), date(2026, 2, 27), date(2026, 3, 2), date(2026, 3, 3), TODAY]
"""The five trading days up to today: those that are asked for again."""


def at(hour: int, minute: int = 0, *, days: int = 0) -> datetime:
    """A moment of 2026-03-04, or `days` later, in Shanghai."""
    return datetime(2026, 3, 4, hour, minute, tzinfo=SHANGHAI) + timedelta(days=days)


@dataclass
class Book:
    """Books partitions."""

    engine: Engine

    def __post_init__(self) -> None:
        days = [date(2025, 1, 1) + timedelta(days=day) for day in range(730)]
        rows = [{"exchange": "SSE", "cal_date": day, "is_open": int(day.weekday() < 5)} for day in days]
        with self.engine.begin() as connection:
            connection.execute(insert(METADATA.tables["trade_cal"]), rows)

    def put(self, name: str, day: date | str, status: Status, cause: str | None = None, **words: Any) -> None:
        """Book a partition."""
        self.put_many([(name, day)], status, cause, **words)

    def put_many(
        self, partitions: list[tuple[str, date | str]], status: Status, cause: str | None = None, **words: Any
    ) -> None:
        """Book partitions, all in the same way."""
        words = {"landed_at": at(18), "attempts": 1, "reason": f"because of {cause}", "source": "tushare"} | words
        with self.engine.begin() as connection:
            coverage.book(
                connection, [Coverage(name, str(day), status, cause=cause, **words) for name, day in partitions]
            )

    def forget(self) -> None:
        """Take everything out."""
        with self.engine.begin() as connection:
            connection.execute(text("truncate coverage"))
