"""Which pages become items: whatever a search engine tells, an item is dated, in time, of the company, and plain."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from searching import DAY

from stock_assistant_pipelines.research.collect.draft import end_of
from stock_assistant_pipelines.research.contracts import Claim, ClaimKind, Expert
from stock_assistant_pipelines.research.evidence import Item, Kind, Sheet, Topic, Unit
from stock_assistant_pipelines.research.grammar import ID, Words, parse
from stock_assistant_pipelines.research.reading import Reading
from stock_assistant_pipelines.research.render import Language
from stock_assistant_pipelines.research.rules.sources import fresh_news
from stock_assistant_pipelines.research.search.books import Kept
from stock_assistant_pipelines.research.search.dates import known_since
from stock_assistant_pipelines.research.search.plain import address
from stock_assistant_pipelines.research.search.selection import (
    LATER,
    MOST,
    NAMELESS,
    OTHERWISE,
    STALE,
    STRANGE,
    SUMMARY,
    TITLE,
    UNDATED,
    choose,
    query,
    told,
)
from stock_assistant_pipelines.settings import SHANGHAI

CODE, NAME = "600001.SH", "海达科技"


def page(number: int = 1, published: str | None = "2026-03-03T10:00:00+08:00", **others: Any) -> Kept:
    words = {
        "sha256": f"{number:064}",
        "url": f"https://a.example/{number}.html",
        "title": f"海达科技公告之{number}",
        "snippet": "海达科技称一切正常",
        "summary": "",
        **others,
    }
    return Kept(published_at=known_since(published), **words)


def chosen(*pages: Kept, name: str = NAME) -> list[Item]:
    return list(choose(pages, CODE, name, DAY)[0])


def left_out(*pages: Kept) -> Any:
    return choose(pages, CODE, NAME, DAY)[1]


def titles(*pages: Kept) -> list[str | None]:
    return [item.text for item in chosen(*pages) if item.label == "Headline"]


def test_a_page_becomes_a_headline_and_a_summary() -> None:
    [headline, summary] = chosen(page(summary="海达科技拟回购<b>股份</b>"))
    assert headline.plain() == {
        "id": "news.1", "kind": "news", "topic": "news", "label": "Headline", "label_zh": "报道标题", "value": None,
        "text": "海达科技公告之1", "unit": "text", "period": "2026-03-03", "known_at": "2026-03-03T10:00:00+08:00",
        "origins": [{"dataset": "research_page", "key": {"sha256": f"{1:064}"}, "column": "title"}],
        "derivation": None, "inputs": [], "signed": False, "url": "https://a.example/1.html",
    }  # fmt: skip
    assert (summary.id, summary.text, summary.origins[0].column) == ("news.1.summary", "海达科技拟回购 股份", "summary")
    assert (summary.period, summary.known_at, summary.url) == (headline.period, headline.known_at, headline.url)


def test_the_snippet_takes_the_place_of_a_summary_and_what_says_no_more_than_the_title_is_left_out() -> None:
    assert [item.text for item in chosen(page())] == ["海达科技公告之1", "海达科技称一切正常"]
    assert chosen(page())[1].origins[0].column == "snippet"
    assert [item.id for item in chosen(page(snippet="海达科技公告"))] == ["news.1"]
    assert [item.id for item in chosen(page(snippet=""))] == ["news.1"]


@pytest.mark.parametrize(
    ("published", "reason"),
    [
        (None, UNDATED),
        ("3天前", UNDATED),
        ("2026-03-04T23:59:59+08:00", None),
        ("2026-03-04", None),
        ("2026-03-04T00:00:00+08:00", None),
        ("2026-03-05T00:00:01+08:00", LATER),
        ("2026-03-05", LATER),
        ("2026-03-04T18:00:00Z", LATER),
        ("2027-03-04T10:00:00+08:00", LATER),
        ("2026-02-02T00:00:01+08:00", None),
        ("2026-02-02", None),
        ("2026-02-01T23:59:59+08:00", STALE),
        ("2026-02-01", STALE),
        ("2023-03-04T10:00:00+08:00", STALE),
    ],
)
def test_only_what_was_published_in_the_month_to_the_day_is_told(published: str | None, reason: str | None) -> None:
    assert left_out(page(published=published)) == ({reason: 1} if reason else {})
    assert len(titles(page(published=published))) == (reason is None)
    for item in chosen(page(published=published)):
        assert not list(fresh_news(cited(item))), "the gate takes it"


@pytest.mark.parametrize(
    ("others", "reason"),
    [
        ({"url": "javascript:alert(1)"}, NAMELESS),
        ({"url": ""}, NAMELESS),
        ({"title": "\u200b<br>"}, NAMELESS),
        ({"title": "云海控股公告", "snippet": "与本公司无关", "summary": "也无关"}, STRANGE),
        ({"title": "公告", "snippet": "", "summary": "证券代码：600001"}, None),
        ({"title": "公告", "snippet": "海 达 科 技", "summary": ""}, None),
        ({"url": "https://a.example/2023/03/05/1.html"}, OTHERWISE),
        ({"url": "https://a.example/20260305/1.html"}, OTHERWISE),
        ({"url": "https://a.example/20260304/1.html"}, None),
        ({"url": "https://a.example/t20260301_1.html"}, None),
        ({"url": "https://a.example/t20260228_1.html"}, OTHERWISE),
    ],
)
def test_a_page_must_be_of_the_company_and_must_not_contradict_itself(others: Any, reason: str | None) -> None:
    assert left_out(page(**others)) == ({reason: 1} if reason else {})
    assert len(titles(page(**others))) == (reason is None)


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("*ST金源", "金源收到问询函"),
        ("万  科Ａ", "万科A发布公告"),
        ("XD海达科", "海达科除息"),
        ("五 粮 液", "五粮液提价"),
    ],
)
def test_a_name_is_found_without_what_the_exchange_adds_to_it(name: str, title: str) -> None:
    assert len(chosen(page(title=title, snippet=""), name=name)) == 1


def test_the_query_names_the_company_and_its_code() -> None:
    assert query("000002.SZ", "万  科Ａ") == "万科 000002 公司新闻 公告"


def test_the_newest_come_first_and_of_one_moment_the_best() -> None:
    days = [page(n, f"2026-03-0{n}T10:00:00+08:00") for n in (1, 3, 2)]
    assert titles(*days) == ["海达科技公告之3", "海达科技公告之2", "海达科技公告之1"]
    assert titles(page(8), page(7), page(9)) == ["海达科技公告之8", "海达科技公告之7", "海达科技公告之9"]
    assert len(titles(*(page(n) for n in range(2 * MOST)))) == MOST


def test_what_is_told_twice_is_told_once_as_of_the_first_time() -> None:
    first, later = "2026-02-10T10:00:00+08:00", "2026-03-03T10:00:00+08:00"
    for copy in (
        page(2, later, title="海达科技 公告之1！"),
        page(2, later, url="http://A.example/1.html/"),
    ):
        for pages in ((page(1, first), copy), (copy, page(1, first))):
            [item] = [item for item in chosen(*pages) if item.label == "Headline"]
            assert (item.text, item.period) == ("海达科技公告之1", "2026-02-10")


def test_what_was_told_long_ago_is_not_made_new_by_a_copy() -> None:
    old, copy = page(1, "2025-12-01T10:00:00+08:00"), page(2, title="海达科技公告之1")
    assert (titles(old, copy), left_out(old, copy)) == ([], {STALE: 1})


def test_what_is_left_out_is_told_in_words() -> None:
    pages = [page(1, None), page(2, None), page(3, title="无关", snippet="")]
    said = "left out: 2 pages without a date, 1 page not naming the company"
    assert told(left_out(*pages)) == said


WORDS = st.text(st.one_of(st.sampled_from("海达科技600001{}<>&#;\u200b\u202e\n "), st.characters()), max_size=30)
MOMENTS = st.datetimes(datetime(2025, 12, 1), datetime(2026, 4, 30)).map(datetime.isoformat)  # noqa: DTZ001
TOLD = st.one_of(
    st.none(),
    WORDS,
    st.tuples(MOMENTS, st.sampled_from(["", "Z", "+08:00", "-11:00"])).map("".join),
    st.dates(date(2026, 1, 25), date(2026, 3, 10)).map(lambda day: f"{day}T00:00:00+08:00"),
)
URLS = st.one_of(
    WORDS,
    st.tuples(st.dates(date(2026, 1, 1), date(2026, 4, 1)), st.integers(0, 3)).map(
        lambda each: f"https://a.example/{each[0]:%Y/%m/%d}/{each[1]}.html"
    ),
    st.integers(0, 5).map(lambda number: f"https://a.example/{number}"),
)
PAGES = st.builds(
    lambda told, **words: Kept(sha256="0", published_at=known_since(told), **words),
    told=TOLD,
    url=URLS,
    title=st.one_of(WORDS, st.integers(0, 3).map(lambda number: f"海达科技 {{{{close}}}} {number}")),
    snippet=WORDS,
    summary=WORDS,
)


@settings(max_examples=150)
@given(st.lists(PAGES, max_size=15))
def test_whatever_is_told_every_item_is_dated_in_time_and_plain(pages: list[Kept]) -> None:
    items, counted = choose(pages, CODE, NAME, DAY)
    assert choose(list(pages), CODE, NAME, DAY) == (items, counted)
    for item in items:
        published = date.fromisoformat(item.period or "")
        assert DAY - timedelta(days=30) <= published <= DAY
        assert item.known_at <= end_of(DAY)
        assert published <= item.known_at.astimezone(SHANGHAI).date() <= published + timedelta(days=1)
        assert item.url is not None
        assert address(item.url) == item.url
        assert item.text
        assert not set(item.text) & set("{}<>[]`|\\")
        assert item.text.isprintable()
        assert all(isinstance(piece, Words) for piece in parse(item.text))
        assert len(item.text) <= (SUMMARY if item.id.endswith("summary") else TITLE)
        assert (item.kind, item.topic, item.unit, item.value) == (Kind.NEWS, Topic.NEWS, Unit.TEXT, None)
        assert ID.fullmatch(item.id)
        assert not list(fresh_news(cited(item)))
    heads = [item for item in items if not item.id.endswith("summary")]
    assert [item.id for item in heads] == [f"news.{number}" for number in range(1, len(heads) + 1)]
    assert [item.known_at for item in heads] == sorted((item.known_at for item in heads), reverse=True)
    assert len({item.url for item in heads}) == len(heads) <= MOST
    assert len(heads) + sum(counted.values()) <= len(pages)


def cited(item: Item) -> Reading:
    """A claim that does nothing but print an item, as the gate reads it."""
    claim = Claim(text=f"{{{{{item.id}}}}}", kind=ClaimKind.FACT, evidence=(item.id,))
    sheet = Sheet(CODE, NAME, DAY, (item,))
    return Reading(Expert.NEWS, "summary", claim, sheet, Language.ZH, (), parse(claim.text))
