"""Holes: the trading days, report periods and keys that should be there and are not. Told by the calendar, by what is expected,
and by the rows that are really in the table; never by the newest day. Reads only.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import Date, bindparam, cast, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.catalog.expected import Unexplained
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse import expectation
from stock_assistant_pipelines.warehouse.tables import COVERAGE, METADATA, SETTLED, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy import Connection, Select, Subquery

    from stock_assistant_pipelines.catalog.dataset import Dataset

GONE = "rows are gone that were there"
GONE_UNTOLD = "rows are gone that were there, which no check has told yet"
"""Found while something else landed, or by an audit: the next run of the dataset has to tell it before it can be settled."""
LOSSES = frozenset({GONE, GONE_UNTOLD})
"""The reasons by which a report period is doubted that holds fewer versions than before."""

NOT_ASKED = "was never asked for"


@dataclass(frozen=True, slots=True)
class Suspect:
    """A trading day or report period that may have a hole: what is booked of it, and the rows in its table."""

    day: date
    status: Status | None
    """None: it was never landed or tried."""
    rows: int
    booked: int | None
    """The rows that were in its table when it was last judged."""
    reason: str | None


@dataclass(frozen=True, slots=True)
class Hole:
    """A trading day or report period that is not whole."""

    dataset: str
    day: date
    status: str
    """`missing` when no row is there, else `partial`."""
    rows: int
    expected: int | None
    missing: tuple[str, ...] | None
    """The keys that are not there; None: all of them, or nobody can tell which."""
    reason: str


def published(dataset: Dataset, now: datetime) -> date:
    """The last day that can be a trading day whose rows are out, or the end of a report period."""
    if dataset.by_period:
        return calendar.over(now)
    here = now.astimezone(SHANGHAI)
    out = here.time() >= (dataset.published or time.max)
    return here.date() if out else here.date() - timedelta(days=1)


def published_by_all(datasets: Iterable[Dataset], now: datetime) -> date:
    """The last day that can be a trading day whose rows are out in each of these datasets that have trading days."""
    out = [published(dataset, now) for dataset in datasets if dataset.partitioned]
    return min(out, default=now.astimezone(SHANGHAI).date())


def kept_since(connection: Connection, dataset: Dataset) -> date | None:
    """The first day that was ever landed or tried."""
    first = select(func.min(COVERAGE.c.partition)).where(COVERAGE.c.dataset == dataset.api)
    key = connection.execute(first).scalar_one()
    return date.fromisoformat(key) if key else None


def suspects(
    connection: Connection, dataset: Dataset, first: date, last: date, *, every: bool = False
) -> list[Suspect]:
    """The days and periods that are not booked as complete, or hold another number of rows than is booked; or `every` one.

    Oldest first. One pass over the days; the rows are counted in the table.
    """
    values = {"first": first, "last": last} | ({"ends": calendar.periods(first, last)} if dataset.by_period else {})
    found = connection.execute(_days(dataset, every=every), values)
    return [Suspect(day, Status(status) if status else None, *rest) for day, status, *rest in found]


def _days(dataset: Dataset, *, every: bool) -> Select[Any]:
    wanted = _wanted(dataset)
    table = METADATA.tables[dataset.api]
    day = table.c[dataset.grain.value]
    first, last = bindparam("first", type_=Date), bindparam("last", type_=Date)
    counted = select(day.label("day"), func.count().label("rows")).where(day.between(first, last)).group_by(day)
    held = counted.subquery("held")
    booked = (
        select(cast(COVERAGE.c.partition, Date).label("day"), COVERAGE.c.status, COVERAGE.c.landed, COVERAGE.c.reason)
        .where(COVERAGE.c.dataset == dataset.api, COVERAGE.c.partition.between(func.text(first), func.text(last)))
        .subquery("booked")
    )
    rows = func.coalesce(held.c.rows, 0)
    query = (
        select(wanted.c.day, booked.c.status, rows, booked.c.landed, booked.c.reason)
        .select_from(wanted)
        .outerjoin(booked, booked.c.day == wanted.c.day)
        .outerjoin(held, held.c.day == wanted.c.day)
        .order_by(wanted.c.day)
    )
    if every:
        return query
    settled = booked.c.status.in_([status.value for status in SETTLED])
    return query.where(or_(booked.c.status.is_(None), ~settled, booked.c.landed != rows))


def _wanted(dataset: Dataset) -> Subquery:
    """The days that should be there: trading days, or the ends of report periods."""
    if dataset.by_period:
        return select(func.unnest(bindparam("ends", type_=ARRAY(Date))).label("day")).subquery("wanted")
    assert dataset.calendar is not None
    table = METADATA.tables[dataset.calendar]
    first, last = bindparam("first", type_=Date), bindparam("last", type_=Date)
    days = select(table.c.cal_date.label("day")).where(table.c.is_open == 1, table.c.cal_date.between(first, last))
    return days.subquery("wanted")


def find(connection: Connection, dataset: Dataset, found: Iterable[Suspect], *, today: date) -> list[Hole]:
    """Compare suspects with what is expected of them, key by key; the holes among them."""
    holes = (_hole(connection, dataset, suspect, today) for suspect in found)
    return [hole for hole in holes if hole]


def _hole(connection: Connection, dataset: Dataset, suspect: Suspect, today: date) -> Hole | None:
    finding = expectation.compare(connection, dataset, suspect.day, today=today)
    reason = suspect.reason or (NOT_ASKED if suspect.status is None else GONE)
    # Of some datasets a day may be whole without a row, once an answer has said so.
    answered = suspect.status not in {None, Status.FAILED, Status.DEFERRED, Status.DISABLED}
    if answered and _of_the_bars(dataset, suspect) and finding.missing != ():
        return None
    if not suspect.rows and (finding.missing or not answered):
        return Hole(dataset.api, suspect.day, "missing", 0, finding.expected, None, reason)
    if finding.missing is None or finding.missing:
        return Hole(
            dataset.api,
            suspect.day,
            "partial",
            suspect.rows,
            finding.expected,
            finding.missing,
            finding.reason or reason,
        )
    gone = suspect.rows < (suspect.booked or 0)  # rows that nobody could expect: only a whole answer tells which
    doubted = suspect.status not in {*SETTLED, None}
    if not (gone or doubted):
        return None
    return Hole(dataset.api, suspect.day, "partial", suspect.rows, finding.expected, (), GONE if gone else reason)


def _of_the_bars(dataset: Dataset, suspect: Suspect) -> bool:
    """Whether what is missing is told of the bars, where the same stocks are: no row of this dataset itself is gone."""
    return isinstance(dataset.expected, Unexplained) and suspect.rows >= (suspect.booked or 0)


def spans(days: Sequence[date], trading_days: Sequence[date]) -> list[tuple[date, date]]:
    """Days as spans of trading days that follow each other, to be read by people."""
    position = {day: at for at, day in enumerate(trading_days)}
    joined: list[tuple[date, date]] = []
    for day in sorted(days):
        if joined and position.get(day, -1) == position.get(joined[-1][1], -9) + 1:
            joined[-1] = joined[-1][0], day
        else:
            joined.append((day, day))
    return joined
