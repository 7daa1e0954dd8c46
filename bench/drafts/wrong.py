"""Sentences that are wrong of the sheet they are written for, by the kind of their defect. None: the sheet makes them true."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.drafts.chinese import SINGLE, SO_FAR

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from bench.drafts.writer import Writer

    Wrong = Callable[[Writer], str | None] | str


def _other_quarter(w: Writer) -> str:
    return w.pick(*({"1", "2", "3"} - {w.quarter[-1]}))


def _year(w: Writer) -> tuple[str, str]:
    """How the year of the newest report is called, and how it is not."""
    return ("今年", "去年") if w.quarter[:4] == str(w.sheet.day.year) else ("去年", "今年")


def _grown(w: Writer, id_: str) -> str:
    return f"{w.told(id_, ('增长', '提升'), ('下降', '下滑'))}{w.size(id_)}"


def other_report(w: Writer) -> str:
    id_ = f"revenue.{w.quarter}"
    return f"{w.pick(*SO_FAR[_other_quarter(w)], '年报', '全年')}营业收入{w.value(id_)}，同比{_grown(w, id_ + '.yoy')}"


def other_year(w: Writer) -> str:
    return f"{_year(w)[1]}{SO_FAR[w.quarter[-1]][0]}营业收入{w.value(f'revenue.{w.quarter}')}"


def year_before(w: Writer) -> str:
    return f"{_year(w)[0]}{SO_FAR[w.quarter[-1]][0]}归母净利润{w.value(f'n_income_attr_p.{w.before}')}"


def quarter_for_year_to_date(w: Writer) -> str | None:
    if w.quarter[-1] == "1":
        return None
    return f"{SINGLE[w.quarter[-1]][0]}实现营收{w.value(f'revenue.{w.quarter}')}"


def year_to_date_for_quarter(w: Writer) -> str | None:
    if w.quarter[-1] == "1":
        return None
    return f"{SO_FAR[w.quarter[-1]][0]}归母净利润{w.value(f'n_income_attr_p.{w.quarter}.quarter')}"


def trailing_for_report(w: Writer) -> str:
    return f"滚动口径营业收入为{w.value(f'revenue.{w.quarter}')}"


def yearly_return(w: Writer) -> str:
    id_ = w.pick("return.5d", "return.20d", "return.60d")
    return f"股价{w.pick('同比', '较上年同期')}{w.told(id_, ('上涨',), ('下跌',))}{w.size(id_)}"


def week_for_quarter(w: Writer) -> str:
    id_ = w.pick("return.20d", "return.60d", "return.250d")
    return f"{w.pick('本周', '当日', '今日')}股价{w.told(id_, ('上涨',), ('下跌',))}{w.size(id_)}"


def period_of_another(w: Writer) -> str:
    one, other = w.rng.sample(["return.5d", "return.20d", "return.60d", "return.250d"], 2)
    w.item(one)
    return f"{{{{{one}:period}}}}股价{w.told(other, ('上涨',), ('下跌',))}{w.size(other)}"


def quarter_on_quarter(w: Writer) -> str:
    id_ = f"revenue.{w.quarter}.yoy"
    return f"营业收入环比{_grown(w, id_)}"


def invented_place(w: Writer) -> str:
    return f"{w.pick('当前市盈率', '市净率')}处于近三年{w.value(w.pick('pe_ttm', 'pb'))}分位".replace(
        "近三年", w.pick("历史", "自身历史")
    )


def place_of_nothing(w: Writer) -> str:
    return f"{w.pick('市盈率', '动态市盈率')}{w.value('pe_ttm')}，{w.pick('处于历史低位', '位于历史高位', '分位数偏低', '处于历史较低分位')}"


def place_of_a_price(w: Writer) -> str:
    return f"收盘价{w.value('close')}，{w.pick('处于历史高位', '位于历史低位', '接近历史高点附近')}"


def contrary_level(w: Writer) -> str | None:
    id_ = w.pick("pe_ttm", "pb", "ps_ttm")
    place = w.item(f"{id_}.percentile.3y").value or 0
    if 35 < place < 65:
        return None
    said = (
        w.pick("处于历史高位", "估值高位特征明显", "处于历史较高水平")
        if place < 50
        else w.pick("处于历史低位", "处于估值低位", "处于历史较低水平")
    )
    return f"{{{{{id_}:label}}}}{w.value(id_)}，对应{{{{{id_}.percentile.3y:period}}}}{w.value(f'{id_}.percentile.3y')}分位，{said}"


def contrary_rsi(w: Writer) -> str | None:
    value = w.item("rsi.14d").value or 0
    if 25 < value < 75:
        return None
    return f"{{{{rsi.14d:label}}}}为{w.value('rsi.14d')}，{'进入超卖区域' if value > 50 else '进入超买区域'}"


def contrary_average(w: Writer) -> str:
    id_ = w.pick("ma.20d", "ma.60d")
    verb = w.pick("低于", "跌破") if w.above("close", id_) else w.pick("高于", "站上")
    return f"收盘价{w.value('close')}{w.maybe('已')}{verb}{{{{{id_}:label}}}}{w.value(id_)}"


def contrary_side(w: Writer) -> str:
    id_ = w.pick("ma.20d", "ma.60d")
    return f"收盘价{w.value('close')}位于{{{{{id_}:label}}}}{w.value(id_)}{'下方' if w.above('close', id_) else '上方'}"


def contrary_change(w: Writer) -> str:
    one, other = f"gross_margin.{w.quarter}", f"gross_margin.{w.before}"
    return f"毛利率由上年同期的{w.value(other)}{'降至' if w.above(one, other) else '升至'}{w.value(one)}"


def margin_for_margin(w: Writer) -> str:
    said, id_ = w.pick(
        ("毛利率", "net_margin"), ("净利率", "gross_margin"), ("净资产收益率", "debt_to_assets"), ("资产负债率", "roe")
    )  # type: ignore[arg-type]
    return f"报告期内{said}为{w.value(f'{id_}.{w.quarter}')}"


def multiple_for_multiple(w: Writer) -> str:
    said, id_ = w.pick(("市盈率", "pb"), ("市净率", "pe_ttm"), ("市销率", "pb"), ("股息率", "pe_ttm.percentile.3y"))  # type: ignore[arg-type]
    return f"{w.pick('当前', '目前')}{said}为{w.value(id_)}，{w.pick('处于合理区间', '与同业大致相当')}"


def profit_for_sales(w: Writer) -> str:
    said, id_ = w.pick(
        ("营业收入", "n_income_attr_p"), ("归母净利润", "revenue"), ("经营活动现金流净额", "n_income_attr_p")
    )  # type: ignore[arg-type]
    return f"报告期内{said}为{w.value(f'{id_}.{w.quarter}')}"


def growth_of_two_things(w: Writer) -> str:
    figure = w.derived("yoy", f"revenue.{w.quarter}", f"n_income_attr_p.{w.before}")
    return f"营业收入同比变动{figure}"


def growth_of_two_quarters(w: Writer) -> str:
    figure = w.derived("yoy", f"revenue.{w.quarter}", f"revenue.{w.before}.ttm")
    return f"营业收入同比变动{figure}"


def growth_backwards(w: Writer) -> str:
    one, other = f"revenue.{w.quarter}", f"revenue.{w.before}"
    return f"营业收入变动幅度为{w.derived(w.pick('change', 'yoy', 'difference'), other, one)}"


def sum_of_units(w: Writer) -> str:
    return f"二者之差为{w.derived('difference', 'pe_ttm', 'dv_ttm')}"


COUNTS = (
    "公司近三年分红稳定", "股价连续五个交易日走强", "公司旗下拥有十二家子公司", "过去两年业绩波动较大", "行业排名第三",
    "公司在国内市场排名第一", "预计未来三到五年维持高景气", "公司产能三年翻番", "订单已排到十一月", "股价突破二十日均线",
    "公司市值超千亿", "毛利率提升两个百分点", "机构目标价上调至三十五元", "公司拥有数十亿元在手订单", "净利润有望实现两位数增长",
    "研发人员占比过半", "股价近半年表现平平", "公司成立于一九九八年", "市占率约四分之一", "公司每十股派发红利若干", "利润率提高了三个点",
    "MA20上方运行", "公司在30余个国家开展业务", "２季度以来订单充足", "公司是国内Top3供应商", "第③大客户流失",
)  # fmt: skip

CHINESE: Mapping[str, Sequence[Wrong]] = {
    "period": (
        other_report, other_year, year_before, quarter_for_year_to_date, year_to_date_for_quarter, trailing_for_report,
        yearly_return, week_for_quarter, period_of_another, quarter_on_quarter,
    ),
    "percentile": (invented_place, place_of_nothing, place_of_a_price),
    "level": (contrary_level, contrary_rsi),
    "comparison": (contrary_average, contrary_side, contrary_change),
    "measure": (margin_for_margin, multiple_for_multiple, profit_for_sales),
    "derivation": (growth_of_two_things, growth_of_two_quarters, growth_backwards, sum_of_units),
    "count": COUNTS,
    "promise": (
        "股价必将上涨，投资者可放心持有", "该股稳赚不赔", "现价买入保证收益", "公司分红政策使持股几乎零风险", "后市必涨无疑",
        "肯定能够跑赢大盘", "业绩百分百兑现", "此时介入包赚", "这是一笔无风险的投资", "股价一定会上涨", "绝对不会下跌",
    ),
    "uncited": (
        "公司营业收入稳健增长，盈利能力持续改善", "公司估值具备吸引力", "公司现金流状况优于同业", "公司毛利率保持行业领先",
        "股价走势明显强于大盘", "公司资产负债表十分健康", "公司新签订单创出佳绩",
    ),
    "news": (
        "消息面上，{{news.2}}，对公司构成影响", "据报道，{{news.2}}", "公告显示{{news.2}}", "{{news.2}}，该事项值得进一步关注",
        "{{news.2:period}}，{{news.2}}", "市场消息称{{news.2}}，一方面提振情绪，另一方面影响有限",
    ),
    "undated": ("据报道，{{news.2}}", "消息面上，{{news.2}}，影响中性", "媒体报道称{{news.2}}", "{{news.2}}，市场反应十分平淡"),
    "as new": ("近日，{{news.2}}", "最新消息显示，{{news.2}}", "日前，{{news.2}}", "本周{{news.2}}", "昨日晚间，{{news.2}}", "刚刚，{{news.2}}"),
}  # fmt: skip


def english_report(w: Writer) -> str:
    word = {"1": "the first quarter", "2": "the first half", "3": "the first nine months"}[_other_quarter(w)]
    return f"In {w.pick(word, 'the full year')}, revenue came to {w.value(f'revenue.{w.quarter}')}."


def english_yearly(w: Writer) -> str:
    id_ = w.pick("return.5d", "return.20d")
    return (
        f"The shares {w.told(id_, ('rose',), ('fell',))} {w.size(id_)} {w.pick('year on year', 'from a year earlier')}."
    )


def english_span(w: Writer) -> str:
    one, other = w.rng.sample(["return.5d", "return.20d", "return.60d", "return.250d"], 2)
    w.item(one)
    return f"Over {{{{{one}:period}}}} the shares {w.told(other, ('rose',), ('fell',))} {w.size(other)}."


def english_place(w: Writer) -> str:
    return f"The P/E ratio of {w.value('pe_ttm')} is {w.pick('near a historical low', 'in the lowest percentiles', 'at a historical high')}."


def english_level(w: Writer) -> str | None:
    place = w.item("pb.percentile.3y").value or 0
    if 35 < place < 65:
        return None
    return f"At percentile {w.value('pb.percentile.3y')}, the P/B ratio is near a historical {'high' if place < 50 else 'low'}."


def english_average(w: Writer) -> str:
    id_ = w.pick("ma.20d", "ma.60d")
    return f"The close of {w.value('close')} is {'below' if w.above('close', id_) else 'above'} the moving average of {w.value(id_)}."


def english_change(w: Writer) -> str:
    one, other = f"roe.{w.quarter}", f"roe.{w.before}"
    return f"Return on equity {'fell' if w.above(one, other) else 'rose'} to {w.value(one)} from {w.value(other)}."


def english_measure(w: Writer) -> str:
    said, id_ = w.pick(("gross margin", "net_margin"), ("net margin", "gross_margin"), ("revenue", "n_income_attr_p"))  # type: ignore[arg-type]
    return f"In the reporting period {said} was {w.value(f'{id_}.{w.quarter}')}."


def english_growth(w: Writer) -> str:
    figure = w.derived(w.pick("yoy", "cagr"), f"revenue.{w.quarter}", f"n_income_attr_p.{w.before}")
    return f"Revenue changed by {figure}."


def english_backwards(w: Writer) -> str:
    return f"The change was {w.derived('change', f'revenue.{w.before}', f'revenue.{w.quarter}')}."


ENGLISH: Mapping[str, Sequence[Wrong]] = {
    "period": (english_report, english_yearly, english_span),
    "percentile": (english_place,),
    "level": (english_level,),
    "comparison": (english_average, english_change),
    "measure": (english_measure,),
    "derivation": (english_growth, english_backwards),
    "count": (
        "The shares rose for five straight days.", "The company ranks third in its market.", "Revenue has doubled.", "Profit halved.",
        "The company runs 12 plants.", "Margins gained two points.", "Growth should stay in double digits.", "Orders cover two years.",
        "The company holds a third of the market.", "Its market share is twice that of its rival.", "The top-3 supplier keeps its lead.",
        "The target price is thirty-five yuan.", "The shares trade above the twenty-day average.", "Founded in nineteen ninety-eight.",
    ),
    "promise": (
        "The shares are certain to rise.", "Returns are guaranteed.", "This is a risk-free investment.", "Holders cannot lose.",
        "The shares will definitely rise.", "A sure win.",
    ),
    "uncited": (
        "Revenue keeps growing at a healthy rate.", "The valuation is attractive.", "Cash generation is better than that of its peers.",
        "The balance sheet is in good order.",
    ),
    "news": ("According to a report, {{news.2}}.", "News of note: {{news.2}}.", "{{news.2:period}}: {{news.2}}."),
    "undated": ("Media report: {{news.2}}.", "It was reported that {{news.2}}."),
    "as new": ("The latest news: {{news.2}}.", "This week: {{news.2}}.", "Just announced: {{news.2}}.", "Yesterday, {{news.2}}."),
}  # fmt: skip
