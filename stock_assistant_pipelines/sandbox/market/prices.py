"""Bars of any stock on any day, computed on the spot.

A close is the board's price level times a path in the stock's own trading time, plus what the market did while the stock
traded. Between two ex-dates the price climbs by as much as the next one takes away, so that it stays where it is over
decades and an ex-date still shows. Steps are bounded, and the bound keeps every close inside its price limits. Now and then
a close jumps to the limit, where the path of the days around allows it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stock_assistant_pipelines.sandbox.market.events import ExDates, Suspensions, ex_dates, suspensions
from stock_assistant_pipelines.sandbox.market.listing import BOARDS, NEVER, SMALL, STAR, Universe
from stock_assistant_pipelines.sandbox.market.noise import (
    Bools,
    Floats,
    Ints,
    Stream,
    symmetric,
    uniform,
    walk,
    wave,
)

if TYPE_CHECKING:
    from stock_assistant_pipelines.sandbox.market.sessions import Sessions

FLOOR = 3.0
"""No price is lower, CNY: below it a tick of 0.01 would be too coarse for the limits."""

MARKET_VOLATILITY = 0.008
VOLATILITY, QUIET_VOLATILITY, WILD_VOLATILITY = 0.0115, 0.0065, 0.027
"""Daily volatility of a stock's own path: ordinary, under special treatment (limit 5 %), and on boards with 20 or 30 %."""

SPECIAL_LIMIT = 0.05

JUMPS = 0.02
"""How likely a close tries to jump to a limit; about two in three succeed."""


@dataclass(frozen=True, slots=True, eq=False)
class Bars:
    """Bars of traded stocks. Prices are whole cents, `vol` lots of 100 shares, `amount` 1000 CNY."""

    open: Ints
    high: Ints
    low: Ints
    close: Ints
    pre_close: Ints
    vol: Ints
    amount: Floats


