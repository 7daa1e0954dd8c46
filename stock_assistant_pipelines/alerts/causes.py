"""The causes of what is wrong now: one for all that an operator would mend in one go. Pure; what is told is in `wording`.

A refused token, a server that does not answer, a used-up quota are one cause each, whichever datasets and days they keep from
being whole. Days that came and lack something are one cause per dataset: `late` while the source may still complete them,
`partial` afterwards.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.clock import REACH, may_be_open, outdated
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.freshness import Age
from stock_assistant_pipelines.warehouse.tables import INCOMPLETE, ORDINARY, SNAPSHOT, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stock_assistant_pipelines.alerts.standing import Recent, Standing, Unsettled


class Kind(StrEnum):
    """What an alert is about."""

    FAILED = "failed"
    """No usable answer comes, or a run ended before it could say why."""
    PERMISSION = "permission"
    """The token is refused, or does not open a dataset."""
    QUOTA = "quota"
    """The calls of an hour or a day are used up."""
    LATE = "late"
    """A recent day should be whole by now, or an evening of reports answered."""
    PARTIAL = "partial"
    """Older days, or a snapshot, lack something."""


class Severity(StrEnum):
    """How soon somebody should look."""

    WARNING = "warning"
    CRITICAL = "critical"


TRIES = 3
"""After how many tries in vain a failure is critical: before, it mostly heals by itself."""

BEHIND = 2
"""How many trading days without a whole one are critical."""

UNASKED = timedelta(minutes=30)
"""How long a day that nobody asked for may stand so before it is told: the clock catches it up within minutes."""

QUIET = timedelta(minutes=15)
"""How long no further partial day may come before they are told: during a backfill there is always one more."""

UNANSWERED = "unanswered"
"""The word for all ways in which the source does not answer: while it is down, it changes from one to the other."""

NO_ANSWER = re.compile(r"TransportError|HttpStatusError (5\d\d|408)")
"""What the coverage calls them."""

REFUSALS = frozenset({"BadToken", "IpLimit", "PermissionDenied"})


@dataclass(frozen=True, slots=True)
class Affected:
    """The partitions of one dataset that a cause keeps from being whole."""

    dataset: str
    partitions: int
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Crash:
    """A run that ended without a partition to blame."""

    run_id: str
    job: str
    error: str
    """The first line of its error."""
    at: datetime
    root_run_id: str = ""
    """The first of the runs that were started in each other's place."""
    work: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """By dataset, the first and the last of the partitions that it was for; nothing of a run that is for no dataset."""
    until: datetime | None = None
    """Until when it waits for a budget; None: it does not."""


@dataclass(frozen=True, slots=True)
class Cause:
    """Something that is wrong now."""

    key: str
    """The same as long as it is the same cause."""
    kind: Kind
    severity: Severity
    word: str
    """What the coverage calls it: the class of an error; a status; of a run, its job. Or a word for several of them."""
    reason: str
    affected: tuple[Affected, ...] = ()
    moved_at: datetime | None = None
    """Since when nothing was added, where that is waited for."""
    patience: timedelta = timedelta()
    """How long it has to stand so before it is told."""
    run_id: str | None = None

    @property
    def reminded(self) -> bool:
        """Whether it is told again each day. What nobody can mend, or has chosen, is told once."""
        return self.kind is not Kind.PARTIAL and self.word != "PermissionDenied"

    @property
    def partitions(self) -> int:
        """How many partitions it concerns."""
        return sum(each.partitions for each in self.affected)

    def ripe(self, first_seen: datetime, now: datetime) -> bool:
        """Whether it has stood so for long enough to be told."""
        return now >= (self.moved_at or first_seen) + self.patience


def find(standing: Standing, crashes: Sequence[Crash] = ()) -> list[Cause]:
    """Find every cause that holds, each once."""
    days = [*_errors(standing), *_incomplete(standing), *_late(standing), *_unanswered(standing), *_lacking(standing)]
    found = [*days, *_snapshots(standing), *_calendars(standing), *_crashes(crashes)]
    once = {cause.key: cause for cause in found}  # a calendar that ends too early says more than that it is an old one
    return sorted(once.values(), key=lambda cause: cause.key)


