"""Filings land: a period of the whole market in one transaction, or what one stock tells of all its periods.

Rows become versions, and in the same transaction it is booked who was asked. A period is judged by who has disclosed it, and
by whom nobody has asked yet.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, func, literal, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, aggregate_order_by

from stock_assistant_pipelines.tushare.periods import Announced, calls_of
from stock_assistant_pipelines.warehouse import asked, coverage, versions
from stock_assistant_pipelines.warehouse.asked import EVERYBODY, Asked
from stock_assistant_pipelines.warehouse.coverage import Coverage
from stock_assistant_pipelines.warehouse.holes import GONE, GONE_UNTOLD, LOSSES
from stock_assistant_pipelines.warehouse.landing import lock, partition_key, stage
from stock_assistant_pipelines.warehouse.partition import guard
from stock_assistant_pipelines.warehouse.tables import CODE, COVERAGE, METADATA, Status
from stock_assistant_pipelines.warehouse.versions import Appended

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Engine

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.tushare.decode import Row
    from stock_assistant_pipelines.tushare.periods import Part


NOTHING: Mapping[Any, str] = MappingProxyType({})

FEWER = 0.9
"""The share of the rows that were told before which a whole answer has at least."""

A_FEW = 2
"""Rows that the source may take back of a call all the same."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a run brings to the periods that it judges: when it began, who answered, and what it could not get."""

    began: datetime
    at: datetime
    run_id: str | None = None
    source: str | None = None
    calls: int = 0
    whole: bool = False
    """Whether all that may have rows were asked, and answered for."""
    under_way: bool = False
    """Whether more is to come in this run: its checks look at what is booked at the end."""
    status: Status | None = None
    """What a period is that is not complete because of an error; None without one."""
    cause: str | None = None
    reason: str | None = None


def land_period(
    engine: Engine,
    dataset: Dataset,
    period: date,
    told: Mapping[Part, Sequence[Row]],
    work: Work,
    left_out: Mapping[Part, str] = NOTHING,
) -> Coverage:
    """Land what the whole market told of a period, by its variants, and book the period.

    A variant that tells clearly fewer rows than before was cut short: what it tells lands, and the period is doubted until
    one tells as many. `left_out` says which rows no table could hold.
    """
    with engine.begin() as connection:
        guard(connection, work.source or "")
        stage(connection, dataset, [row for rows in told.values() for row in rows])
        versions.append(connection, dataset, at=work.at, run_id=work.run_id)
        before = asked.rows_told(connection, dataset, EVERYBODY)
        most = {part: max(len(rows), before.get(part.name, 0)) for part, rows in told.items()}
        asked.book(
            connection, [answered(dataset, EVERYBODY, part, most[part], work, left_out.get(part)) for part in told]
        )
        short = [part for part, rows in told.items() if cut_short(len(rows), most[part])]
        whole = not short and len(told) == len(calls_of(dataset).variants)
        entry = _judge(connection, dataset, period, replace(work, whole=whole))
        if short and entry.settled:
            reason = f"the answer for {short[0].name} has {len(told[short[0]])} rows, and had {most[short[0]]} before"
            entry = replace(entry, status=Status.PARTIAL, cause="doubted", reason=reason, complete_at=None)
            coverage.book(connection, [entry])
        return entry


def cut_short(rows: int, before: int) -> bool:
    """Whether an answer tells clearly fewer rows than the one before: the source rarely takes back any."""
    return rows < min(FEWER * before, before - A_FEW)


def land_announced(
    engine: Engine, dataset: Dataset, column: str, rows: Sequence[Row], booked: Asked, work: Work
) -> Appended:
    """Land what the market announced on a day, under whichever periods the rows name, and book the call.

    Nobody's coverage is judged: such an answer is whole for no period.
    """
    return _land(engine, dataset, rows, [booked], work, by=column)


def land_stock(engine: Engine, dataset: Dataset, rows: Sequence[Row], booked: Sequence[Asked], work: Work) -> Appended:
    """Land what one stock told, and book which of its parts were answered and which were not."""
    return _land(engine, dataset, rows, booked, work)


def _land(
    engine: Engine,
    dataset: Dataset,
    rows: Sequence[Row],
    booked: Sequence[Asked],
    work: Work,
    by: str | None = None,
) -> Appended:
    """Add rows to the versions, and book the calls that brought them, in one transaction."""
    with engine.begin() as connection:
        appended = Appended()
        if rows:
            guard(connection, work.source or "")
            stage(connection, dataset, rows)
            appended = versions.append(connection, dataset, at=work.at, run_id=work.run_id, by=by)
        asked.book(connection, booked)
        return appended


def answered(
    dataset: Dataset, code: str, part: Part | Announced, rows: int, work: Work, left_out: str | None = None
) -> Asked:
    """What is booked of a part, or of a day of announcement, that was answered."""
    return Asked(
        dataset.api,
        code,
        part.name,
        work.at,
        Status.COMPLETE,
        rows=rows,
        reason=left_out,
        run_id=work.run_id,
        **_span(part),
    )


def refused(dataset: Dataset, code: str, part: Part | Announced, work: Work) -> Asked:
    """What is booked of a part, or of a day of announcement, that was not answered: a try in vain."""
    return Asked(
        dataset.api,
        code,
        part.name,
        work.at,
        work.status or Status.FAILED,
        cause=work.cause,
        reason=work.reason,
        attempts=1,
        run_id=work.run_id,
        **_span(part),
    )


