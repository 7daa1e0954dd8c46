"""The books of the searches: every call that was made, and every page that was found, as it was found.

What was found for a stock and a day stays what was found: nobody searches for the same again, and whoever asks later is told
the same pages. The calls of a minute are counted here as well, for all workers together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from sqlalchemy import func, insert, select, text, update
from sqlalchemy.dialects import postgresql

from stock_assistant_pipelines.research.search.dates import known_since
from stock_assistant_pipelines.research.transactions import Transactions
from stock_assistant_pipelines.warehouse.tables import RESEARCH_PAGE, RESEARCH_SEARCH

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date, datetime

    from sqlalchemy import Connection, Engine

    from stock_assistant_pipelines.research.search.bocha import Answer

SEARCH = RESEARCH_SEARCH.c
ANSWERED, REPEATED = "answered", "repeated"
LOCK = 0x53_41_4E_45_57_53
"""The advisory lock that lets one worker at a time count the calls of a minute, and settle one."""
MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Kept:
    """A page as it was found."""

    sha256: str
    url: str
    title: str
    snippet: str
    summary: str
    published_at: datetime | None
    """Since when it counts as known; None: it is undated."""


@dataclass(slots=True)
class Shelf:
    """What searches found of one stock, in their order."""

    answered_at: datetime
    """When the last of them was answered."""
    pages: dict[str, Kept] = field(default_factory=dict)
    """By their hash: what several searches found is one page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A search that is about to be made."""

    ts_code: str
    day: date
    query: str
    first: date
    last: date


class Books:
    """The books in one database, for any number of tasks."""

    def __init__(self, engine: Engine) -> None:
        self._transactions = Transactions(engine)

    async def found(self, codes: Collection[str], day: date) -> Mapping[str, Shelf]:
        """What was found for stocks and a day; a stock for which nobody has searched yet has no shelf."""
        return await self._transactions.run(lambda connection: _found(connection, codes, (day, day)))

    async def found_by(
        self, codes: Collection[str], days: tuple[date, date], known_by: datetime
    ) -> Mapping[str, Shelf]:
        """What had been found by a moment, by searches for some days."""
        return await self._transactions.run(lambda connection: _found(connection, codes, days, known_by))

    async def reserve(self, planned: Planned, per_minute: int) -> int | float:
        """Book a call that is made at once: its number; or how many seconds to wait until one may be made."""
        return await self._transactions.run(lambda connection: _reserve(connection, planned, per_minute))

    async def settle(self, number: int, came: Answer | BaseException) -> None:
        """Book what came of a call. Nothing interrupts it."""
        await self._transactions.keep(lambda connection: _settle(connection, number, came))


def _found(
    connection: Connection, codes: Collection[str], days: tuple[date, date], known_by: datetime | None = None
) -> dict[str, Shelf]:
    statement = files(__package__).joinpath("sql", "found.sql").read_text(encoding="utf-8")
    values = {"codes": list(codes), "first": days[0], "last": days[1], "known_by": known_by or "infinity"}
    shelves: dict[str, Shelf] = {}
    for row in connection.execute(text(statement), values).mappings():
        shelf = shelves.setdefault(row["ts_code"], Shelf(row["answered_at"]))
        shelf.answered_at = row["answered_at"]
        if row["sha256"] is not None:
            shelf.pages.setdefault(row["sha256"], Kept(**{name: row[name] for name in Kept.__slots__}))
    return shelves


def _reserve(connection: Connection, planned: Planned, per_minute: int) -> int | float:
    now = _locked(connection)
    if per_minute:
        recent = select(SEARCH.asked_at).where(SEARCH.asked_at > now - MINUTE).order_by(SEARCH.asked_at.desc())
        oldest: datetime | None = connection.scalar(recent.offset(per_minute - 1).limit(1))
        if oldest is not None:
            return max((oldest + MINUTE - now).total_seconds(), 0.05)
    values = {name: getattr(planned, name) for name in Planned.__slots__}
    booked = insert(RESEARCH_SEARCH).values(asked_at=now, **values).returning(SEARCH.id)
    number: int = connection.execute(booked).scalar_one()
    return number


def _settle(connection: Connection, number: int, came: Answer | BaseException) -> None:
    values: dict[str, Any] = {"answered_at": _locked(connection)}
    if isinstance(came, BaseException):
        values |= {"outcome": type(came).__name__, "error": f"{came}" or None}
    else:
        _keep(connection, came, values["answered_at"])
        values |= {"source": came.source, "pages": [page.sha256 for page in came.pages]}
        values["outcome"] = REPEATED if _answered(connection, number) else ANSWERED
    connection.execute(update(RESEARCH_SEARCH).where(SEARCH.id == number).values(values))


def _keep(connection: Connection, answer: Answer, now: datetime) -> None:
    """Keep the pages that are not there yet; one that was changed since is another one."""
    rows = [
        {
            "sha256": page.sha256,
            "url": page.url,
            "title": page.title,
            "snippet": page.snippet,
            "summary": page.summary,
            "site": page.site,
            "published": page.published,
            "published_at": known_since(page.published),
            "fetched_at": now,
        }
        for page in answer.pages
    ]
    if rows:
        connection.execute(postgresql.insert(RESEARCH_PAGE).on_conflict_do_nothing(), rows)


def _answered(connection: Connection, number: int) -> bool:
    """Whether another worker's search for the same stock and day was answered before."""
    mine = select(SEARCH.ts_code, SEARCH.day).where(SEARCH.id == number).subquery()
    same = (SEARCH.ts_code == mine.c.ts_code) & (SEARCH.day == mine.c.day) & (SEARCH.outcome == ANSWERED)
    return connection.scalar(select(func.count()).select_from(RESEARCH_SEARCH.join(mine, same))) != 0


def _locked(connection: Connection) -> datetime:
    """Wait for the others, until the transaction ends; what time it is then, for everyone."""
    connection.execute(select(func.pg_advisory_xact_lock(LOCK)))
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return now
