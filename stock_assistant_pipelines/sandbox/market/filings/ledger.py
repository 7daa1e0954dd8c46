"""The figures that hang together over the years: revenue, profit, equity and payouts. Laid out once, then looked up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stock_assistant_pipelines.sandbox.market.filings.accounts import Kind, kinds
from stock_assistant_pipelines.sandbox.market.filings.payouts import payouts
from stock_assistant_pipelines.sandbox.market.filings.periods import (
    COUNT,
    FIRST_YEAR,
    YEAR_END,
    YEARS,
    Periods,
    place_of,
)
from stock_assistant_pipelines.sandbox.market.filings.timetable import timetable
from stock_assistant_pipelines.sandbox.market.listing import NEVER
from stock_assistant_pipelines.sandbox.market.noise import Floats, Ints, Stream, symmetric, uniform, wave

if TYPE_CHECKING:
    from stock_assistant_pipelines.sandbox.market.prices import Prices
    from stock_assistant_pipelines.sandbox.market.sessions import Sessions

LOSS = 0.58
"""How likely a listed company that pays nothing out makes a loss: a quarter of the market does."""

UNLISTED_GROWTH = 0.14
"""How fast a company grows before it is listed, per year (log)."""

MARGIN, FINANCIAL_MARGIN = 4.0, 2.6
"""Revenue per profit or loss, at the least."""

BROKERS_SALES = 0.3
"""What a broker's revenue is of another company's of its size."""

DEEP = 0.03
"""How many companies owe more than they own at their lowest."""


class Ledger:
    """By stock and quarter, in cents. Flows count from the start of the year; what is equity belongs to the shareholders."""

    def __init__(self, prices: Prices, sessions: Sessions) -> None:
        self.seed = prices.seed
        self.stocks = prices.stocks
        self.prices = prices
        self.sessions = sessions
        self.periods = Periods(sessions)
        self.payouts = payouts(prices, sessions)
        self.timetable = timetable(self.seed, self.stocks, sessions, self.periods, self.payouts)
        self.kinds = kinds(self.seed, self.stocks.ids)
        self.financial = self.kinds != Kind.INDUSTRY
        self._ids = self.stocks.ids[:, None]
        closing = self.periods.closing[None, :]
        self._listed = closing >= self.stocks.first[:, None]
        self._event = self.prices.ex.last(*np.broadcast_arrays(np.arange(len(self.stocks))[:, None], closing))
        size = self._size()
        profit, revenue = self._years(size)
        sales, earnings = self._seasons()
        self.revenue: Ints = np.rint(np.repeat(revenue * 100, 4, axis=1) * sales).astype(np.int64)
        self.profit: Ints = np.rint(np.repeat(profit * 100, 4, axis=1) * earnings).astype(np.int64)
        """The shareholders' part of the profit."""
        self.earned: Ints = self._earned()
        """The shareholders' profit since 1986."""
        self.slip = self._slips()
        """What the first version of a report has too much, in profit and in equity."""
        self.share_capital: Ints = self._share_capital()
        self._lay_foundations(self._worth())
        self.equity: Ints = self.paid_in + self.retained

    def paid_cash(self, stock: Ints, quarter: Ints) -> Ints:
        """What each company had paid its shareholders in cash by the end of each quarter."""
        paid: Ints = self.payouts.paid_cash[self._event[stock, quarter]]
        return paid

    def raised(self, stock: Ints, quarter: Ints) -> Ints:
        """What each company had got for new shares by the end of each quarter."""
        return np.where(self._listed[stock, quarter], self.issued[stock], 0)

    def slipped(self, stock: Ints, quarter: Ints, session: Ints) -> Ints:
        """What the version of each report that stands in each session has too much."""
        return np.where(session < self.timetable.corrected[stock, quarter], self.slip[stock, quarter], 0)

    def lately(self, flow: Ints, stock: Ints, quarter: Ints) -> Ints:
        """A flow of the four quarters that end with each quarter."""
        before = quarter - place_of(quarter)
        total: Ints = flow[stock, quarter] + flow[stock, before] - flow[stock, quarter - 4]
        return np.where(quarter % 4 == YEAR_END, flow[stock, quarter], total)

    def slipped_lately(self, stock: Ints, quarter: Ints, session: Ints) -> Ints:
        """What the versions that stand in each session have too much, over the four quarters that end with each quarter."""
        own = self.slipped(stock, quarter, session)
        others = self.slipped(stock, quarter - place_of(quarter), session) - self.slipped(stock, quarter - 4, session)
        return np.where(quarter % 4 == YEAR_END, own, own + others)

    def latest(self, stock: Ints, session: Ints) -> tuple[Ints, Ints]:
        """The last report, and the last annual report, that each company had filed by each session; -1 without one."""
        ended = np.searchsorted(self.periods.closing, session, side="right").astype(np.int64) - 1
        last = np.full(len(stock), -1, dtype=np.int64)
        annual = last.copy()
        for back in range(6, -1, -1):
            quarter = np.maximum(ended - back, 0)
            out = self.timetable.filed[stock, quarter] <= session
            last = np.where(out, quarter, last)
            annual = np.where(out & (quarter % 4 == YEAR_END), quarter, annual)
        return last, annual

    def _size(self) -> Floats:
        """What each company is worth at its ordinary price, CNY, by year: it grows as its shares will."""
        stocks, ex, sessions = self.stocks, self.prices.ex, self.sessions
        years = np.arange(FIRST_YEAR, FIRST_YEAR + YEARS)
        middle = np.searchsorted(sessions.numbers, years * 10_000 + 701).astype(np.int64)[None, :]
        stock, session = (axis.ravel() for axis in np.broadcast_arrays(np.arange(len(stocks))[:, None], middle))
        session = np.maximum(session, stocks.first[stock])
        at = ex.last(stock, session)
        after = np.where(ex.ends[at], at, np.minimum(at + 1, len(ex.keys) - 1))
        stretch = np.maximum(ex.session[after] - ex.session[at], 1)
        shares = np.log(ex.shares[at]) + np.log(ex.shares[after] / ex.shares[at]) * (session - ex.session[at]) / stretch
        listed = sessions.numbers[stocks.first] / 10_000
        early = np.minimum(years[None, :] + 0.5 - listed[:, None], 0.0)
        growth = shares.reshape(len(stocks), YEARS) + UNLISTED_GROWTH * early
        size: Floats = self._worth()[:, None] * np.exp(growth)
        return size

    def _worth(self) -> Floats:
        """What each company is worth at its ordinary price when it is listed, CNY."""
        stock = np.arange(len(self.stocks))
        worth: Floats = self.prices.total_share(stock, self.stocks.first) * 10_000 * self.prices.level
        return worth

    def _years(self, size: Floats) -> tuple[Floats, Floats]:
        """Profit and revenue by year, CNY. Who pays a dividend has earned it; the years before the listing were good ones."""
        seed, ids, year = self.seed, self._ids, np.arange(FIRST_YEAR, FIRST_YEAR + YEARS, dtype=np.int64)[None, :]
        dear = 0.7 * uniform(seed, Stream.EARNINGS, ids) + 0.3 * uniform(seed, Stream.EARNINGS_YEAR, ids, year)
        profit = size / (12 + 120 * dear**2)
        payers = self.payouts.payers(len(self.stocks), self.sessions)
        listed = (self.sessions.numbers[self.stocks.first] // 10_000)[:, None] < year
        special = (self.sessions.numbers[np.minimum(self.stocks.special_from, len(self.sessions) - 1)] // 10_000)[
            :, None
        ]
        treated = (self.stocks.special_from[:, None] < NEVER) & (year < special) & (year >= special - 2)
        loss = ~payers & listed & ((uniform(seed, Stream.LOSS, ids, year) < LOSS) | treated)
        profit = np.where(loss, -size * (0.004 + 0.06 * uniform(seed, Stream.LOSS_SIZE, ids, year) ** 2), profit)
        profit = np.maximum(profit, self._paid_from() * (1.3 + 0.7 * uniform(seed, Stream.PAYOUT, ids, year)))
        sales = 0.15 + 1.4 * uniform(seed, Stream.SALES, ids) ** 2
        sales = sales * np.where(self.kinds == Kind.BROKER, BROKERS_SALES, 1.0)[:, None]
        sales = sales * np.exp(0.35 * wave(seed, Stream.SALES_WAVE, ids, year, 5))
        revenue = size * sales * np.exp(0.06 * symmetric(seed, Stream.SALES_YEAR, ids, year))
        margin = np.where(self.financial, FINANCIAL_MARGIN, MARGIN)[:, None]
        return profit, np.maximum(revenue, np.abs(profit) * margin)

    def _paid_from(self) -> Floats:
        """What is paid in cash out of each year's profit, CNY; where nothing is, less than any loss."""
        paid = np.full((len(self.stocks), YEARS), -np.inf)
        payouts = self.payouts
        at = np.flatnonzero(payouts.real)
        year = self.sessions.numbers[payouts.session[at]] // 10_000 - FIRST_YEAR - 1
        paid[payouts.stock[at], year] = payouts.base[at] * (payouts.cash[at] + payouts.bonus[at])
        return paid

    def _seasons(self) -> tuple[Floats, Floats]:
        """Which share of a year's revenue and profit each company has made by the end of each quarter."""
        quarter = np.arange(COUNT, dtype=np.int64)[None, :]
        weight = 0.25 + 0.05 * np.tile(symmetric(self.seed, Stream.SEASON, self._ids, quarter[:, :4]), (1, YEARS))
        weight = weight + 0.03 * symmetric(self.seed, Stream.SEASON_YEAR, self._ids, quarter)
        earnings = weight * (1 + 0.5 * symmetric(self.seed, Stream.PROFIT_SEASON, self._ids, quarter))
        return _cumulated(weight), _cumulated(earnings)

    def _earned(self) -> Ints:
        """The profit since 1986, to the end of each quarter."""
        annual = self.profit[:, 3::4]
        before = np.cumsum(annual, axis=1) - annual
        return np.repeat(before, 4, axis=1) + self.profit

    def _slips(self) -> Ints:
        """What the first version of each report that is corrected later has too much, or too little."""
        annual = np.repeat(np.abs(self.profit[:, 3::4]), 4, axis=1)
        corrected = np.flatnonzero(self.timetable.corrected < NEVER)
        stock, quarter = np.divmod(corrected, COUNT)
        draw = symmetric(self.seed, Stream.SLIP, self.stocks.ids[stock], quarter)
        share = (0.02 + 0.18 * np.abs(draw)) * np.sign(draw) * (quarter % 4 + 1) / 4
        slip = np.zeros(self.profit.shape, dtype=np.int64)
        slip.ravel()[corrected] = np.rint(annual.ravel()[corrected] * share).astype(np.int64)
        return slip

    def _share_capital(self) -> Ints:
        """Shares of 1 CNY: a quarter of them is issued at the listing."""
        shares = self.prices.total_share_since(np.arange(len(self.stocks))[:, None], self._event) * 1_000_000
        return np.rint(np.where(self._listed, shares, shares * 0.75)).astype(np.int64)

    def _lay_foundations(self, worth: Floats) -> None:
        """Capital and profits of the time before, so that what the years add and take leaves a company standing."""
        paid = self.payouts.paid[self._event]
        bonus = paid - self.payouts.paid_cash[self._event]
        final = self.share_capital[:, -1]
        self.issued: Ints = np.rint(0.25 * 0.55 * worth * 100).astype(np.int64)
        """What the listing brought in."""
        capital = np.maximum(self.share_capital[:, 0] * 1.2, 1.06 * final - self.issued).astype(np.int64)
        self.paid_in: Ints = capital[:, None] + np.where(self._listed, self.issued[:, None], 0) + bonus
        added = self.earned - paid
        owned = worth * 100 / (1.6 + 8 * uniform(self.seed, Stream.BOOK, self.stocks.ids) ** 2)
        lowest = (self.paid_in + added).min(axis=1)
        deep = uniform(self.seed, Stream.MINORITY, self.stocks.ids, 1) < DEEP
        needed = np.where(deep, -0.05, 0.06) * worth * 100 - lowest
        start = np.where(deep, needed, np.maximum(np.maximum(owned - capital, 0.05 * capital), needed))
        self.retained: Ints = np.rint(start).astype(np.int64)[:, None] + added


def _cumulated(weight: Floats) -> Floats:
    """Running shares of the year's total."""
    years = weight.reshape(len(weight), YEARS, 4)
    running = np.cumsum(years, axis=2)
    cumulated: Floats = (running / running[:, :, 3:]).reshape(weight.shape)
    return cumulated
