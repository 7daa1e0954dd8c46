"""What companies pay out."""

from __future__ import annotations

from stock_assistant_pipelines.catalog.calls import PerPeriod
from stock_assistant_pipelines.catalog.columns import Column, Type
from stock_assistant_pipelines.catalog.dataset import Dataset
from stock_assistant_pipelines.catalog.expected import Answered
from stock_assistant_pipelines.catalog.finance.items import items
from stock_assistant_pipelines.catalog.grain import Grain
from stock_assistant_pipelines.catalog.rules import Rule, Severity
from stock_assistant_pipelines.catalog.versions import Stages, Versions

DIVIDEND = Dataset(
    api="dividend",
    title="Dividends and bonus shares",
    title_zh="分红送股",
    row="one row per company, period, plan, stage of it and version",
    family="finance",
    grain=Grain.REPORT_PERIOD,
    key=("ts_code", "end_date", "ann_date", "div_proc", "ex_date"),
    columns=(
        Column("ts_code", Type.TEXT, "Tushare code", "TS代码"),
        Column("end_date", Type.DATE, "Period that is paid for", "分红年度"),
        Column("ann_date", Type.DATE, "Plan announced on", "预案公告日", optional=True),
        Column("div_proc", Type.TEXT, "Stage: plan, approved, carried out", "实施进度", optional=True),
        *items("""
            stk_div | Bonus and converted shares per share | 每股送转 | share
            stk_bo_rate | Bonus shares per share | 每股送股比例 | share
            stk_co_rate | Shares converted from reserves per share | 每股转增比例 | share
            cash_div | Cash per share, after tax; 0 until it is carried out | 每股分红（税后）
            cash_div_tax | Cash per share, before tax | 每股分红（税前）
        """),
        Column("record_date", Type.DATE, "Record date", "股权登记日"),
        Column("ex_date", Type.DATE, "Ex-date; null until it is known", "除权除息日", optional=True),
        Column("pay_date", Type.DATE, "Cash paid on", "派息日"),
        Column("div_listdate", Type.DATE, "Bonus shares tradable from", "红股上市日"),
        Column("imp_ann_date", Type.DATE, "Carrying out announced on", "实施公告日"),
        Column("base_date", Type.DATE, "Base day", "基准日", default=False),
        Column("base_share", Type.NUMBER, "Shares that are entitled", "基准股本（万）", "10,000 shares", default=False),
    ),
    calls=PerPeriod(period=None, announced=("ann_date", "imp_ann_date")),
    expected=Answered(),
    points=2000,
    versions=Versions(
        ("imp_ann_date", "ann_date"),
        prefer=("base_date",),
        # Every stage bears the day of the plan.
        stages=Stages(
            "div_proc", {"预案": ("base_date", "ann_date"), "实施": ("imp_ann_date", "record_date", "ex_date")}
        ),
    ),
    rules=(
        Rule(
            "ann_after_period",
            "least(ann_date, imp_ann_date) >= end_date",
            "nothing is announced before its period is over",
            Severity.WARN,
            "C12",
        ),
        Rule("ex_date", "record_date < ex_date", "the ex-date comes after the record date", Severity.WARN),
        Rule(
            "shares",
            "abs(stk_div - stk_bo_rate - stk_co_rate) <= 0.000001",
            "the shares are those given and those converted",
            Severity.WARN,
        ),
    ),
    quirks=(
        "Tushare has no key: a plan has a row per stage (预案, 股东大会通过, 实施), and old stages stay. Only 实施 is paid.",
        "A plan that is adjusted to the shares of a later base day stands beside the first one, both announced on one day: 600519.SH told "
        "for 2025-12-31 of 27.993 on the shares of 2026-04-17 and of 28.02423 on those of 2026-06-03. The later base day stands.",
        "One ex-date may have several rows that are carried out, of different periods: their sum is paid. "
        "600188.SH on 2023-07-17 paid 3.07 and 0.5 shares, and 1.23 more.",
        "cash_div_tax is what adjusted prices rest on; cash_div is 0 until the dividend is carried out.",
        "One of stock, ann_date, imp_ann_date, record_date and ex_date is enough: a day answers for the whole market. 股东大会通过 bears "
        "the day of the plan, so no day tells when it came.",
        "Rights issues are not here.",
    ),
)
