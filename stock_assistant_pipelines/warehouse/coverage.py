"""Coverage: what is expected of each partition, what landed, and what is missing, booked with the rows themselves."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, case, delete, false, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.expected import Answered, Disclosed, Followed, NeverFewer, Unexplained
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse import asked, disclosure, expectation
from stock_assistant_pipelines.warehouse.holes import GONE_UNTOLD
from stock_assistant_pipelines.warehouse.landing import hold, lock, partition_key
from stock_assistant_pipelines.warehouse.tables import BROKEN, COVERAGE, DOUBTS, METADATA, SETTLED, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from sqlalchemy import Connection, Table

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.warehouse.expectation import Finding

NAMES_SHOWN = 3

MAY_BE_EMPTY = (Unexplained, Followed, Disclosed, Answered)
"""What can be complete without a row."""

JUDGED = frozenset({Status.COMPLETE, Status.PARTIAL, Status.LATE, Status.EMPTY})
"""The statuses that an answer was judged to have."""

UNANSWERED = frozenset({Status.FAILED, Status.DEFERRED, Status.DISABLED})
"""The statuses of what nobody answered for, whatever was held before."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """One partition of one dataset: a row of the table `coverage`."""

    dataset: str
    partition: str
    status: Status
    landed_at: datetime
    attempts: int = 0
    cause: str | None = None
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

    @property
    def doubted(self) -> bool:
        """Whether the rows are not believed, whichever keys are missing: only another whole answer can clear that."""
        return self.status in {Status.PARTIAL, Status.LATE} and (self.missing == 0 or self.cause in DOUBTS)


def judge(dataset: Dataset, finding: Finding) -> tuple[Status, str | None]:
    """Tell a partition's status from what was found, with the reason when it is not complete."""
    if finding.missing is None:
        if finding.landed:
            return Status.PARTIAL, finding.reason
        return Status.EMPTY, f"the source answered without a row, and {finding.reason}"
    if not finding.missing and (finding.landed or isinstance(dataset.expected, MAY_BE_EMPTY)):
        return Status.COMPLETE, None
    if finding.expected is None:
        return Status.PARTIAL, f"no answer about {len(finding.missing)} stocks yet: {_shown(finding.missing)}"
    if not finding.landed:
        return Status.EMPTY, f"the source answered without a row where {finding.expected or 'some'} are expected"
    return Status.PARTIAL, f"{len(finding.missing)} of {finding.expected} are missing: {_shown(finding.missing)}"


def _shown(keys: Sequence[str]) -> str:
    return ", ".join(keys[:NAMES_SHOWN]) + (", …" if len(keys) > NAMES_SHOWN else "")


def assess(
    connection: Connection,
    dataset: Dataset,
    day: date | None,
    entry: Coverage,
    table: Table | None = None,
    *,
    at: datetime | None = None,
) -> Coverage:
    """Judge a partition by what its table (or `table`, a stage) holds now, and fill its entry with what was found.

    An entry that says `late` stays late until it is complete. `at` is when it is judged, where that is not when it landed.
    """
    today = (at or entry.landed_at).astimezone(SHANGHAI).date()
    finding = expectation.compare(connection, dataset, day, table, today=today)
    status, reason = judge(dataset, finding)
    whole = dataset.by_period and status is Status.COMPLETE
    if whole and day and (doubt := disclosure.doubtful(connection, dataset, day, today)):
        # Who is missing nobody knows: it is judged again when the plan is there.
        status, reason, finding = Status.PARTIAL, doubt, replace(finding, missing=None)
    left_out = asked.left_out(connection, dataset, day) if dataset.by_period and day else None
    late = entry.status is Status.LATE and status in {Status.PARTIAL, Status.EMPTY}
    return replace(
        entry,
        status=Status.LATE if late else status,
        cause=None if status in SETTLED else status.value,
        reason="; ".join(filter(None, (reason, left_out))) or None,
        expected=finding.expected,
        landed=finding.landed,
        missing=None if finding.missing is None else len(finding.missing),
        missing_keys=finding.missing,
    )


