"""Each rule of the gate lets a claim pass that the evidence supports, and refuses one that it does not."""

from __future__ import annotations

import pytest
from small_sheet import ITEMS, OTHERS, SHEET, claim, refused

from stock_assistant_pipelines.research.contracts import Claim, ClaimKind, Direction, Expert, Note, Stance, Synthesis
from stock_assistant_pipelines.research.gate import claims, judge
from stock_assistant_pipelines.research.render import Language

EN = Language.EN
UP, DOWN, FLAT = Direction.UP, Direction.DOWN, Direction.FLAT
RISK, OPINION = ClaimKind.RISK, ClaimKind.OPINION

SUPPORTED = [
    "收盘价{{close}}，高于{{ma.20d:label}}{{ma.20d}}",
    "收盘价{{close}}位于{{ma.20d}}上方",
    "若收盘价{{close}}跌破{{ma.20d}}，判断不再成立",
    "毛利率由上年同期的{{gross_margin.2023q3}}升至{{gross_margin.2024q3}}",
    "毛利率{{gross_margin.2024q3}}，同比提升{{gross_margin.2024q3.change}}",
    "前三季度营业收入{{revenue.2024q3}}，同比增长{{revenue.2024q3.yoy}}",
    "营业收入{{revenue.2024q3}}，较上年同期增长{{yoy(revenue.2024q3, revenue.2023q3)}}",
    "今年前三季度营收{{revenue.2024q3}}，其中三季度单季{{revenue.2024q3.quarter}}",
    "上半年营业收入{{revenue.2024q2}}，前三季度营业收入{{revenue.2024q3}}",
    "滚动口径营业收入{{revenue.2024q3.ttm}}",
    "净利润同比下降{{n_income.2024q3.yoy:abs}}，营业收入同比增长{{revenue.2024q3.yoy}}",
    "净利润同比增速为{{n_income.2024q3.yoy}}",
    "净利润增速放缓至{{n_income.2024q3.yoy}}",
    "净利润同比未见增长，增速为{{n_income.2024q3.yoy}}",
    "股价{{return.5d:period}}回落{{return.5d:abs}}，{{return.20d:period}}上涨{{return.20d}}",
    "本周股价下跌{{return.5d:abs}}",
    "{{return.20d:period}}跑输指数{{excess.20d.index:abs}}",
    "股价录得{{return.20d}}的涨幅",
    "市盈率{{pe_ttm}}，处于{{pe_ttm.percentile.3y}}分位，位于历史高位",
    "市盈率未处于历史低位，分位为{{pe_ttm.percentile.3y}}",
    "RSI为{{rsi.14d}}，进入超买区域",
    "市盈率分位{{pe_ttm.percentile.3y}}，创阶段新高",
    "收盘价{{close}}，并未创新高",
    "RSI为{{rsi.14d}}，远离超卖区域",
    "股东户数{{holders}}户",
    "三一重工收盘价{{close}}，沪深300仅作参照",
    "近日，{{news.1}}，与宁德时代的合作值得关注",
    "据报道，{{news.2}}",
    "在无风险利率下行的背景下，收盘价为{{close}}",
    "公司并不保证盈利，收盘价为{{close}}",
    "机器人业务与太阳能业务进展顺利，收盘价为{{close}}",
    "一方面十分谨慎，万一生变则进一步观望，收盘价为{{close}}",
]
CONTRADICTED = [
    ("comparison", "收盘价{{close}}，低于{{ma.20d:label}}{{ma.20d}}"),
    ("comparison", "收盘价{{close}}位于{{ma.20d}}下方"),
    ("comparison", "毛利率由上年同期的{{gross_margin.2023q3}}降至{{gross_margin.2024q3}}"),
    ("direction", "毛利率同比下降{{gross_margin.2024q3.change}}"),
    ("direction", "净利润同比增长{{n_income.2024q3.yoy:abs}}"),
    ("direction", "净利润同比增长{{n_income.2024q3.yoy}}"),
    ("direction", "净利润同比为{{n_income.2024q3.yoy:abs}}"),
    ("direction", "净利润同比下降{{n_income.2024q3.yoy}}"),
    ("direction", "营业收入同比减少{{yoy(revenue.2024q3, revenue.2023q3)}}"),
    ("direction", "营业收入、净利润同比分别增长{{revenue.2024q3.yoy}}、{{n_income.2024q3.yoy:abs}}"),
    ("direction", "股价录得{{return.20d}}的跌幅"),
    ("direction", "{{return.20d:period}}跑赢指数{{excess.20d.index:abs}}"),
    ("measure", "毛利率为{{pe_ttm}}"),
    ("measure", "市盈率{{pb}}"),
    ("measure", "{{pe_ttm:label}}为{{pb}}"),
    ("wrong period", "上半年营业收入{{revenue.2024q3}}"),
    ("wrong period", "三季度营业收入{{revenue.2024q3}}"),
    ("wrong period", "前三季度营业收入{{revenue.2024q3.quarter}}"),
    ("wrong period", "滚动口径营业收入{{revenue.2024q3}}"),
    ("wrong period", "今年前三季度营业收入{{revenue.2023q3}}"),
    ("wrong period", "去年前三季度营业收入{{revenue.2024q3}}"),
    ("wrong period", "毛利率由上年同期的{{gross_margin.2024q3}}变为{{gross_margin.2023q3}}"),
    ("wrong period", "股价同比上涨{{return.20d}}"),
    ("wrong period", "营业收入环比增长{{revenue.2024q3.yoy}}"),
    ("wrong period", "本周股价上涨{{return.20d}}"),
    ("wrong period", "{{return.5d:period}}股价上涨{{return.20d}}"),
    ("wrong period", "半年报显示收盘价{{close}}"),
    ("percentile", "市盈率{{pe_ttm}}，处于历史高位"),
    ("percentile", "市盈率处于历史{{pe_ttm}}分位"),
    ("percentile", "市盈率分位为{{pe_ttm.percentile.3y}}，处于历史低位"),
    ("percentile", "市盈率处于历史高位，样本{{pe_ttm.percentile.3y.days}}"),
    ("percentile", "市净率分位为{{pb}}，市盈率分位为{{pe_ttm.percentile.3y}}"),
    ("level", "RSI为{{rsi.14d}}，进入超卖区域"),
    ("level", "收盘价{{close}}，已经超买"),
    ("level", "收盘价{{close}}，创历史新高"),
    ("wrong company", "宁德时代收盘价{{close}}"),
    ("wrong company", "万科收盘价{{close}}"),
    ("wrong company", "Tesla收盘价{{close}}"),
    ("wrong company", "据报道，公司拟回购，宁德时代亦然：{{news.2}}"),
    ("unit", "收盘价{{close}}元"),
    ("unit", "营业收入{{revenue.2024q3}}（万元）"),
    ("unit", "净利润增速{{n_income.2024q3.yoy}}个百分点"),
    ("unit", "RSI为{{rsi.14d}}%"),
    ("unit", "收盘价$ {{close}}"),
    ("news", "{{news.3}}"),
    ("news", "{{news.4}}"),
    ("news", "{{news.5}}"),
    ("news", "{{news.6}}"),
    ("news", "近日，{{news.2}}"),
    ("uncited", "据报道，公司股价为{{close}}"),
    ("promise", "股价{{close}}，后市必将上涨"),
    ("promise", "收盘价{{close}}，买入零风险"),
    ("placeholder", "收盘价{{close"),
    ("placeholder", "商誉{{goodwill.2024q3}}"),
    ("placeholder", "同比{{yoy(revenue.2024q3, n_income.2024q3)}}"),
    ("literal figure", "收盘价{{close}}，目标价35"),
    ("literal figure", "收盘价{{close}}，目标价３５"),
    ("literal figure", "收盘价{{close}}，第②波"),
    ("literal figure", "收盘价{{close}}，rose by twenty percent"),
    ("hidden sign", "收盘\u200b价{{close}}"),
]


