"""What companies tell of a period before they file it, and when they will file it."""

from __future__ import annotations

from dataclasses import replace

from stock_assistant_pipelines.catalog.calls import PerPeriod
from stock_assistant_pipelines.catalog.columns import Column, Type
from stock_assistant_pipelines.catalog.dataset import Dataset
from stock_assistant_pipelines.catalog.expected import Answered, Companies
from stock_assistant_pipelines.catalog.finance.items import (
    ANN_AFTER_PERIOD,
    ANN_DATE,
    END_DATE,
    UPDATE_FLAG,
    items,
)
from stock_assistant_pipelines.catalog.grain import Grain
from stock_assistant_pipelines.catalog.rules import Rule, Severity
from stock_assistant_pipelines.catalog.versions import Versions

TS_CODE = Column("ts_code", Type.TEXT, "Tushare code", "TS股票代码")

FORECAST = Dataset(
    api="forecast",
    title="Earnings forecasts",
    title_zh="业绩预告",
    row="one row per company, report period, day of announcement and version",
    family="finance",
    grain=Grain.REPORT_PERIOD,
    key=("ts_code", "end_date", "ann_date"),
    columns=(
        TS_CODE,
        replace(ANN_DATE, optional=True),
        END_DATE,
        Column("type", Type.TEXT, "Kind of forecast", "业绩预告类型(预增/预减/扭亏/首亏/续亏/续盈/略增/略减)"),
        *items("""
            p_change_min | Change of net profit, at least | 预告净利润变动幅度下限（%） | %
            p_change_max | Change of net profit, at most | 预告净利润变动幅度上限（%） | %
            net_profit_min | Net profit, at least | 预告净利润下限（万元） | 10,000 CNY
            net_profit_max | Net profit, at most | 预告净利润上限（万元） | 10,000 CNY
            last_parent_net | Net profit of the parent's owners a year ago | 上年同期归属母公司净利润 | 10,000 CNY
        """),
        Column("first_ann_date", Type.DATE, "First announced on", "首次公告日"),
        Column("summary", Type.TEXT, "Summary", "业绩预告摘要"),
        Column("change_reason", Type.TEXT, "Reason for the change", "业绩变动原因"),
        UPDATE_FLAG,
    ),
    calls=PerPeriod(whole="forecast_vip", rows=(0.5,), announced=("ann_date",)),
    expected=Answered(),
    points=2000,
    versions=Versions(("ann_date",), after_period=False),
    rules=(
        Rule("range", "net_profit_min <= net_profit_max", "the lower bound is not above the upper one", Severity.WARN),
        Rule(
            "first_ann_date",
            "first_ann_date <= ann_date",
            "a forecast is first announced no later than this time",
            Severity.WARN,
        ),
    ),
    quirks=(
        "Companies forecast where they must or want to: most periods have no row of most companies.",
        "A forecast often comes before its period is over, and is revised: every announcement is a row of its own.",
        "update_flag is returned and not documented.",
        "The interface answers by stock, or by ann_date for the whole market: either is enough. By period it takes more points.",
    ),
)

