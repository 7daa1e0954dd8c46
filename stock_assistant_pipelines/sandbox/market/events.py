"""What interrupts a stock: suspensions of whole days, and ex-dates. Laid out once, looked up by bisection."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stock_assistant_pipelines.sandbox.market.listing import NEVER, SMALL, Universe
from stock_assistant_pipelines.sandbox.market.noise import Bools, Floats, Ints, Stream, uniform

if TYPE_CHECKING:
    from stock_assistant_pipelines.sandbox.market.sessions import Sessions

LENGTHS = np.array([1, 1, 1, 2, 3, 5, 10, 20, 45])
"""How many days a suspension lasts; each as likely as the others."""

WIDTH = 1 << 20
"""More sessions than there are: `stock * WIDTH + session` orders events by stock, then session."""


@dataclass(frozen=True, slots=True, eq=False)
class Suspensions:
    """Whole-day suspensions by stock. The first entry of each stock is empty and lies on its day of listing."""

    keys: Ints
    stock: Ints
    start: Ints
    length: Ints
    before: Ints
    """Suspended sessions of the stock before this suspension."""
    missed: Floats
    """How far the market moved while the stock was suspended before."""
    missing: Floats
    """How far the market moved during this suspension."""

    def last(self, stock: Ints, session: Ints) -> Ints:
        """The position of the suspension that began last, for each stock and session."""
        return np.searchsorted(self.keys, stock * WIDTH + session, side="right") - 1

    def covers(self, stock: Ints, session: Ints) -> Bools:
        """Whether each stock is suspended for the whole of each session."""
        at = self.last(stock, session)
        covers: Bools = session < self.start[at] + self.length[at]
        return covers

    def resumes(self, stock: Ints, session: Ints) -> Bools:
        """Whether each session is the first after a suspension."""
        at = self.last(stock, session)
        resumes: Bools = (self.length[at] > 0) & (session == self.start[at] + self.length[at])
        return resumes

    def last_traded(self, stock: Ints, session: Ints) -> Ints:
        """The last session before each session on which the stock traded; one before the first on the day of listing."""
        yesterday = session - 1
        at = np.maximum(self.last(stock, session), 0)
        started_before = self.start[at] <= yesterday
        suspended = started_before & (yesterday < self.start[at] + self.length[at]) | (self.start[at] == session)
        return np.where(suspended & (self.length[at] > 0), self.start[at] - 1, yesterday)


@dataclass(frozen=True, slots=True, eq=False)
class ExDates:
    """Ex-dates by stock. The first entry of each stock is its day of listing, with a factor of 1."""

    keys: Ints
    session: Ints
    traded: Ints
    """Sessions the stock had traded before."""
    factor: Floats
    """The adjustment factor from this day on, four decimals."""
    shares: Floats
    """Shares per share at listing, from this day on."""
    ends: Bools
    """Whether it is the stock's last."""

    def last(self, stock: Ints, session: Ints) -> Ints:
        """The position of the ex-date in force, for each stock and session; that of listing before it."""
        return np.searchsorted(self.keys, stock * WIDTH + np.maximum(session, self._listing(stock)), side="right") - 1

    def _listing(self, stock: Ints) -> Ints:
        return self.session[np.searchsorted(self.keys, stock * WIDTH)]


