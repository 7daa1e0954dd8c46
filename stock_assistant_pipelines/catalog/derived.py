"""Tables that are made of datasets, a row per trading day. They are no interfaces of Tushare, and stand beside the catalog.

A declaration says what the table holds; the SQL that makes it has its name (`warehouse/sql/NAME.sql`).
"""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

from stock_assistant_pipelines.catalog.columns import Column, Type
from stock_assistant_pipelines.catalog.market import TRADE_DATE

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Derived:
    """A table with one row per trading day, made of datasets that must be complete on that day."""

    name: str
    """Of the asset, the table, and the SQL that makes it."""
    title: str
    title_zh: str
    row: str
    """What one row is."""
    family: str
    """The group it is shown in."""
    sources: tuple[str, ...]
    """The datasets it is made of. Only a day that is complete in all of them is made."""
    columns: tuple[Column, ...]
    """The trading day first; it is the key."""

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of its columns."""
        return tuple(column.name for column in self.columns)


MARKET_DAY = Derived(
    name="market_day",
    title="The market, day by day",
    title_zh="每日市场概况",
    row="one row per trading day: the whole market of A-shares in figures",
    family="market",
    sources=("suspend_d", "daily", "daily_basic", "stk_limit"),
    columns=(
        TRADE_DATE,
        Column("traded", Type.INTEGER, "Stocks with a bar", "有成交的股票数", "stock"),
        Column("suspended", Type.INTEGER, "Stocks suspended for the whole day", "全天停牌的股票数", "stock"),
        Column("up", Type.INTEGER, "Stocks that closed above pre_close", "上涨家数", "stock"),
        Column("down", Type.INTEGER, "Stocks that closed below pre_close", "下跌家数", "stock"),
        Column("unchanged", Type.INTEGER, "Stocks that closed at pre_close", "平盘家数", "stock"),
        Column("limit_up", Type.INTEGER, "Stocks that closed at the upper limit", "涨停家数", "stock"),
        Column("limit_down", Type.INTEGER, "Stocks that closed at the lower limit", "跌停家数", "stock"),
        Column("amount", Type.NUMBER, "Turnover of all stocks", "成交额合计", "1000 CNY"),
        Column("pct_chg_median", Type.NUMBER, "Median change against pre_close", "涨跌幅中位数", "%"),
        Column("total_mv", Type.NUMBER, "Market value of the stocks traded", "总市值合计", "10,000 CNY"),
        Column("circ_mv", Type.NUMBER, "Market value of their tradable shares", "流通市值合计", "10,000 CNY"),
        Column("pe_ttm_median", Type.NUMBER, "Median price / earnings of those with earnings", "市盈率TTM中位数"),
        Column("pb_median", Type.NUMBER, "Median price / book", "市净率中位数"),
    ),
)

DERIVED: Mapping[str, Derived] = MappingProxyType({derived.name: derived for derived in (MARKET_DAY,)})
"""Derived tables by name."""
