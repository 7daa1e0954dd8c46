"""A session at the desk: the steps of days, with the configured models, in an event loop of their own.

One session at a time works on a day, in whatever process: two would ask, and pay, for the same, or on other evidence.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from anyio.from_thread import start_blocking_portal
from sqlalchemy import func, select

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.research import store, watchlist
from stock_assistant_pipelines.research.collect.company import read_companies
from stock_assistant_pipelines.research.desk import Desk
from stock_assistant_pipelines.research.editions import Edition
from stock_assistant_pipelines.research.providers.endpoint import endpoints
from stock_assistant_pipelines.research.providers.model import Model
from stock_assistant_pipelines.research.providers.preflight import somebody
from stock_assistant_pipelines.research.render import Language
from stock_assistant_pipelines.research.report import Standing
from stock_assistant_pipelines.research.search.news import news_for
from stock_assistant_pipelines.research.search.searcher import Searcher
from stock_assistant_pipelines.warehouse.coverage import entries
from stock_assistant_pipelines.warehouse.freshness import last_complete, read_calendar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from sqlalchemy import Connection, Engine

    from stock_assistant_pipelines.research.desk import Tally
    from stock_assistant_pipelines.research.evidence import Found
    from stock_assistant_pipelines.settings import Settings

T = TypeVar("T")

CONNECTIONS = 10
"""Database connections of a session: the desk's statements, the ledger's, the lock, and one to look."""

BARS = CATALOG["daily"]
"""Without its rows there is nothing to write of a day. What else is missing is told in the evidence."""


class NotReady(ValueError):
    """Nothing can be written of a day; says what it takes."""


class NotLanded(NotReady):
    """The bars of a day are not there."""


@dataclass(frozen=True)
class Session:
    """The desk of the configured edition, or of another language."""

    engine: Engine
    settings: Settings
    language: Language | None = None
    run_id: str | None = None
    progress: Callable[[str, str, str], None] = lambda code, step, outcome: None
    """What is told of each step of a stock: code, step, what came of it."""
    held: dict[date, datetime] = field(default_factory=dict, init=False, repr=False, compare=False)
    """The days that this session holds, and since when: what was paid for them since then is its own."""

    @cached_property
    def edition(self) -> Edition:
        """In which edition reports are written. Raises `SettingsError` where no model is configured."""
        return Edition.of(endpoints(self.settings)[0], self.language or Language(self.settings.research_language))

    @cached_property
    def desk(self) -> Desk:
        """The desk. Raises `SettingsError`."""
        cutoff = self.settings.llm_training_cutoff
        return Desk(self.engine, self.edition, cutoff=cutoff, run_id=self.run_id, progress=self.progress)

    def is_closed(self, day: date) -> bool:
        """Whether the market is known to be closed on a day, so that there is nothing to write."""
        with self.engine.connect() as connection:
            known = read_calendar(connection, str(BARS.calendar), since=day)
        return known.knows(day) and not known.is_open(day)

    def last_day(self) -> date:
        """The newest trading day whose bars are complete. Raises `NotReady`."""
        with self.engine.connect() as connection:
            found = last_complete(connection, [BARS])
        if not found:
            raise NotReady("no day of daily is complete: start with a backfill")
        return found[BARS.api].day

    def gather(self, day: date, entries: Sequence[str] | None = None) -> Tally:
        """Expect the stocks that the watchlist names on a day, or those that are asked for, and collect evidence and news.

        Raises `NotReady`, `NotWatchable`, `SettingsError`.
        """
        with self.alone([day]):
            return self._gather(day, entries)

    def _gather(self, day: date, entries: Sequence[str] | None) -> Tally:
        with self.engine.begin() as connection:
            _ready(connection, day)
            named = watchlist.resolve(connection, self.settings.research_watchlist if entries is None else entries, day)
            store.watch(connection, day, named if entries is None else dict.fromkeys(named, watchlist.ON_DEMAND))
            expected = store.watched(connection, day)
        if not (expected if entries is None else named):
            asked = ", ".join(self.settings.research_watchlist if entries is None else entries)
            told = f"none of {asked} was listed then" if asked else "RESEARCH_WATCHLIST is not set"
            raise NotReady(f"nobody is expected on {day}: {told}")
        codes = [each.ts_code for each in expected] if entries is None else sorted(named)
        return self.desk.gather(day, codes, self._news(day, codes))

    def _news(self, day: date, codes: Sequence[str]) -> Mapping[str, Found]:
        """What a search finds of these stocks, or why nobody searches."""
        with self.engine.connect() as connection:
            companies = {code: each.name for code, each in read_companies(connection, codes, day).items()}

        async def search() -> Mapping[str, Found]:
            async with Searcher.from_settings(self.settings) as searcher:
                return await news_for(searcher, self.engine, companies, day)

        return _apart(search)

    def notes(self, days: Sequence[date], codes: Collection[str] | None = None) -> dict[date, Tally]:
        """Let the notes of these days be written, one day after the other, as `reports` does."""
        return self._write(self.desk.notes, days, codes)

    def reports(self, days: Sequence[date], codes: Collection[str] | None = None) -> dict[date, Tally]:
        """Let the reports of these days be written, one day after the other.

        A budget that is used up ends it: the last day then says so. Raises `SettingsError`, and `NotAnswered` before any
        call, where there is something to ask and no model can be asked.
        """
        return self._write(self.desk.reports, days, codes)

    def _write(
        self, step: Callable[..., Awaitable[Tally]], days: Sequence[date], codes: Collection[str] | None
    ) -> dict[date, Tally]:
        tallies: dict[date, Tally] = {}

        async def work() -> None:
            async with Model.from_settings(self.settings, self.engine) as model:
                if any(self.lacking(day, codes) for day in days):
                    await somebody(model.endpoints)
                for day in days:
                    tallies[day] = await step(model, day, codes)
                    if tallies[day].stopped:
                        return

        with self.alone(days):
            _apart(work)
        return tallies

    @contextmanager
    def alone(self, days: Collection[date]) -> Iterator[None]:
        """Wait until nobody else works on these days, and keep others from it; a process that dies lets go.

        What is held is not waited for again: who takes several steps holds the days over all of them.
        """
        wanted = sorted({*days} - {*self.held})
        if not wanted:
            yield
            return
        with self.engine.connect() as pooled:
            connection = pooled.execution_options(isolation_level="AUTOCOMMIT")
            try:
                for day in wanted:  # always in this order: who waits holds nothing that the other waits for
                    connection.execute(select(func.pg_advisory_lock(func.hashtextextended(f"research of {day}", 0))))
                since: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
                self.held.update(dict.fromkeys(wanted, since))
                yield
            finally:
                for day in wanted:
                    self.held.pop(day, None)
                connection.execute(select(func.pg_advisory_unlock_all()))

    def lacking(self, day: date, codes: Collection[str] | None = None) -> list[str]:
        """Who is expected on a day, has evidence, and has no report that stands."""
        with self.engine.connect() as connection:
            standing = store.standings(connection, day, self.edition)
            return [
                each.ts_code
                for each in store.watched(connection, day)
                if each.evidence_sha256 is not None
                and standing.get(each.ts_code) in {None, Standing.FAILED}
                and (codes is None or each.ts_code in codes)
            ]


def _ready(connection: Connection, day: date) -> None:
    """Raise `NotLanded` where nothing can be written of a day."""
    booked = entries(connection, BARS, [day]).get(day)
    if booked is None or not booked.landed:
        raise NotLanded(f"{BARS.api} of {day} " + (f"is {booked.status}" if booked else "has not landed"))


def _apart(work: Callable[[], Awaitable[T]]) -> T:
    """Run something in an event loop of another thread.

    Who stops a run raises an error in this one, which merely waits: in that of the loop it could be lost between two tasks.
    What is under way is then cancelled, and booked.
    """
    with start_blocking_portal() as portal:
        return portal.call(work)
