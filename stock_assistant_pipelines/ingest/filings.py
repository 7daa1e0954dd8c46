"""The walk of a report period: plan, ask, decode, land, book; by period of the whole market, or by stock over all of them.

By stock every answer tells of all periods, so what was asked is booked stock by stock: who is interrupted asks only those that
are left. The periods are judged on the way and at the end.
"""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from stock_assistant_pipelines.ingest.asking import Round, Told
from stock_assistant_pipelines.ingest.inquiry import Inquiry, inquire
from stock_assistant_pipelines.logs import Pool
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.tushare.decode import by_day, complete_rows, with_keys
from stock_assistant_pipelines.tushare.errors import (
    HOPELESS,
    MalformedAnswer,
    PermissionDenied,
    SchemaDrift,
    TushareError,
)
from stock_assistant_pipelines.tushare.periods import stock_call, whole_call, whole_parts
from stock_assistant_pipelines.tushare.plan import too_few
from stock_assistant_pipelines.warehouse import asked, coverage, filing
from stock_assistant_pipelines.warehouse.filing import Work
from stock_assistant_pipelines.warehouse.partition import status_of
from stock_assistant_pipelines.warehouse.tables import CODE, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.ingest.books import Books
    from stock_assistant_pipelines.ingest.source import Source
    from stock_assistant_pipelines.tushare.decode import Row
    from stock_assistant_pipelines.tushare.periods import Part
    from stock_assistant_pipelines.warehouse.asked import Asked
    from stock_assistant_pipelines.warehouse.coverage import Coverage

JUDGED_EVERY = 500
"""After how many stocks the periods are judged on the way."""

T = TypeVar("T")
R = TypeVar("R")


@dataclass
class _Market:
    """What the whole market told of a period, by part, in how many answers, and which rows no table could hold."""

    rows: dict[Part, list[Row]] = field(default_factory=dict)
    left_out: dict[Part, str] = field(default_factory=dict)
    calls: int = 0
    source: str = ""