class Prices:
    """The prices of a universe. Every method takes stocks and sessions of equal length, pair by pair."""

    def __init__(self, seed: int, stocks: Universe, sessions: Sessions) -> None:
        self.seed = seed
        self.stocks = stocks
        self.market = market_path(seed, len(sessions))
        self.suspended: Suspensions = suspensions(seed, stocks, sessions, self.market)
        self.ex: ExDates = ex_dates(seed, stocks, sessions, self.suspended)
        quiet = (stocks.special_from < NEVER) & (stocks.board <= SMALL)
        wild = stocks.board >= STAR
        spread = 0.6 + 0.4 * uniform(seed, Stream.VOLATILITY, stocks.ids)
        self._volatility = np.where(quiet, QUIET_VOLATILITY, np.where(wild, WILD_VOLATILITY, VOLATILITY)) * spread
        self._beta = np.where(quiet, 0.3, 0.5 + 0.5 * uniform(seed, Stream.BETA, stocks.ids))
        self.level = FLOOR + np.exp(1.6 + 2.4 * uniform(seed, Stream.BASE, stocks.ids) ** 1.5)
        """The price, CNY, about which each stock moves."""
        self._activity = np.exp(-5.0 + 1.6 * uniform(seed, Stream.ACTIVITY, stocks.ids))
        self._base_share = np.round(np.exp(8.6 + 3.6 * uniform(seed, Stream.SHARES, stocks.ids) ** 2), 4)
        self._float_goal = 0.7 + 0.3 * np.minimum(1.0, 2 * uniform(seed, Stream.FLOAT, stocks.ids))
        self._limit = np.array([board.limit for board in BOARDS])[stocks.board]
        changed = [board.limit_until or ("00000000", board.limit) for board in BOARDS]
        self._limit_changed = np.array([sessions.at_or_after(day) for day, _ in changed])[stocks.board]
        self._limit_before = np.array([limit for _, limit in changed])[stocks.board]

    def traded(self, stock: Ints, session: Ints) -> Ints:
        """Sessions that each stock traded before each session; -1 on the eve of its listing."""
        at = np.maximum(self.suspended.last(stock, np.maximum(session, self.stocks.first[stock])), 0)
        gone = np.clip(session - self.suspended.start[at], 0, self.suspended.length[at])
        days: Ints = session - self.stocks.first[stock] - self.suspended.before[at] - gone
        return days

    def adj_factor(self, stock: Ints, session: Ints) -> Floats:
        """The adjustment factors in force."""
        factor: Floats = self.ex.factor[self.ex.last(stock, session)]
        return factor

    def close(self, stock: Ints, session: Ints) -> Ints:
        """Closes in cents, on sessions on which the stock trades (or on the eve of its listing)."""
        close = self._ordinary_close(stock, session)
        tries = np.flatnonzero(self._tries_to_jump(stock, session))
        close[tries] = self._jump(stock[tries], session[tries], close[tries])
        return close

    def pre_close(self, stock: Ints, session: Ints) -> Ints:
        """The exchange's reference price in cents: the last close, less what an ex-date takes away."""
        eve = self.suspended.last_traded(stock, session)
        ratio = self.adj_factor(stock, eve) / self.adj_factor(stock, session)
        return half_up(self.close(stock, eve) * ratio)

    def limits(self, stock: Ints, session: Ints, pre_close: Ints) -> tuple[Ints, Ints]:
        """The lowest and the highest price allowed, in cents."""
        limit = self._limit_share(stock, session)
        return half_up(pre_close * (1 - limit)), half_up(pre_close * (1 + limit))

    def bars(self, stock: Ints, session: Ints) -> Bars:
        """The bars of stocks on sessions on which they trade."""
        ids = self.stocks.ids[stock]
        close, pre_close = self.close(stock, session), self.pre_close(stock, session)
        down, up = self.limits(stock, session, pre_close)
        gap = uniform(self.seed, Stream.OPEN, ids, session) * (close - pre_close) * 0.7
        gap += pre_close * 0.006 * symmetric(self.seed, Stream.OPEN_NOISE, ids, session)
        opened = np.clip(half_up(pre_close + gap), down, up)
        higher = 1 + 0.02 * uniform(self.seed, Stream.HIGH, ids, session) ** 2
        lower = 1 - 0.02 * uniform(self.seed, Stream.LOW, ids, session) ** 2
        high = np.minimum(half_up(np.maximum(opened, close) * higher), up)
        low = np.maximum(half_up(np.minimum(opened, close) * lower), down)
        vol = self.volume(stock, session, self.traded(stock, session), self.float_share(stock, session))
        vwap = low + (high - low) * (0.3 + 0.4 * uniform(self.seed, Stream.VWAP, ids, session))
        return Bars(opened, high, low, close, pre_close, vol, np.round(vol * vwap / 1000, 3))

    def volume(self, stock: Ints, session: Ints, traded: Ints, float_share: Floats) -> Ints:
        """Lots traded when `float_share` (10,000 shares) are tradable; `traded` tells which of the stock's days it is."""
        ids = self.stocks.ids[stock]
        mood = 1.1 * wave(self.seed, Stream.TURNOVER_WAVE, ids, traded, 60)
        mood += 0.7 * symmetric(self.seed, Stream.TURNOVER, ids, traded)
        return np.maximum(half_up(float_share * 100 * self._activity[stock] * np.exp(mood)), 10)

    def total_share(self, stock: Ints, session: Ints) -> Floats:
        """Shares in units of 10,000, four decimals; bonus shares add to them."""
        return self.total_share_since(stock, self.ex.last(stock, session))

    def total_share_since(self, stock: Ints, event: Ints) -> Floats:
        """Shares, as above, from each ex-date on, which is given by its place."""
        shares: Floats = np.round(self._base_share[stock] * self.ex.shares[event], 4)
        return shares

    def float_share(self, stock: Ints, session: Ints) -> Floats:
        """Tradable shares in units of 10,000: a quarter at listing, more each year."""
        years = np.maximum(session - self.stocks.first[stock], 0) // 243
        tradable = np.minimum(0.25 + 0.25 * years, self._float_goal[stock])
        shares: Floats = np.round(self.total_share(stock, session) * tradable, 4)
        return shares

    def _limit_share(self, stock: Ints, session: Ints) -> Floats:
        """How far a price may move from the reference price: by board, day and special treatment."""
        limit = np.where(session < self._limit_changed[stock], self._limit_before[stock], self._limit[stock])
        special = self.stocks.special(stock, session) & (self.stocks.board[stock] <= SMALL)
        return np.where(special, SPECIAL_LIMIT, limit)

    def _ordinary_close(self, stock: Ints, session: Ints) -> Ints:
        """Closes in cents before any jumps."""
        ids, traded = self.stocks.ids[stock], self.traded(stock, session)
        path = self._volatility[stock] * walk(self.seed, Stream.WALK, ids, traded)
        path += 0.6 * wave(self.seed, Stream.KNOT, ids, traded)
        path += self._beta[stock] * self._market_while_trading(stock, session)
        price = (FLOOR + (self.level[stock] - FLOOR) * np.exp(path)) * np.exp(self._climb(stock, session, traded))
        return half_up(price * 100)

    def _tries_to_jump(self, stock: Ints, session: Ints) -> Bools:
        """Whether a close tries to jump: by chance, never two days running, and traded the day before and after."""
        tries: Bools = uniform(self.seed, Stream.JUMP, self.stocks.ids[stock], session) < JUMPS
        tries &= (self.stocks.first[stock] < session) & (
            session + 1 < np.minimum(self.stocks.last[stock], len(self.market))
        )
        at = np.flatnonzero(tries)
        for day in (session[at] - 1, session[at], session[at] + 1):
            tries[at] &= ~self.suspended.covers(stock[at], day)
        for day in (session[at] - 1, session[at] + 1):
            tries[at] &= uniform(self.seed, Stream.JUMP, self.stocks.ids[stock[at]], day) >= JUMPS
        return tries

    def _jump(self, stock: Ints, session: Ints, close: Ints) -> Ints:
        """The limit that each close can jump to so that the next day is inside its own limits; else the close itself."""
        before, after = session - 1, session + 1
        base = self._ordinary_close(stock, before) * self.adj_factor(stock, before)
        two_days = self._ordinary_close(stock, after) * self.adj_factor(stock, after) / base
        down, up = self.limits(stock, session, half_up(base / self.adj_factor(stock, session)))
        today, tomorrow = self._limit_share(stock, session), self._limit_share(stock, after)
        rises = two_days > (1 + today) * (1 - tomorrow) + 0.01
        falls = two_days < (1 - today) * (1 + tomorrow) - 0.01
        return np.where(rises, up, np.where(falls, down, close))

    def _market_while_trading(self, stock: Ints, session: Ints) -> Floats:
        """The market's path without the stretches in which the stock was suspended."""
        at = np.maximum(self.suspended.last(stock, np.maximum(session, self.stocks.first[stock])), 0)
        resumed = session >= self.suspended.start[at] + self.suspended.length[at]
        missed = self.suspended.missed[at] + np.where(resumed, self.suspended.missing[at], 0.0)
        path: Floats = self.market[np.maximum(session, 0)] - missed
        return path

    def _climb(self, stock: Ints, session: Ints, traded: Ints) -> Floats:
        """The share of the next ex-date's markdown (log) that the price has climbed since the last one."""
        at = self.ex.last(stock, session)
        after = np.where(self.ex.ends[at], at, np.minimum(at + 1, len(self.ex.keys) - 1))
        stretch = np.maximum(self.ex.traded[after] - self.ex.traded[at], 1)
        markdown = np.log(self.ex.factor[after] / self.ex.factor[at])
        climb: Floats = markdown * (traded - self.ex.traded[at]) / stretch
        return climb


def market_path(seed: int, count: int) -> Floats:
    """The market's own path (log), session by session."""
    session = np.arange(count, dtype=np.int64)
    nobody = np.zeros(1, dtype=np.int64)
    path = MARKET_VOLATILITY * walk(seed, Stream.MARKET, nobody, session)
    path += 0.25 * wave(seed, Stream.MARKET_KNOT, nobody, session)
    return path


def half_up(values: Floats) -> Ints:
    """Whole numbers, halves rounded up as the exchanges do; a hair below a half counts as one."""
    return np.floor(values + (0.5 + 1e-7)).astype(np.int64)
