"""Sentences of Chinese sell-side analysts, by expert: true of any sheet they are written for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.contracts import ClaimKind, Expert

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.drafts.writer import Sentence, Writer

UP = ("上涨", "累计上涨", "走高", "反弹")
DOWN = ("下跌", "累计下跌", "回落", "走低")
GROWS = ("同比增长", "同比增加", "同比提升", "较上年同期增长")
SHRINKS = ("同比下降", "同比下滑", "同比减少", "较上年同期下降")
SO_FAR = {"1": ("一季度", "一季报口径下"), "2": ("上半年", "半年报口径下"), "3": ("前三季度", "三季报口径下")}
SINGLE = {"1": ("一季度单季", "第一季度"), "2": ("二季度单季", "第二季度"), "3": ("三季度单季", "第三季度")}
SUBJECT = ("公司", "{name}", "")


def _who(w: Writer) -> str:
    return w.pick(*SUBJECT).format(name=w.sheet.name)


def _so_far(w: Writer) -> str:
    year = "今年" if w.quarter[:4] == str(w.sheet.day.year) else "去年"
    words = w.pick(*SO_FAR[w.quarter[-1]], year + SO_FAR[w.quarter[-1]][0], "报告期内", "")
    return words or f"{{{{{w.item(f'revenue.{w.quarter}').id}:period}}}}"


def returns(w: Writer) -> str:
    days = w.pick("5d", "20d", "60d")
    id_ = f"return.{days}"
    span = w.pick(f"{{{{{id_}:period}}}}", "区间内", "这一阶段")
    return f"{span}{w.pick('股价', _who(w) + '股价')}{w.told(id_, UP, DOWN)}{w.size(id_)}" + w.maybe(
        "，市场关注度进一步上升",
        "，资金博弈特征十分明显",
        "，波动有所放大",
        "，一方面反映行业预期的变化，另一方面也与市场风格切换有关",
    )


def mixed_returns(w: Writer) -> str:
    short, long = "return.5d", "return.250d"
    link = w.pick("，而", "；", "，与此同时")
    return (
        f"短期看，{{{{{short}:period}}}}股价{w.told(short, UP, DOWN)}{w.size(short)}{link}"
        f"拉长到{{{{{long}:period}}}}，股价{w.told(long, UP, DOWN)}{w.size(long)}"
    )


def excess(w: Writer) -> str:
    id_ = w.pick("excess.20d.index", "excess.60d.industry")
    against = "所属行业" if id_.endswith("industry") else w.pick("指数", "大盘", "基准指数")
    return (
        f"{{{{{id_}:period}}}}{_who(w) or '个股'}{w.told(id_, ('跑赢',), ('跑输',))}{against}{w.size(id_)}"
        + w.maybe("，相对强弱一目了然", "，资金态度由此可见一斑")
    )


def averages(w: Writer) -> str:
    id_ = w.pick("ma.20d", "ma.60d")
    verb = w.pick("高于", "站上", "位于") if w.above("close", id_) else w.pick("低于", "跌破", "失守")
    if verb == "位于":
        return f"收盘价{w.value('close')}位于{{{{{id_}:label}}}}{w.value(id_)}上方"
    return f"{w.pick('收盘价', '最新收盘价')}{w.value('close')}{verb}{{{{{id_}:label}}}}{w.value(id_)}" + w.maybe(
        "，趋势的延续性仍需进一步观察", "，均线系统的指引意义值得重视"
    )


def momentum(w: Writer) -> str:
    value = w.item("rsi.14d").value or 0
    state = "进入超买区域" if value > 70 else "进入超卖区域" if value < 30 else w.pick("处于中性区间", "未见极端信号")
    return f"{{{{rsi.14d:label}}}}为{w.value('rsi.14d', w.pick('0', '1'))}，{state}" + w.maybe("，多空双方一时难分高下")


def activity(w: Writer) -> str:
    return (
        f"{w.pick('交投方面', '从成交看')}，日均成交额{w.value('amount.20d')}，平均换手率{w.value('turnover.20d')}"
        + w.maybe("，流动性总体充裕", "，筹码结构一般", "，尚难言量价齐升")
    )


def volatile(w: Writer) -> str:
    return f"年化波动率为{w.value('volatility.60d', w.pick('', '1'))}，{w.pick('仓位上宜留有余地', '持股体验一般', '不宜过度解读单日波动')}"


def no_direction(w: Writer) -> str:
    id_ = "return.20d"
    negated = w.told(id_, ("并未下跌", "没有回落"), ("并未上涨", "没有走高"))
    return f"尽管消息面扰动不断，股价{negated}，{{{{{id_}:period}}}}区间涨跌幅为{w.value(id_)}"


def sales(w: Writer) -> str:
    id_ = f"revenue.{w.quarter}"
    return (
        f"{_so_far(w)}，{_who(w)}实现{w.pick('营业收入', '营收')}{w.value(id_, w.pick('', '1'))}，"
        f"{w.told(f'{id_}.yoy', GROWS, SHRINKS)}{w.size(f'{id_}.yoy')}"
    )


def profit(w: Writer) -> str:
    id_ = f"n_income_attr_p.{w.quarter}"
    return (
        f"{_so_far(w)}归母净利润{w.value(id_)}，{w.told(f'{id_}.yoy', GROWS, SHRINKS)}{w.size(f'{id_}.yoy')}"
        + w.maybe("，盈利质量有待进一步验证", "，非经常性损益的影响十分有限", "，万一需求不及预期，弹性将打折扣")
    )


def sales_and_profit(w: Writer) -> str:
    one, other = f"revenue.{w.quarter}.yoy", f"n_income_attr_p.{w.quarter}.yoy"
    if w.item(one).direction == w.item(other).direction:
        verb = w.told(one, ("增长",), ("下降",))
        return f"{_so_far(w)}营业收入、归母净利润同比分别{verb}{w.size(one)}、{w.size(other)}"
    return (
        f"{_so_far(w)}营业收入{w.told(one, GROWS, SHRINKS)}{w.size(one)}{w.pick('，而', '，但', '；')}"
        f"归母净利润{w.told(other, GROWS, SHRINKS)}{w.size(other)}，{w.pick('二者走势背离', '一增一减之间，费用端的变化值得关注')}"
    )


def single_quarter(w: Writer) -> str:
    id_ = f"{w.pick('revenue', 'n_income_attr_p')}.{w.quarter}.quarter.yoy"
    what = "营收" if id_.startswith("revenue") else "归母净利润"
    return f"{w.pick(*SINGLE[w.quarter[-1]])}{what}{w.told(id_, GROWS, SHRINKS)}{w.size(id_)}"


def pace(w: Writer) -> str:
    """The rate itself is printed with its sign: what the words tell is the pace."""
    id_ = f"revenue.{w.quarter}.ttm.yoy"
    return f"滚动口径下，营业收入同比增速为{w.value(id_)}，" + w.pick(
        "增速放缓还是加快，仍取决于下游开工节奏", "不宜线性外推", "与行业整体节奏大体一致"
    )


def slower(w: Writer) -> str:
    year, quarter = f"revenue.{w.quarter}.yoy", f"revenue.{w.quarter}.quarter.yoy"
    first, second = w.item(year).value, w.item(quarter).value
    assert first is not None
    assert second is not None
    verb = w.pick("加快", "提升") if second > first else w.pick("放缓", "回落")
    return f"单季营业收入增速较累计增速{verb}，分别为{w.value(quarter)}与{w.value(year)}"


def own_growth(w: Writer) -> str:
    one, other = f"revenue.{w.quarter}", f"revenue.{w.before}"
    verb = "增长" if w.above(one, other) else "下降"
    figure = w.derived("yoy", one, other)
    return f"营业收入由上年同期的{w.value(other)}变为{w.value(one)}，同比{verb}{figure.replace('}}', ':abs}}')}"


def margin(w: Writer) -> str:
    what, id_ = w.pick(("毛利率", "gross_margin"), ("净利率", "net_margin"), ("净资产收益率", "roe"))  # type: ignore[arg-type]
    id_ = f"{id_}.{w.quarter}"
    up, down = ("同比提升", "较上年同期上升"), ("同比下降", "较上年同期回落")
    return f"{_so_far(w)}{what}为{w.value(id_)}，{w.told(f'{id_}.change', up, down)}{w.size(f'{id_}.change')}"


def margin_from_to(w: Writer) -> str:
    new, old = f"gross_margin.{w.quarter}", f"gross_margin.{w.before}"
    verb = "升至" if w.above(new, old) else "降至"
    return f"毛利率由上年同期的{w.value(old)}{verb}{w.value(new)}" + w.maybe("，产品结构的变化是主因之一")


def leverage(w: Writer) -> str:
    id_ = f"debt_to_assets.{w.quarter}"
    return f"资产负债率{w.value(id_, w.pick('', '1'))}，{w.told(f'{id_}.change', ('同比上升',), ('同比下降',))}{w.size(f'{id_}.change')}"


def cash(w: Writer) -> str:
    id_ = f"ocf.{w.quarter}"
    state = "为净流出" if (w.item(id_).value or 0) < 0 else "保持净流入"
    return f"经营活动现金流净额为{w.value(id_)}，{w.pick(state, '报告期' + state)}"


def share(w: Writer) -> str:
    one, other = f"revenue.{w.quarter}.quarter", f"revenue.{w.quarter}.ttm"
    return f"单季营收占滚动口径营收的比重为{w.derived('share', one, other)}，季节性{w.pick('一般', '较为明显', '有一定体现')}"


def multiple(w: Writer) -> str:
    what, id_ = w.pick(("市盈率", "pe_ttm"), ("市净率", "pb"), ("市销率", "ps_ttm"))  # type: ignore[arg-type]
    place = w.item(f"{id_}.percentile.3y").value or 0
    level = "处于历史高位" if place >= 80 else "处于历史低位" if place <= 20 else "大致处于历史区间的中部"
    return (
        f"{_who(w)}{what}{w.value(id_)}，位于{{{{{id_}.percentile.3y:period}}}}{w.value(f'{id_}.percentile.3y', '0')}分位"
        + w.maybe(f"，{level}")
    )


def multiples(w: Writer) -> str:
    return f"以最新收盘价计，市盈率{w.value('pe_ttm')}、市净率{w.value('pb')}、股息率{w.value('dv_ttm')}"


def size(w: Writer) -> str:
    return f"{_who(w)}总市值{w.value('total_mv', w.pick('', '0'))}，总股本{w.value('total_share')}" + w.maybe(
        "，体量在业内属于第一梯队"
    )


def opinion_cheap(w: Writer) -> str:
    w.value("pe_ttm")
    return f"{w.pick('我们认为', '在我们看来')}，估值与基本面的匹配程度是{w.pick('第一位的', '首要的')}考量，{{{{pe_ttm:label}}}}本身不能单独说明问题"


def dividend(w: Writer) -> str:
    id_ = next(item.id for item in w.sheet.items if item.id.startswith("dividend."))
    return f"{{{{{id_}:period}}}}每股现金分红{w.value(id_)}，{w.pick('分红政策保持连续', '股东回报具备一定吸引力')}"


def forecast(w: Writer) -> str:
    low, high = (
        next(i.id for i in w.sheet.items if i.id.startswith("forecast.") and i.id.endswith(e)) for e in ("min", "max")
    )
    verb = w.told(low, ("增长",), ("下降",))
    return f"业绩预告显示，{{{{{low}:period}}}}净利润预计{verb}{w.size(low)}至{w.size(high)}"


def news(w: Writer) -> str:
    id_ = w.pick("news.1", "news.2", "news.3", "news.4")
    lead = (
        w.pick("据公开报道", "消息面上", "公告显示")
        if id_ != "news.1"
        else w.pick("近日", "最新消息显示", "本月有报道称")
    )
    lead = "消息面上" if lead == "本月有报道称" else lead
    return f"{lead}，{w.value(id_)}（{{{{{id_}:period}}}}），{w.pick('影响偏中性', '对经营的影响有待进一步观察', '有助于稳定预期')}"


def catalysts(w: Writer) -> str:
    one, other = w.rng.sample(["news.1", "news.2", "news.3", "news.4"], 2)
    return f"{{{{{one}:period}}}}，{w.value(one)}；{{{{{other}:period}}}}，{w.value(other)}"


def news_opinion(w: Writer) -> str:
    w.item("news.1")
    return w.pick(
        "上述事件一旦落地，有望提升市场对公司长期增长的信心", "该事项对当期利润的贡献十分有限，但战略意义不容忽视",
        "事件本身难以改变行业供需格局，万一进度低于预期，情绪可能反复",
    )  # fmt: skip


def risk_demand(w: Writer) -> str:
    w.item(f"revenue.{w.quarter}.yoy")
    return w.pick(
        "下游需求若持续走弱，收入存在下滑风险", "一旦原材料价格大幅上涨，盈利能力将承压",
        "行业竞争进一步加剧可能导致市场份额下降", "若新产能投放不及预期，业绩增长的持续性存疑",
    )  # fmt: skip


def risk_price(w: Writer) -> str:
    id_ = "volatility.60d"
    return f"年化波动率达{w.value(id_)}，{w.pick('追高需十分谨慎', '短线回撤风险不可忽视', '万一情绪逆转，流动性可能快速收缩')}"


def wrong_below(w: Writer) -> str:
    id_ = w.pick("ma.20d", "ma.60d")
    return f"若收盘价{w.pick('有效跌破', '持续低于')}{{{{{id_}:label}}}}{w.value(id_)}，{w.pick('上述判断不再成立', '则需重新评估')}"


def wrong_growth(w: Writer) -> str:
    id_ = f"n_income_attr_p.{w.quarter}.yoy"
    return f"若归母净利润同比增速{w.pick('明显低于', '显著偏离')}{w.value(id_)}这一水平，{w.pick('核心逻辑将被证伪', '我们的判断便不成立')}"


FACT, COMPARISON, OPINION, RISK = ClaimKind.FACT, ClaimKind.COMPARISON, ClaimKind.OPINION, ClaimKind.RISK
SENTENCES: Mapping[Expert, tuple[tuple[Sentence, ClaimKind], ...]] = {
    Expert.TECHNICAL: (
        (returns, FACT), (mixed_returns, COMPARISON), (excess, COMPARISON), (averages, COMPARISON), (momentum, FACT),
        (activity, FACT), (volatile, OPINION), (no_direction, FACT), (risk_price, RISK),
    ),
    Expert.FINANCIAL: (
        (sales, FACT), (profit, FACT), (sales_and_profit, FACT), (single_quarter, FACT), (pace, FACT), (slower, COMPARISON),
        (own_growth, COMPARISON), (margin, FACT), (margin_from_to, COMPARISON), (leverage, FACT), (cash, FACT),
        (share, COMPARISON), (dividend, FACT), (forecast, FACT), (risk_demand, RISK),
    ),
    Expert.VALUATION: (
        (multiple, FACT), (multiple, COMPARISON), (multiples, FACT), (size, FACT), (opinion_cheap, OPINION), (dividend, FACT),
        (averages, COMPARISON), (margin, FACT), (risk_price, RISK),
    ),
    Expert.NEWS: ((news, FACT), (catalysts, FACT), (news_opinion, OPINION), (forecast, FACT), (dividend, FACT)),
}  # fmt: skip
"""What each expert says, and as which kind of claim."""
INVALIDATION: tuple[tuple[Sentence, ClaimKind], ...] = ((wrong_below, RISK), (wrong_growth, RISK))
RISKS: tuple[tuple[Sentence, ClaimKind], ...] = ((risk_demand, RISK), (risk_price, RISK))
