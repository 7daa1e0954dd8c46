"""Whom to ask about report periods, and for what: those who are missing, or everybody, and nobody twice. Reads only."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from stock_assistant_pipelines.tushare.periods import Plan, answers_whole, estimate_periods, parts, plan_periods
from stock_assistant_pipelines.warehouse import asked, coverage, disclosure, expectation
from stock_assistant_pipelines.warehouse.tables import DOUBTS, Status

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date, datetime

    from sqlalchemy import Connection

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.tushare.plan import Estimate
    from stock_assistant_pipelines.warehouse.asked import Asked


COMPANIES = 5800
"""About how many stocks there are and were, where that is not known yet."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom to ask of each period, and how many companies a period of the whole market may hold."""

    stocks: dict[date, Collection[str]] = field(default_factory=dict)
    companies: dict[date, int] = field(default_factory=dict)
    unknown: dict[date, str] = field(default_factory=dict)
    """The periods of which nobody can tell whom to ask, and why."""


@dataclass(frozen=True, slots=True)
class Inquiry:
    """What is asked about report periods of a dataset."""

    dataset: Dataset
    wanted: Wanted
    plan: Plan

    @property
    def by_stock(self) -> list[date]:
        """The periods that are not asked of the whole market."""
        return [period for period in self.wanted.stocks if period not in self.plan.periods]

    @property
    def hopeless(self) -> dict[date, str]:
        """The periods that cannot be asked for at all, and why: nobody knows the stocks, nor may ask the whole market."""
        return {period: why for period, why in self.wanted.unknown.items() if period not in self.plan.periods}

    def estimate(self, *, calls_per_minute: int | None = None) -> Estimate:
        """What it takes. Where nobody knows the stocks yet, as many are counted as there are about."""
        taken = estimate_periods(
            self.dataset, self.plan, self.wanted.stocks, self.wanted.companies, calls_per_minute=calls_per_minute
        )
        if self.wanted.unknown:
            taken = replace(taken, rows=None)
        guessed = {part for period in self.hopeless for part in parts(self.dataset, period)}
        if not guessed:
            return taken
        calls = taken.calls + COMPANIES * len(guessed)
        return replace(taken, calls=calls, minutes=calls / calls_per_minute if calls_per_minute else None)


def inquire(
    connection: Connection,
    dataset: Dataset,
    periods: Sequence[date],
    *,
    today: date,
    points: int | None,
    begun: datetime | None = None,
    everything: bool = False,
    failed: bool = False,
) -> Inquiry:
    """Plan what is asked about these periods: those who are missing; with `everything`, all that may have rows.

    Who was answered for since `begun` is not asked again. With `failed` of those who are missing only they are asked whom an
    error kept from being answered, or who were never asked: an evening asks the others, a few at a time.
    """
    wanted = _wanted(connection, dataset, periods, today, everything=everything)
    before = asked.read(connection, dataset)
    if failed:
        for period, codes in wanted.stocks.items():
            names = [part.name for part in parts(dataset, period)]
            wanted.stocks[period] = [code for code in codes if any(_failed(before.get((code, name))) for name in names)]
    done = _done(dataset, wanted, before, begun, everything=everything)
    whole = answers_whole(dataset, points)
    plan = plan_periods(dataset, wanted.stocks, whole=whole, done=done, companies=wanted.companies)
    if whole:
        plan = replace(plan, periods=(*sorted(wanted.unknown, reverse=True), *plan.periods))
    return Inquiry(dataset, wanted, plan)


def _wanted(
    connection: Connection, dataset: Dataset, periods: Sequence[date], today: date, *, everything: bool
) -> Wanted:
    wanted = Wanted()
    booked = coverage.entries(connection, dataset, periods)
    for period in periods:
        known = disclosure.companies(connection, dataset, period, today)
        wanted.companies[period] = len(known)
        finding = expectation.compare(connection, dataset, period, today=today)
        entry = booked.get(period)
        if finding.missing is None and not known:
            wanted.unknown[period] = finding.reason or "nobody can tell whom to ask"
        elif everything or finding.missing is None or (entry and entry.cause in DOUBTS):
            wanted.stocks[period] = known or disclosure.unanswered(connection, dataset, period)
        elif entry is None and not finding.missing:  # nobody is known to be missing, and nobody was ever asked
            wanted.stocks[period] = disclosure.unanswered(connection, dataset, period)
        else:
            wanted.stocks[period] = finding.missing
        if period in wanted.stocks:  # a period of the whole market holds them as well
            later = disclosure.newcomers(connection, dataset, period, everybody=everything)
            wanted.stocks[period] = tuple(sorted({*wanted.stocks[period], *later}))
    return wanted


def _done(
    dataset: Dataset,
    wanted: Wanted,
    before: Mapping[tuple[str, str], Asked],
    begun: datetime | None,
    *,
    everything: bool,
) -> set[tuple[str, str]]:
    """The parts of stocks that need not be asked again.

    Those that were answered since the work began; and of a stock that was answered in part, what was answered since the newest
    period that is wanted of it ended. A stock that was answered in full, and lacks rows all the same, is asked for all again.
    """
    done = {key for key, each in before.items() if _answered(each) and begun and each.asked_at >= begun}
    if everything:
        return done
    needed: dict[str, dict[str, date]] = {}
    for period in sorted(wanted.stocks):
        names = [part.name for part in parts(dataset, period)]
        for code in wanted.stocks[period]:
            needed.setdefault(code, {}).update(dict.fromkeys(names, period))
    for code, newest in needed.items():
        told = {
            (code, name)
            for name, period in newest.items()
            if (each := before.get((code, name))) and _answered(each) and each.asked_at >= disclosure.ended(period)
        }
        if len(told) < len(newest):
            done |= told
    return done


def _failed(entry: Asked | None) -> bool:
    return entry is None or entry.attempts > 0


def _answered(entry: Asked) -> bool:
    return entry.status is Status.COMPLETE
