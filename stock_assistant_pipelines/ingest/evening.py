"""The walk of an evening: what is new of the open periods, of those that were listed of late, and of the last days.

Some things companies announce on any day, whichever period is open: how a dividend is carried out, or a forecast of a period
that has not ended. They are asked for day by day, of the whole market, and land under the period that they name.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

from stock_assistant_pipelines.calendar import periods as ends
from stock_assistant_pipelines.catalog.expected import Companies
from stock_assistant_pipelines.clock import OPEN_FOR
from stock_assistant_pipelines.ingest.increment import Report, tonight, unheard
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.tushare.decode import by_day, compact, complete_rows, with_keys
from stock_assistant_pipelines.tushare.errors import UNUSABLE, MalformedAnswer, TushareError, WrongDay
from stock_assistant_pipelines.tushare.periods import announced_call, answers_whole, restated_parts
from stock_assistant_pipelines.tushare.plan import too_few
from stock_assistant_pipelines.warehouse import asked, coverage, disclosure, expectation, filing
from stock_assistant_pipelines.warehouse.asked import ANNOUNCED
from stock_assistant_pipelines.warehouse.filing import Work
from stock_assistant_pipelines.warehouse.partition import status_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence
    from datetime import datetime

    from sqlalchemy import Connection

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.ingest.filings import Filings
    from stock_assistant_pipelines.ingest.increment import Limits
    from stock_assistant_pipelines.tushare.decode import Row
    from stock_assistant_pipelines.tushare.periods import Announced, Part
    from stock_assistant_pipelines.warehouse.asked import Asked
    from stock_assistant_pipelines.warehouse.coverage import Coverage


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of a day of announcement: rows, how many of them are new, of which periods; or why nothing came."""

    asked: Announced
    calls: int = 0
    rows: int = 0
    inserted: int = 0
    periods: frozenset[date] = frozenset()
    """The periods that have got rows, or lost some."""
    error: TushareError | None = None


@dataclass(frozen=True, slots=True)
class Evening:
    """Lands what is new, and asks for nothing twice that was answered since the evening began."""

    filings: Filings
    begun: datetime

    def increment(
        self, dataset: Dataset, periods: Sequence[date], plan: str | None, limits: Limits
    ) -> Iterator[Coverage]:
        """Land what is new of the open periods, and yield each one's coverage.

        Where the whole market is answered for, it is asked for each period, and for what their reports restate of the year
        before; otherwise the companies that are to be asked tonight are (`increment.tonight`). Those that were listed of late
        are asked once in either case: their prospectus tells of periods that are not open any more.
        """
        filings, work = self.filings, self._work()
        if answers_whole(dataset, filings.source.points) and periods:
            with filings.books.engine.connect() as connection:
                booked = coverage.entries(connection, dataset, periods)
            landed = [each for each in booked.values() if each.settled and each.landed_at >= self.begun]
            left = [period for period in periods if booked.get(period) not in landed]
            if filings.source.points is not None or not left or filings.permitted(dataset, left[0]):
                yield from landed
                yield from filings.land_whole(dataset, left, work)
                yield from filings.land_whole(dataset, self._restated(dataset, periods), work, restated_parts)
                periods = ()
        yield from filings.land_stocks(dataset, self._stocks(dataset, periods, plan, limits), periods, work)

    def hear(self, dataset: Dataset) -> list[Heard]:
        """Ask for what the market announced on the last days, the newest first, and land it; until nobody answers."""
        filings = self.filings
        if too_few(dataset, filings.source.points):
            return []
        with filings.books.engine.connect() as connection:
            before = asked.read_announced(connection, dataset)
        wanted = unheard(dataset, before, self._today(), self.begun)
        came = filings.together(dataset, wanted, lambda day: self._hear(dataset, day, before.get(day.name)), _nobody)
        heard = sorted(came, key=lambda each: wanted.index(each.asked))
        with filings.books.engine.connect() as connection:  # also what came before the evening was broken off
            touched = filing.changed(connection, dataset, self.begun)
        filing.recount(filings.books.engine, dataset, touched, filings.books.now())
        return heard

    def shown(self, dataset: Dataset, periods: Collection[date]) -> list[Coverage]:
        """The coverage of periods that have got rows on the way and are complete, with what was written this evening."""
        with self.filings.books.engine.connect() as connection:
            entries = coverage.entries(connection, dataset, periods)
            return [
                replace(entry, calls=0, inserted=new, updated=gone)
                for period, entry in entries.items()
                if period and entry.settled
                for new, gone in [filing.written(connection, dataset, period, self.begun)]
            ]

    def _work(self) -> Work:
        """As of now: what is asked for after this is at least as new."""
        return Work(self.begun, self.filings.books.now(), self.filings.books.run_id)

    def _today(self) -> date:
        return self.filings.books.now().astimezone(SHANGHAI).date()

    def _restated(self, dataset: Dataset, periods: Sequence[date]) -> list[date]:
        """The periods a year before those that are open: of those that are kept, and were not asked for this evening."""
        if not any(restated_parts(dataset, period) for period in periods):
            return []
        filings, year_before = self.filings, [period.replace(year=period.year - 1) for period in periods]
        with filings.books.engine.connect() as connection:
            kept = coverage.entries(connection, dataset, [period for period in year_before if period not in periods])
        landed = [period for period, entry in kept.items() if period and entry.landed]
        done = filings.answered(dataset, landed, self.begun, restated_parts)
        return [period for period in landed if period not in done]

    def _stocks(
        self, dataset: Dataset, periods: Sequence[date], plan: str | None, limits: Limits
    ) -> dict[str, Sequence[Part]]:
        """The companies that are asked one by one, and for what; not again for what was answered since the evening began."""
        today = self._today()
        with self.filings.books.engine.connect() as connection:
            before = asked.read(connection, dataset)
            missing = {period: _missing(connection, dataset, period, today) for period in periods}
            reports = _reports(connection, dataset, plan, periods, today)
            known = {(report.code, report.period) for report in reports}
            lacking = [(code, period) for period in periods for code in missing[period] if (code, period) not in known]
            stocks = tonight(
                dataset,
                [*reports, *(Report(*each) for each in lacking)],
                missing,
                before,
                today,
                limits,
                self.begun,
                _prospectuses(connection, dataset, today),
            )
        done = {key for key, each in before.items() if each.asked_at >= self.begun and not each.attempts}
        asking = {code: [part for part in told if (code, part.name) not in done] for code, told in stocks.items()}
        return {code: told for code, told in asking.items() if told}

    def _hear(self, dataset: Dataset, day: Announced, before: Asked | None) -> Heard:
        """Ask for a day, and land what it tells in one transaction; or book why not."""
        filings, work = self.filings, self._work()
        try:
            answer = filings.source.fetch(dataset, announced_call(dataset, day))
            rows, left_out = _of_day(dataset, day, complete_rows(dataset, answer.rows, {}))
            most = max(len(rows), before.rows if before else 0)
            if filing.cut_short(len(rows), most):
                raise MalformedAnswer(
                    dataset.api, f"the answer for {day.name} has {len(rows)} rows, and had {most} before"
                )
            work = replace(work, source=answer.source)
            booked = filing.answered(dataset, ANNOUNCED, day, most, work, left_out)
            appended = filing.land_announced(filings.books.engine, dataset, day.column, rows, booked, work)
        except TushareError as error:
            filing.land_announced(
                filings.books.engine, dataset, day.column, (), self._refusal(dataset, day, error), work
            )
            return Heard(day, error=error)
        changed = by_day(dataset, rows, date.min, date.max) if appended.inserted or appended.replaced else {}
        return Heard(day, answer.calls, len(rows), appended.inserted, frozenset(changed))

    def _refusal(self, dataset: Dataset, day: Announced, error: TushareError) -> Asked:
        told = replace(self._work(), status=status_of(error), cause=error.cause, reason=str(error))
        return filing.refused(dataset, ANNOUNCED, day, told)


