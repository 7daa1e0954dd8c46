"""Searching: who is asked, for which days, how often; and whom nobody asks again for a while."""

from __future__ import annotations

import asyncio
import logging
import random
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

import anyio

from stock_assistant_pipelines.research.providers.circuit import Circuit
from stock_assistant_pipelines.research.rules.sources import NEWS_DAYS
from stock_assistant_pipelines.research.search.bocha import Bocha
from stock_assistant_pipelines.research.search.books import Planned
from stock_assistant_pipelines.research.search.errors import SearchError
from stock_assistant_pipelines.research.search.selection import query
from stock_assistant_pipelines.settings import SHANGHAI

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from datetime import date

    from stock_assistant_pipelines.research.search.books import Books
    from stock_assistant_pipelines.settings import Settings

LOG = logging.getLogger(__name__)

AT_ONCE = 4
"""Searches of one process under way at once."""
PATIENCE = 90.0
"""The longest that the search engine may ask to be left alone before a search is given up."""


def _today() -> date:
    return datetime.now(SHANGHAI).date()


class Searcher:
    """The configured search engine, or none. For any number of tasks of one event loop; closed with `async with`."""

    def __init__(
        self,
        bocha: Bocha | None,
        *,
        per_minute: int = 60,
        back_days: int = 30,
        today: Callable[[], date] = _today,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._bocha = bocha
        self._per_minute = per_minute
        self._back_days = back_days
        self._today = today
        self._sleep = sleep
        self._circuit = Circuit()
        self._told = ""
        """What failed last, as a sheet is told it."""

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """The search engine that is configured; without a key it is none. Raises `SettingsError`."""
        key = settings.bocha_api_key
        bocha = Bocha(key, settings.bocha_base_url, timeout=settings.bocha_timeout) if key else None
        return cls(bocha, per_minute=settings.bocha_calls_per_minute, back_days=settings.bocha_back_days)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._bocha is not None:
            await self._bocha.close()

    def idle(self, day: date) -> str | None:
        """Why nobody is asked for pages up to a day; None: somebody is."""
        if self._bocha is None:
            return "nobody searched: BOCHA_API_KEY is not set"
        if day > self._today():
            return "nobody searched: the day has not come"
        if day < self._today() - timedelta(days=self._back_days):
            return "nobody searched on the day, and it lies too far back to search for it now (BOCHA_BACK_DAYS)"
        return None

    async def search(self, books: Books, companies: Mapping[str, str], day: date) -> Mapping[str, str]:
        """Search for pages of companies that were published in the month to a day, and keep them.

        Why it was in vain, of those of which it was. One stock's failure is its own; what fails for all is asked no more.
        """
        if (idle := self.idle(day)) is not None:
            return dict.fromkeys(companies, idle)
        failed: dict[str, str] = {}
        gate = anyio.CapacityLimiter(AT_ONCE)
        async with anyio.create_task_group() as tasks:
            for ts_code, name in companies.items():
                tasks.start_soon(self._search, books, gate, _planned(ts_code, name, day), failed)
        return failed

    async def _search(
        self, books: Books, gate: anyio.CapacityLimiter, planned: Planned, failed: dict[str, str]
    ) -> None:
        async with gate:
            if self._circuit.open:
                failed[planned.ts_code] = self._told
                return
            try:
                await self._asked(books, planned)
            except SearchError as error:
                self._circuit.failed(error)
                failed[planned.ts_code] = self._told = error.told
                LOG.warning("%s on %s: no news: %s", planned.ts_code, planned.day, error)
            else:
                self._circuit.answered()

    async def _asked(self, books: Books, planned: Planned) -> None:
        """Ask until there is an answer, or until asking again would not heal it. Raises `SearchError`."""
        attempt = 0
        while True:
            attempt += 1
            try:
                return await self._attempt(books, planned)
            except SearchError as error:
                if not error.heals or attempt >= error.tries or (error.wait or 0) > PATIENCE:
                    raise
                pause = 2.0 ** (attempt - 1) if error.wait is None else error.wait
            await self._sleep(pause * (1 + 0.25 * random.random()))  # noqa: S311 - nothing secret

    async def _attempt(self, books: Books, planned: Planned) -> None:
        """One call: booked as soon as the limit lets it be made, made, and settled. Raises `SearchError`."""
        while not isinstance(found := await books.reserve(planned, self._per_minute), int):
            await self._sleep(found * (1 + 0.2 * random.random()))  # noqa: S311 - nothing secret
        assert self._bocha is not None
        try:
            came = await self._bocha.search(planned.query, planned.first, planned.last)
        except BaseException as error:
            await books.settle(found, error)
            raise
        await books.settle(found, came)


def _planned(ts_code: str, name: str, day: date) -> Planned:
    first = day - timedelta(days=NEWS_DAYS)
    return Planned(ts_code=ts_code, day=day, query=query(ts_code, name), first=first, last=day)
