"""What reports tell beside the statements: the auditor's opinion, and what the business consists of."""

from __future__ import annotations

from stock_assistant_pipelines.catalog.calls import PerPeriod
from stock_assistant_pipelines.catalog.columns import Column, Type
from stock_assistant_pipelines.catalog.dataset import Dataset
from stock_assistant_pipelines.catalog.expected import Answered
from stock_assistant_pipelines.catalog.finance.items import (
    ANN_AFTER_PERIOD,
    ANN_DATE,
    END_DATE,
    items,
)
from stock_assistant_pipelines.catalog.grain import Grain
from stock_assistant_pipelines.catalog.versions import Versions

FINA_AUDIT = Dataset(
    api="fina_audit",
    title="Audit opinions",
    title_zh="财务审计意见",
    row="one row per company, report period, auditor and version",
    family="finance",
    grain=Grain.REPORT_PERIOD,
    key=("ts_code", "end_date", "audit_agency"),
    columns=(
        Column("ts_code", Type.TEXT, "Tushare code", "TS股票代码"),
        ANN_DATE,
        END_DATE,
        Column("audit_result", Type.TEXT, "Opinion", "审计结果"),
        Column("audit_fees", Type.NUMBER, "Audit fees", "审计总费用（元）", "CNY"),
        Column("audit_agency", Type.TEXT, "Auditor", "会计事务所", optional=True),
        Column("audit_sign", Type.TEXT, "Signing accountants", "签字会计师"),
    ),
    calls=PerPeriod(period=None),
    expected=Answered(),
    points=500,
    versions=Versions(("ann_date",), prefer=()),
    rules=(ANN_AFTER_PERIOD,),
    quirks=(
        "A period may have several rows, and nothing tells which of them is valid.",
        "The interface answers by stock only, whatever the points.",
    ),
)

FINA_MAINBZ = Dataset(
    api="fina_mainbz",
    title="Business by product, region and industry",
    title_zh="主营业务构成",
    row="one row per company, report period, way of dividing, item, currency and version",
    family="finance",
    grain=Grain.REPORT_PERIOD,
    key=("ts_code", "end_date", "type", "bz_item", "curr_type"),
    columns=(
        Column("ts_code", Type.TEXT, "Tushare code", "TS代码"),
        END_DATE,
        Column(
            "type", Type.TEXT, "P by product, D by region, I by industry", "类型：P按产品 D按地区 I按行业", ours=True
        ),
        Column("bz_item", Type.TEXT, "Item", "主营业务来源"),
        *items("""
            bz_sales | Revenue | 主营业务收入(元)
            bz_profit | Profit | 主营业务利润(元)
            bz_cost | Cost | 主营业务成本(元)
        """),
        Column("curr_type", Type.TEXT, "Currency", "货币代码", optional=True),
        Column("update_flag", Type.TEXT, "1 latest, 0 as first told", "是否更新"),
    ),
    # Mostly half-year and annual reports tell it, each some eight items: five years fit in an answer of 100 rows.
    calls=PerPeriod(
        whole="fina_mainbz_vip",
        variants=({"type": "P"}, {"type": "D"}, {"type": "I"}),
        rows=(3.2,),
        periods_per_call=20,
    ),
    expected=Answered(),
    points=2000,
    row_cap=100,
    fills=("type",),
    versions=Versions(()),
    quirks=(
        "Figures are in the row's currency (curr_type), whatever their unit says.",
        "There is no day of announcement: a version is known since it was read.",
        "Profit and cost are often null. Items and their sums stand side by side: they do not add up to revenue.",
        "The answer does not say by what it is divided: type is the call's parameter.",
        "Most companies tell it with half-year and annual reports only.",
    ),
)
