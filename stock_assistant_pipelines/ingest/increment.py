"""The evening's increment of reports, company by company: whom to ask, and in which order; and which days of
announcement. Pure answers.

First those that have disclosed since they were asked, the newest first; then those whose last try failed, so that who fails for
good keeps nobody waiting; then the long tail of those that should have disclosed and have not, as many as a limit says, those
first that were asked longest ago.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from itertools import islice
from typing import TYPE_CHECKING

from stock_assistant_pipelines.catalog.expected import Disclosed
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.tushare.periods import Announced, calls_of, part_of, parts, whole_parts
from stock_assistant_pipelines.warehouse.asked import EVERYBODY
from stock_assistant_pipelines.warehouse.tables import Status

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.tushare.periods import Part
    from stock_assistant_pipelines.warehouse.asked import Asked

LOOK_BACK = timedelta(days=3)
"""How long after a day of announcement it is still asked for: the source adds rows to it."""

REACH = 30
"""As many days as the evening may be missed: announcements of earlier ones come with the next whole fetch."""

LONG_AGO = datetime.min.replace(tzinfo=SHANGHAI)


@dataclass(frozen=True, slots=True)
class Report:
    """What the disclosure plan tells of a company's report of an open period."""

    code: str
    period: date
    disclosed: date | None = None
    """The day on which it was disclosed; None: not yet, or nobody says."""
    planned: date | None = None
    """The day for which it is planned; None: nobody says."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How far an increment goes."""

    tail: int = 300
    """How many companies of the long tail are asked for a dataset."""
    retries: int = 3
    """How often what failed is asked for again before it joins the others."""


def tonight(
    dataset: Dataset,
    reports: Sequence[Report],
    missing: Mapping[date, Collection[str]],
    before: Mapping[tuple[str, str], Asked],
    today: date,
    limits: Limits,
    begun: datetime | None = None,
    prospectuses: Sequence[Report] = (),
) -> dict[str, tuple[Part, ...]]:
    """The parts that are asked for tonight, by company, in their order.

    `missing` are the companies that have disclosed a period and have no row of it; `before` is what was asked so far. The
    limit is one of the evening, however often it is broken off and goes on: who was asked since it has `begun` counts.
    `prospectuses` are what those told of earlier periods that were listed of late: once listed, they are asked once.
    """
    asked = _Asked(dataset, before)
    wanted: dict[str, dict[Part, None]] = {}
    for report in _disclosed([*reports, *prospectuses], today):
        if asked.before(report, _over(report.disclosed)):
            _add(wanted, report.code, parts(dataset, report.period))
    for entry in _failed(before, limits.retries):
        _add(wanted, entry.ts_code, [part_of(dataset, entry.variant, entry.first_period, entry.last_period)])
    tail = [report for report in reports if report.code not in wanted and _due(dataset, report, missing, today)]
    tail.sort(key=lambda report: (asked.since(report), report.code))
    spent = {each.ts_code for each in before.values() if begun and each.asked_at >= begun}
    left = dict.fromkeys(report.code for report in tail if report.code not in spent)
    chosen = set(islice(left, max(0, limits.tail - len(spent))))
    for report in tail:
        if report.code in chosen:
            _add(wanted, report.code, parts(dataset, report.period))
    return {code: tuple(each) for code, each in wanted.items()}


def unheard(dataset: Dataset, before: Mapping[str, Asked], today: date, begun: datetime) -> list[Announced]:
    """The days of announcement that are asked for tonight, the newest first.

    From tomorrow, since companies publish in the evening under the next day's date, as far back as `REACH`: those that were
    not answered for, and those that the source may still add to. Who was answered since the evening has `begun` is not
    asked again. `before` is what was asked so far, by name.
    """
    days = (today + timedelta(days=1 - at) for at in range(REACH + 2))
    asked = (Announced(column, day) for day in days for column in calls_of(dataset).announced)
    return [each for each in asked if not _heard(each, before.get(each.name), begun)]


def _heard(asked: Announced, entry: Asked | None, begun: datetime) -> bool:
    """Whether a day of announcement need not be asked for again: not tonight, or never."""
    if entry is None or entry.status is not Status.COMPLETE:
        return False
    settled = entry.asked_at.astimezone(SHANGHAI).date() >= asked.day + LOOK_BACK
    return settled or entry.asked_at >= begun


@dataclass(frozen=True, slots=True)
class _Asked:
    """When the reports of companies were answered for: one by one, or with the whole market."""

    dataset: Dataset
    entries: Mapping[tuple[str, str], Asked]

    def since(self, report: Report) -> datetime:
        """When all parts of a report were last answered for, or tried."""
        alone = [(report.code, part.name) for part in parts(self.dataset, report.period)]
        whole = [(EVERYBODY, part.name) for part in whole_parts(self.dataset, report.period)]
        return min(max(map(self._at, each)) for each in zip(alone, whole, strict=True))

    def _at(self, key: tuple[str, str]) -> datetime:
        entry = self.entries.get(key)
        return entry.asked_at if entry else LONG_AGO

    def before(self, report: Report, moment: datetime) -> bool:
        """Whether a report was last answered for before this moment, or never."""
        return self.since(report) < moment


def _failed(before: Mapping[tuple[str, str], Asked], retries: int) -> list[Asked]:
    """What was tried in vain, and not too often."""
    return sorted(
        (each for each in before.values() if 0 < each.attempts <= retries),
        key=lambda each: (each.asked_at, each.ts_code, each.part),
    )


def _disclosed(reports: Iterable[Report], today: date) -> list[Report]:
    """The reports that are disclosed, the newest first."""
    known = [report for report in reports if report.disclosed and report.disclosed <= today]
    return sorted(known, key=lambda report: (-(report.disclosed or today).toordinal(), report.code))


def _over(day: date | None) -> datetime:
    """The end of a day. What is answered on the day of disclosure may lack something: it is asked for once more after it."""
    assert day is not None
    return datetime.combine(day + timedelta(days=1), time(), SHANGHAI)


def _due(dataset: Dataset, report: Report, missing: Mapping[date, Collection[str]], today: date) -> bool:
    """Whether a report should be there. Of datasets of which nobody knows who has rows, that of any company."""
    if not isinstance(dataset.expected, Disclosed):
        return True
    if report.disclosed and report.disclosed <= today:
        return report.code in missing.get(report.period, ())
    return report.planned is None or report.planned <= today


def _add(wanted: dict[str, dict[Part, None]], code: str, more: Iterable[Part]) -> None:
    wanted.setdefault(code, {}).update(dict.fromkeys(more))