def remember(before: Coverage, after: Coverage, reason: str = GONE_UNTOLD) -> Coverage:
    """Doubt a report period that holds fewer versions than before: it keeps the higher count until a whole answer came.

    That settles only what a check has told (`GONE`), as it does when a run of the dataset itself finds it.
    """
    if after.landed >= before.landed:
        return after
    gone = replace(after, status=Status.PARTIAL, cause="doubted", reason=reason, complete_at=None)
    return replace(gone, landed=before.landed)


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
            "complete_at": (entry.complete_at or entry.landed_at) if entry.settled else None,
            "attempts": 0 if entry.settled else entry.attempts,
            "cause": None if entry.settled else entry.cause,
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


def lacking(entries: Mapping[date | None, Coverage]) -> dict[date, Sequence[str]]:
    """The missing keys of the days whose rows are believed, and known not to be all."""
    return {
        day: entry.missing_keys
        for day, entry in entries.items()
        if day and entry.missing_keys and entry.landed and entry.cause == Status.PARTIAL
    }


def _entry(row: dict[str, Any]) -> Coverage:
    missing = row["missing_keys"]
    return Coverage(
        **{**row, "status": Status(row["status"]), "missing_keys": None if missing is None else tuple(missing)}
    )


def reassess_dependents(connection: Connection, dataset: Dataset, day: date, at: datetime) -> None:
    """Judge again the partitions of this day whose completeness rests on `dataset`, whose rows have just changed."""
    for other in CATALOG.values():
        if other is dataset or other.grain is not dataset.grain or dataset.api not in other.expected.reads:
            continue
        before = entries(connection, other, [day]).get(day)
        if before and (before.landed or before.status in JUDGED):
            after = assess(connection, other, day, before, at=at)
            after = remember(before, after) if other.by_period else after
            if after != before and not before.doubted:
                book(connection, [replace(after, complete_at=before.complete_at or at)])


def days_resting_on(
    connection: Connection, snapshot: Dataset, since: date | None, *, unjudged: bool
) -> list[tuple[Dataset, date]]:
    """The days of datasets whose completeness rests on this snapshot: the complete ones from `since` on, and those that
    nothing could judge.
    """
    resting = {other.api for other in CATALOG.values() if other.dated and snapshot.api in other.expected.reads}
    known = COVERAGE.c.status == Status.COMPLETE
    complete = and_(known, COVERAGE.c.partition >= since.isoformat()) if since else false()
    unknown = and_(COVERAGE.c.status.in_(JUDGED), ~known, COVERAGE.c.missing.is_(None)) if unjudged else false()
    found = connection.execute(
        select(COVERAGE.c.dataset, COVERAGE.c.partition).where(COVERAGE.c.dataset.in_(resting), or_(complete, unknown))
    )
    return [(CATALOG[name], date.fromisoformat(partition)) for name, partition in found]


def reassess(connection: Connection, dataset: Dataset, day: date, at: datetime) -> None:
    """Judge a day again, by what is expected of it now: a complete one, or one that nothing could judge."""
    lock(connection, dataset, day)
    before = entries(connection, dataset, [day]).get(day)
    if before and (before.status is Status.COMPLETE or (before.status in JUDGED and before.missing is None)):
        after = assess(connection, dataset, day, before, at=at)
        after = remember(before, after) if dataset.by_period else after
        if after != before and not before.doubted:
            book(connection, [replace(after, complete_at=before.complete_at or at)])


def reopen(connection: Connection, calendar: Dataset) -> None:
    """Forget that days were booked as closed which the calendar now tells to be trading days: they were never asked for."""
    resting = [other.api for other in CATALOG.values() if other.calendar == calendar.api]
    if resting:
        table = METADATA.tables[calendar.api]
        trading = select(func.to_char(table.c.cal_date, "YYYY-MM-DD")).where(table.c.is_open == 1)
        connection.execute(
            delete(COVERAGE).where(
                COVERAGE.c.dataset.in_(resting), COVERAGE.c.status == Status.CLOSED, COVERAGE.c.partition.in_(trading)
            )
        )


