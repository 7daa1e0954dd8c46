"""A text is cut into words and placeholders; braces that make no placeholder are an error, and never printed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_assistant_pipelines.research.grammar import FORMATS, GrammarError, Placeholder, Words, parse


def test_words_and_placeholders_stand_in_their_order() -> None:
    assert parse("市盈率{{pe_ttm}}，同比{{yoy(revenue.2024q3, revenue.2023q3):abs}}。") == (
        Words("市盈率"),
        Placeholder(("pe_ttm",)),
        Words("，同比"),
        Placeholder(("revenue.2024q3", "revenue.2023q3"), "yoy", "abs"),
        Words("。"),
    )


@pytest.mark.parametrize("form", FORMATS)
def test_every_format_can_be_asked_for(form: str) -> None:
    assert parse(f"{{{{close:{form}}}}}") == (Placeholder(("close",), None, form),)


@pytest.mark.parametrize("text", ["{{ close : 1 }}", "{{close:1}}", "{{close :1}}"])
def test_blanks_inside_mean_nothing(text: str) -> None:
    assert parse(text) == (Placeholder(("close",), None, "1"),)


def test_a_derivation_may_take_one_item_or_many() -> None:
    assert parse("{{ mean( a , b.c, d_1 ) }}") == (Placeholder(("a", "b.c", "d_1"), "mean"),)


@pytest.mark.parametrize(
    "text",
    [
        *("{close}", "{{close}", "{close}}", "{{close}}}", "{{{close}}", "{{}}", "{{ }}", "${close}"),
        *("{{close:pct}}", "{{close:3}}", "{{close:}}", "{{close|亿}}", "{{close * 2}}", "{{Close}}", "{{1close}}"),
        *(
            "{{close.}}",
            "{{.close}}",
            "{{yoy()}}",
            "{{yoy(a,)}}",
            "{{yoy(a b)}}",
            "{{yoy(yoy(a, b), c)}}",
            "{{yoy(a, 2)}}",
        ),
    ],
)
def test_what_is_no_placeholder_is_an_error_that_shows_it(text: str) -> None:
    with pytest.raises(GrammarError, match=r"\{"):
        parse(f"收盘价{text}")


@given(st.text())
def test_text_without_braces_stays_as_it_is(text: str) -> None:
    text = text.replace("{", "").replace("}", "")
    assert "".join(piece.text for piece in parse(text) if isinstance(piece, Words)) == text


@given(st.text(alphabet="ab.:(){},{ "))
def test_whatever_is_cut_loses_no_words_and_keeps_no_brace(text: str) -> None:
    try:
        pieces = parse(text)
    except GrammarError:
        return
    words = [piece.text for piece in pieces if isinstance(piece, Words)]
    assert not any("{" in each or "}" in each for each in words)
    assert sum(map(len, words)) <= len(text)
    assert text.count("{{") == len(pieces) - len(words)
