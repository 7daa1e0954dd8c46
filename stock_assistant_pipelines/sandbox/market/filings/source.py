"""Queries about filings: which reports are asked about, and their rows, newest period first, by code within a period."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from stock_assistant_pipelines.protocol.interfaces import HOMES
from stock_assistant_pipelines.protocol.query import BEGINNING, END, day_columns
from stock_assistant_pipelines.sandbox.market.filings import dividends, notices, rows, segments
from stock_assistant_pipelines.sandbox.market.filings.desk import Asked, Desk
from stock_assistant_pipelines.sandbox.market.filings.periods import COUNT
from stock_assistant_pipelines.sandbox.market.filings.timetable import Fate
from stock_assistant_pipelines.sandbox.market.filings.versions import OWN
from stock_assistant_pipelines.sandbox.market.invention import invent
from stock_assistant_pipelines.sandbox.market.listing import NEVER
from stock_assistant_pipelines.sandbox.table import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.protocol.query import Query
    from stock_assistant_pipelines.sandbox.market.filings.ledger import Ledger
    from stock_assistant_pipelines.sandbox.market.noise import Bools, Ints

PIECE = 6000
"""Reports that are worked on at once."""

DAYS = ("ann_date", "f_ann_date", "actual_date", "pre_date", "record_date", "ex_date", "imp_ann_date")
"""Columns that say when something was told, or was to happen."""

TOLD = frozenset({"ann_date", "f_ann_date"})
"""Those that are the day of a report."""


class Maker(NamedTuple):
    """What makes the rows of an interface; whether it has rows only of reports that are out, and these bear their days."""

    rows: Callable[[Desk, Asked], Table]
    filed: bool = True
    dated: bool = True


MAKERS = {
    "income": Maker(rows.income),
    "balancesheet": Maker(rows.balancesheet),
    "cashflow": Maker(rows.cashflow),
    "fina_indicator": Maker(rows.fina_indicator),
    "fina_audit": Maker(rows.fina_audit),
    "fina_mainbz": Maker(segments.fina_mainbz),
    "dividend": Maker(dividends.dividend, dated=False),
    "forecast": Maker(notices.forecast, filed=False),
    "express": Maker(notices.express, filed=False),
    "disclosure_date": Maker(notices.disclosure_date, filed=False),
}

CALLED = MAKERS | {whole: MAKERS[api] for whole, api in HOMES.items() if api in MAKERS}

LONGEST = 20
"""No report is told of more than so many quarters after its period: a prospectus looks back that far."""

SOONEST = 2
"""Nor more than so many quarters before it is over."""


class Filings:
    """Answers queries about filings from a ledger, which is laid out when it is first asked."""

    def __init__(self, ledger: Callable[[], Ledger]) -> None:
        self._lay_out = ledger

    @cached_property
    def _desk(self) -> Desk:
        return Desk(self._lay_out())

    def tables(self, dataset: Dataset, query: Query, today: str) -> Iterator[Table]:
        """The rows of a query that were told by the end of this day, before its filters."""
        maker = CALLED.get(dataset.api)
        now = self._desk.ledger.sessions.at_or_before(today)
        types = next((allowed for name, allowed in query.filters if name == "report_type"), frozenset({str(OWN)}))
        numbers = frozenset(int(each) for each in types if each.isdecimal())
        stock, quarter = self._reports(dataset, query, now, maker)
        told_on = day_columns(dataset) if query.dated and not _by_period(dataset) else ()
        for start in range(0, len(stock), PIECE):
            piece = slice(start, start + PIECE)
            asked = Asked(stock[piece], quarter[piece], now, numbers)
            table = maker.rows(self._desk, asked) if maker else self._made_up(dataset, asked)
            yield table.between(told_on, query.first, query.last) if told_on else table

    def _reports(self, dataset: Dataset, query: Query, now: int, maker: Maker | None) -> tuple[Ints, Ints]:
        """The reports that a query can be about, newest period first, by code within a period."""
        ledger = self._desk.ledger
        stocks = np.arange(len(ledger.stocks), dtype=np.int64)
        if query.codes is not None:
            stocks = self._desk.stocks(query.codes)
        days = _days(dataset, query)
        quarters = self._quarters(dataset, query, now, days)
        stock, quarter = np.tile(stocks, len(quarters)), np.repeat(quarters, len(stocks))
        if maker is None or maker.filed:
            there = ledger.timetable.filed[stock, quarter] <= now
            if days and TOLD.issuperset(days) and (maker is None or maker.dated):
                there &= self._told(stock, quarter, min(map(min, days.values())), max(map(max, days.values())))
            stock, quarter = stock[there], quarter[there]
        return stock, quarter

    def _quarters(self, dataset: Dataset, query: Query, now: int, days: Mapping[str, Sequence[str]]) -> Ints:
        """The periods that a query can be about, newest first."""
        periods = self._desk.ledger.periods
        ended = int(np.searchsorted(periods.closing, now, side="right"))
        quarters = np.arange(min(ended + SOONEST, COUNT - 1), periods.first - 1, -1, dtype=np.int64)
        named = next((allowed for name, allowed in query.filters if name == dataset.grain.value), None)
        if named is not None:
            quarters = quarters[np.isin(quarters, periods.among(named))]
        if query.dated and _by_period(dataset):
            quarters = quarters[np.isin(quarters, periods.between(query.first, query.last))]
        for asked in days.values():
            low, high = np.searchsorted(periods.numbers, [int(min(asked)), int(max(asked))])
            quarters = quarters[(quarters >= low - LONGEST) & (quarters <= high + SOONEST)]
        return quarters

    def _told(self, stock: Ints, quarter: Ints, first: str, last: str) -> Bools:
        """Whether any row of each report can have been told between two days."""
        table, sessions = self._desk.ledger.timetable, self._desk.ledger.sessions
        low, high = sessions.at_or_after(first), sessions.at_or_before(last)
        days = (
            table.filed[stock, quarter],
            table.corrected[stock, quarter],
            table.filed[stock, np.minimum(quarter + 4, COUNT - 1)],
        )
        told: Bools = np.any([(low <= day) & (day <= high) & (day < NEVER) for day in days], axis=0)
        told |= table.fate[stock, quarter] == Fate.IMPOSSIBLE
        return told

    def _made_up(self, dataset: Dataset, asked: Asked) -> Table:
        """Rows of a dataset that the sandbox knows by its declaration only: one per report."""
        fixed = self._desk.keys(asked.stock, asked.quarter)
        return Table(invent(self._desk.seed, dataset, asked.stock, asked.quarter, fixed))


def _by_period(dataset: Dataset) -> bool:
    """Whether a call's range means report periods, and not days on which something was told."""
    return dataset.grain.value in day_columns(dataset)


def _days(dataset: Dataset, query: Query) -> dict[str, list[str]]:
    """By column, the days on which something is to have been told."""
    days = {name: sorted(filter(str.isdecimal, allowed)) for name, allowed in query.filters if name in DAYS}
    if query.dated and not _by_period(dataset) and (query.first, query.last) != (BEGINNING, END):
        days["ann_date"] = [query.first, query.last]
    return {name: asked for name, asked in days.items() if asked}