def kind_of_error(unsettled: Unsettled) -> Kind | None:
    """What kind of error keeps partitions from being whole; None when an answer came, and merely lacks something."""
    cause = unsettled.cause or ""
    if unsettled.status is Status.DISABLED or cause in REFUSALS:
        return Kind.PERMISSION
    if unsettled.status is Status.DEFERRED or cause.startswith("Throttled"):
        return Kind.QUOTA
    if unsettled.status is Status.FAILED or unsettled.cause not in ORDINARY:
        return Kind.FAILED
    return None


def _errors(standing: Standing) -> Iterator[Cause]:
    """Errors, each for all datasets together."""
    groups: dict[str, tuple[Kind, str, list[Unsettled]]] = {}
    for each in standing.unsettled:
        if kind := kind_of_error(each):
            word = each.cause or each.status.value
            word = UNANSWERED if NO_ANSWER.fullmatch(word) else word
            groups.setdefault(f"{kind}:{word}", (kind, word, []))[2].append(each)
    for key, (kind, word, group) in groups.items():
        stubborn = kind is Kind.FAILED and max(each.attempts for each in group) >= TRIES
        critical = stubborn or word in REFUSALS - {"PermissionDenied"}
        severity = Severity.CRITICAL if critical else Severity.WARNING
        yield Cause(key, kind, severity, word, _newest_reason(group), _affected(group))


def _incomplete(standing: Standing) -> Iterator[Cause]:
    """Older days, and snapshots, that lack something: what the source will hardly complete any more."""
    groups: dict[str, list[Unsettled]] = {}
    for each in standing.unsettled:
        if each.status in INCOMPLETE and _given_up(standing, each):
            groups.setdefault(each.dataset, []).append(each)
    for name, group in groups.items():
        yield Cause(
            f"{Kind.PARTIAL}:{name}",
            Kind.PARTIAL,
            Severity.WARNING,
            Status.PARTIAL,
            _newest_reason(group),
            _affected(group),
            moved_at=max(each.tried_at for each in group),
            patience=QUIET,
        )


def _given_up(standing: Standing, each: Unsettled) -> bool:
    """Whether the partitions are snapshots, or days before the last trading days, which are asked for again.

    Reports of an open period are waited for: they come a little after the plan says so, and are given up after some evenings.
    Those that are late by then are told as that first.
    """
    if CATALOG[each.dataset].by_period:
        if (late := standing.lateness.get(each.dataset)) and date.fromisoformat(each.last) in late.missing:
            return False
        today = standing.now.astimezone(SHANGHAI).date()
        return each.attempts >= TRIES or each.last < may_be_open(today)[-1].isoformat()
    recent = standing.recent.get(each.dataset)
    window = recent.window(standing.now) if recent else []
    return not window or each.last < window[0].isoformat()


def _late(standing: Standing) -> Iterator[Cause]:
    """Recent days that should be whole by now: they lack something, or nobody asked for them."""
    for name, recent in standing.recent.items():
        overdue = recent.overdue(standing.now)
        lacking = [day for day in overdue if (entry := recent.booked.get(day)) and entry.status in INCOMPLETE]
        unasked = _unasked(recent, overdue)
        days = sorted({*lacking, *unasked})
        if not days:
            continue
        keys = {day.isoformat() for day in lacking}
        group = [each for each in standing.unsettled if each.dataset == name and each.last in keys]
        reason = _newest_reason(group) if group else _nobody_asked(recent, unasked)
        yield Cause(
            f"{Kind.LATE}:{name}",
            Kind.LATE,
            Severity.CRITICAL if (recent.freshness.behind or 0) >= BEHIND else Severity.WARNING,
            Status.LATE,
            reason,
            (Affected(name, len(days), days[0].isoformat(), days[-1].isoformat()),),
            patience=timedelta() if lacking else UNASKED,
        )


def _unasked(recent: Recent, overdue: Sequence[date]) -> list[date]:
    """The overdue days after the last complete one that are not booked. What ended longer ago nobody waits for."""
    freshness = recent.freshness
    if freshness.age is Age.UNKNOWN or freshness.last_complete is None or (freshness.behind or 0) > REACH:
        return []
    return [day for day in overdue if day > freshness.last_complete and day not in recent.booked]


def _nobody_asked(recent: Recent, days: Sequence[date]) -> str:
    return f"{days[-1]} was never asked for; the last complete day is {recent.freshness.last_complete}"


