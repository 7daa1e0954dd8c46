"""One partition, one transaction: its rows land, and what is known of it is booked."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY

from stock_assistant_pipelines.catalog.expected import NeverFewer
from stock_assistant_pipelines.tushare.decode import compact, unique
from stock_assistant_pipelines.tushare.errors import PermissionDenied, Throttled
from stock_assistant_pipelines.warehouse import coverage, expectation
from stock_assistant_pipelines.warehouse.coverage import Coverage
from stock_assistant_pipelines.warehouse.landing import lock, merge, partition_key, stage, stage_table, withdraw
from stock_assistant_pipelines.warehouse.tables import METADATA, Status

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Connection, Engine, Table

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.tushare.decode import Rows
    from stock_assistant_pipelines.tushare.errors import TushareError


class MixedSources(RuntimeError):
    """The database holds rows of another source than the one that answers now."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """The rows that a source told of one partition: from how many calls, when, by which run, and what it lacks and why."""

    rows: Rows
    source: str
    calls: int
    at: datetime
    run_id: str | None = None
    lacks: str | None = None
    """Why a part of the calls brought nothing."""
    doubt: str | None = None
    """Why the rows are not believed to be all, even where nothing is found missing."""
    late: bool = False
    """Whether the rows should have been there by now, so that what is not complete is late."""
    patch: bool = False
    """Whether only the keys that were missing were asked for: the rows say nothing of the others."""


def land_day(engine: Engine, dataset: Dataset, day: date, delivery: Delivery) -> Coverage:
    """Land the rows of a trading day and book it.

    An answer that is complete by itself takes the place of what was held: a row that it lacks is one that the source
    withdrew. One that is not complete adds and corrects, and takes nothing out. Of a partition that is complete already
    it changes nothing, and neither does an answer without a row: the result says what was wrong with the answer, and the
    partition stays booked as it was.
    """
    with engine.begin() as connection:
        lock(connection, dataset, day)
        guard(connection, delivery.source)
        told = bool(delivery.rows.rows) and not delivery.patch
        if told and (twin := coverage.suspect_twin(connection, dataset, day, delivery.rows.revision)):
            return _refuse(connection, dataset, day, delivery, twin)
        before = coverage.entries(connection, dataset, [day]).get(day)
        stage(connection, dataset, delivery.rows.rows)
        if delivery.patch:
            return _patch(connection, dataset, day, delivery, before)
        coverage.suspect_snapshots(connection, dataset, day, stage_table(dataset))
        entry = _entry(dataset, day, delivery, before)
        answer = _assess(connection, dataset, day, entry, delivery, stage_table(dataset))
        if before and not answer.settled and (kept := _kept(connection, dataset, day, before, answer)):
            return kept
        written = merge(connection, dataset, day, at=delivery.at, run_id=delivery.run_id)
        entry = replace(entry, inserted=written.inserted, updated=written.updated)
        if answer.settled:
            entry = replace(entry, deleted=withdraw(connection, dataset, day, at=delivery.at, run_id=delivery.run_id))
        entry = _assess(connection, dataset, day, entry, delivery)
        coverage.book(connection, [entry])
        coverage.reassess_dependents(connection, dataset, day, delivery.at)
        return entry


def _patch(
    connection: Connection, dataset: Dataset, day: date, delivery: Delivery, before: Coverage | None
) -> Coverage:
    """Add the staged rows to a day that lacked them, and judge the whole day, its checksum too, by its table."""
    written = merge(connection, dataset, day, at=delivery.at, run_id=delivery.run_id)
    revision = held_rows(connection, dataset, day).revision
    entry = replace(
        _entry(dataset, day, delivery, before), inserted=written.inserted, updated=written.updated, revision=revision
    )
    entry = _assess(connection, dataset, day, entry, delivery)
    if twin := coverage.suspect_twin(connection, dataset, day, revision):
        entry = _doubted(entry, f"it holds the rows of {twin} to the last digit: one of the two days is wrong")
    elif before and before.doubted:  # since its missing keys were asked for: the others are not believed any more
        entry = replace(entry, status=before.status, cause=before.cause, reason=before.reason, complete_at=None)
    coverage.book(connection, [entry])
    coverage.reassess_dependents(connection, dataset, day, delivery.at)
    return entry


def held_rows(connection: Connection, dataset: Dataset, day: date) -> Rows:
    """The rows of a trading day as its table holds them, in the values in which they came."""
    table = METADATA.tables[dataset.api]
    columns = [table.c[name] for name in dataset.fields]
    rows = connection.execute(select(*columns).where(table.c[dataset.grain.value] == day))
    return unique(dataset, [tuple(_on_the_wire(value) for value in row) for row in rows])


def _on_the_wire(value: Any) -> Any:
    match value:
        case Decimal():
            return float(value)
        case date():
            return compact(value)
        case _:
            return value


def _assess(
    connection: Connection, dataset: Dataset, day: date, entry: Coverage, delivery: Delivery, table: Table | None = None
) -> Coverage:
    """Judge a trading day, or the answer in its stage, by its keys and by what is known of the delivery."""
    entry = coverage.assess(connection, dataset, day, entry, table)
    if entry.settled:
        if delivery.doubt:
            return _doubted(entry, delivery.doubt, late=delivery.late)
        return replace(entry, attempts=0)
    return replace(entry, reason=f"{entry.reason}; {delivery.lacks}") if delivery.lacks else entry


def _doubted(entry: Coverage, reason: str, *, late: bool = False) -> Coverage:
    return replace(entry, status=Status.LATE if late else Status.PARTIAL, reason=reason, cause="doubted")


def _kept(connection: Connection, dataset: Dataset, day: date, before: Coverage, answer: Coverage) -> Coverage | None:
    """The result of an answer that must not touch what is held; None when it may be merged.

    Of a partition that is not complete, it is booked that it was tried.
    """
    held = before if before.doubted else coverage.assess(connection, dataset, day, before)
    if not held.landed or (answer.landed and not (held.settled or held.doubted)):
        return None
    if not held.settled:
        status = Status.LATE if answer.status is Status.LATE else held.status
        tried = replace(held, status=status, landed_at=answer.landed_at, attempts=answer.attempts, run_id=answer.run_id)
        coverage.book(connection, [tried])
    elif held.status is not before.status:
        coverage.book(connection, [replace(held, complete_at=answer.landed_at)])
    return replace(answer, landed=held.landed, reason=f"{answer.reason}; the rows that landed before are kept")


def _refuse(connection: Connection, dataset: Dataset, day: date, delivery: Delivery, twin: str) -> Coverage:
    """Book that the answer is another day's, relabelled; what landed before stays."""
    before = coverage.entries(connection, dataset, [day]).get(day)
    entry = before or replace(_entry(dataset, day, delivery), revision=None)
    entry = replace(
        entry,
        status=Status.PARTIAL if entry.landed else Status.FAILED,
        reason=f"the answer repeats the rows of {twin} to the last digit: one of the two days is wrong, land both again",
        cause="repeated",
        attempts=_tried(before),
        landed_at=delivery.at,
        run_id=delivery.run_id,
    )
    coverage.book(connection, [entry])
    return entry


