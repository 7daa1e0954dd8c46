"""What is known of report periods that are open: when they were last answered for, and who has been missing for long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import Date, Text, cast, func, select

from stock_assistant_pipelines.warehouse.asked import ANNOUNCED
from stock_assistant_pipelines.warehouse.tables import ASKED, CODE, COVERAGE, METADATA, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection


@dataclass(frozen=True, slots=True)
class Answer:
    """When a range of report periods was last answered for, or what is announced by day."""

    first: date | None
    """None: from the beginning."""
    last: date | None
    """None: to the newest."""
    announced: bool
    at: datetime

    def tells(self, period: date) -> bool:
        """Whether it is about this period. What was announced on a day is whole for none."""
        return not self.announced and (self.first or period) <= period <= (self.last or period)


def answers(connection: Connection, names: Iterable[str]) -> Mapping[str, Sequence[Answer]]:
    """The last answers about each range of report periods, by dataset. What was only tried is none."""
    span = (ASKED.c.dataset, ASKED.c.first_period, ASKED.c.last_period, ASKED.c.ts_code == ANNOUNCED)
    query = select(*span, func.max(ASKED.c.asked_at)).where(
        ASKED.c.dataset.in_(list(names)), ASKED.c.status == Status.COMPLETE
    )
    found: dict[str, list[Answer]] = {}
    for name, *told in connection.execute(query.group_by(*span)):
        found.setdefault(name, []).append(Answer(*told))
    return found


def complete(connection: Connection, names: Iterable[str], periods: Iterable[date]) -> set[tuple[str, date]]:
    """Which of these periods are complete, with their dataset."""
    query = select(COVERAGE.c.dataset, COVERAGE.c.partition).where(
        COVERAGE.c.dataset.in_(list(names)),
        COVERAGE.c.partition.in_([period.isoformat() for period in periods]),
        COVERAGE.c.status == Status.COMPLETE,
    )
    return {(name, date.fromisoformat(key)) for name, key in connection.execute(query)}


def first_complete(connection: Connection, names: Iterable[str]) -> Mapping[str, date]:
    """The first complete period of each dataset that has one."""
    query = select(COVERAGE.c.dataset, func.min(COVERAGE.c.partition)).where(
        COVERAGE.c.dataset.in_(list(names)), COVERAGE.c.status == Status.COMPLETE
    )
    return {name: date.fromisoformat(key) for name, key in connection.execute(query.group_by(COVERAGE.c.dataset))}


def missing(
    connection: Connection, plan: str, names: Iterable[str], periods: Iterable[date], first: date, last: date
) -> Mapping[str, Mapping[date, Sequence[str]]]:
    """The companies that are booked as missing in these periods and have disclosed them from `first` to `last`, by dataset."""
    lacking = (
        select(
            COVERAGE.c.dataset,
            cast(COVERAGE.c.partition, Date).label("period"),
            func.unnest(COVERAGE.c.missing_keys, type_=Text).label("key"),
        )
        .where(
            COVERAGE.c.dataset.in_(list(names)),
            COVERAGE.c.partition.in_([period.isoformat() for period in periods]),
        )
        .subquery("lacking")
    )
    table = METADATA.tables[plan]
    disclosed = select(table.c[CODE], table.c.end_date).where(
        table.c.replaced_at.is_(None), table.c.actual_date.between(first, last)
    )
    planned = disclosed.distinct().subquery("planned")
    query = (
        select(lacking.c.dataset, lacking.c.period, func.array_agg(lacking.c.key))
        .join(planned, (planned.c[CODE] == lacking.c.key) & (planned.c.end_date == lacking.c.period))
        .group_by(lacking.c.dataset, lacking.c.period)
    )
    found: dict[str, dict[date, Sequence[str]]] = {}
    for name, period, codes in connection.execute(query):
        found.setdefault(name, {})[period] = sorted(codes)
    return found