def suspensions(seed: int, stocks: Universe, sessions: Sessions, market: Floats) -> Suspensions:
    """At most one suspension per stock and calendar year, more often before 2018; and those without end (status P)."""
    years = np.flatnonzero(sessions.counts > 200)
    stock, year = (axis.ravel() for axis in np.meshgrid(np.arange(len(stocks)), years, indexing="ij"))
    ids, calendar_year = stocks.ids[stock], sessions.years[year]
    happens = uniform(seed, Stream.SUSPENDED, ids, calendar_year) < np.where(calendar_year < 2018, 0.35, 0.22)
    length = LENGTHS[(uniform(seed, Stream.SUSPENDED_DAYS, ids, calendar_year) * len(LENGTHS)).astype(np.int64)]
    room = sessions.counts[year] - LENGTHS[-1] - 3
    start = sessions.starts[year] + 1 + (uniform(seed, Stream.SUSPENDED_ON, ids, calendar_year) * room).astype(np.int64)
    end = np.minimum(stocks.last[stock], stocks.paused[stock])
    happens &= (start >= stocks.first[stock] + 30) & (start + length < end - 1)
    paused = np.flatnonzero(stocks.paused < NEVER)
    stock = np.concatenate([np.arange(len(stocks)), stock[happens], paused])
    start = np.concatenate([stocks.first, start[happens], stocks.paused[paused]])
    length = np.concatenate([np.zeros(len(stocks), np.int64), length[happens], len(sessions) - stocks.paused[paused]])
    order = np.argsort(stock * WIDTH + start, kind="stable")
    stock, start, length = stock[order], start[order], length[order]
    missing = np.where(length > 0, market[np.minimum(start + length, len(market)) - 1] - market[start - 1], 0.0)
    return Suspensions(
        keys=stock * WIDTH + start,
        stock=stock,
        start=start,
        length=length,
        before=_before(length, stock).astype(np.int64),
        missed=_before(missing, stock),
        missing=missing,
    )


def ex_dates(seed: int, stocks: Universe, sessions: Sessions, suspended: Suspensions) -> ExDates:
    """At most one ex-date per stock and year, between May and July: mostly cash, at times bonus shares."""
    years = np.flatnonzero(sessions.counts > 200)
    stock, year = (axis.ravel() for axis in np.meshgrid(np.arange(len(stocks)), years, indexing="ij"))
    ids, calendar_year = stocks.ids[stock], sessions.years[year]
    happens = uniform(seed, Stream.EX, ids, calendar_year) < 0.55
    session = ex_day(seed, sessions, ids, year)
    happens &= (session >= stocks.first[stock] + 200) & (session < np.minimum(stocks.last, stocks.paused)[stock])
    happens &= ~suspended.covers(stock, np.maximum(session, stocks.first[stock]))
    stock, session, ids, calendar_year = stock[happens], session[happens], ids[happens], calendar_year[happens]
    quiet = (stocks.special_from[stock] < NEVER) & (stocks.board[stock] <= SMALL)
    bonus = np.where(quiet | (uniform(seed, Stream.EX_BONUS, ids, calendar_year) > 0.16), 0.0, 1.0)
    size = uniform(seed, Stream.EX_RATIO, ids, calendar_year)
    bonus *= 1.1 + np.floor(size * 7) / 10
    cash = 1.003 + 0.03 * size
    stock = np.concatenate([np.arange(len(stocks)), stock])
    session = np.concatenate([stocks.first, session])
    one = np.ones(len(stocks))
    ratio = np.concatenate([one, np.where(bonus > 0, bonus, 1.0) * cash])
    shares = np.concatenate([one, np.where(bonus > 0, bonus, 1.0)])
    order = np.argsort(stock * WIDTH + session, kind="stable")
    stock, session = stock[order], session[order]
    at = suspended.last(stock, session)
    traded = session - stocks.first[stock] - suspended.before[at] - suspended.length[at]
    return ExDates(
        keys=stock * WIDTH + session,
        session=session,
        traded=traded,
        factor=np.round(np.exp(_before(np.log(ratio[order]), stock) + np.log(ratio[order])), 4),
        shares=np.exp(_before(np.log(shares[order]), stock) + np.log(shares[order])),
        ends=np.append(stock[1:] != stock[:-1], True),
    )


def ex_day(seed: int, sessions: Sessions, ids: Ints, year: Ints) -> Ints:
    """The session on which each company pays in a year, if it does; years by their place among those of the calendar."""
    session: Ints = (uniform(seed, Stream.EX_ON, ids, sessions.years[year]) * 48).astype(np.int64)
    return sessions.starts[year] + 92 + session


def _before(values: Floats | Ints, stock: Ints) -> Floats:
    """Running total within each stock, without the entry itself. `stock` is sorted."""
    total = np.cumsum(values, dtype=np.float64) - values
    begins = np.searchsorted(stock, stock)
    return total - total[begins]
