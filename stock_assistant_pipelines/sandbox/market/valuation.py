"""What a stock costs against what it earns, owns, sells and pays: the figures of `daily_basic`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from stock_assistant_pipelines.sandbox.market.noise import Floats, Ints, Stream, uniform

if TYPE_CHECKING:
    from stock_assistant_pipelines.sandbox.market.prices import Prices

LOSS, NO_DIVIDEND, NO_DIVIDEND_TTM = 0.25, 0.18, 0.42
"""Shares of the market without a figure, as measured on real days."""


def daily_basic(prices: Prices, stock: Ints, session: Ints) -> dict[str, Floats]:
    """Shares, market value, turnover and multiples of traded stocks. Shares in 10,000, values in 10,000 CNY."""
    seed, ids, year = prices.seed, prices.stocks.ids[stock], session // 243
    close = prices.close(stock, session) / 100
    total, tradable = prices.total_share(stock, session), prices.float_share(stock, session)
    free = np.round(tradable * (0.3 + 0.5 * uniform(seed, Stream.FREE, ids)), 4)
    traded = prices.traded(stock, session)
    vol = prices.volume(stock, session, traded, tradable)
    before = [prices.volume(stock, session, traded - days, tradable) for days in range(1, 6)]
    earned = prices.level[stock] / (12 + 120 * uniform(seed, Stream.EARNINGS, ids, year) ** 2)
    lately = earned * (0.8 + 0.4 * uniform(seed, Stream.LOSS_TTM, ids, session // 61))
    sold = earned * (4 + 30 * uniform(seed, Stream.SALES, ids, year))
    paid = 70 * earned / close * uniform(seed, Stream.DIVIDEND, ids, year)
    loss = uniform(seed, Stream.LOSS, ids, year) < LOSS
    without, without_lately = (
        uniform(seed, Stream.DIVIDEND_TTM, ids, year) < share for share in (NO_DIVIDEND, NO_DIVIDEND_TTM)
    )
    return {
        "close": close,
        "turnover_rate": np.round(vol * 100 / (tradable * 1e4) * 100, 4),
        "turnover_rate_f": np.round(vol * 100 / (free * 1e4) * 100, 4),
        "volume_ratio": np.round(vol / np.mean(before, axis=0), 2),
        "pe": np.round(np.where(loss, np.nan, close / earned), 4),
        "pe_ttm": np.round(np.where(loss, np.nan, close / lately), 4),
        "pb": np.round(close / prices.level[stock] * (0.8 + 5 * uniform(seed, Stream.BOOK, ids, year) ** 2), 4),
        "ps": np.round(close / sold, 4),
        "ps_ttm": np.round(close / (sold * lately / earned), 4),
        "dv_ratio": np.round(np.where(without, np.nan, paid), 4),
        "dv_ttm": np.round(np.where(without_lately, np.nan, paid * earned / lately), 4),
        "total_share": total,
        "float_share": tradable,
        "free_share": free,
        "total_mv": np.round(close * total, 4),
        "circ_mv": np.round(close * tradable, 4),
    }
