"""What the ex-dates of the market pay: the cash and the shares that its adjustment factors follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stock_assistant_pipelines.sandbox.market.events import WIDTH, ex_day
from stock_assistant_pipelines.sandbox.market.filings.periods import FIRST_YEAR, YEARS
from stock_assistant_pipelines.sandbox.market.noise import Bools, Floats, Ints, Stream, uniform

if TYPE_CHECKING:
    from stock_assistant_pipelines.sandbox.market.prices import Prices
    from stock_assistant_pipelines.sandbox.market.sessions import Sessions

AS_BONUS = 0.3
"""How many of the stock dividends are bonus shares out of profits; the others are converted from capital reserves."""


@dataclass(frozen=True, slots=True, eq=False)
class Payouts:
    """Ex-dates by stock, in the order of `ExDates`, whose entries of listing (nothing is paid) are kept."""

    stock: Ints
    session: Ints
    cash: Floats
    """CNY per share before tax, four decimals."""
    shares: Floats
    """New shares per share, bonus and converted."""
    bonus: Floats
    """Of these, bonus shares out of profits."""
    base: Ints
    """Shares that are paid for."""
    paid: Ints
    """What the company has paid until this ex-date, it included, in cents: cash, and profits turned into share capital."""
    paid_cash: Ints
    """Of this, cash."""
    last_cash: Ints
    """The place of the last ex-date, this one included, that paid cash; -1 when there was none."""
    stale: Ints
    forgotten: Ints
    """The sessions a year and two years later on which the company would pay again."""

    @property
    def real(self) -> Bools:
        """Which of them are ex-dates, and not the day of listing."""
        real: Bools = (self.cash > 0) | (self.shares > 0)
        return real

    def payers(self, stocks: int, sessions: Sessions) -> Bools:
        """By stock and year since 1986: whether the profit of that year is paid out in the next one."""
        payers = np.zeros((stocks, YEARS), dtype=bool)
        at = np.flatnonzero(self.real)
        year = sessions.numbers[self.session[at]] // 10_000 - FIRST_YEAR - 1
        payers[self.stock[at], year] = True
        return payers


def payouts(prices: Prices, sessions: Sessions) -> Payouts:
    """What each ex-date pays, such that last close, less the cash, per share then held, is the reference price."""
    ex = prices.ex
    stock = ex.keys // WIDTH
    first = np.diff(stock, prepend=-1) > 0
    before = np.maximum(np.arange(len(stock)) - 1, 0)
    shares = np.where(first, 0.0, np.round(ex.shares / ex.shares[before], 1) - 1).round(1)
    cash = np.zeros(len(stock))
    at = np.flatnonzero(~first)
    eve = prices.suspended.last_traded(stock[at], ex.session[at])
    kept = (1 + shares[at]) * ex.factor[before[at]] / ex.factor[at]
    cash[at] = np.round(prices.close(stock[at], eve) / 100 * (1 - kept), 4)
    draw = uniform(prices.seed, Stream.AS_BONUS, prices.stocks.ids[stock], ex.session)
    bonus = np.where(draw < AS_BONUS, shares, 0.0)
    base = np.zeros(len(stock), dtype=np.int64)
    base[at] = np.rint(prices.total_share(stock[at], ex.session[at] - 1) * 10_000).astype(np.int64)
    in_cash = np.rint(base * cash * 100).astype(np.int64)
    return Payouts(
        stock=stock,
        session=ex.session,
        cash=cash,
        shares=shares,
        bonus=bonus,
        base=base,
        paid=_running(in_cash + np.rint(base * bonus * 100).astype(np.int64), stock),
        paid_cash=_running(in_cash, stock),
        last_cash=_last_where(cash > 0, stock),
        stale=_again(prices, sessions, stock, ex.session, 1),
        forgotten=_again(prices, sessions, stock, ex.session, 2),
    )


def _running(values: Ints, stock: Ints) -> Ints:
    """Running total within each stock. `stock` is sorted."""
    total = np.cumsum(values)
    begins = np.searchsorted(stock, stock)
    running: Ints = total - total[begins] + values[begins]
    return running


def _again(prices: Prices, sessions: Sessions, stock: Ints, session: Ints, later: int) -> Ints:
    """The session so many years later on which each company would pay again."""
    year = np.searchsorted(sessions.starts, session, side="right") - 1 + later
    year = np.minimum(year, len(sessions.years) - 1)
    return ex_day(prices.seed, sessions, prices.stocks.ids[stock], year)


def _last_where(mask: Bools, stock: Ints) -> Ints:
    """The place of the last true entry of the same stock, this one included; -1 when there is none."""
    last = np.maximum.accumulate(np.where(mask, np.arange(len(mask)), -1))
    return np.where(last >= np.searchsorted(stock, stock), last, -1)