@pytest.mark.parametrize("text", SUPPORTED)
def test_what_the_evidence_supports_may_be_published(text: str) -> None:
    assert refused(text) == set()


@pytest.mark.parametrize(("rule", "text"), CONTRADICTED)
def test_what_the_evidence_does_not_support_is_refused_by_its_rule(rule: str, text: str) -> None:
    assert rule in refused(text)


@pytest.mark.parametrize(
    "text",
    [
        "Over {{return.20d:period}} the shares rose {{return.20d}}, and fell {{return.5d:abs}} over {{return.5d:period}}.",
        "Net profit fell by {{n_income.2024q3.yoy:abs}} year on year.",
        "Growth slows, if anything: {{revenue.2024q3.yoy}} year on year.",
        "Gross margin rose to {{gross_margin.2024q3}} from {{gross_margin.2023q3}}.",
        "In the first nine months, revenue came to {{revenue.2024q3}}; in the first half it was {{revenue.2024q2}}.",
        "At {{pe_ttm}}, the P/E ratio is at percentile {{pe_ttm.percentile.3y}}, near a historical high.",
        "The close of {{close}} is above the average of {{ma.20d}}, one of the better signs of the second half of the year.",
        "The risk-free rate is no guide to a close of {{close}}.",
    ],
)
def test_english_that_the_evidence_supports(text: str) -> None:
    assert refused(text, language=EN) == set()


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("direction", "Net profit grew by {{n_income.2024q3.yoy:abs}} year on year."),
        ("direction", "Net profit came to {{n_income.2024q3.yoy:abs}} year on year."),
        ("direction", "A {{return.20d}} decline in the shares."),
        ("comparison", "Gross margin fell to {{gross_margin.2024q3}} from {{gross_margin.2023q3}}."),
        ("comparison", "The close of {{close}} is below the average of {{ma.20d}}."),
        ("wrong period", "In the first half, revenue came to {{revenue.2024q3}}."),
        ("wrong period", "The shares rose {{return.20d}} year on year."),
        ("percentile", "The P/E ratio of {{pe_ttm}} is near a historical low."),
        ("measure", "Gross margin was {{pb}}."),
        ("wrong company", "Tesla closed at {{close}}."),
        ("unit", "The close was {{close}} yuan."),
        ("news", "The latest news: {{news.2}}."),
        ("promise", "At {{close}}, the shares are certain to rise."),
        ("literal figure", "At {{close}}, the price has doubled."),
        ("literal figure", "At {{close}}，增长三成."),
    ],
)
def test_english_that_it_does_not(rule: str, text: str) -> None:
    assert rule in refused(text, language=EN)


