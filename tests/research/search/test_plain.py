"""Text of others comes out as plain data, and links lead to pages only."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_assistant_pipelines.research.grammar import Words, parse
from stock_assistant_pipelines.research.search.plain import address, plain


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("公司拟回购股份", "公司拟回购股份"),
        ("  两\n行\t和 空白\u3000", "两 行 和 空白"),
        ("<em>公司</em>中标<br/>项目", "公司 中标 项目"),
        ("A &amp; B &lt;b&gt;粗&lt;/b&gt;", "A & B 粗"),
        ("毛利率<5%，净利率>3%", "毛利率＜5%，净利率＞3%"),
        ("{{close}} {x}", "（（close）） （x）"),
        ("&#123;&#123;close&#125;&#125;", "（（close））"),
        ("看[这里](javascript:x)`y`|z", "看［这里］(javascript:x)＇y＇｜z"),
        ("涨\u200b停\u202e反\ufeff转\u00ad了\x07\x00", "涨停反转了"),
        ("藏\u3164\u2800\ufe0f\U000e0041\U000e0101着", "藏着"),
        ("\u1fefx\u1fef", "＇x＇"),
        ("\u2028\u200b", ""),
        ("八个字的一句话。", "八个字的一句话。"),
        ("九个字的一句话呢。再来一句话", "九个字的一句话呢。再…"),
    ],
)
def test_a_text_is_one_line_of_signs_that_can_be_seen_and_mean_nothing(told: str, shown: str) -> None:
    assert plain(told, 11 if told.startswith("九") else 100) == shown


@given(
    st.text(st.one_of(st.characters(), st.sampled_from("{}<>[]`|\\&#;123456789xlgt \u200b\u202e\n"))),
    st.integers(1, 40),
)
def test_no_text_comes_out_otherwise(told: str, longest: int) -> None:
    shown = plain(told, longest)
    assert len(shown) <= longest
    assert not set(shown) & set("{}<>[]`|\\")
    assert all(unicodedata.category(sign) not in {"Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"} for sign in shown)
    assert all(isinstance(piece, Words) for piece in parse(shown))
    assert shown == " ".join(shown.split())


@pytest.mark.parametrize(
    "url", ["https://a.example/x?y=1#z", "http://a.example:8080/新闻", " https://a.example/x ", "HTTPS://a.example"]
)
def test_pages_may_be_linked_to(url: str) -> None:
    assert address(url) == url.strip()


@pytest.mark.parametrize(
    "url",
    [
        "",
        "a.example/x",
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://a.example/x",
        "https://",
        "https://localhost/x",
        "https://a.example:99999/",
        "https://[a.example/",
        "https://me:secret@a.example/",
        'https://a.example/"onclick=',
        "https://a.example/a b",
        "https://a.example/\u202egpj",
        "https://a.example/{{close}}",
        "https://a.example/" + "x" * 1000,
    ],
)
def test_nothing_else_may(url: str) -> None:
    assert address(url) is None


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("[看这里](https://x.example/a?b=1)，再说", "［看这里］(…)，再说"),
        ("见HTTP://X.EXAMPLE 与 www.x.example/1。公司", "见… 与 …。公司"),
        ("每股收益 https 不是地址", "每股收益 https 不是地址"),
    ],
)
def test_no_address_is_left_that_a_reader_would_make_a_link_of(text: str, read: str) -> None:
    assert plain(text, 200) == read
