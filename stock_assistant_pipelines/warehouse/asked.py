"""What was asked, and answered: one entry per call for a stock, for a report period of the whole market, or for a day.

A stock's answer goes through all its periods, so no period's coverage can tell whether the stock was asked. Landing by stock is
resumed from these entries, and where nothing else says which companies have rows, they say whether a period is complete.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Date, and_, case, func, literal, or_, select
from sqlalchemy.dialects.postgresql import insert

from stock_assistant_pipelines.warehouse.tables import ASKED, Status

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from sqlalchemy import ColumnElement, Connection

    from stock_assistant_pipelines.catalog.dataset import Dataset

EVERYBODY = "*"
"""The code under which a call for the whole market is booked."""

ANNOUNCED = "@"
"""The code under which a call for a day of announcement is booked: it is whole for no company and no period."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One call: a row of the table `asked`."""

    dataset: str
    ts_code: str
    """The stock, or `EVERYBODY`, or `ANNOUNCED`."""
    part: str
    """Which of the calls for this stock (or for the market) it is."""
    asked_at: datetime
    status: Status
    """`complete` when it was answered."""
    variant: int = 0
    """Position of its parameters in the `variants` of the declaration."""
    first_period: date | None = None
    """The first report period that it asked for; None: from the beginning."""
    last_period: date | None = None
    """The last one; None: to the newest."""
    cause: str | None = None
    reason: str | None = None
    """Why it was not answered; of what was answered, which rows were left out, and why."""
    attempts: int = 0
    """Tries in vain since it was last answered."""
    rows: int = 0
    run_id: str | None = None


_upsert = insert(ASKED)
_told = _upsert.excluded
_in_vain = _told.attempts > 0
_kept = and_(_in_vain, ASKED.c.status == Status.COMPLETE)
_upsert = _upsert.on_conflict_do_update(
    index_elements=ASKED.primary_key,
    set_={column.name: _told[column.name] for column in ASKED.c if not column.primary_key}
    | {name: case((_kept, ASKED.c[name]), else_=_told[name]) for name in ("asked_at", "status")}
    | {"rows": case((_in_vain, ASKED.c.rows), else_=_told.rows)}
    | {"attempts": case((_in_vain, ASKED.c.attempts + 1), else_=0)},
    where=ASKED.c.asked_at <= _told.asked_at,
)


def book(connection: Connection, entries: Iterable[Asked]) -> None:
    """Write entries, each in the place of what was booked of the same call, unless that is of a later moment.

    A try in vain (`attempts`) is counted, and leaves an earlier answer one.
    """
    values = [asdict(entry) for entry in entries]
    if values:
        connection.execute(_upsert, values)


def read(connection: Connection, dataset: Dataset) -> dict[tuple[str, str], Asked]:
    """All entries of a dataset about stocks and report periods, by code and part."""
    entries = _entries(connection, dataset, ASKED.c.ts_code != ANNOUNCED)
    return {(entry.ts_code, entry.part): entry for entry in entries}


def read_announced(connection: Connection, dataset: Dataset) -> dict[str, Asked]:
    """All entries of a dataset about days of announcement, by part."""
    return {entry.part: entry for entry in _entries(connection, dataset, ASKED.c.ts_code == ANNOUNCED)}


def _entries(connection: Connection, dataset: Dataset, which: ColumnElement[bool]) -> list[Asked]:
    found = connection.execute(select(ASKED).where(ASKED.c.dataset == dataset.api, which)).mappings()
    return [Asked(**{**row, "status": Status(row["status"])}) for row in found]


def rows_told(connection: Connection, dataset: Dataset, code: str) -> dict[str, int]:
    """How many rows each part of a stock, or of the whole market, had when it was last answered."""
    query = select(ASKED.c.part, ASKED.c.rows).where(
        ASKED.c.dataset == dataset.api, ASKED.c.ts_code == code, ASKED.c.status == Status.COMPLETE
    )
    return {str(row[0]): int(row[1]) for row in connection.execute(query)}


def last_answer(connection: Connection, dataset: Dataset, period: date) -> datetime | None:
    """When anybody was last answered for about a period; what was only tried does not count."""
    query = select(func.max(ASKED.c.asked_at)).where(
        tells(dataset, literal(period, Date)), ASKED.c.status == Status.COMPLETE
    )
    found: datetime | None = connection.execute(query).scalar_one()
    return found


def left_out(connection: Connection, dataset: Dataset, period: date) -> str | None:
    """Which rows the last answers about a period told and no table could hold; None when there was none.

    Of what single stocks were asked for it is told where it names the period.
    """
    query = select(ASKED.c.reason).where(
        tells(dataset, literal(period, Date)),
        ASKED.c.status == Status.COMPLETE,
        ASKED.c.attempts == 0,
        or_(ASKED.c.ts_code == EVERYBODY, ASKED.c.reason.contains(period.isoformat())),
    )
    found = connection.execute(query.where(ASKED.c.reason.is_not(None)).order_by(ASKED.c.ts_code, ASKED.c.part))
    return "; ".join(dict.fromkeys(found.scalars())) or None


def tells(dataset: Dataset, period: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether what was asked for tells of a period."""
    return and_(
        ASKED.c.dataset == dataset.api,
        ASKED.c.ts_code != ANNOUNCED,
        or_(ASKED.c.first_period.is_(None), ASKED.c.first_period <= period),
        or_(ASKED.c.last_period.is_(None), ASKED.c.last_period >= period),
    )