def _span(part: Part | Announced) -> dict[str, Any]:
    """Which variant of which periods was asked for; of a day of announcement, of any."""
    if isinstance(part, Announced):
        return {}
    return {"variant": part.variant, "first_period": part.first, "last_period": part.last}


def judge(engine: Engine, dataset: Dataset, period: date, work: Work) -> Coverage:
    """Judge and book a period by what its table holds now."""
    with engine.begin() as connection:
        return _judge(connection, dataset, period, work)


def recount(engine: Engine, dataset: Dataset, periods: Sequence[date], at: datetime) -> None:
    """Judge again the periods that were booked before and have got rows on the way: nobody asked for them this time."""
    for period in periods:
        with engine.begin() as connection:
            lock(connection, dataset, period)
            before = coverage.entries(connection, dataset, [period]).get(period)
            if before and before.status in coverage.JUDGED:
                after = coverage.assess(connection, dataset, period, before, at=at)
                after = before if before.doubted else coverage.remember(before, after)
                if after != before:
                    coverage.book(connection, [replace(after, complete_at=before.complete_at or at)])


def waiting(engine: Engine, dataset: Dataset, codes: Collection[str]) -> set[date]:
    """The periods that are booked as lacking one of these stocks: what was answered about it may have been all they lacked."""
    named = COVERAGE.c.missing_keys.op("&&")(bindparam("codes", sorted(codes), type_=ARRAY(Text)))
    query = select(COVERAGE.c.partition).where(COVERAGE.c.dataset == dataset.api, named)
    with engine.connect() as connection:
        return {date.fromisoformat(key) for key in connection.execute(query).scalars()}


def _judge(connection: Connection, dataset: Dataset, period: date, work: Work) -> Coverage:
    lock(connection, dataset, period)
    before = coverage.entries(connection, dataset, [period]).get(period)
    new = written(connection, dataset, period, work.began)
    entry = Coverage(
        dataset.api,
        partition_key(period),
        Status.PARTIAL,
        work.at,
        attempts=_attempts(before, work),
        source=work.source or (before.source if before else None),
        revision=_revision(connection, dataset, period),
        calls=work.calls,
        inserted=new[0],
        updated=new[1],
        run_id=work.run_id,
    )
    entry = coverage.assess(connection, dataset, period, entry)
    confirmed = work.whole and before and before.reason == GONE
    if before and not confirmed and entry.landed < before.landed:
        untold = work.under_way and before.reason != GONE
        entry = coverage.remember(before, entry, GONE_UNTOLD if untold else GONE)
    elif before and _doubted_for_more(before) and entry.settled and not work.whole:
        entry = replace(entry, status=Status.PARTIAL, cause=before.cause, reason=before.reason)
    elif work.status and not entry.settled:
        status = entry.status if entry.landed else work.status
        entry = replace(entry, status=status, cause=work.cause, reason=f"{entry.reason}; {work.reason}")
    if entry.settled:
        entry = replace(entry, attempts=0)
    coverage.book(connection, [entry])
    coverage.reassess_dependents(connection, dataset, period, work.at)
    return entry


def _doubted_for_more(before: Coverage) -> bool:
    """Whether a period is doubted for something else than rows that are gone: they may have come back."""
    return before.cause == "doubted" and before.reason not in LOSSES


def _attempts(before: Coverage | None, work: Work) -> int:
    """How often a period was tried, this run included: it is judged several times in one."""
    if before is None:
        return 1
    return before.attempts if before.landed_at >= work.began else before.attempts + 1


def written(connection: Connection, dataset: Dataset, period: date, since: datetime) -> tuple[int, int]:
    """How many versions of a period were added since, and how many were replaced."""
    table = METADATA.tables[dataset.api]
    added = func.count().filter(table.c.ingested_at >= since)
    replaced = func.count().filter(table.c.replaced_at >= since)
    row = connection.execute(select(added, replaced).where(table.c.end_date == period)).one()
    return int(row[0]), int(row[1])


def changed(connection: Connection, dataset: Dataset, since: datetime) -> list[date]:
    """The periods of which versions were added or replaced since."""
    table = METADATA.tables[dataset.api]
    query = select(table.c.end_date).where(or_(table.c.ingested_at >= since, table.c.replaced_at >= since))
    return sorted(connection.execute(query.distinct()).scalars())


def _revision(connection: Connection, dataset: Dataset, period: date) -> str | None:
    """A checksum of the versions of a period that stand; None when there is none."""
    table = METADATA.tables[dataset.api]
    digests = func.string_agg(table.c.digest, aggregate_order_by(literal(""), table.c.digest))
    query = select(func.md5(digests)).where(table.c.end_date == period, table.c.replaced_at.is_(None))
    told: str | None = connection.execute(query).scalar_one()
    return told


def arrived(
    connection: Connection, dataset: Dataset, periods: Sequence[date], since: datetime
) -> Mapping[date, tuple[str, ...]]:
    """From whom versions of these periods have come since, by period."""
    table = METADATA.tables[dataset.api]
    codes = func.array_agg(table.c[CODE].distinct())
    query = select(table.c.end_date, codes).where(table.c.end_date.in_(periods), table.c.ingested_at >= since)
    return {period: tuple(sorted(found)) for period, found in connection.execute(query.group_by(table.c.end_date))}