def distrust(connection: Connection, dataset: Dataset, day: date | None, reason: str) -> None:
    """Book that the rows of a complete partition are not believed; only another whole answer can clear that."""
    lock(connection, dataset, day)
    before = entries(connection, dataset, [day]).get(day)
    if before and before.status is Status.COMPLETE:
        book(connection, [replace(before, status=Status.PARTIAL, cause=BROKEN, reason=reason, complete_at=None)])


NEIGHBOURS = timedelta(days=15)
"""How far apart the trading days are that are compared: a week of holidays lies within it."""


def suspect_twin(connection: Connection, dataset: Dataset, day: date, revision: str) -> str | None:
    """Find a day nearby that holds the very same rows, and mark it partial: one of the two is the other, relabelled."""
    if dataset.repeats:
        return None
    hold(connection, f"revision {dataset.api} {revision}")  # the twin may just be landing
    twin = (
        COVERAGE.c.dataset == dataset.api,
        COVERAGE.c.partition.between((day - NEIGHBOURS).isoformat(), (day + NEIGHBOURS).isoformat()),
        COVERAGE.c.partition != partition_key(day),
        COVERAGE.c.revision == revision,
        COVERAGE.c.landed > 0,
    )
    found = connection.execute(select(COVERAGE.c.partition).where(*twin)).scalars().first()
    if found is not None:
        both = and_(COVERAGE.c.dataset == dataset.api, COVERAGE.c.partition.in_([partition_key(day), found]))
        # In one order for all, so that two days which name each other do not wait for each other.
        connection.execute(select(COVERAGE.c.partition).where(both).order_by(COVERAGE.c.partition).with_for_update())
        reason = f"its rows were told again for {day}: one of the two days is wrong, land both again"
        values = {"status": Status.PARTIAL, "complete_at": None, "reason": reason, "cause": "repeated"}
        believed = COVERAGE.c.status.in_([Status.COMPLETE, Status.PARTIAL, Status.LATE])
        connection.execute(update(COVERAGE).where(*twin, believed).values(values))
    return found


def suspect_snapshots(connection: Connection, dataset: Dataset, day: date, stage: Table) -> None:
    """Mark a snapshot partial when the staged answer names more codes that it does not know than chance explains."""
    for snapshot in CATALOG.values():
        expected = snapshot.expected
        if not isinstance(expected, NeverFewer) or dataset.api not in expected.named_by:
            continue
        if not _strangers(connection, snapshot, expected, stage):
            continue
        lock(connection, snapshot, None)  # it may just be landing, and know them then
        unknown = _strangers(connection, snapshot, expected, stage)
        before = entries(connection, snapshot, [None]).get(None)
        if before and before.landed and unknown:
            missing = tuple(sorted({*(before.missing_keys or ()), *unknown}))
            reason = f"{dataset.api} of {day} names {len(unknown)} codes that {snapshot.api} lacks: it was cut short"
            entry = replace(
                before,
                status=Status.PARTIAL,
                missing=len(missing),
                missing_keys=missing,
                reason=reason,
                cause=Status.PARTIAL.value,
            )
            book(connection, [entry])


def _strangers(connection: Connection, snapshot: Dataset, expected: NeverFewer, stage: Table) -> tuple[str, ...]:
    """The codes of the staged answer that the snapshot does not know, where they are too many for chance."""
    codes, unknown = expectation.strangers(connection, snapshot, stage)
    return unknown if len(unknown) > expected.strangers * codes else ()


def sources(connection: Connection) -> set[str]:
    """Who answered for the rows of this database: `tushare`, or a sandbox. Two of them at the most, by two index lookups."""
    row = connection.execute(select(func.min(COVERAGE.c.source), func.max(COVERAGE.c.source))).one()
    return {source for source in row if source is not None}
