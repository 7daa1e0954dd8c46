"""Derived tables: made of the days that are complete in all their sources, and made anew when one of those was corrected.

A row carries the revisions of the source days that it was made from; by them it is known whether it still holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import ARRAY, Date, DateTime, Select, Text, bindparam, func, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.warehouse.coverage import entries
from stock_assistant_pipelines.warehouse.landing import hold, partition_key
from stock_assistant_pipelines.warehouse.provenance import complete_days
from stock_assistant_pipelines.warehouse.statement import sql
from stock_assistant_pipelines.warehouse.tables import COVERAGE, METADATA, Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime

    from sqlalchemy import Connection
    from sqlalchemy.sql.dml import ReturningInsert

    from stock_assistant_pipelines.catalog.derived import Derived
    from stock_assistant_pipelines.warehouse.coverage import Coverage

NOTES = ("made_from", "made_at", "run_id")
"""The columns that say how a row was made: of which revisions, when, and by which run."""


@dataclass(frozen=True, slots=True)
class Made:
    """What became of a day."""

    day: date
    lacks: str | None = None
    """Why it was not made, in a sentence."""
    closed: bool = False
    """Whether the market was closed, so that there is nothing to make."""
    written: bool = False
    """Whether its row is new or says something else than before."""


def make(
    connection: Connection, derived: Derived, days: Sequence[date], *, at: datetime, run_id: str | None
) -> list[Made]:
    """Make the rows of these days in one statement, and say of each what became of it. Only rows that differ are written."""
    hold(connection, f"deriving {derived.name}")  # who waited sees what the other wrote
    sources = _sources(connection, derived, days)
    closed = {day for day, found in sources.items() if _are(Status.CLOSED, found)}
    lacks = {day: None if day in closed else _lack(found) for day, found in sources.items()}
    whole = [day for day, lack in lacks.items() if lack is None and day not in closed]
    keys = [partition_key(day) for day in whole]
    values = {"days": whole, "keys": keys, "at": at, "run_id": run_id}
    written = set(connection.execute(_statement(derived), values).scalars()) if whole else set()
    holding = set(connection.execute(_holding(derived), {"keys": keys}).scalars())
    return [
        Made(day, _CHANGED if day in whole and day not in holding else lack, day in closed, day in written)
        for day, lack in lacks.items()
    ]


_OF_KEYS = COVERAGE.c.partition == func.any(bindparam("keys", type_=ARRAY(Text)))

_CHANGED = "a source changed while it was made: make it again"


@lru_cache(maxsize=64)
def _holding(derived: Derived) -> Select[tuple[date]]:
    """The days, of those that `:keys` names, whose row is made of what the sources hold now."""
    table = METADATA.tables[derived.name]
    complete = complete_days(derived, _OF_KEYS)
    return (
        select(table.c.trade_date)
        .join(complete, complete.c.trade_date == table.c.trade_date)
        .where(complete.c.made_from == table.c.made_from)
    )


@lru_cache(maxsize=64)
def _statement(derived: Derived) -> ReturningInsert[Any]:
    """Insert the rows of `:days` (as keys, `:keys`), or update those that differ; return the days that were written."""
    table = METADATA.tables[derived.name]
    query = text(sql(derived.name)).bindparams(bindparam("days", type_=ARRAY(Date)))
    figures = query.columns(*(table.c[name] for name in derived.fields)).subquery("figures")
    complete = complete_days(derived, _OF_KEYS)
    rows: Select[Any] = select(
        *(figures.c[name] for name in derived.fields),
        complete.c.made_from,
        bindparam("at", type_=DateTime(timezone=True)),
        bindparam("run_id", type_=Text),
    ).join_from(figures, complete, complete.c.trade_date == figures.c.trade_date)
    adding = insert(table).from_select([*derived.fields, *NOTES], rows)
    compared = [name for name in (*derived.fields, "made_from") if name != "trade_date"]
    return adding.on_conflict_do_update(
        index_elements=[table.c.trade_date],
        set_={name: adding.excluded[name] for name in (*compared, "made_at", "run_id")},
        where=tuple_(*(table.c[name] for name in compared)).is_distinct_from(
            tuple_(*(adding.excluded[name] for name in compared))
        ),
    ).returning(table.c.trade_date)


def _sources(connection: Connection, derived: Derived, days: Sequence[date]) -> dict[date, dict[str, Coverage | None]]:
    """What is booked of each day in each source."""
    known = {name: entries(connection, CATALOG[name], days) for name in derived.sources}
    return {day: {name: found.get(day) for name, found in known.items()} for day in days}


def _are(status: Status, sources: Mapping[str, Coverage | None]) -> bool:
    return all(entry is not None and entry.status is status for entry in sources.values())


def _lack(sources: Mapping[str, Coverage | None]) -> str | None:
    """What a day lacks in its sources, in a sentence; None where it is whole."""
    lacking = [
        f"{name} is {entry.status}" + (f": {entry.reason}" if entry.reason else "")
        if entry
        else f"{name} has not landed"
        for name, entry in sources.items()
        if entry is None or entry.status is not Status.COMPLETE
    ]
    return "; ".join(lacking) or None
