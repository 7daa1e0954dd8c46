"""The audit: what is booked is compared with the rows that are really there, and what is not true any more is booked anew."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time
from typing import TYPE_CHECKING

from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse import coverage, holes
from stock_assistant_pipelines.warehouse.landing import lock
from stock_assistant_pipelines.warehouse.tables import SETTLED, Status

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy import Engine

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.warehouse.coverage import Coverage
    from stock_assistant_pipelines.warehouse.holes import Hole


def audit(engine: Engine, dataset: Dataset, first: date, last: date, *, today: date, deep: bool = False) -> list[Hole]:
    """Find the holes of a dataset between two days, and book those that were thought complete as what they are.

    `deep` compares every day key by key; without it only those that are not complete, or hold another number of rows than
    is booked.
    """
    with engine.connect() as connection:
        suspects = holes.suspects(connection, dataset, first, last, every=deep)
        found = holes.find(connection, dataset, suspects, today=today)
    for suspect in suspects:
        if suspect.status is not None:
            _book(engine, dataset, suspect.day, datetime.combine(today, time(), SHANGHAI))
    return found


def _book(engine: Engine, dataset: Dataset, day: date, at: datetime) -> None:
    """Judge a day that was judged before by its rows, as of a moment, under the lock of those who land it."""
    with engine.begin() as connection:
        lock(connection, dataset, day)
        before = coverage.entries(connection, dataset, [day]).get(day)
        if before is None or before.status not in coverage.JUDGED or before.doubted:
            return
        after = coverage.assess(connection, dataset, day, before, at=at)
        if dataset.by_period:
            after = coverage.remember(before, after)
        elif after.settled and after.landed < before.landed:
            after = replace(after, status=Status.PARTIAL, cause="doubted", complete_at=None, reason=holes.GONE)
        if _found(after) == _found(before):
            return
        coverage.book(connection, [after])
        if before.status in SETTLED or after.status in SETTLED:
            coverage.reassess_dependents(connection, dataset, day, before.landed_at)


def _found(entry: Coverage) -> tuple[object, ...]:
    return entry.status, entry.landed, entry.missing_keys, entry.doubted
