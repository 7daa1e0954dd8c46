"""What a stock costs against what it earns, owns, sells and pays: the figures of `daily_basic`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stock_assistant_pipelines.sandbox.market.noise import Floats, Ints, Stream, uniform

if TYPE_CHECKING:
    from stock_assistant_pipelines.sandbox.market.filings.ledger import Ledger
    from stock_assistant_pipelines.sandbox.market.prices import Prices


def daily_basic(prices: Prices, ledger: Ledger, stock: Ints, session: Ints) -> dict[str, Floats]:
    """Shares, market value, turnover and multiples of traded stocks. Shares in 10,000, values in 10,000 CNY."""
    seed, ids = prices.seed, prices.stocks.ids[stock]
    close = prices.close(stock, session) / 100
    total, tradable = prices.total_share(stock, session), prices.float_share(stock, session)
    free = np.round(tradable * (0.3 + 0.5 * uniform(seed, Stream.FREE, ids)), 4)
    traded = prices.traded(stock, session)
    vol = prices.volume(stock, session, traded, tradable)
    before = [prices.volume(stock, session, traded - days, tradable) for days in range(1, 6)]
    value = np.round(close * total, 4)
    return {
        "close": close,
        "turnover_rate": np.round(vol * 100 / (tradable * 1e4) * 100, 4),
        "turnover_rate_f": np.round(vol * 100 / (free * 1e4) * 100, 4),
        "volume_ratio": np.round(vol / np.mean(before, axis=0), 2),
        **_multiples(ledger, stock, session, value * 1e6),
        **_yields(ledger, stock, session, close),
        "total_share": total,
        "float_share": tradable,
        "free_share": free,
        "total_mv": value,
        "circ_mv": np.round(close * tradable, 4),
    }


def _multiples(ledger: Ledger, stock: Ints, session: Ints, value: Floats) -> dict[str, Floats]:
    """Market value, in cents, by what the last reports told, as they stood then; null where that is not above zero."""
    last, annual = ledger.latest(stock, session)
    slip = ledger.slipped(stock, annual, session)
    slip_lately = ledger.slipped_lately(stock, last, session)
    figures = {
        "pe": (ledger.profit[stock, annual] + slip, annual),
        "pe_ttm": (ledger.lately(ledger.profit, stock, last) + slip_lately, last),
        "pb": (ledger.equity[stock, last] + ledger.slipped(stock, last, session), last),
        "ps": (ledger.revenue[stock, annual] + slip, annual),
        "ps_ttm": (ledger.lately(ledger.revenue, stock, last) + slip_lately, last),
    }
    return {
        name: np.round(value / np.where((figure > 0) & (report >= 0), figure, np.nan), 4)
        for name, (figure, report) in figures.items()
    }


def _yields(ledger: Ledger, stock: Ints, session: Ints, close: Floats) -> dict[str, Floats]:
    """The last dividend, per cent of the price; null a year later (the trailing one) and two years later (the other)."""
    payouts = ledger.payouts
    paid = payouts.last_cash[ledger.prices.ex.last(stock, session)]
    rate = np.round(payouts.cash[paid] / close * 100, 4)
    return {
        "dv_ratio": np.where((paid >= 0) & (session < payouts.forgotten[paid]), rate, np.nan),
        "dv_ttm": np.where((paid >= 0) & (session < payouts.stale[paid]), rate, np.nan),
    }