def test_ids_are_in_the_evidence_and_among_what_the_expert_is_given() -> None:
    assert refused("收盘价{{close}}", expert=Expert.TECHNICAL) == set()
    assert refused("目标价{{target}}", "target") >= {"unknown id"}
    assert refused("收盘价{{close}}", "close", "roe") == {"unknown id"}
    assert refused("市盈率{{pe_ttm}}", expert=Expert.TECHNICAL) == {"foreign topic"}


def test_what_is_printed_is_named_and_a_fact_rests_on_a_value() -> None:
    assert refused("收盘价{{close}}", "ma.20d") == {"uncited"}
    assert refused("走势稳健", "name") == {"uncited"}
    assert refused("商誉无从谈起", "goodwill.2024q3") == {"uncited"}
    assert refused("走势稳健", "name", kind=OPINION) == set()
    assert refused("毛利率保持领先", "revenue.2024q3") == {"uncited"}
    assert refused("毛利率保持领先", "gross_margin.2024q3") == set()


def test_a_fact_among_the_news_cites_a_page() -> None:
    assert refused("公司行业地位稳固", "index", expert=Expert.NEWS) == {"uncited"}
    assert refused("据报道，{{news.1}}", expert=Expert.NEWS) == set()


@pytest.mark.parametrize(
    ("text", "language", "told"),
    [
        ("{{news.1}}", Language.ZH, False),
        ("公司经营稳健，{{news.1}}", Language.ZH, False),
        ("所引报道提到：{{news.1}}。", Language.ZH, True),
        ("{{news.1:period}}，{{news.1}}", Language.ZH, True),
        ("{{news.2:period}}，{{news.1}}", Language.ZH, False),
        ("{{news.1:label}}：{{news.1}}", Language.ZH, True),
        ("Business is sound: {{news.1}}.", EN, False),
        ("The cited page says: {{news.1}}.", EN, True),
    ],
)
def test_what_a_page_says_is_told_as_what_it_says(text: str, language: Language, told: bool) -> None:
    assert refused(text, expert=Expert.NEWS, language=language) == (set() if told else {"news"})


