"""What the stock market did: one partition per trading day, and in it the whole market."""

from __future__ import annotations

from datetime import time

from stock_assistant_pipelines.catalog.calls import PerDay, PerRange
from stock_assistant_pipelines.catalog.columns import Column, Type
from stock_assistant_pipelines.catalog.dataset import Dataset
from stock_assistant_pipelines.catalog.expected import Listed, Unexplained
from stock_assistant_pipelines.catalog.grain import Grain
from stock_assistant_pipelines.catalog.rules import Rule, Severity

TS_CODE = Column("ts_code", Type.TEXT, "Tushare code", "股票代码")
TRADE_DATE = Column("trade_date", Type.DATE, "Trading day", "交易日期")

OHLC = Rule(
    "ohlc",
    "low > 0 and low <= least(open, close) and high >= greatest(open, close)",
    "low ≤ open, close ≤ high, and all are above zero",
    id="C04",
)
PCT_CHG = Rule(
    "pct_chg",
    "pre_close = 0 or abs(pct_chg - (close - pre_close) / pre_close * 100) <= 0.02",
    "pct_chg is the change against pre_close, within 0.02 percentage points",
    Severity.WARN,
    "C06",
)

DAILY = Dataset(
    api="daily",
    title="Daily bars",
    title_zh="A股日线行情",
    row="one row per stock traded on a trading day, unadjusted",
    family="market",
    grain=Grain.TRADE_DATE,
    key=("trade_date", "ts_code"),
    columns=(
        TS_CODE,
        TRADE_DATE,
        Column("open", Type.NUMBER, "Open", "开盘价", "CNY"),
        Column("high", Type.NUMBER, "High", "最高价", "CNY"),
        Column("low", Type.NUMBER, "Low", "最低价", "CNY"),
        Column("close", Type.NUMBER, "Close", "收盘价", "CNY"),
        Column("pre_close", Type.NUMBER, "Close before, ex-rights", "昨收价(除权)", "CNY"),
        Column("change", Type.NUMBER, "Close minus pre_close", "涨跌额", "CNY"),
        Column("pct_chg", Type.NUMBER, "Change against pre_close", "涨跌幅", "%"),
        Column("vol", Type.NUMBER, "Volume", "成交量", "lot of 100 shares"),
        Column("amount", Type.NUMBER, "Turnover", "成交额", "1000 CNY"),
    ),
    calls=PerDay(code="ts_code", several=50),
    expected=Listed("stock_basic", suspensions="suspend_d"),
    calendar="trade_cal",
    points=120,
    row_cap=6000,
    published=time(16, 0),
    due=time(19, 30),
    rules=(OHLC, PCT_CHG),
    quirks=(
        "A stock that is suspended for the whole day has no row.",
        "pre_close is the exchange's ex-rights reference price, so pct_chg is right on ex-dates.",
    ),
)

ADJ_FACTOR = Dataset(
    api="adj_factor",
    title="Adjustment factors",
    title_zh="复权因子",
    row="one row per listed stock and trading day, suspended ones included",
    family="market",
    grain=Grain.TRADE_DATE,
    key=("trade_date", "ts_code"),
    columns=(
        TS_CODE,
        TRADE_DATE,
        Column("adj_factor", Type.NUMBER, "Price times this is hfq, adjusted from the day of listing", "复权因子"),
    ),
    calls=PerDay(code="ts_code"),
    expected=Listed("stock_basic"),
    calendar="trade_cal",
    points=2000,
    row_cap=6000,
    published=time(9, 20),
    due=time(19, 30),
    repeats=True,
    rules=(Rule("positive", "adj_factor > 0", "the factor is above zero"),),
    quirks=(
        "600018.SH has no factor from 2000-07-19 to 2006-09-25.",
        "Factors of 2024-06-25 differ in the fourth decimal from the days around it: a change of precision, no event.",
        "Some factors come late, at about 17:00, those of new Beijing listings above all.",
    ),
)

