"""How new the reports are: an evening is to report periods what a trading day is to bars. Checks, health, alerts ask here.

A dataset of reports is fresh when the last evening that should be over was answered for every period that is open, and for what
is announced by day, and no company is missing that has disclosed some evenings ago. Who is missing for a month is no news any
more: the coverage says so.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.calls import PerPeriod
from stock_assistant_pipelines.catalog.expected import Disclosed
from stock_assistant_pipelines.clock import FILINGS, is_disclosed, last_filings, may_be_open
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse import disclosure, freshness, reporting
from stock_assistant_pipelines.warehouse.freshness import Age, Freshness, last_complete
from stock_assistant_pipelines.warehouse.tables import Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.warehouse.reporting import Answer

OVER = timedelta(hours=9)
"""How long after it begins an evening should be over: by six in the morning. By stock its busiest ones take some hours."""

GIVEN = 3
"""How many evenings a company's report is given to come, that of the day of disclosure included."""

NEWS = timedelta(days=30)
"""How long after its disclosure a missing report is a matter of freshness. Later it is a hole, which the coverage names."""

NAMED = 3


@dataclass(frozen=True, slots=True)
class Lateness:
    """How new the reports of a dataset are, and which periods keep it from being fresh."""

    freshness: Freshness
    unanswered: tuple[date, ...] = ()
    """The open periods about which nobody was answered in the evening that is due."""
    unheard: bool = False
    """Whether nobody was answered then about what is announced by day, whichever period is open."""
    missing: Mapping[date, Sequence[str]] = field(default_factory=dict)
    """By open period, the companies whose rows should be there for some evenings."""


def due_at(evening: date) -> datetime:
    """When the increment of an evening should be over."""
    return datetime.combine(evening, FILINGS, SHANGHAI) + OVER


def kept(connection: Connection) -> list[Dataset]:
    """The datasets by report period of which something has landed, and the plan that they are judged by."""
    reports = [dataset for dataset in CATALOG.values() if dataset.by_period]
    complete = last_complete(connection, reports)
    found = [dataset for dataset in reports if dataset.api in complete]
    plan = disclosure.plan_of(found)
    return [dataset for dataset in reports if dataset in found or dataset.api == plan]


def open_periods(connection: Connection, plan: str | None, stocks: str, today: date) -> list[date]:
    """The report periods that companies are disclosing, newest first: while the plan lacks somebody, and a week more."""
    found = may_be_open(today)
    if plan is None:
        return found
    days = {period: disclosure.last_disclosed(connection, plan, stocks, period, today) for period in found}
    return [period for period in found if not is_disclosed(days[period], today)]


def tell(connection: Connection, datasets: Sequence[Dataset], now: datetime) -> dict[str, Freshness]:
    """Judge datasets with a time axis: by trading days, or by evenings."""
    by_day = [dataset for dataset in datasets if dataset.partitioned]
    told = freshness.tell(connection, by_day, now) if by_day else {}
    reports = look(connection, now) if len(by_day) < len(datasets) else {}
    unused = Freshness(Age.UNUSED)
    return {
        dataset.api: told[dataset.api]
        if dataset.partitioned
        else (reports[dataset.api].freshness if dataset.api in reports else unused)
        for dataset in datasets
    }


def look(connection: Connection, now: datetime) -> dict[str, Lateness]:
    """Judge all reports that are kept, by dataset."""
    datasets = kept(connection)
    if not datasets:
        return {}
    evening = last_filings(now - OVER).date()
    plan = disclosure.plan_of(datasets)
    names = [dataset.api for dataset in datasets]
    periods = open_periods(connection, plan, disclosure.stocks_of(datasets[0]), evening)
    newest = last_complete(connection, datasets)
    answers = reporting.answers(connection, names)
    answered = _answered(connection, datasets, periods, plan, answers)
    span = (evening - NEWS, evening - timedelta(days=GIVEN - 1))
    missing = reporting.missing(connection, plan, names, periods, *span) if plan else {}
    return {
        dataset.api: _judge(
            evening,
            answered[dataset.api],
            _heard(dataset, answers.get(dataset.api, ())),
            missing.get(dataset.api, {}),
            newest[dataset.api].source if dataset.api in newest else None,
        )
        for dataset in datasets
    }