def _unanswered(standing: Standing) -> Iterator[Cause]:
    """An evening of reports that nobody was answered in, all datasets together: it did not run, or failed.

    Where an error keeps periods from being complete, that is told, and not this.
    """
    failing = {each.dataset for each in standing.unsettled if kind_of_error(each)}
    found = {
        name: each
        for name, each in standing.lateness.items()
        if (each.unanswered or each.unheard) and name not in failing
    }
    if not found:
        return
    affected = tuple(_periods(name, each.unanswered) for name, each in sorted(found.items()))
    oldest = max(found.values(), key=lambda each: each.freshness.behind or 0).freshness
    yield Cause(
        f"{Kind.LATE}:evening",
        Kind.LATE,
        Severity.CRITICAL if (oldest.behind or 0) >= BEHIND else Severity.WARNING,
        "evening",
        oldest.said or "",
        affected,
    )


def _lacking(standing: Standing) -> Iterator[Cause]:
    """Reports that were disclosed some evenings ago and are not there, of datasets that are answered."""
    for name, each in standing.lateness.items():
        if each.missing:
            reason, affected = each.freshness.said or "", (_periods(name, tuple(each.missing)),)
            yield Cause(f"{Kind.LATE}:{name}", Kind.LATE, Severity.WARNING, Status.LATE, reason, affected)


def _periods(name: str, periods: Sequence[date]) -> Affected:
    if not periods:  # what is announced by day
        return Affected(name, 0, SNAPSHOT, SNAPSHOT)
    return Affected(name, len(periods), min(periods).isoformat(), max(periods).isoformat())


def _snapshots(standing: Standing) -> Iterator[Cause]:
    """Snapshots that are whole, and old: their refresh fails evening by evening, and what is held stays."""
    for name, landed_at in standing.snapshots.items():
        if outdated(landed_at, standing.now):
            reason = (
                f"the last whole answer came on {landed_at.astimezone(SHANGHAI):%Y-%m-%d}: each one since then failed"
            )
            affected = (Affected(name, 1, SNAPSHOT, SNAPSHOT),)
            yield Cause(
                f"{Kind.LATE}:{name}", Kind.LATE, Severity.WARNING, "snapshot", reason, affected, patience=UNASKED
            )


def _calendars(standing: Standing) -> Iterator[Cause]:
    """Calendars that end before today, so that nobody can tell which day is due."""
    short = {
        str(recent.dataset.calendar): recent.calendar
        for recent in standing.recent.values()
        if recent.freshness.age is Age.UNKNOWN
    }
    for name, calendar in short.items():
        last = max(calendar.days, default=None)
        reason = f"{name} ends on {last}: nobody can tell which days are due" if last else f"{name} is empty"
        affected = (Affected(name, 1, SNAPSHOT, SNAPSHOT),)
        yield Cause(f"{Kind.LATE}:{name}", Kind.LATE, Severity.WARNING, "calendar", reason, affected, patience=UNASKED)


def _crashes(crashes: Sequence[Crash]) -> Iterator[Cause]:
    """Runs without a partition to blame: the newest of each job, and the datasets of all of them. To wait is no defect."""
    newest: dict[str, Crash] = {}
    names: dict[str, set[str]] = {}
    for crash in sorted(crashes, key=lambda crash: crash.at):
        key = f"{Kind.QUOTA if crash.until else Kind.FAILED}:run of {crash.job}"
        newest[key] = crash
        names.setdefault(key, set()).update(crash.work)
    for key, crash in newest.items():
        affected = tuple(Affected(name, 0, SNAPSHOT, SNAPSHOT) for name in sorted(names[key]))
        kind, severity = (Kind.QUOTA, Severity.WARNING) if crash.until else (Kind.FAILED, Severity.CRITICAL)
        yield Cause(key, kind, severity, crash.job, crash.error, affected, run_id=crash.run_id)


def _newest_reason(group: Sequence[Unsettled]) -> str:
    return max(group, key=lambda each: each.tried_at).reason or ""


def _affected(group: Sequence[Unsettled]) -> tuple[Affected, ...]:
    """The partitions of a cause, dataset by dataset."""
    by_dataset: dict[str, list[Unsettled]] = {}
    for each in group:
        by_dataset.setdefault(each.dataset, []).append(each)
    return tuple(
        Affected(
            name,
            sum(each.partitions for each in parts),
            min(each.first for each in parts),
            max(each.last for each in parts),
        )
        for name, parts in sorted(by_dataset.items())
    )