def _of_day(dataset: Dataset, day: Announced, rows: list[Row]) -> tuple[list[Row], str | None]:
    """Check that rows bear the day that was asked for, and leave out the few that lack a part of their key."""
    rows, left_out = with_keys(dataset, rows)
    at = dataset.fields.index(day.column)
    if strangers := {str(row[at]) for row in rows if row[at] != compact(day.day)}:
        raise WrongDay(dataset.api, f"asked for {day.name}, and got rows of {', '.join(sorted(strangers)[:3])}")
    return rows, left_out


def _nobody(heard: Heard) -> bool:
    """Whether the other days would not be answered either: an answer that cannot be used concerns its day alone."""
    return heard.error is not None and not isinstance(heard.error, UNUSABLE)


def _reports(
    connection: Connection, dataset: Dataset, plan: str | None, periods: Iterable[date], today: date
) -> list[Report]:
    """What the plan tells of the reports of these periods, newest period first. Without a plan, that there are companies."""
    if plan is None:
        return [
            Report(code, period)
            for period in periods
            for code in disclosure.companies(connection, dataset, period, today)
        ]
    stocks = disclosure.stocks_of(dataset)
    return [
        Report(code, period, disclosed, planned)
        for period in periods
        for code, disclosed, planned in disclosure.planned(connection, plan, stocks, period, today)
    ]


def _prospectuses(connection: Connection, dataset: Dataset, today: date) -> list[Report]:
    """What those that were listed of late told before: as if they had disclosed it on the day of listing."""
    if isinstance(dataset.expected, Companies):
        return []  # a plan of disclosure tells of none
    told = ends(today.replace(year=today.year - disclosure.REACHES_BACK, day=1), today - timedelta(days=1))[::-1]
    listed = disclosure.listed_since(connection, disclosure.stocks_of(dataset), today - timedelta(days=OPEN_FOR), today)
    return [Report(code, period, day) for code, day in listed for period in told]


def _missing(connection: Connection, dataset: Dataset, period: date, today: date) -> Collection[str]:
    return expectation.compare(connection, dataset, period, today=today).missing or ()