def _answered(
    connection: Connection,
    datasets: Sequence[Dataset],
    periods: Sequence[date],
    plan: str | None,
    answers: Mapping[str, Sequence[Answer]],
) -> dict[str, dict[date, date]]:
    """The last evening in which each open period was answered for, by dataset; before its first one, the day of its end.

    Periods before the first that is kept are not waited for. What lacks nothing by tonight's plan has nothing to ask for:
    there the plan's answer is enough.
    """
    since = reporting.first_complete(connection, [dataset.api for dataset in datasets])
    whole = reporting.complete(connection, [dataset.api for dataset in datasets], periods)

    def last(name: str, period: date) -> date:
        moments = [each.at for each in answers.get(name, ()) if each.tells(period)]
        return max([period, *(last_filings(moment).date() for moment in moments)])

    found: dict[str, dict[date, date]] = {}
    for dataset in datasets:
        kept_since = since.get(dataset.api, date.min)
        found[dataset.api] = {period: last(dataset.api, period) for period in periods if period >= kept_since}
        for period in found[dataset.api] if plan and isinstance(dataset.expected, Disclosed) else ():
            if (dataset.api, period) in whole:
                found[dataset.api][period] = max(found[dataset.api][period], last(str(plan), period))
    return found


def _heard(dataset: Dataset, answers: Sequence[Answer]) -> date | None:
    """The last evening in which announcements by day were answered for; before the first, that of the last answer of any sort.

    None where nothing is asked for by day, or nothing was ever asked.
    """
    if not (isinstance(dataset.calls, PerPeriod) and dataset.calls.announced):
        return None
    moments = [each.at for each in answers if each.announced] or [each.at for each in answers]
    return max((last_filings(moment).date() for moment in moments), default=None)


def _judge(
    evening: date,
    answered: Mapping[date, date],
    heard: date | None,
    missing: Mapping[date, Sequence[str]],
    source: str | None,
) -> Lateness:
    """Judge a dataset by the evening that is due."""
    evenings = [*answered.values(), *([heard] if heard else [])]
    if not evenings:
        return Lateness(Freshness(Age.FRESH, source=source, missing=0, said="no report period is open"))
    last = min(evenings)
    unanswered = tuple(period for period, day in answered.items() if day < evening)
    unheard = heard is not None and heard < evening
    companies = {code for codes in missing.values() for code in codes}
    lacking = bool(unanswered) or unheard
    fresh = not lacking and not companies
    found = Freshness(
        Age.FRESH if fresh else Age.STALE,
        due=evening,
        status=None if lacking else Status.PARTIAL if companies else Status.COMPLETE,
        last_complete=last,
        behind=max(0, (evening - last).days),
        source=source,
        missing=len(companies),
        said=_sentence(evening, last, [*unanswered, *(["the announcements of the days"] if unheard else [])], missing),
    )
    return Lateness(found, unanswered, unheard, missing)


def _sentence(
    evening: date, last: date, unanswered: Sequence[date | str], missing: Mapping[date, Sequence[str]]
) -> str:
    said = []
    if unanswered:
        about = ", ".join(map(str, unanswered))
        said.append(
            f"nobody was answered about {about} in the evening of {evening}; the last one that was answered is {last}"
        )
    if missing:
        lacking = sorted((code, period) for period, codes in missing.items() for code in codes)
        shown = ", ".join(f"{code} of {period}" for code, period in lacking[:NAMED])
        more = ", …" if len(lacking) > NAMED else ""
        said.append(f"reports that were disclosed {GIVEN} evenings ago have no row: {len(lacking)}: {shown}{more}")
    return "; ".join(said) or f"the evening of {evening} is due, and was answered"
