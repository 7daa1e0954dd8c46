"""Tushare's rows about trading days: for pairs of a security and a session, the rows that a dataset has."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from stock_assistant_pipelines.catalog.calls import PerCode
from stock_assistant_pipelines.sandbox.market.filings.ledger import Ledger
from stock_assistant_pipelines.sandbox.market.indices import IndexBars
from stock_assistant_pipelines.sandbox.market.invention import invent
from stock_assistant_pipelines.sandbox.market.listing import build
from stock_assistant_pipelines.sandbox.market.noise import Ints, Stream, uniform
from stock_assistant_pipelines.sandbox.market.others import Others
from stock_assistant_pipelines.sandbox.market.prices import Prices
from stock_assistant_pipelines.sandbox.market.valuation import daily_basic
from stock_assistant_pipelines.sandbox.table import Table, texts

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.sandbox.market.sessions import Sessions

HALT = "09:30-10:00"
HALTS_PER_DAY = 0.0008
"""How likely a stock is halted for a while inside a session on which it trades."""


@dataclass(frozen=True, slots=True)
class Family:
    """Securities that share a dataset, in the order of their codes, and what makes their rows."""

    codes: tuple[str, ...]
    rows: Callable[[Ints, Ints], Table]
    """Takes members and sessions, pair by pair, newest session first; leaves out the pairs that have no row."""


class Days:
    """Everything that happens on trading days."""

    def __init__(self, seed: int, size: int, sessions: Sessions) -> None:
        self.seed = seed
        self.sessions = sessions
        self.stocks = build(seed, size, sessions)
        self.prices = Prices(seed, self.stocks, sessions)
        self._days = texts(sessions.days)
        self._codes = texts(self.stocks.codes)
        self._others = Others(seed, size, sessions)
        indices = IndexBars(seed, sessions, self.prices.market)
        limited = tuple(sorted(self.stocks.codes + self._others.codes))
        own = {code: (0, n) for n, code in enumerate(self.stocks.codes)}
        own |= {code: (1, n) for n, code in enumerate(self._others.codes)}
        self._limited = np.array([own[code] for code in limited], dtype=np.int64).T
        self._families = {
            "daily": Family(self.stocks.codes, self.daily),
            "adj_factor": Family(self.stocks.codes, self.adj_factor),
            "daily_basic": Family(self.stocks.codes, self.daily_basic),
            "suspend_d": Family(self.stocks.codes, self.suspend_d),
            "stk_limit": Family(limited, self.stk_limit),
            "index_daily": Family(indices.codes, indices.table),
        }

    @cached_property
    def ledger(self) -> Ledger:
        """What the companies earn and own; laid out when it is first asked for."""
        return Ledger(self.prices, self.sessions)

    def family(self, dataset: Dataset) -> Family:
        """The securities and rows of a dataset; made up from its columns when nothing better is known."""
        return self._families.get(dataset.api) or self._made_up(dataset)

    def daily(self, stock: Ints, session: Ints) -> Table:
        """Bars of the stocks that traded."""
        stock, session = self._traded(stock, session)
        bars = self.prices.bars(stock, session)
        return Table(
            self._keys(stock, session)
            | {
                "open": bars.open / 100,
                "high": bars.high / 100,
                "low": bars.low / 100,
                "close": bars.close / 100,
                "pre_close": bars.pre_close / 100,
                "change": (bars.close - bars.pre_close) / 100,
                "pct_chg": np.round((bars.close - bars.pre_close) / bars.pre_close * 100, 4),
                "vol": bars.vol.astype(np.float64),
                "amount": bars.amount,
            }
        )

    def adj_factor(self, stock: Ints, session: Ints) -> Table:
        """Factors of all listed stocks, suspended ones too."""
        stock, session = self._listed(stock, session)
        return Table(self._keys(stock, session) | {"adj_factor": self.prices.adj_factor(stock, session)})

    def daily_basic(self, stock: Ints, session: Ints) -> Table:
        """Valuation of the stocks that traded."""
        stock, session = self._traded(stock, session)
        return Table(self._keys(stock, session) | daily_basic(self.prices, self.ledger, stock, session))

    def suspend_d(self, stock: Ints, session: Ints) -> Table:
        """Suspensions for the whole day, the day after each (R), and halts inside a session."""
        stock, session = self._listed(stock, session)
        whole = self.prices.suspended.covers(stock, session)
        resumed = self.prices.suspended.resumes(stock, session)
        halted = ~whole & (uniform(self.seed, Stream.HALTED, self.stocks.ids[stock], session) < HALTS_PER_DAY)
        parts = [(np.flatnonzero(mask), kind, time) for mask, kind, time in
                 ((whole, "S", None), (resumed, "R", None), (halted, "S", HALT))]  # fmt: skip
        at = np.concatenate([positions for positions, _, _ in parts])
        kinds = texts([kind for positions, kind, _ in parts for _ in positions])
        times = texts([time for positions, _, time in parts for _ in positions])
        order = np.argsort(at, kind="stable")
        keys = self._keys(stock[at[order]], session[at[order]])
        return Table(keys | {"suspend_timing": times[order], "suspend_type": kinds[order]})

    def stk_limit(self, member: Ints, session: Ints) -> Table:
        """Price limits of all listed stocks, and of funds and B shares."""
        kind, number = self._limited[:, member]
        stocks = np.flatnonzero(kind == 0)
        stocks = stocks[self.stocks.listed(number[stocks], session[stocks])]
        others = np.flatnonzero(kind == 1)
        others = others[self._others.listed(number[others], session[others])]
        pre_close = self.prices.pre_close(number[stocks], session[stocks])
        down, up = self.prices.limits(number[stocks], session[stocks], pre_close)
        columns = zip(
            (pre_close / 100, down / 100, up / 100), self._others.limits(number[others], session[others]), strict=True
        )
        at = np.concatenate([stocks, others])
        order = np.argsort(at, kind="stable")
        last, lower, upper = (np.concatenate(pair)[order] for pair in columns)
        codes = np.concatenate([self._codes[number[stocks]], texts(self._others.codes)[number[others]]])[order]
        return Table(
            {
                "trade_date": self._days[session[at[order]]],
                "ts_code": codes,
                "pre_close": last,
                "up_limit": upper,
                "down_limit": lower,
            }
        )

    def _listed(self, stock: Ints, session: Ints) -> tuple[Ints, Ints]:
        listed = self.stocks.listed(stock, session)
        return stock[listed], session[listed]

    def _traded(self, stock: Ints, session: Ints) -> tuple[Ints, Ints]:
        stock, session = self._listed(stock, session)
        traded = ~self.prices.suspended.covers(stock, session)
        return stock[traded], session[traded]

    def _keys(self, stock: Ints, session: Ints) -> dict[str, NDArray[Any]]:
        return {"ts_code": self._codes[stock], "trade_date": self._days[session]}

    def _made_up(self, dataset: Dataset) -> Family:
        """Rows of a dataset that the sandbox knows by its declaration only."""
        if isinstance(dataset.calls, PerCode):
            return Family(tuple(sorted(dataset.calls.codes)), partial(self._invent, dataset, dataset.calls.codes))
        if "ts_code" in dataset.by_name:
            return Family(self.stocks.codes, partial(self._invent, dataset, self.stocks.codes))
        return Family(("",), partial(self._invent, dataset, ("",)))

    def _invent(self, dataset: Dataset, codes: tuple[str, ...], member: Ints, session: Ints) -> Table:
        if codes is self.stocks.codes:
            member, session = self._listed(member, session)
        fixed = {"ts_code": texts(sorted(codes))[member], "trade_date": self._days[session]}
        return Table(invent(self.seed, dataset, member, session, fixed))
