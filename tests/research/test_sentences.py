"""Sentences by hand, beside the made-up drafts: what an analyst would say of the small sheet, and what would be wrong of it."""

from __future__ import annotations

import pytest
from small_sheet import refused

from stock_assistant_pipelines.research.contracts import ClaimKind
from stock_assistant_pipelines.research.render import Language

RIGHT = """
公司三季报营收{{revenue.2024q3}}，增速由负转正，录得{{revenue.2024q3.yoy}}
报告期内，公司营收同比小幅增长{{revenue.2024q3.yoy}}，但归母净利润下滑{{n_income.2024q3.yoy:abs}}，增收不增利
毛利率为{{gross_margin.2024q3}}，同比提升{{gross_margin.2024q3.change}}，盈利能力有所改善
毛利率较上年同期的{{gross_margin.2023q3}}有所提升，达到{{gross_margin.2024q3}}
股价近期走势分化：{{return.5d:period}}下跌{{return.5d:abs}}，{{return.20d:period}}上涨{{return.20d}}
{{return.20d:period}}股价累计涨幅达{{return.20d}}，但跑输沪深300指数{{excess.20d.index:abs}}
收盘价{{close}}站上{{ma.20d:label}}（{{ma.20d}}），短期趋势偏强
当前股价{{close}}较{{ma.20d:label}}（{{ma.20d}}）高出一截，存在回踩需求
RSI已升至{{rsi.14d}}，处于超买区间，短线有回调压力
市盈率{{pe_ttm}}处于{{pe_ttm.percentile.3y:period}}{{pe_ttm.percentile.3y}}分位，估值处于历史相对高位，安全边际不足
市盈率（TTM）为{{pe_ttm}}，市净率为{{pb}}
净利润同比下降，主要受费用增加影响，降幅为{{n_income.2024q3.yoy:abs}}
营收增长放缓，同比仅增{{revenue.2024q3.yoy}}
营业收入{{revenue.2024q3}}，同比+{{revenue.2024q3.yoy}}
净利润{{n_income.2024q3}}（同比{{n_income.2024q3.yoy}}）
公司{{revenue.2024q3:period}}实现营业收入{{revenue.2024q3}}，同比增长{{revenue.2024q3.yoy}}；实现净利润{{n_income.2024q3}}，同比下降{{n_income.2024q3.yoy:abs}}
其中，单三季度营收{{revenue.2024q3.quarter}}
第三季度实现营收{{revenue.2024q3.quarter}}
从TTM口径看，营收{{revenue.2024q3.ttm}}
营收增速（{{revenue.2024q3.yoy}}）高于净利润增速（{{n_income.2024q3.yoy}}），利润端承压
净利润增速{{n_income.2024q3.yoy}}低于营收增速{{revenue.2024q3.yoy}}
相对大盘的超额收益为{{excess.20d.index}}，表现弱于指数
个股{{return.20d:period}}上涨{{return.20d}}，然而相对沪深300落后{{excess.20d.index:abs}}
{{news.1:period}}，公司公告中标大型项目，{{news.1}}
公司日前公告：{{news.1}}
公司公告回购股份，彰显管理层信心，{{news.2}}
股东户数为{{holders}}
PB为{{pb}}，PE为{{pe_ttm}}
净利润增速转负，为{{n_income.2024q3.yoy}}，拖累估值
营收重回增长轨道，增速为{{revenue.2024q3.yoy}}
短期回调{{return.5d:abs}}后，股价仍高于{{ma.20d:label}}
利润端降{{n_income.2024q3.yoy:abs}}，收入端增{{revenue.2024q3.yoy}}
营收同比增速为{{revenue.2024q3.yoy}}，增长动能一般
净利润同比减少{{n_income.2024q3.yoy:abs}}，主因是费用率上升
三一重工作为工程机械龙头，营收{{revenue.2024q3}}，规模领先
去年同期净利润亏损{{n_income.2023q3:abs}}，今年前三季度实现净利润{{n_income.2024q3}}，扭亏为盈
营收从{{revenue.2023q3}}增至{{revenue.2024q3}}
毛利率上升{{difference(gross_margin.2024q3, gross_margin.2023q3)}}
"""
THOUGHT = """
若营收增速回落至{{revenue.2024q3.yoy}}以下，则判断失效
若净利润降幅扩大，超过{{n_income.2024q3.yoy:abs}}，则看多逻辑被证伪
若股价有效跌破{{ma.20d:label}}{{ma.20d}}，短期趋势转弱
原材料价格上涨可能压缩毛利率，当前毛利率{{gross_margin.2024q3}}
综合来看，短期技术面偏强，{{return.20d:period}}涨{{return.20d}}，中期仍需观察利润修复
我们认为估值偏高，PE分位达{{pe_ttm.percentile.3y}}
资金面上，两融余额变化不大，股价{{close}}
一旦需求下滑，净利润（当前同比{{n_income.2024q3.yoy}}）或进一步承压
估值（PE {{pe_ttm}}）已反映较多乐观预期
"""
WRONG = """
公司三季报营收{{revenue.2024q3}}，同比下滑，增速{{revenue.2024q3.yoy}}
营收同比小幅下滑{{revenue.2024q3.yoy}}，净利润同样下滑{{n_income.2024q3.yoy:abs}}
毛利率为{{gross_margin.2024q3}}，同比有所下降，降幅{{gross_margin.2024q3.change}}
毛利率较上年同期的{{gross_margin.2023q3}}有所下降，降至{{gross_margin.2024q3}}
{{return.20d:period}}股价累计跌幅达{{return.20d}}
{{return.20d:period}}跑赢沪深300指数{{excess.20d.index:abs}}
收盘价{{close}}失守{{ma.20d:label}}（{{ma.20d}}）
RSI为{{rsi.14d}}，处于超卖区间
市盈率{{pe_ttm}}处于{{pe_ttm.percentile.3y}}分位，估值处于历史相对低位
市盈率（TTM）为{{pb}}，市净率为{{pe_ttm}}
净利润同比增长，增幅为{{n_income.2024q3.yoy:abs}}
营收增速（{{revenue.2024q3.yoy}}）低于净利润增速（{{n_income.2024q3.yoy}}）
净利润增速{{n_income.2024q3.yoy}}高于营收增速{{revenue.2024q3.yoy}}
相对大盘领先{{excess.20d.index:abs}}
公司昨日公告：{{news.2}}
机构普遍看好，目标价看到二十五元，现价{{close}}
公司{{close}}的股价对应市盈率不足三十倍
中报营收{{revenue.2024q3}}
全年实现净利润{{n_income.2024q3}}
单季净利润{{n_income.2024q3}}
去年前三季度净利润{{n_income.2024q3}}
今年前三季度营收由上年同期{{revenue.2024q3}}变为{{revenue.2023q3}}
营收从{{revenue.2023q3}}降至{{revenue.2024q3}}
毛利率下降{{difference(gross_margin.2024q3, gross_margin.2023q3)}}
净利润扭亏，增长{{change(n_income.2024q3, n_income.2023q3)}}
利润端增{{n_income.2024q3.yoy:abs}}，收入端增{{revenue.2024q3.yoy}}
净利润与去年同期相比上升{{n_income.2024q3.yoy:abs}}
股价下挫{{return.20d}}
股价大涨{{return.5d:abs}}
股价涨{{return.5d:abs}}
五日内股价下跌{{return.5d:abs}}
营收增长{{revenue.2024q3.yoy}}左右，约四个百分点
净利润率为{{gross_margin.2024q3}}
ROE为{{gross_margin.2024q3}}
总市值{{revenue.2024q3}}
据悉公司拟收购资产，收盘价{{close}}
万科与公司齐头并进，收盘价{{close}}
买入后稳赚，收盘价{{close}}
必然跑赢指数，收盘价{{close}}
营收{{revenue.2024q3}}亿元
营收{{revenue.2024q3:0}} 亿
股价¥{{close}}
营收增长{{revenue.2024q3.yoy}}pct
市盈率创三年新高，为{{pe_ttm}}
估值低于历史平均水平，市盈率{{pe_ttm}}
股价创历史新高，收盘{{close}}
行业排名靠前，位居前三，营收{{revenue.2024q3}}
市盈率{{pe_ttm}}处于历史最低水平
市盈率处于近年来高位，{{pe_ttm}}
公司营收翻了一倍，达{{revenue.2024q3}}
"""
ENGLISH = """
Revenue rose {{revenue.2024q3.yoy}} year-on-year to {{revenue.2024q3}}, while net profit fell {{n_income.2024q3.yoy:abs}}.
The stock gained {{return.20d}} over {{return.20d:period}} but lagged the index by {{excess.20d.index:abs}}.
Shares trade at {{pe_ttm}} earnings, the {{pe_ttm.percentile.3y}} percentile of {{pe_ttm.percentile.3y:period}}.
RSI at {{rsi.14d}} is overbought, which may lead to a pullback.
Gross margin improved {{gross_margin.2024q3.change}} year on year to {{gross_margin.2024q3}}.
If net profit growth stays at {{n_income.2024q3.yoy}}, the thesis fails.
The price ({{close}}) holds above its moving average ({{ma.20d}}).
Net profit growth of {{n_income.2024q3.yoy}} trails revenue growth of {{revenue.2024q3.yoy}}.
Revenue growth ({{revenue.2024q3.yoy}}) outpaced profit growth ({{n_income.2024q3.yoy}}).
"""


def lines(text: str) -> list[str]:
    return text.strip().splitlines()


@pytest.mark.parametrize("text", lines(RIGHT))
def test_what_an_analyst_tells_is_published(text: str) -> None:
    assert refused(text) == set()


@pytest.mark.parametrize("text", lines(THOUGHT))
def test_what_an_analyst_thinks_is_published(text: str) -> None:
    assert refused(text, kind=ClaimKind.OPINION) == set()
    assert refused(text, kind=ClaimKind.RISK) == set()


@pytest.mark.parametrize("text", lines(ENGLISH))
def test_what_an_english_analyst_tells_is_published(text: str) -> None:
    assert refused(text, language=Language.EN) == set()


@pytest.mark.parametrize("text", lines(WRONG))
def test_what_is_wrong_is_refused(text: str) -> None:
    assert refused(text)
