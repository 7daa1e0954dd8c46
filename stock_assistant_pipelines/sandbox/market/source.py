"""The synthetic market as a source of rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stock_assistant_pipelines.protocol.query import day_columns
from stock_assistant_pipelines.sandbox.clock import last_published_day
from stock_assistant_pipelines.sandbox.market.days import Days
from stock_assistant_pipelines.sandbox.market.filings.source import Filings
from stock_assistant_pipelines.sandbox.market.listing import LARGEST, SMALLEST
from stock_assistant_pipelines.sandbox.market.sessions import sessions
from stock_assistant_pipelines.sandbox.market.snapshots import Snapshots

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.protocol.query import Query
    from stock_assistant_pipelines.sandbox.table import Table

PIECE = 8192
"""Pairs of a security and a session that are worked on at once."""


class SyntheticMarket:
    """Answers any query from the seed alone, no further than the clock has got."""

    label = "synthetic"

    def __init__(self, *, seed: int = 1, stocks: int = 300) -> None:
        if not SMALLEST <= stocks <= LARGEST:
            raise ValueError(f"{stocks} stocks: the synthetic market has {SMALLEST} to {LARGEST}")
        self._sessions = sessions()
        self._days = Days(seed, stocks, self._sessions)
        self._snapshots = Snapshots(self._days)
        self._filings = Filings(lambda: self._days.ledger)
        self._made: dict[str, tuple[str, Table]] = {}

    def days(self, dataset: Dataset, now: datetime) -> Sequence[str]:
        """The trading days that are out."""
        return self._sessions.days[: self._sessions.at_or_before(last_published_day(dataset, now)) + 1]

    def edition(self, dataset: Dataset, now: datetime) -> str:
        """The last day that is out."""
        return last_published_day(dataset, now)

    def tables(self, dataset: Dataset, query: Query, now: datetime) -> Iterator[Table]:
        """The rows of a query, newest day or period first, by code within it."""
        for piece in self._pieces(dataset, query, now):
            table = piece
            for column, allowed in query.filters:
                table = table.where(column, allowed)
            yield table

    def _pieces(self, dataset: Dataset, query: Query, now: datetime) -> Iterator[Table]:
        """The rows of a query before its filters."""
        if dataset.partitioned:
            return self._daily(dataset, query, now)
        if dataset.by_period:
            return self._filings.tables(dataset, query, last_published_day(dataset, now))
        return self._snapshot(dataset, query, now)

    def _daily(self, dataset: Dataset, query: Query, now: datetime) -> Iterator[Table]:
        family = self._days.family(dataset)
        members = np.arange(len(family.codes), dtype=np.int64)
        if query.codes is not None:
            members = np.flatnonzero(np.isin(np.array(family.codes), query.codes))
        if not len(members):
            return
        newest = self._sessions.at_or_before(min(query.last, last_published_day(dataset, now)))
        oldest = self._sessions.at_or_after(query.first)
        step = max(1, PIECE // len(members))
        for top in range(newest, oldest - 1, -step):
            block = np.arange(top, max(top - step, oldest - 1), -1, dtype=np.int64)
            yield family.rows(np.tile(members, len(block)), np.repeat(block, len(members)))

    def _snapshot(self, dataset: Dataset, query: Query, now: datetime) -> Iterator[Table]:
        today = last_published_day(dataset, now)
        day, table = self._made.get(dataset.api, ("", None))
        if table is None or day != today:
            table = self._snapshots.table(dataset, today)
            self._made[dataset.api] = today, table
        if query.codes is not None:
            table = table.where("ts_code", query.codes)
        if query.dated:
            table = table.between(day_columns(dataset), query.first, query.last)
        yield table
