"""Coverage: what is expected of each partition, what landed, and what is missing, booked with the rows themselves."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, case, func, select, update
from sqlalchemy.dialects.postgresql import insert

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.dataset import NeverFewer, Unexplained
from stock_assistant_pipelines.warehouse import expectation
from stock_assistant_pipelines.warehouse.landing import partition_key
from stock_assistant_pipelines.warehouse.tables import COVERAGE, SETTLED, Status

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date, datetime

    from sqlalchemy import Connection

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.warehouse.expectation import Finding

NAMES_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Coverage:
    """One partition of one dataset: a row of the table `coverage`."""

    dataset: str
    partition: str
    status: Status
    landed_at: datetime
    expected: int | None = None
    landed: int = 0
    missing: int | None = None
    missing_keys: tuple[str, ...] | None = None
    reason: str | None = None
    source: str | None = None
    revision: str | None = None
    calls: int = 0
    inserted: int = 0
    updated: int = 0
    deleted: int = 0
    complete_at: datetime | None = None
    run_id: str | None = None

    @property
    def settled(self) -> bool:
        """Whether nothing is left to do for this partition."""
        return self.status in SETTLED


def judge(dataset: Dataset, finding: Finding) -> tuple[Status, str | None]:
    """Tell a partition's status from what was found, with the reason when it is not complete."""
    if finding.missing is None:
        status = Status.PARTIAL if finding.landed else Status.EMPTY
        return status, finding.reason
    if not finding.missing and (finding.landed or isinstance(dataset.expected, Unexplained)):
        return Status.COMPLETE, None
    if not finding.landed:
        return Status.EMPTY, f"the source answered without a row where {finding.expected or 'some'} are expected"
    shown = ", ".join(finding.missing[:NAMES_SHOWN]) + (", …" if len(finding.missing) > NAMES_SHOWN else "")
    return Status.PARTIAL, f"{len(finding.missing)} of {finding.expected} are missing: {shown}"


def assess(connection: Connection, dataset: Dataset, day: date | None, entry: Coverage) -> Coverage:
    """Judge a partition by what its table holds now, and fill its entry with what was found."""
    finding = expectation.compare(connection, dataset, day)
    status, reason = judge(dataset, finding)
    return replace(
        entry,
        status=status,
        reason=reason,
        expected=finding.expected,
        landed=finding.landed,
        missing=None if finding.missing is None else len(finding.missing),
        missing_keys=finding.missing,
    )


_upsert = insert(COVERAGE)
_upsert = _upsert.on_conflict_do_update(
    index_elements=[COVERAGE.c.dataset, COVERAGE.c.partition],
    set_={column.name: _upsert.excluded[column.name] for column in COVERAGE.c if not column.primary_key}
    | {
        "complete_at": case(
            (_upsert.excluded.complete_at.is_(None), None),
            else_=func.coalesce(COVERAGE.c.complete_at, _upsert.excluded.complete_at),
        )
    },
)


def book(connection: Connection, entries: Iterable[Coverage]) -> None:
    """Write entries. One that was complete before keeps the time since when."""
    values = [
        {
            **asdict(entry),
            "missing_keys": None if entry.missing_keys is None else list(entry.missing_keys),
            "complete_at": entry.landed_at if entry.settled else None,
        }
        for entry in entries
    ]
    if values:
        connection.execute(_upsert, values)


def entries(connection: Connection, dataset: Dataset, days: Iterable[date | None]) -> dict[date | None, Coverage]:
    """Read what is booked of these partitions; those never tried are absent."""
    keys = {partition_key(day): day for day in days}
    found = connection.execute(
        select(COVERAGE).where(
            COVERAGE.c.dataset == dataset.api, COVERAGE.c.partition == func.any(bindparam("keys", list(keys)))
        )
    ).mappings()
    return {keys[row["partition"]]: _entry(dict(row)) for row in found}


def _entry(row: dict[str, Any]) -> Coverage:
    missing = row["missing_keys"]
    return Coverage(
        **{**row, "status": Status(row["status"]), "missing_keys": None if missing is None else tuple(missing)}
    )


def reassess_dependents(connection: Connection, dataset: Dataset, day: date) -> None:
    """Judge again the partitions of this day whose completeness rests on `dataset`, whose rows have just changed."""
    for other in CATALOG.values():
        if other is dataset or not other.partitioned or dataset.api not in other.expected.reads:
            continue
        before = entries(connection, other, [day]).get(day)
        if before and (before.landed or before.status in {Status.COMPLETE, Status.PARTIAL, Status.EMPTY}):
            after = assess(connection, other, day, before)
            if after != before:
                book(connection, [after])


NEIGHBOURS = timedelta(days=15)
"""How far apart the trading days are that are compared: a week of holidays lies within it."""


def suspect_twin(connection: Connection, dataset: Dataset, day: date, revision: str) -> str | None:
    """Find a complete day nearby with the very same rows, and mark it partial: one of the two is the other, relabelled."""
    if dataset.repeats:
        return None
    nearby = COVERAGE.c.partition.between((day - NEIGHBOURS).isoformat(), (day + NEIGHBOURS).isoformat())
    twin = connection.execute(
        update(COVERAGE)
        .where(
            COVERAGE.c.dataset == dataset.api,
            nearby,
            COVERAGE.c.partition != partition_key(day),
            COVERAGE.c.revision == revision,
            COVERAGE.c.status == Status.COMPLETE,
        )
        .values(
            status=Status.PARTIAL,
            complete_at=None,
            reason=f"its rows were told again for {day}: one of the two days is wrong",
        )
        .returning(COVERAGE.c.partition)
    )
    return next(iter(twin.scalars()), None)


def suspect_snapshots(connection: Connection, dataset: Dataset, day: date, at: datetime) -> None:
    """Mark a snapshot partial when this day names more codes that it does not know than chance explains."""
    for snapshot in CATALOG.values():
        expected = snapshot.expected
        if not isinstance(expected, NeverFewer) or dataset.api not in expected.named_by:
            continue
        before = entries(connection, snapshot, [None]).get(None)
        if before is None:
            continue
        codes, unknown = expectation.strangers(connection, dataset, snapshot, day)
        if len(unknown) > expected.strangers * codes:
            missing = tuple(sorted({*(before.missing_keys or ()), *unknown}))
            reason = f"{dataset.api} of {day} names {len(unknown)} codes that {snapshot.api} lacks: it was cut short"
            entry = replace(
                before, status=Status.PARTIAL, missing=len(missing), missing_keys=missing, reason=reason, landed_at=at
            )
            book(connection, [entry])


def counts(connection: Connection) -> dict[str, dict[Status, int]]:
    """How many partitions of each dataset have which status."""
    rows = connection.execute(
        select(COVERAGE.c.dataset, COVERAGE.c.status, func.count()).group_by(COVERAGE.c.dataset, COVERAGE.c.status)
    )
    result: dict[str, dict[Status, int]] = {}
    for name, status, number in rows:
        result.setdefault(name, {})[Status(status)] = number
    return result


def sources(connection: Connection) -> set[str]:
    """Who answered for the rows of this database: `tushare`, or a sandbox."""
    return set(connection.execute(select(COVERAGE.c.source).distinct().where(COVERAGE.c.source.is_not(None))).scalars())
