"""One partition, one transaction: its rows land, and what is known of it is booked."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, select, text

from stock_assistant_pipelines.catalog.dataset import NeverFewer
from stock_assistant_pipelines.warehouse import coverage, expectation
from stock_assistant_pipelines.warehouse.coverage import Coverage
from stock_assistant_pipelines.warehouse.landing import (
    Written,
    merge,
    partition_key,
    stage,
    stage_table,
    stale,
    withdraw,
)
from stock_assistant_pipelines.warehouse.tables import METADATA, SETTLED, Status

if TYPE_CHECKING:
    from datetime import date, datetime

    from sqlalchemy import Connection, Engine

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.tushare.decode import Rows


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


def land_day(engine: Engine, dataset: Dataset, day: date, delivery: Delivery) -> Coverage:
    """Land the rows of a trading day and book it. The rows of an answer that is not complete replace nothing.

    An answer without a row is never success: what was landed before stays as it is, and the result says `empty`.
    """
    with engine.begin() as connection:
        _lock(connection, dataset, day)
        guard(connection, delivery.source)
        before = coverage.entries(connection, dataset, [day]).get(day)
        written = Written()
        if delivery.rows.rows and (twin := coverage.suspect_twin(connection, dataset, day, delivery.rows.revision)):
            return _refuse(connection, dataset, day, delivery, before, twin)
        if delivery.rows.rows:
            stage(connection, dataset, delivery.rows.rows)
            written = merge(connection, dataset, day, at=delivery.at, run_id=delivery.run_id)
            if stale(connection, dataset, day) and _proven(connection, dataset, day):
                gone = withdraw(connection, dataset, day, at=delivery.at, run_id=delivery.run_id)
                written = replace(written, deleted=gone)
        entry = coverage.assess(connection, dataset, day, _entry(dataset, day, delivery, written))
        if delivery.lacks and not entry.settled:
            entry = replace(entry, reason=f"{entry.reason}; {delivery.lacks}")
        if not delivery.rows.rows and entry.landed:
            kept = "the source answered without a row; the rows that landed before are kept"
            return replace(before or entry, status=Status.EMPTY, reason=kept, calls=delivery.calls)
        coverage.book(connection, [entry])
        coverage.suspect_snapshots(connection, dataset, day, delivery.at)
        coverage.reassess_dependents(connection, dataset, day)
        return entry


def _refuse(
    connection: Connection, dataset: Dataset, day: date, delivery: Delivery, before: Coverage | None, twin: str
) -> Coverage:
    """Book that the answer is another day's, relabelled; what landed before stays."""
    reason = f"the answer repeats the rows of {twin} to the last digit: one of the two days is wrong"
    entry = replace(before or _entry(dataset, day, delivery, Written()), reason=reason, landed_at=delivery.at)
    entry = replace(
        entry, status=Status.PARTIAL if entry.landed else Status.FAILED, run_id=delivery.run_id, revision=None
    )
    coverage.book(connection, [entry])
    return entry


def land_snapshot(engine: Engine, dataset: Dataset, delivery: Delivery, *, confirmed: bool | None) -> Coverage:
    """Land what a source says now. `confirmed`: a second answer held the same keys; None when none was needed.

    Keys that the answer lacks are withdrawn when a second one confirms it and they are few; otherwise the snapshot is
    partial, and what was held stays.
    """
    with engine.begin() as connection:
        _lock(connection, dataset, None)
        guard(connection, delivery.source)
        before = coverage.entries(connection, dataset, [None]).get(None)
        stage(connection, dataset, delivery.rows.rows)
        missing = lacking(connection, dataset, before)
        doubt = _doubt(connection, dataset, missing, confirmed=confirmed)
        written = merge(connection, dataset, None, at=delivery.at, run_id=delivery.run_id)
        if confirmed and not doubt and stale(connection, dataset, None):
            gone = withdraw(connection, dataset, None, at=delivery.at, run_id=delivery.run_id)
            written = replace(written, deleted=gone)
        entry = coverage.assess(connection, dataset, None, _entry(dataset, None, delivery, written))
        if doubt and entry.settled:
            entry = replace(
                entry, status=Status.PARTIAL, reason=doubt, missing=len(missing) or None, missing_keys=missing or None
            )
        if delivery.lacks:
            status = Status.PARTIAL if entry.landed else Status.EMPTY
            entry = replace(entry, status=status, reason=delivery.lacks)
        coverage.book(connection, [entry])
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
    keys = select(func.unnest(bindparam("keys", list(named))).label("key")).subquery()
    held = expectation.landed_keys(dataset, staged).subquery()
    absent = select(keys.c.key).where(keys.c.key.not_in(select(held.c.key)))
    return tuple(sorted({*(finding.missing or ()), *connection.execute(absent).scalars()}))


def book_failure(
    engine: Engine, dataset: Dataset, day: date | None, reason: str, status: Status, *, at: datetime, run_id: str | None
) -> Coverage:
    """Book that no usable answer came. Rows that landed before stay, and a partition that was complete stays complete."""
    with engine.begin() as connection:
        before = coverage.entries(connection, dataset, [day]).get(day)
        failed = Coverage(
            dataset.api,
            partition_key(day),
            status,
            at,
            reason=reason,
            run_id=run_id,
            source=before.source if before else None,
        )
        if before and (before.status in SETTLED or before.landed):
            kept = replace(before, reason=before.reason if before.settled else reason, landed_at=at, run_id=run_id)
            coverage.book(connection, [] if before.settled else [kept])
            return replace(failed, landed=before.landed, expected=before.expected, missing=before.missing)
        coverage.book(connection, [failed])
        return failed


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


def _lock(connection: Connection, dataset: Dataset, day: date | None) -> None:
    """Keep others from landing the same day at the same time: datasets of one day judge each other."""
    name = f"landing {partition_key(day) if day else dataset.api}"
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})


def _entry(dataset: Dataset, day: date | None, delivery: Delivery, written: Written) -> Coverage:
    return Coverage(
        dataset=dataset.api,
        partition=partition_key(day),
        status=Status.PARTIAL,
        landed_at=delivery.at,
        source=delivery.source,
        revision=delivery.rows.revision,
        calls=delivery.calls,
        inserted=written.inserted,
        updated=written.updated,
        deleted=written.deleted,
        run_id=delivery.run_id,
    )


def _proven(connection: Connection, dataset: Dataset, day: date) -> bool:
    """Whether the staged answer is complete by itself, so that a row it lacks is one that the source withdrew."""
    finding = expectation.compare(connection, dataset, day, stage_table(dataset))
    return finding.missing == ()


def _count(connection: Connection, dataset: Dataset) -> int:
    return int(connection.execute(select(func.count()).select_from(METADATA.tables[dataset.api])).scalar_one())
