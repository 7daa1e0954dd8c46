"""Reading: what the pages show and no route tells: all coverage of a year at once, what is not believed, the quota."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from sqlalchemy import Date, cast, column, func, literal_column, select, table, text

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.warehouse.tables import BROKEN, COVERAGE, METADATA, SNAPSHOT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import date

    from sqlalchemy.ext.asyncio import AsyncConnection

BAR = METADATA.tables["daily"]
QUARANTINE = table("quarantine", column("dataset"))

USAGE = text(files("stock_assistant_pipelines").joinpath("tushare", "sql", "usage.sql").read_text(encoding="utf-8"))
"""The statement that `stock-assistant quota` asks as well."""


@dataclass(frozen=True, slots=True)
class Booked:
    """What is known of one partition."""

    status: str
    expected: int | None
    missing: int | None


@dataclass(frozen=True, slots=True)
class Doubt:
    """Partitions whose rows break a check that blocks."""

    check: str
    """Its number, if it has one, and its name."""
    partitions: int
    last: str
    """The newest of them."""


@dataclass(frozen=True, slots=True)
class Quota:
    """What is used of the calls that one interface allows."""

    used: int
    per_minute: int
    today: int
    per_day: int | None
    paused_because: str | None


async def years(connection: AsyncConnection) -> tuple[int, int]:
    """The first and the last year of which anything is known; this year where nothing is."""
    dated = COVERAGE.c.partition != SNAPSHOT
    query = select(func.min(COVERAGE.c.partition), func.max(COVERAGE.c.partition)).where(dated)
    first, last = (await connection.execute(query)).one()
    now = calendar.now().year
    return (int(first[:4]), int(last[:4])) if first else (now, now)


async def booked(
    connection: AsyncConnection, datasets: Iterable[str], first: date, last: date
) -> dict[str, dict[date, Booked]]:
    """What is known of the partitions of these datasets between two days."""
    day = cast(COVERAGE.c.partition, Date)
    columns = (COVERAGE.c[name] for name in ("status", "expected", "missing"))
    where = (
        COVERAGE.c.dataset.in_(list(datasets)),
        COVERAGE.c.partition.between(first.isoformat(), last.isoformat()),
    )
    found: dict[str, dict[date, Booked]] = defaultdict(dict)
    for name, key, *rest in await connection.execute(select(COVERAGE.c.dataset, day, *columns).where(*where)):
        found[name][key] = Booked(*rest)
    return found


async def doubts(connection: AsyncConnection) -> dict[str, list[Doubt]]:
    """By dataset the checks that block and that partitions break now; these are not believed until they land again."""
    check = func.substring(COVERAGE.c.reason, literal_column("'the check ([^:]*):'"))
    of_check = COVERAGE.c.dataset, check
    query = (
        select(*of_check, func.count(), func.max(COVERAGE.c.partition))
        .where(COVERAGE.c.cause == BROKEN)
        .group_by(*of_check)
        .order_by(*of_check)
    )
    found: dict[str, list[Doubt]] = defaultdict(list)
    for name, *told in await connection.execute(query):
        found[name].append(Doubt(*told))
    return found


async def quarantined(connection: AsyncConnection) -> dict[str, int] | None:
    """How many rows of each dataset are known at no day. None when it may not be read."""
    if not await _readable(connection, QUARANTINE.name):
        return None
    query = select(QUARANTINE.c.dataset, func.count().label("rows")).group_by(QUARANTINE.c.dataset)
    return {row.dataset: row.rows for row in await connection.execute(query)}


async def quota(connection: AsyncConnection) -> Mapping[str, Quota] | None:
    """What is used of the quota now, by interface, of all accounts together. None when it may not be read."""
    if not await _readable(connection, "quota", "permit"):
        return None
    told: dict[str, Quota] = {}
    for row in await connection.execute(USAGE):
        told[row.api] = _added(told.get(row.api), row)
    return told


async def _readable(connection: AsyncConnection, *names: str) -> bool:
    """Whether the database lets the API read these tables."""
    rights = (func.has_table_privilege(name, "select") for name in names)
    return all((await connection.execute(select(*rights))).one())


def _added(other: Quota | None, row: Any) -> Quota:
    """One account's use of an interface, and that of the others."""
    mine = Quota(row.used, row.calls_per_minute, row.calls_today, row.calls_per_day, row.paused_because)
    if other is None:
        return mine
    limits = (other.per_day, mine.per_day)
    return Quota(
        other.used + mine.used,
        other.per_minute + mine.per_minute,
        other.today + mine.today,
        None if None in limits else sum(limit or 0 for limit in limits),
        other.paused_because or mine.paused_because,
    )


async def last_bar(connection: AsyncConnection, ts_code: str) -> date | None:
    """The newest day on which a stock has a bar."""
    found: date | None = await connection.scalar(select(func.max(BAR.c.trade_date)).where(BAR.c.ts_code == ts_code))
    return found
