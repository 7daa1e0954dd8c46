"""What the market is measured against: indices and their bars."""

from __future__ import annotations

from datetime import time

from stock_assistant_pipelines.catalog.calls import PerCode, Whole
from stock_assistant_pipelines.catalog.columns import Column, Type
from stock_assistant_pipelines.catalog.dataset import Dataset
from stock_assistant_pipelines.catalog.expected import Followed, NeverFewer
from stock_assistant_pipelines.catalog.grain import Grain
from stock_assistant_pipelines.catalog.market import OHLC, PCT_CHG, TRADE_DATE

FOLLOWED = (
    "000001.SH",
    "000016.SH",
    "000300.SH",
    "000688.SH",
    "000852.SH",
    "000905.SH",
    "399001.SZ",
    "399006.SZ",
)
"""Shanghai and Shenzhen composites, SSE 50, CSI 300, STAR 50, CSI 1000, CSI 500, ChiNext."""

INDEX_BASIC = Dataset(
    api="index_basic",
    title="Indices",
    title_zh="指数基本信息",
    row="one row per index",
    family="index",
    grain=Grain.SNAPSHOT,
    key=("ts_code",),
    columns=(
        Column("ts_code", Type.TEXT, "Tushare code", "TS代码"),
        Column("name", Type.TEXT, "Short name", "简称"),
        Column("fullname", Type.TEXT, "Full name", "指数全称"),
        Column("market", Type.TEXT, "Exchange or provider", "市场"),
        Column("publisher", Type.TEXT, "Publisher", "发布方"),
        Column("index_type", Type.TEXT, "Style", "指数风格"),
        Column("category", Type.TEXT, "Category", "指数类别"),
        Column("base_date", Type.DATE, "Base day", "基期"),
        Column("base_point", Type.NUMBER, "Base value", "基点", "point"),
        Column("list_date", Type.DATE, "Published since", "发布日期"),
        Column("weight_rule", Type.TEXT, "Weighting", "加权方式"),
        Column("desc", Type.TEXT, "Description", "描述"),
        Column("exp_date", Type.DATE, "Published until", "终止日期"),
    ),
    calls=Whole(variants=({"market": "SSE"}, {"market": "SZSE"}, {"market": "CSI"})),
    expected=NeverFewer("ts_code", named_by=("index_daily",)),
    points=2000,
    fills=("market",),
    quirks=("Tushare answers for one market at a time; SSE, SZSE and CSI are kept.",),
)

INDEX_DAILY = Dataset(
    api="index_daily",
    title="Index bars",
    title_zh="指数日线行情",
    row="one row per followed index and trading day",
    family="index",
    grain=Grain.TRADE_DATE,
    key=("trade_date", "ts_code"),
    columns=(
        Column("ts_code", Type.TEXT, "Index code", "TS指数代码"),
        TRADE_DATE,
        Column("close", Type.NUMBER, "Close", "收盘点位", "point"),
        Column("open", Type.NUMBER, "Open", "开盘点位", "point"),
        Column("high", Type.NUMBER, "High", "最高点位", "point"),
        Column("low", Type.NUMBER, "Low", "最低点位", "point"),
        Column("pre_close", Type.NUMBER, "Close before", "昨日收盘点", "point"),
        Column("change", Type.NUMBER, "Close minus pre_close", "涨跌点", "point"),
        Column("pct_chg", Type.NUMBER, "Change against pre_close", "涨跌幅", "%"),
        Column("vol", Type.NUMBER, "Volume", "成交量", "lot of 100 shares"),
        Column("amount", Type.NUMBER, "Turnover", "成交额", "1000 CNY"),
    ),
    calls=PerCode(codes=FOLLOWED),
    expected=Followed("index_basic"),
    calendar="trade_cal",
    points=2000,
    row_cap=8000,
    published=time(17, 0),
    due=time(19, 30),
    rules=(OHLC, PCT_CHG),
    quirks=(
        "ts_code is required: one call per index and range, cut at 8,000 rows without a word.",
        "399001.SZ counts the turnover of its 500 members only.",
    ),
)

INDEX = (INDEX_BASIC, INDEX_DAILY)