EXPRESS = Dataset(
    api="express",
    title="Preliminary earnings",
    title_zh="业绩快报",
    row="one row per company, report period and version",
    family="finance",
    grain=Grain.REPORT_PERIOD,
    key=("ts_code", "end_date"),
    columns=(
        TS_CODE,
        ANN_DATE,
        END_DATE,
        *items("""
            revenue | Operating revenue | 营业收入(元)
            operate_profit | Operating profit | 营业利润(元)
            total_profit | Profit before tax | 利润总额(元)
            n_income | Net profit | 净利润(元)
            total_assets | Total assets | 总资产(元)
            total_hldr_eqy_exc_min_int | Equity attributable to the parent's owners | 股东权益合计(不含少数股东权益)(元)
            diluted_eps | Diluted earnings per share | 每股收益(摊薄)(元)
            diluted_roe | Return on equity, diluted | 净资产收益率(摊薄)(%) | %
            yoy_net_profit | Net profit a year ago, restated | 去年同期修正后净利润
            bps | Net assets per share | 每股净资产
            yoy_sales* | Operating revenue, against a year ago | 同比增长率:营业收入 | %
            yoy_op* | Operating profit, against a year ago | 同比增长率:营业利润 | %
            yoy_tp* | Profit before tax, against a year ago | 同比增长率:利润总额 | %
            yoy_dedu_np* | Net profit of the parent's owners, against a year ago | 同比增长率:归属母公司股东的净利润 | %
            yoy_eps* | Basic earnings per share, against a year ago | 同比增长率:基本每股收益 | %
            yoy_roe* | Return on weighted average equity, change against a year ago | 同比增减:加权平均净资产收益率 | %
            growth_assets* | Total assets, against the start of the year | 比年初增长率:总资产 | %
            yoy_equity* | Equity of the parent's owners, against the start of the year | 比年初增长率:归属母公司的股东权益 | %
            growth_bps* | Net assets per share, against the start of the year | 比年初增长率:归属于母公司股东的每股净资产 | %
            or_last_year* | Operating revenue a year ago | 去年同期营业收入
            op_last_year* | Operating profit a year ago | 去年同期营业利润
            tp_last_year* | Profit before tax a year ago | 去年同期利润总额
            np_last_year* | Net profit a year ago | 去年同期净利润
            eps_last_year* | Earnings per share a year ago | 去年同期每股收益
            open_net_assets* | Net assets at the start of the year | 期初净资产
            open_bps* | Net assets per share at the start of the year | 期初每股净资产
        """),
        Column("perf_summary", Type.TEXT, "Summary", "业绩简要说明"),
        Column("is_audit", Type.INTEGER, "1 audited, 0 not", "是否审计： 1是 0否", default=False),
        Column("remark", Type.TEXT, "Remark", "备注", default=False),
        UPDATE_FLAG,
    ),
    calls=PerPeriod(whole="express_vip", rows=(0.2,)),
    expected=Answered(),
    points=2000,
    versions=Versions(("ann_date",)),
    rules=(ANN_AFTER_PERIOD,),
    quirks=(
        "Few companies tell preliminary earnings, most of them of annual reports.",
        "Figures are not audited, and are corrected before the report: every version is kept.",
        "By default Tushare returns 15 columns, update_flag among them, which is not documented.",
    ),
)

DISCLOSURE_DATE = Dataset(
    api="disclosure_date",
    title="Disclosure plan",
    title_zh="财报披露计划",
    row="one row per company, report period and version of the plan",
    family="finance",
    grain=Grain.REPORT_PERIOD,
    key=("ts_code", "end_date"),
    columns=(
        Column("ts_code", Type.TEXT, "Tushare code", "TS代码"),
        Column("ann_date", Type.DATE, "Plan announced on, at the latest", "最新披露公告日"),
        END_DATE,
        Column("pre_date", Type.DATE, "Planned day of disclosure", "预计披露日期"),
        Column("actual_date", Type.DATE, "Disclosed on; null until then", "实际披露日期"),
        Column(
            "modify_date", Type.TEXT, "Earlier planned days, separated by commas", "披露日期修正记录", default=False
        ),
    ),
    calls=PerPeriod(period="end_date", whole_points=500),
    expected=Companies(),
    points=500,
    row_cap=3000,
    versions=Versions(("actual_date", "ann_date"), prefer=(), after_period=False),
    rules=(
        Rule(
            "ann_after_period",
            "actual_date >= end_date",
            "nothing is disclosed before its period is over",
            Severity.WARN,
            "C12",
        ),
    ),
    quirks=(
        "Plans are announced in the last days of the period or after it: ann_date may well be before end_date.",
        "The source overwrites its rows. A plan that was changed shows in modify_date, and here as versions, once they were read.",
        "A period has more rows than the cap of 3,000, and takes a second page.",
    ),
)
