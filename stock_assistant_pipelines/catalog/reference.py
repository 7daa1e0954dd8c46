"""What the market consists of: its days, its stocks and their names."""

from __future__ import annotations

from stock_assistant_pipelines.catalog.calls import Whole
from stock_assistant_pipelines.catalog.columns import Column, Type
from stock_assistant_pipelines.catalog.dataset import Dataset
from stock_assistant_pipelines.catalog.expected import EveryDay, NeverFewer
from stock_assistant_pipelines.catalog.grain import Grain

TRADE_CAL = Dataset(
    api="trade_cal",
    title="Trading calendar",
    title_zh="交易日历",
    row="one row per exchange and calendar day",
    family="reference",
    grain=Grain.SNAPSHOT,
    key=("exchange", "cal_date"),
    columns=(
        Column("exchange", Type.TEXT, "Exchange", "交易所"),
        Column("cal_date", Type.DATE, "Calendar day", "日历日期"),
        Column("is_open", Type.INTEGER, "1 on a trading day, 0 otherwise", "是否交易 0休市 1交易"),
        Column("pretrade_date", Type.DATE, "The trading day before", "上一个交易日", default=False),
    ),
    calls=Whole(variants=({"exchange": "SSE", "start_date": "19901219"},)),
    expected=EveryDay("cal_date"),
    points=2000,
    fills=("exchange",),
    quirks=(
        "Shanghai's days are kept; Shenzhen's differ from them in 1991 and 1992 only.",
        "is_open is documented as text and arrives as an integer.",
        "The next year appears about December.",
    ),
)

STOCK_BASIC = Dataset(
    api="stock_basic",
    title="Stocks, listed, delisted and suspended from listing",
    title_zh="股票基础信息",
    row="one row per stock that is or ever was listed",
    family="reference",
    grain=Grain.SNAPSHOT,
    key=("ts_code",),
    columns=(
        Column("ts_code", Type.TEXT, "Tushare code", "TS代码"),
        Column("symbol", Type.TEXT, "Code without exchange", "股票代码"),
        Column("name", Type.TEXT, "Short name", "股票名称"),
        Column("area", Type.TEXT, "Province", "地域"),
        Column("industry", Type.TEXT, "Industry", "所属行业"),
        Column("fullname", Type.TEXT, "Full name", "股票全称", default=False),
        Column("enname", Type.TEXT, "English full name", "英文全称", default=False),
        Column("cnspell", Type.TEXT, "Name in pinyin initials", "拼音缩写"),
        Column("market", Type.TEXT, "Board", "市场类型"),
        Column("exchange", Type.TEXT, "Exchange", "交易所代码", default=False),
        Column("curr_type", Type.TEXT, "Trading currency", "交易货币", default=False),
        Column("list_status", Type.TEXT, "L listed, D delisted, P suspended from listing", "上市状态", default=False),
        Column("list_date", Type.DATE, "Day of listing", "上市日期"),
        Column("delist_date", Type.DATE, "Day of delisting", "退市日期", default=False),
        Column("is_hs", Type.TEXT, "N no, H Shanghai and S Shenzhen Connect", "是否沪深港通标的", default=False),
        Column("act_name", Type.TEXT, "Actual controller", "实控人名称"),
        Column("act_ent_type", Type.TEXT, "Kind of controller", "实控人企业性质"),
    ),
    calls=Whole(
        variants=({"list_status": "L"}, {"list_status": "D"}, {"list_status": "P"}),
        may_be_empty=frozenset({2}),
    ),
    expected=NeverFewer("ts_code", named_by=("daily", "adj_factor")),
    points=2000,
    row_cap=6000,
    calls_per_minute=50,
    fills=("list_status",),
    quirks=(
        "Without list_status Tushare returns listed stocks only; every status is asked for, so that none is lost.",
        "area and industry are null for delisted stocks.",
        "Beijing codes 43…, 83… and 87… became 920… during 2025.",
        "Names change daily (ST, XD); namechange keeps them.",
    ),
)

NAMECHANGE = Dataset(
    api="namechange",
    title="Former names",
    title_zh="股票曾用名",
    row="one row per stock and name it bore from a day on",
    family="reference",
    grain=Grain.SNAPSHOT,
    key=("ts_code", "start_date", "name"),
    columns=(
        Column("ts_code", Type.TEXT, "Tushare code", "TS代码"),
        Column("name", Type.TEXT, "Name", "证券名称"),
        Column("start_date", Type.DATE, "First day of the name", "开始日期", optional=True),
        Column("end_date", Type.DATE, "Last day of the name; null while it is borne", "结束日期"),
        Column("ann_date", Type.DATE, "Announced on", "公告日期"),
        Column("change_reason", Type.TEXT, "Reason", "变更原因"),
    ),
    calls=Whole(),
    expected=NeverFewer("ts_code"),
    row_cap=10_000,
    quirks=("Intervals overlap here and there, and rows repeat; ann_date is often null.",),
)

REFERENCE = (TRADE_CAL, STOCK_BASIC, NAMECHANGE)