def land_snapshot(engine: Engine, dataset: Dataset, delivery: Delivery, *, confirmed: bool | None) -> Coverage:
    """Land what a source says now. `confirmed`: a second answer held the same keys; None when none was needed.

    Keys that the answer lacks are withdrawn when a second one confirms it and they are few; otherwise the snapshot is
    partial, and what was held stays.
    """
    with engine.begin() as connection:
        lock(connection, dataset, None)
        guard(connection, delivery.source)
        before = coverage.entries(connection, dataset, [None]).get(None)
        stage(connection, dataset, delivery.rows.rows)
        missing = lacking(connection, dataset, before)
        since = expectation.earliest_addition(connection, dataset, stage_table(dataset)) if before else None
        doubt = _doubt(connection, dataset, missing, confirmed=confirmed)
        written = merge(connection, dataset, None, at=delivery.at, run_id=delivery.run_id)
        if confirmed and not doubt:
            gone = withdraw(connection, dataset, None, at=delivery.at, run_id=delivery.run_id)
            written = replace(written, deleted=gone)
        entry = replace(_entry(dataset, None, delivery, before), **asdict(written))
        entry = coverage.assess(connection, dataset, None, entry)
        if doubt and entry.settled:
            entry = replace(_doubted(entry, doubt), missing=len(missing) or None, missing_keys=missing or None)
        if delivery.lacks:
            status = Status.PARTIAL if entry.landed else Status.EMPTY
            entry = replace(entry, status=status, reason=delivery.lacks, cause=status.value)
        if entry.settled:
            entry = replace(entry, attempts=0)
        coverage.book(connection, [entry])
        coverage.reopen(connection, dataset)
    judged_by_now = entry.settled and not (before and before.settled)
    with engine.connect() as connection:
        resting = coverage.days_resting_on(connection, dataset, since, unjudged=judged_by_now)
    for other, day in resting:
        with engine.begin() as connection:  # one for each: a landing may hold its lock
            coverage.reassess(connection, other, day, delivery.at)
    return entry


