"""A dataset that is not in the catalog: what adding one takes."""

from __future__ import annotations

from stock_assistant_pipelines.catalog.calls import PerDay
from stock_assistant_pipelines.catalog.columns import Column, Type
from stock_assistant_pipelines.catalog.dataset import Dataset
from stock_assistant_pipelines.catalog.expected import Listed
from stock_assistant_pipelines.catalog.grain import Grain

MONEYFLOW = Dataset(
    api="moneyflow_x",
    title="Money flow",
    title_zh="资金流向",
    row="one row per stock and trading day",
    family="market",
    grain=Grain.TRADE_DATE,
    key=("trade_date", "ts_code"),
    columns=(
        Column("ts_code", Type.TEXT, "Tushare code", "TS代码"),
        Column("trade_date", Type.DATE, "Trading day", "交易日期"),
        Column("net_mf_vol", Type.INTEGER, "Net inflow", "净流入量", "lot"),
        Column("net_mf_amount", Type.NUMBER, "Net inflow", "净流入额", "10,000 CNY"),
    ),
    calls=PerDay(),
    expected=Listed("stock_basic"),
    calendar="trade_cal",
)
