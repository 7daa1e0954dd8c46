"""Indices: who they are (as published, for the well-known ones), and levels that follow the synthetic market."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from stock_assistant_pipelines.sandbox.market.noise import Floats, Ints, Stream, symmetric, uniform, walk
from stock_assistant_pipelines.sandbox.market.prices import half_up
from stock_assistant_pipelines.sandbox.table import Table, texts

if TYPE_CHECKING:
    from stock_assistant_pipelines.sandbox.market.sessions import Sessions


@dataclass(frozen=True, slots=True)
class Index:
    """One index. `goal` is the level it is drawn towards, which it reaches at the end of 2025."""

    ts_code: str
    name: str
    market: str
    publisher: str
    category: str
    base_date: str
    base_point: float
    list_date: str
    goal: float
    exp_date: str | None = None


INDICES = tuple(
    sorted(
        (
            Index("000001.SH", "上证指数", "SSE", "上交所", "综合指数", "19901219", 100.0, "19910715", 3600.0),
            Index("000002.SH", "A股指数", "SSE", "上交所", "综合指数", "19901219", 100.0, "19920221", 3800.0),
            Index("000003.SH", "B股指数", "SSE", "上交所", "综合指数", "19920221", 100.0, "19920817", 260.0),
            Index("000010.SH", "上证180", "SSE", "中证公司", "规模指数", "20020628", 3299.05, "20020701", 9000.0),
            Index("000016.SH", "上证50", "SSE", "中证公司", "规模指数", "20031231", 1000.0, "20040102", 2900.0),
            Index("000300.SH", "沪深300", "SSE", "中证公司", "规模指数", "20041231", 1000.0, "20050408", 4300.0),
            Index("000688.SH", "科创50", "SSE", "中证公司", "规模指数", "20191231", 1000.0, "20200723", 1200.0),
            Index("000852.SH", "中证1000", "SSE", "中证公司", "规模指数", "20041231", 1000.0, "20141017", 6800.0),
            Index("000905.SH", "中证500", "SSE", "中证公司", "规模指数", "20041231", 1000.0, "20070115", 6500.0),
            Index(
                "000970.CSI",
                "中证能源",
                "CSI",
                "中证公司",
                "主题指数",
                "20041231",
                1000.0,
                "20090729",
                2400.0,
                "20200331",
            ),
            Index("000985.CSI", "中证全指", "CSI", "中证公司", "规模指数", "20041231", 1000.0, "20110802", 5600.0),
            Index("930050.CSI", "中证A50", "CSI", "中证公司", "规模指数", "20141231", 1000.0, "20240102", 2500.0),
            Index("932000.CSI", "中证2000", "CSI", "中证公司", "规模指数", "20131231", 1000.0, "20230811", 3000.0),
            Index("399001.SZ", "深证成指", "SZSE", "深交所", "规模指数", "19940720", 1000.0, "19950123", 12500.0),
            Index("399005.SZ", "中小100", "SZSE", "深交所", "规模指数", "20050607", 1000.0, "20060124", 7500.0),
            Index("399006.SZ", "创业板指", "SZSE", "深交所", "规模指数", "20100531", 1000.0, "20100601", 2900.0),
            Index("399106.SZ", "深证综指", "SZSE", "深交所", "综合指数", "19910403", 100.0, "19910404", 2400.0),
        ),
        key=lambda index: index.ts_code,
    )
)


class IndexBars:
    """Bars of every index since its base day."""

    def __init__(self, seed: int, sessions: Sessions, market: Floats) -> None:
        self.codes = tuple(index.ts_code for index in INDICES)
        self._seed = seed
        self._sessions = sessions
        self._market = market
        self._ids = np.array([10_000_000 + int(index.ts_code[:6]) for index in INDICES], dtype=np.int64)
        self._base = np.array([sessions.at_or_after(index.base_date) for index in INDICES], dtype=np.int64)
        expiries = [sessions.at_or_after(index.exp_date or "99991231") for index in INDICES]
        self._until = np.array(expiries, dtype=np.int64)
        self._point = np.array([index.base_point for index in INDICES])
        self._growth = np.log(np.array([index.goal for index in INDICES]) / self._point)
        self._grown = sessions.at_or_after("20251231") - self._base

    def table(self, index: Ints, session: Ints) -> Table:
        """The bars of indices on sessions, pair by pair, without those before the base day."""
        there = (session >= self._base[index]) & (session < self._until[index])
        index, session = index[there], session[there]
        close, before = self._level(index, session), self._level(index, np.maximum(session - 1, self._base[index]))
        spread = 0.008 * close
        opened = before + (close - before) * uniform(self._seed, Stream.OPEN, self._ids[index], session)
        high = np.maximum(opened, close) + spread * uniform(self._seed, Stream.HIGH, self._ids[index], session) ** 2
        low = np.minimum(opened, close) - spread * uniform(self._seed, Stream.LOW, self._ids[index], session) ** 2
        mood = symmetric(self._seed, Stream.TURNOVER, self._ids[index], session)
        vol = half_up(np.exp(11.5 + 8.5 * np.minimum(session / 8500, 1.0) + 0.4 * mood))
        return Table(
            {
                "ts_code": texts(self.codes)[index],
                "trade_date": texts(self._sessions.days)[session],
                "close": _points(close),
                "open": _points(opened),
                "high": np.maximum(_points(high), np.maximum(_points(opened), _points(close))),
                "low": np.minimum(_points(low), np.minimum(_points(opened), _points(close))),
                "pre_close": _points(before),
                "change": _points(_points(close) - _points(before)),
                "pct_chg": _points((_points(close) / _points(before) - 1) * 100),
                "vol": vol.astype(np.float64),
                "amount": np.round(vol * 1.3, 1),
            }
        )

    def _level(self, index: Ints, session: Ints) -> Floats:
        """The closing levels: growth that slows down, the market's path, and a little of their own."""
        age = session - self._base[index]
        growth = self._growth[index] * (1 - (1 - np.minimum(age / self._grown[index], 1.0)) ** 3)
        path = self._market[session] - self._market[self._base[index]]
        path += 0.004 * walk(self._seed, Stream.WALK, self._ids[index], age)
        level: Floats = self._point[index] * np.exp(growth + path)
        return level


def _points(level: Floats) -> Floats:
    """Levels as published, with four decimals."""
    return np.round(level, 4)