def _doubt(connection: Connection, dataset: Dataset, missing: tuple[str, ...], *, confirmed: bool | None) -> str | None:
    """Say why a snapshot is not believed to be whole: its answers differ, or too many known keys are gone."""
    expected = dataset.expected
    if not isinstance(expected, NeverFewer) or confirmed is None:
        return None
    if not confirmed:
        return "two answers in a row hold different keys"
    if len(missing) > expected.withdrawn * _count(connection, dataset):
        return f"the answer lacks {len(missing)} keys that are known: {', '.join(missing[:3])}, …"
    return None


def needs_confirmation(engine: Engine, dataset: Dataset, rows: Rows) -> bool:
    """Whether a snapshot's answer has to be asked for again: it is the first one, or lacks keys that are held."""
    if not isinstance(dataset.expected, NeverFewer):
        return False
    with engine.begin() as connection:
        stage(connection, dataset, rows.rows)
        before = coverage.entries(connection, dataset, [None]).get(None)
        return before is None or not before.settled or bool(lacking(connection, dataset, before))


def lacking(connection: Connection, dataset: Dataset, before: Coverage | None) -> tuple[str, ...]:
    """The keys that are held, or known to exist, and that the staged answer lacks."""
    if not isinstance(dataset.expected, NeverFewer):
        return ()
    staged = stage_table(dataset)
    finding = expectation.compare(connection, dataset, None, staged)
    named = before.missing_keys if before and before.missing_keys else ()
    if not named:
        return finding.missing or ()
    keys = select(func.unnest(bindparam("keys", list(named), type_=ARRAY(Text))).label("key")).subquery()
    held = expectation.landed_keys(dataset, staged).subquery()
    absent = select(keys.c.key).where(keys.c.key.not_in(select(held.c.key)))
    return tuple(sorted({*(finding.missing or ()), *connection.execute(absent).scalars()}))


def book_failure(
    engine: Engine,
    dataset: Dataset,
    day: date | None,
    reason: str,
    status: Status,
    *,
    cause: str,
    at: datetime,
    run_id: str | None,
) -> Coverage:
    """Book that no usable answer came. Rows that landed before stay, and a partition that was complete stays complete."""
    with engine.begin() as connection:
        lock(connection, dataset, day)
        before = coverage.entries(connection, dataset, [day]).get(day)
        if before is None or not (before.settled or before.landed):
            source = before.source if before else None
            failed = Coverage(
                dataset.api,
                partition_key(day),
                status,
                at,
                attempts=_tried(before),
                cause=cause,
                reason=reason,
                source=source,
                run_id=run_id,
            )
            coverage.book(connection, [failed])
            return failed
        # What is held was judged: that judgement stays, and with it what is asked for the next time.
        kept = before.cause if before.status in coverage.JUDGED else cause
        tried = replace(before, reason=reason, cause=kept, landed_at=at, attempts=_tried(before), run_id=run_id)
        if not before.settled:
            coverage.book(connection, [tried])
        return replace(tried, status=status, cause=cause, calls=0, inserted=0, updated=0, deleted=0, complete_at=None)


def status_of(error: TushareError) -> Status:
    """What a partition is that an error keeps from being landed."""
    match error:
        case PermissionDenied():
            return Status.DISABLED
        case Throttled():
            return Status.DEFERRED
        case _:
            return Status.FAILED


def book_closed(engine: Engine, dataset: Dataset, day: date, *, at: datetime, run_id: str | None) -> Coverage:
    """Book a day on which the market was closed: nothing is expected, nothing is asked."""
    entry = Coverage(
        dataset.api, partition_key(day), Status.CLOSED, at, expected=0, missing=0, missing_keys=(), run_id=run_id
    )
    entry = replace(entry, reason="the market was closed")
    with engine.begin() as connection:
        coverage.book(connection, [entry])
    return entry


def guard(connection: Connection, source: str) -> None:
    """Refuse to mix sources in one database. Raises `MixedSources`."""
    if others := coverage.sources(connection) - {source}:
        raise MixedSources(
            f"this database holds rows of {', '.join(sorted(others))}, and the answers come from {source}: "
            "name another database (POSTGRES_DB or DATABASE_URL), or empty this one with `stock-assistant db drop`"
        )


def _tried(before: Coverage | None) -> int:
    """How often a partition has been tried, this time included, since it was last settled."""
    return before.attempts + 1 if before else 1


def _entry(dataset: Dataset, day: date | None, delivery: Delivery, before: Coverage | None = None) -> Coverage:
    return Coverage(
        dataset=dataset.api,
        partition=partition_key(day),
        status=Status.LATE if delivery.late else Status.PARTIAL,
        landed_at=delivery.at,
        attempts=_tried(before),
        source=delivery.source,
        revision=delivery.rows.revision,
        calls=delivery.calls,
        run_id=delivery.run_id,
    )


def _count(connection: Connection, dataset: Dataset) -> int:
    return int(connection.execute(select(func.count()).select_from(METADATA.tables[dataset.api])).scalar_one())