DAILY_BASIC = Dataset(
    api="daily_basic",
    title="Daily valuation and share figures",
    title_zh="每日指标",
    row="one row per stock traded on a trading day",
    family="market",
    grain=Grain.TRADE_DATE,
    key=("trade_date", "ts_code"),
    columns=(
        TS_CODE,
        TRADE_DATE,
        Column("close", Type.NUMBER, "Close", "当日收盘价", "CNY"),
        Column("turnover_rate", Type.NUMBER, "Turnover rate", "换手率", "%"),
        Column("turnover_rate_f", Type.NUMBER, "Turnover rate, free float", "换手率(自由流通股)", "%"),
        Column("volume_ratio", Type.NUMBER, "Volume against the five days before", "量比"),
        Column("pe", Type.NUMBER, "Price / earnings; null at a loss", "市盈率"),
        Column("pe_ttm", Type.NUMBER, "Price / earnings, trailing twelve months; null at a loss", "市盈率TTM"),
        Column("pb", Type.NUMBER, "Price / book", "市净率"),
        Column("ps", Type.NUMBER, "Price / sales", "市销率"),
        Column("ps_ttm", Type.NUMBER, "Price / sales, trailing twelve months", "市销率TTM"),
        Column("dv_ratio", Type.NUMBER, "Dividend yield", "股息率", "%"),
        Column("dv_ttm", Type.NUMBER, "Dividend yield, trailing twelve months", "股息率TTM", "%"),
        Column("total_share", Type.NUMBER, "Shares", "总股本", "10,000 shares"),
        Column("float_share", Type.NUMBER, "Tradable shares", "流通股本", "10,000 shares"),
        Column("free_share", Type.NUMBER, "Free-float shares", "自由流通股本", "10,000 shares"),
        Column("total_mv", Type.NUMBER, "Market value", "总市值", "10,000 CNY"),
        Column("circ_mv", Type.NUMBER, "Market value of tradable shares", "流通市值", "10,000 CNY"),
    ),
    calls=PerDay(code="ts_code"),
    expected=Listed("stock_basic", suspensions="suspend_d"),
    calendar="trade_cal",
    points=2000,
    row_cap=6000,
    published=time(17, 0),
    due=time(19, 30),
    rules=(
        Rule(
            "total_mv",
            "(ts_code >= '689' and ts_code < '690') or abs(total_mv - close * total_share) <= 0.0001 * total_mv",
            "total_mv is close times total_share, but for depositary receipts",
            Severity.WARN,
        ),
    ),
    quirks=(
        "pe is null at a loss (about a quarter of the market); a null is never filled.",
        "Of the depositary receipt 689009.SH the source counts now receipts, now shares, of which one is ten receipts.",
    ),
)

SUSPEND_D = Dataset(
    api="suspend_d",
    title="Suspensions and resumptions",
    title_zh="每日停复牌信息",
    row="one row per stock, trading day and suspension (S) or resumption (R)",
    family="market",
    grain=Grain.TRADE_DATE,
    key=("trade_date", "ts_code", "suspend_type", "suspend_timing"),
    columns=(
        TS_CODE,
        TRADE_DATE,
        Column("suspend_timing", Type.TEXT, "Time of day; null when the whole day", "日内停牌时间段", optional=True),
        Column("suspend_type", Type.TEXT, "S suspension, R resumption", "停复牌类型"),
    ),
    calls=PerRange(rows_per_day=40),
    expected=Unexplained("stock_basic", bars="daily"),
    calendar="trade_cal",
    repeats=True,
    confirm=True,
    points=120,
    row_cap=5000,
    published=time(16, 0),
    due=time(19, 30),
    quirks=(
        "A suspension with a time of day is a halt inside the session: the stock still has a bar.",
        "Proven against daily: every listed stock has a bar or a suspension for the whole day. Resumptions and halts inside "
        "the session are proven by nothing; two answers in a row must agree on them.",
    ),
)

STK_LIMIT = Dataset(
    api="stk_limit",
    title="Price limits",
    title_zh="每日涨跌停价格",
    row="one row per security and trading day; funds and B shares too",
    family="market",
    grain=Grain.TRADE_DATE,
    key=("trade_date", "ts_code"),
    columns=(
        TRADE_DATE,
        TS_CODE,
        Column("pre_close", Type.NUMBER, "Close before", "昨日收盘价", "CNY", default=False),
        Column("up_limit", Type.NUMBER, "Upper limit", "涨停价", "CNY"),
        Column("down_limit", Type.NUMBER, "Lower limit", "跌停价", "CNY"),
    ),
    calls=PerDay(code="ts_code"),
    expected=Listed("stock_basic"),
    calendar="trade_cal",
    points=2000,
    row_cap=5800,
    published=time(8, 40),
    due=time(10, 0),
    rules=(Rule("band", "down_limit <= up_limit", "the lower limit is not above the upper one"),),
    quirks=("A day has about 7,400 rows, more than the documented cap of 5,800.",),
)

MARKET = (SUSPEND_D, DAILY, ADJ_FACTOR, DAILY_BASIC, STK_LIMIT)
