"""What a complete partition holds, as queries: the keys that are expected, built from the words of the catalog."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, assert_never

from sqlalchemy import Date, and_, bindparam, cast, exists, func, literal, not_, or_, select, true

from stock_assistant_pipelines.catalog.calls import PerCode
from stock_assistant_pipelines.catalog.expected import (
    Answered,
    Companies,
    Disclosed,
    EveryDay,
    Followed,
    Listed,
    NeverFewer,
    Unexplained,
)
from stock_assistant_pipelines.warehouse import disclosure
from stock_assistant_pipelines.warehouse.disclosure import listed
from stock_assistant_pipelines.warehouse.tables import CODE, COVERAGE, METADATA, SNAPSHOT

if TYPE_CHECKING:
    from datetime import date

    from sqlalchemy import ColumnElement, Connection, Select, Table

    from stock_assistant_pipelines.catalog.dataset import Dataset


LISTED = "list_date"
"""From which day on a stock or an index is there."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Expected keys against landed rows. `expected` and `missing` are None while nothing says what is expected.

    Where only that is expected that every stock is asked, `expected` is None, and `missing` are those that were not.
    """

    landed: int
    expected: int | None = None
    missing: tuple[str, ...] | None = None
    reason: str | None = None


@lru_cache(maxsize=512)
def expected_keys(dataset: Dataset) -> Select[tuple[str]]:
    """The keys of a complete partition, one column `key`; `:day` is the trading day, `:today` the day it is in Shanghai."""
    expected = dataset.expected
    day = bindparam("day", type_=Date)
    match expected:
        case EveryDay(since=since):
            today = bindparam("today", type_=Date)
            end = func.date_trunc("year", today) + func.make_interval(1) - func.make_interval(0, 0, 0, 1)
            days = func.generate_series(literal(since, Date), cast(end, Date), func.make_interval(0, 0, 0, 1))
            return select(func.to_char(days.column_valued("calendar_day"), "YYYYMMDD").label("key"))
        case NeverFewer(column=column):
            held = METADATA.tables[dataset.api].c[column]
            return select(held.label("key")).distinct()
        case Listed(stocks=stocks, suspensions=suspensions):
            there = listed(METADATA.tables[stocks], day)
            if suspensions is None:
                return there
            return there.where(not_(_suspended(METADATA.tables[suspensions], METADATA.tables[stocks], day)))
        case Unexplained(stocks=stocks, bars=bars):
            bar = METADATA.tables[bars]
            stock = METADATA.tables[stocks]
            traded = exists(select(1).select_from(bar).where(bar.c.trade_date == day, bar.c[CODE] == stock.c[CODE]))
            return listed(stock, day).where(not_(traded))
        case Followed(indices=indices, since=since, until=until):
            table = METADATA.tables[indices]
            codes = dataset.calls.codes if isinstance(dataset.calls, PerCode) else ()
            return select(table.c[CODE].label("key")).where(
                table.c[CODE].in_(codes),
                table.c[since] <= day,
                or_(table.c[until].is_(None), table.c[until] > day),
            )
        case Disclosed() | Companies() | Answered():
            raise _by_period(dataset)
        case _:
            assert_never(expected)


def _by_period(dataset: Dataset) -> TypeError:
    """What is wrong where a dataset by report period is judged by trading day."""
    return TypeError(f"{dataset.api} has no trading days: what it holds is judged by report period")


def _suspended(suspension: Table, stock: Table, day: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether a stock is suspended for the whole of the day; a halt with a time of day is not that."""
    return exists(
        select(1)
        .select_from(suspension)
        .where(
            suspension.c.trade_date == day,
            suspension.c[CODE] == stock.c[CODE],
            _whole_day(suspension),
        )
    )


def _whole_day(suspension: Table) -> ColumnElement[bool]:
    return and_(suspension.c.suspend_type == "S", suspension.c.suspend_timing.is_(None))


def provable(dataset: Dataset, table: Table) -> ColumnElement[bool]:
    """Whether a row is of the kind that completeness is about: an answer can be whole without the others."""
    return _whole_day(table) if isinstance(dataset.expected, Unexplained) else true()


def landed_keys(dataset: Dataset, table: Table) -> Select[tuple[str]]:
    """The keys that a table (or a stage) holds of the partition, as text, one column `key`."""
    expected = dataset.expected
    match expected:
        case EveryDay(column=column):
            return select(func.to_char(table.c[column], "YYYYMMDD").label("key")).distinct()
        case NeverFewer(column=column):
            return select(table.c[column].label("key")).distinct()
        case Unexplained():
            return select(table.c[CODE].label("key")).where(
                table.c.trade_date == bindparam("day", type_=Date), _whole_day(table)
            )
        case Listed() | Followed():
            return select(table.c[CODE].label("key")).where(table.c.trade_date == bindparam("day", type_=Date))
        case Disclosed() | Companies() | Answered():
            raise _by_period(dataset)
        case _:
            assert_never(expected)