@dataclass
class Filings:
    """Lands report periods of a dataset from Tushare into the warehouse."""

    books: Books
    source: Source
    concurrency: int

    def land(
        self,
        dataset: Dataset,
        periods: Sequence[date],
        *,
        begun: datetime | None = None,
        whole: bool = True,
        failed: bool = False,
    ) -> Iterator[Coverage]:
        """Land these periods, and yield each one's coverage as it is known.

        Without `whole` only those are asked for who are missing; with `failed`, of them only those that an error kept. Who
        was answered for since `begun` is not asked again: the work began then. With points that nobody knows the whole
        market is asked for first, and stock by stock when that is refused.
        """
        if refusal := too_few(dataset, self.source.points):
            yield from (self.books.refused(dataset, period, refusal) for period in periods)
            return
        work = Work(begun or self.books.now(), self.books.now(), self.books.run_id)
        inquiry = self._inquire(dataset, periods, begun, whole=whole, failed=failed)
        if self.source.points is None and inquiry.plan.periods and not self.permitted(dataset, inquiry.plan.periods[0]):
            inquiry = self._inquire(dataset, periods, begun, whole=whole, failed=failed, points=0)
        for period, reason in inquiry.hopeless.items():
            yield self.books.failure(dataset, period, reason, Status.FAILED, "stocks")
        yield from self.land_whole(dataset, inquiry.plan.periods, work)
        yield from self.land_stocks(dataset, inquiry.plan.stocks, inquiry.by_stock, replace(work, whole=whole))

    def _inquire(
        self,
        dataset: Dataset,
        periods: Sequence[date],
        begun: datetime | None,
        *,
        whole: bool,
        failed: bool,
        points: int | None = None,
    ) -> Inquiry:
        with self.books.engine.connect() as connection:
            return inquire(
                connection,
                dataset,
                periods,
                today=self.books.now().astimezone(SHANGHAI).date(),
                points=self.source.points if points is None else points,
                begun=begun,
                everything=whole,
                failed=failed,
            )

    def land_whole(
        self,
        dataset: Dataset,
        periods: Sequence[date],
        work: Work,
        parts: Callable[[Dataset, date], Sequence[Part]] = whole_parts,
    ) -> Iterator[Coverage]:
        """Ask the whole market for these periods with a few calls under way at once; land each as it comes.

        `parts` tells what of a period is asked for: all of it, or some of its variants.
        """
        left = dict.fromkeys(periods)
        hopeless: TushareError | None = None
        for period, entry, error in self.together(
            dataset,
            periods,
            lambda period: self._period(dataset, period, parts(dataset, period), work),
            lambda told: _hopeless(told[2]),
        ):
            del left[period]
            hopeless = hopeless or (error if isinstance(error, HOPELESS) else None)
            yield entry
        for period in left:
            assert hopeless is not None
            yield self.books.refused(dataset, period, hopeless)

    def land_stocks(
        self,
        dataset: Dataset,
        stocks: Mapping[str, Sequence[Part]],
        periods: Sequence[date],
        work: Work,
    ) -> Iterator[Coverage]:
        """Ask these stocks, each for its parts, and land each one's answers; judge the periods on the way and at the end."""
        turn = Round()
        told: dict[date, Coverage] = {}
        results = self.together(dataset, stocks, lambda code: self._stock(dataset, code, stocks[code], work), turn.take)
        for count, _ in enumerate(results, start=1):
            if count % JUDGED_EVERY == 0 and count < len(stocks):
                yield from self._newly_settled(dataset, periods, self._result(work, turn), told)
        outcome = self._result(work, turn)
        if turn.error:
            left = f"{turn.failed} stocks were not answered; the first: {turn.error}"
            outcome = replace(outcome, whole=False, status=status_of(turn.error), cause=turn.error.cause, reason=left)
        judged = [
            (
                period,
                filing.judge(self.books.engine, dataset, period, outcome if at == 0 else replace(outcome, calls=0)),
            )
            for at, period in enumerate(sorted(periods, reverse=True))
        ]
        if turn.error and judged and all(entry.settled for _, entry in judged):
            # What was complete before stays booked as that, and who was to be asked about it was not answered.
            period, entry = judged[0]
            judged[0] = period, replace(entry, status=status_of(turn.error), cause=outcome.cause, reason=outcome.reason)
        yield from (entry for period, entry in judged if period not in told or entry.status in coverage.UNANSWERED)
        waiting = filing.waiting(self.books.engine, dataset, turn.answered)
        filing.recount(self.books.engine, dataset, sorted((turn.touched | waiting) - {*periods}), self.books.now())
        if turn.error and not judged:
            raise turn.error  # no period's coverage tells it

    def _newly_settled(
        self, dataset: Dataset, periods: Iterable[date], work: Work, told: dict[date, Coverage]
    ) -> Iterator[Coverage]:
        """Judge the periods that are not settled yet, and yield those that are now."""
        for period in periods:
            if period not in told:
                so_far = replace(work, calls=0, whole=False, under_way=True)
                entry = filing.judge(self.books.engine, dataset, period, so_far)
                if entry.settled:
                    told[period] = entry
                    yield entry

    def _result(self, work: Work, turn: Round) -> Work:
        return replace(work, at=self.books.now(), calls=turn.calls, source=turn.source)

    def together(
        self, dataset: Dataset, todo: Iterable[T], do: Callable[[T], R], stop: Callable[[R], bool]
    ) -> Iterator[R]:
        """Do something to each, a few at once, and yield what comes of it, until `stop` says so of one."""
        waiting = iter(todo)
        stopped = False
        with Pool(self.concurrency, dataset=dataset.api) as workers:
            under_way: set[Future[Any]] = {workers.submit(do, each) for each in islice(waiting, self.concurrency)}
            while under_way:
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                for result in (future.result() for future in done):
                    stopped = stop(result) or stopped
                    more = () if stopped else islice(waiting, 1)
                    under_way |= {workers.submit(do, each) for each in more}
                    yield result

    def _period(
        self, dataset: Dataset, period: date, parts: Sequence[Part], work: Work
    ) -> tuple[date, Coverage, TushareError | None]:
        """Ask the whole market for a period, part by part, and land it; or book why not.

        What it tells is as of the moment before the first call: what somebody else is told meanwhile is newer.
        """
        work = replace(work, at=self.books.now())
        try:
            answer = self._whole(dataset, period, parts)
            told = replace(work, calls=answer.calls, source=answer.source)
            entry = filing.land_period(self.books.engine, dataset, period, answer.rows, told, answer.left_out)
        except TushareError as error:
            return period, self.books.refused(dataset, period, error), error
        return period, entry, None

    def _whole(self, dataset: Dataset, period: date, parts: Sequence[Part]) -> _Market:
        """What the whole market tells of a period. An answer without a row is only believed when a second one confirms it."""
        first = self._once(dataset, period, parts)
        if any(first.rows.values()):
            return first
        second = self._once(dataset, period, parts)
        return replace(second, calls=first.calls + second.calls)

    def _once(self, dataset: Dataset, period: date, parts: Sequence[Part]) -> _Market:
        market = _Market()
        for part in parts:
            call = whole_call(dataset, part)
            answer = self.source.fetch(dataset, call)
            told, left_out = with_keys(dataset, complete_rows(dataset, answer.rows, dict(call.params)))
            by_day(dataset, told, period, period)
            market.rows[part] = told
            market.calls += answer.calls
            market.source = answer.source
            if left_out:
                market.left_out[part] = left_out
        return market

    def answered(
        self,
        dataset: Dataset,
        periods: Iterable[date],
        since: datetime,
        parts: Callable[[Dataset, date], Sequence[Part]] = whole_parts,
    ) -> set[date]:
        """The periods of which the whole market was answered for since this moment, in all that `parts` tells."""
        with self.books.engine.connect() as connection:
            before = asked.read_whole(connection, dataset)
        done = {name for name, entry in before.items() if entry.asked_at >= since}
        return {period for period in periods if all(part.name in done for part in parts(dataset, period))}

    def permitted(self, dataset: Dataset, period: date) -> bool:
        """Whether the token is answered for the whole market: the first call tells."""
        try:
            self.source.fetch(dataset, whole_call(dataset, whole_parts(dataset, period)[0]))
        except PermissionDenied:
            return False
        except TushareError:
            return True  # it is told when the period is asked for
        return True

    def _stock(
        self,
        dataset: Dataset,
        code: str,
        wanted: Sequence[Part],
        work: Work,
    ) -> Told:
        """Ask a stock for its parts, and land what it tells in one transaction; what it does not tell is booked with it."""
        work = replace(work, at=self.books.now())
        rows: list[Row] = []
        booked: list[Asked] = []
        calls, error = 0, None
        for part in wanted:
            call = stock_call(dataset, code, part)
            try:
                answer = self.source.fetch(dataset, call)
                told, left_out = _of_stock(dataset, code, part, complete_rows(dataset, answer.rows, dict(call.params)))
                if not told and (known := self._rows_told(dataset, code).get(part.name)):
                    raise MalformedAnswer(dataset.api, f"{code} is told without a row, and had {known}")
            except TushareError as failure:
                error = failure
                booked.append(_refusal(dataset, code, part, work, failure))
                if isinstance(failure, HOPELESS):
                    break
                continue
            rows += told
            calls += answer.calls
            work = replace(work, source=answer.source)
            booked.append(filing.answered(dataset, code, part, len(told), work, left_out))
        try:
            appended = filing.land_stock(self.books.engine, dataset, rows, booked, work)
        except TushareError as failure:  # the table cannot hold a value
            refusals = [_refusal(dataset, code, part, work, failure) for part in wanted]
            filing.land_stock(self.books.engine, dataset, (), refusals, work)
            return Told(code, calls=calls, source=work.source, error=failure)
        changed = by_day(dataset, rows, date.min, date.max) if appended.inserted or appended.replaced else {}
        return Told(code, frozenset(changed), calls, work.source, error)

    def _rows_told(self, dataset: Dataset, code: str) -> dict[str, int]:
        with self.books.engine.connect() as connection:
            return asked.rows_told(connection, dataset, code)


def _hopeless(error: TushareError | None) -> bool:
    return isinstance(error, HOPELESS)


def _refusal(
    dataset: Dataset,
    code: str,
    part: Part,
    work: Work,
    error: TushareError,
) -> Asked:
    told = replace(work, status=status_of(error), cause=error.cause, reason=str(error))
    return filing.refused(dataset, code, part, told)


def _of_stock(dataset: Dataset, code: str, part: Part, rows: list[Row]) -> tuple[list[Row], str | None]:
    """Check that rows are of the stock and periods asked for, and leave out the few that lack a part of their key.

    Raises `SchemaDrift` or `WrongDay`.
    """
    rows, left_out = with_keys(dataset, rows)
    at = dataset.fields.index(CODE)
    if strangers := {str(row[at]) for row in rows if row[at] != code}:
        raise SchemaDrift(dataset.api, f"asked for {code}, and got rows of {', '.join(sorted(strangers)[:3])}")
    by_day(dataset, rows, part.first or date.min, part.last or date.max)
    return rows, left_out