@pytest.mark.parametrize("page", ["news.7", "news.8"])
@pytest.mark.parametrize(("lead", "language"), [("据报道，", Language.ZH), ("The cited page says: ", EN)])
def test_no_page_that_promises_is_printed(page: str, lead: str, language: Language) -> None:
    assert refused(f"{lead}{{{{{page}}}}}", language=language) == {"promise"}
    assert refused(f"{lead}{{{{{page}:label}}}}", language=language) == set()


@pytest.mark.parametrize(
    ("text", "direction", "holds"),
    [
        ("{{return.20d:period}}涨跌幅{{return.20d}}", UP, True),
        ("{{return.20d:period}}涨跌幅{{return.20d}}", DOWN, False),
        ("{{return.20d:period}}涨跌幅{{return.20d}}", FLAT, False),
        ("{{return.5d:period}}涨跌幅{{return.5d}}", FLAT, True),
        ("{{return.5d}}与{{return.20d}}互见", DOWN, True),
    ],
)
def test_the_direction_of_a_claim_is_that_of_what_it_prints(text: str, direction: Direction, holds: bool) -> None:
    assert refused(claim(text, direction=direction)) == (set() if holds else {"direction"})


def test_a_rise_that_is_told_without_a_figure_is_that_of_what_is_cited() -> None:
    assert refused("净利润同比下滑", "n_income.2024q3.yoy") == set()
    assert refused("净利润同比增长", "n_income.2024q3.yoy") == {"direction"}
    assert refused("若净利润同比增长则上修", "n_income.2024q3.yoy", kind=OPINION) == set()


def test_a_text_that_cannot_be_read_is_refused_alone_and_the_others_are_read() -> None:
    note = Note(summary=claim("{{close"), claims=(claim("收盘价{{close}}元"),))
    found = judge(Expert.TECHNICAL, note, SHEET, Language.ZH, OTHERS)
    assert [(each.rule, each.where) for each in found] == [("placeholder", "summary"), ("unit", "claims[0]")]


def test_the_names_that_the_company_bears_hold_no_figures() -> None:
    assert {"三一重工", "沪深300"} <= {item.text for item in ITEMS}
    assert refused("沪深300走势平稳，三一收盘价{{close}}") == set()
    assert refused("中证500走势平稳，收盘价{{close}}") == {"literal figure"}


def synthesis(stance: Stance, horizon: int = 20, probability: float = 0.6, direction: Direction = UP) -> Synthesis:
    text = "{{return.20d:period}}涨跌幅{{return.20d}}" if direction is UP else "{{return.5d:period}}涨跌幅{{return.5d}}"
    held: tuple[Claim, ...] = (claim(text, direction=direction),)
    wrong = (claim("若收盘价跌破{{ma.20d}}，判断不成立", kind=RISK),)
    return Synthesis(
        stance=stance, horizon=horizon, probability=probability, thesis=held, invalidation=wrong, risks=wrong
    )


@pytest.mark.parametrize(
    ("answer", "rules"),
    [
        (synthesis(Stance.OUTPERFORM), []),
        (synthesis(Stance.OUTPERFORM, horizon=30), ["horizon"]),
        (synthesis(Stance.OUTPERFORM, probability=0.3), ["probability"]),
        (synthesis(Stance.ABSTAIN, probability=0.3), []),
        (synthesis(Stance.UNDERPERFORM), ["stance"]),
        (synthesis(Stance.OUTPERFORM, direction=DOWN), ["stance"]),
        (synthesis(Stance.NEUTRAL, direction=DOWN), []),
    ],
)
def test_a_stance_can_be_proven_wrong_and_does_not_contradict_its_thesis(answer: Synthesis, rules: list[str]) -> None:
    assert [each.rule for each in judge(Expert.SYNTHESIS, answer, SHEET, Language.ZH)] == rules


def test_every_claim_has_its_place() -> None:
    assert [where for where, _ in claims(synthesis(Stance.NEUTRAL))] == ["thesis[0]", "invalidation[0]", "risks[0]"]


def test_the_same_answer_is_judged_the_same() -> None:
    note = Note(summary=claim("净利润同比增长{{n_income.2024q3.yoy}}亿，万科与宁德时代"), claims=(claim("{{close}}"),))
    once, again = (judge(Expert.SYNTHESIS, note, SHEET, Language.ZH, set(OTHERS)) for _ in range(2))
    assert once == again
    assert len(once) > 2
