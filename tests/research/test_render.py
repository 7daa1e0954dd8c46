"""Figures become text in one place: always the same characters, and each knows where it stands."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_sheet import SHEET, item

from stock_assistant_pipelines.research.evidence import Unit
from stock_assistant_pipelines.research.grammar import GrammarError
from stock_assistant_pipelines.research.render import Language, Unprintable, number, period, render, rounded

ZH, EN = Language.ZH, Language.EN


@pytest.mark.parametrize(
    ("value", "unit", "chinese", "english"),
    [
        ("12.345", Unit.PERCENT, "12.35%", "12.35%"),
        ("-0.5", Unit.POINTS, "-0.50个百分点", "-0.50 pp"),
        ("25.5", Unit.TIMES, "25.50倍", "25.50x"),
        ("18.6", Unit.CNY_PER_SHARE, "18.60元", "CNY 18.60"),
        ("3876.994", Unit.INDEX_POINTS, "3,876.99点", "3,876.99 points"),
        ("20", Unit.DAYS, "20天", "20 days"),
        ("81234", Unit.COUNT, "81,234", "81,234"),
        ("75.2", Unit.NONE, "75.20", "75.20"),
        ("123456789012", Unit.CNY, "1,234.57亿元", "CNY 123.46bn"),
        ("-4868000", Unit.CNY, "-486.80万元", "CNY -4.87mn"),
        ("8474000000", Unit.SHARES, "84.74亿股", "8.47bn shares"),
        ("900", Unit.SHARES, "900股", "900 shares"),
    ],
)
def test_a_value_is_printed_with_its_unit(value: str, unit: Unit, chinese: str, english: str) -> None:
    assert number(Decimal(value), unit, ZH) == chinese
    assert number(Decimal(value), unit, EN) == english


@pytest.mark.parametrize(
    ("value", "chinese", "english"),
    [
        ("9999.99", "9,999.99元", "CNY 9,999.99"),
        ("9999.994", "9,999.99元", "CNY 9,999.99"),
        ("9999.995", "1.00万元", "CNY 10,000.00"),
        ("10000", "1.00万元", "CNY 10,000.00"),
        ("99999949.99", "9,999.99万元", "CNY 100.00mn"),
        ("99999950", "1.00亿元", "CNY 100.00mn"),
        ("100000000", "1.00亿元", "CNY 100.00mn"),
        ("-99999950", "-1.00亿元", "CNY -100.00mn"),
        ("999999.994", "100.00万元", "CNY 999,999.99"),
        ("999999.995", "100.00万元", "CNY 1.00mn"),
        ("999994999.99", "10.00亿元", "CNY 999.99mn"),
        ("999995000", "10.00亿元", "CNY 1.00bn"),
        ("0", "0.00元", "CNY 0.00"),
        ("-0.004", "0.00元", "CNY 0.00"),
    ],
)
def test_money_at_the_borders_of_its_scales(value: str, chinese: str, english: str) -> None:
    assert number(Decimal(value), Unit.CNY, ZH) == chinese
    assert number(Decimal(value), Unit.CNY, EN) == english


@given(
    st.decimals("-1e14", "1e14", places=3),
    st.sampled_from([Unit.CNY, Unit.SHARES]),
    st.sampled_from([None, "0", "1", "2"]),
)
def test_no_printed_number_has_outgrown_its_scale(value: Decimal, unit: Unit, form: str | None) -> None:
    printed = number(value, unit, ZH, form)
    digits = Decimal("".join(sign for sign in printed if sign in "0123456789."))
    if "亿" not in printed:
        assert digits < 10_000


@pytest.mark.parametrize(
    ("value", "decimals", "printed"),
    [
        *(("0.5", 0, "1"), ("1.5", 0, "2"), ("2.5", 0, "3"), ("-2.5", 0, "-3")),
        *(("0.005", 2, "0.01"), ("-0.005", 2, "-0.01"), ("-0.004", 2, "0.00"), ("-0", 1, "0.0")),
    ],
)
def test_halves_are_rounded_away_from_zero_and_zero_has_no_sign(value: str, decimals: int, printed: str) -> None:
    assert rounded(Decimal(value), decimals) == printed


@given(st.decimals("-1e40", "1e40", allow_nan=False), st.integers(0, 2))
def test_what_is_printed_is_within_half_of_its_last_place(value: Decimal, decimals: int) -> None:
    printed = Decimal(rounded(value, decimals).replace(",", ""))
    assert abs(printed - value) <= Decimal("0.5").scaleb(-decimals) + abs(value) * Decimal("1e-27")


@pytest.mark.parametrize(
    ("form", "printed"),
    [("0", "-2%"), ("1", "-2.4%"), ("2", "-2.40%"), ("abs", "2.40%"), ("period", "近5个交易日"), ("label", "return")],
)
def test_a_format_says_how_a_value_is_printed(form: str, printed: str) -> None:
    assert render(f"{{{{return.5d:{form}}}}}", SHEET, ZH).text == printed


def test_spans_stand_exactly_at_what_is_printed() -> None:
    text = "收盘价{{close}}，{{return.20d:period}}涨{{return.20d:1}}，同比{{yoy(revenue.2024q3, revenue.2023q3)}}，{{news.2}}。"
    rendered = render(text, SHEET, ZH)
    assert rendered.text == "收盘价18.62元，近20个交易日涨12.3%，同比4.10%，公司拟回购股份。"
    assert [(rendered.text[span.start : span.end], span.ids, span.function) for span in rendered.spans] == [
        ("18.62元", ("close",), None),
        ("近20个交易日", ("return.20d",), None),
        ("12.3%", ("return.20d",), None),
        ("4.10%", ("revenue.2024q3", "revenue.2023q3"), "yoy"),
        ("公司拟回购股份", ("news.2",), None),
    ]
    assert [span.value for span in rendered.spans][:3] == [Decimal("18.62"), None, Decimal("12.345")]


@given(
    st.lists(st.sampled_from(["{{close}}", "{{revenue.2024q3}}", "{{pe_ttm:1}}", "和", "，", "{{news.1}}", "{{name}}"]))
)
def test_words_and_spans_together_are_the_text_and_the_same_every_time(parts: list[str]) -> None:
    once, again = (render("".join(parts), SHEET, EN) for _ in range(2))
    assert once == again
    assert len(once.spans) == sum(part.startswith("{{") for part in parts)
    left, at = "", 0
    for span in once.spans:
        left += once.text[at : span.start]
        at = span.end
    assert left + once.text[at:] == "".join(part for part in parts if not part.startswith("{{"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{nothing}}", "no evidence 'nothing'"),
        ("{{goodwill.2024q3}}", "no value"),
        ("{{name:period}}", "no period"),
        ("{{news.1:2}}", "is a text"),
        ("{{round(close, close)}}", "no derivation 'round'"),
        ("{{yoy(revenue.2024q3, revenue.2024q2)}}", "same quarter"),
        ("{{yoy(n_income.2024q3, n_income.2023q3)}}", "above zero"),
        ("{{difference(close, pe_ttm)}}", "is in CNY/share"),
        ("{{yoy(revenue.2024q3, revenue.2023q3):period}}", "no period"),
    ],
)
def test_what_cannot_be_printed_says_why(text: str, said: str) -> None:
    with pytest.raises(Unprintable, match=said):
        render(text, SHEET, ZH)


def test_broken_braces_are_never_printed() -> None:
    with pytest.raises(GrammarError):
        render("收盘价{close}", SHEET, ZH)


@pytest.mark.parametrize(
    ("told", "chinese", "english"),
    [
        ("2024q1", "2024年一季报", "the first quarter of 2024"),
        ("2024q2", "2024年半年报", "the first half of 2024"),
        ("2024q4", "2024年年报", "the full year of 2024"),
        ("2024q3.quarter", "2024年第3季度", "Q3 2024"),
        ("2024q1.ttm", "截至2024年3月末的十二个月", "the twelve months to Q1 2024"),
        ("250d", "近250个交易日", "the last 250 trading days"),
        ("3y", "近3年", "the last 3 years"),
        ("2024-09-30", "2024-09-30", "2024-09-30"),
    ],
)
def test_a_period_in_words(told: str, chinese: str, english: str) -> None:
    assert period(item("x", "1", period=told), ZH) == chinese
    assert period(item("x", "1", period=told), EN) == english