@lru_cache(maxsize=512)
def _comparison(dataset: Dataset, table: Table) -> Select[Any, Any]:
    """One row: how many keys are expected, and which of them are not there."""
    expected = expected_keys(dataset).cte("expected")
    landed = landed_keys(dataset, table).cte("landed")
    return select(
        func.count().label("expected"),
        func.array_agg(expected.c.key).filter(landed.c.key.is_(None)).label("missing"),
    ).select_from(expected.outerjoin(landed, landed.c.key == expected.c.key))


def compare(
    connection: Connection, dataset: Dataset, day: date | None, table: Table | None = None, *, today: date | None = None
) -> Finding:
    """Compare what is expected of a partition with what its table (or `table`, a stage) holds; `today` ends a calendar."""
    held = METADATA.tables[dataset.api] if table is None else table
    landed = count(connection, dataset, day, held)
    if reason := _unknowable(connection, dataset, day):
        return Finding(landed, reason=reason)
    if dataset.by_period:
        assert day is not None
        assert today is not None
        return Finding(landed, *disclosure.compare(connection, dataset, day, today))
    row = connection.execute(_comparison(dataset, held), {"day": day, "today": today}).one()
    return Finding(landed, int(row.expected), tuple(sorted(row.missing or ())))


def count(connection: Connection, dataset: Dataset, day: date | None, table: Table) -> int:
    """Count the rows of a partition in its table, or in a stage."""
    of_day = table.c[dataset.grain.value] == bindparam("day") if dataset.dated else true()
    return int(connection.execute(select(func.count()).select_from(table).where(of_day), {"day": day}).scalar_one())


def _unknowable(connection: Connection, dataset: Dataset, day: date | None) -> str | None:
    """Say why nothing can tell yet what is expected: the snapshot it rests on is not complete, or the bars are not there."""
    expected = dataset.expected
    match expected:
        case EveryDay() | NeverFewer():
            return None
        case Listed(stocks=stocks) | Followed(indices=stocks):
            return _incomplete_snapshot(connection, stocks)
        case Unexplained(stocks=stocks, bars=bars):
            table = METADATA.tables[bars]
            if reason := _incomplete_snapshot(connection, stocks):
                return reason
            some = select(exists(select(1).select_from(table).where(table.c.trade_date == bindparam("day"))))
            return None if connection.execute(some, {"day": day}).scalar_one() else f"{bars} has no row of that day yet"
        case Disclosed() | Companies() | Answered():
            assert day is not None
            return _incomplete_snapshot(connection, expected.stocks) or disclosure.unplanned(connection, dataset, day)
        case _:
            assert_never(expected)


def _incomplete_snapshot(connection: Connection, name: str) -> str | None:
    row = connection.execute(
        select(COVERAGE.c.status, COVERAGE.c.reason).where(COVERAGE.c.dataset == name, COVERAGE.c.partition == SNAPSHOT)
    ).one_or_none()
    if row is None:
        return f"{name} is not landed, so nobody can say what is expected"
    return None if row.status == "complete" else f"{name} is {row.status}, so nobody can say what is expected"


def earliest_addition(connection: Connection, snapshot: Dataset, stage: Table) -> date | None:
    """From which day on the staged snapshot expects more than the table does: the first listing that the table lacks."""
    if LISTED not in stage.c:
        return None
    known = METADATA.tables[snapshot.api]
    unknown = not_(exists(select(1).select_from(known).where(known.c[CODE] == stage.c[CODE])))
    first: date | None = connection.execute(select(func.min(stage.c[LISTED])).where(unknown)).scalar_one()
    return first


def strangers(connection: Connection, snapshot: Dataset, stage: Table) -> tuple[int, tuple[str, ...]]:
    """Of the codes that an answer names: how many there are, and which of them a snapshot of all of them does not know."""
    known = METADATA.tables[snapshot.api]
    row = connection.execute(
        select(func.count(), func.array_agg(stage.c[CODE]).filter(known.c[CODE].is_(None))).select_from(
            stage.outerjoin(known, known.c[CODE] == stage.c[CODE])
        )
    ).one()
    return int(row[0]), tuple(sorted(row[1] or ()))
