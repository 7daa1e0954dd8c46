"""News of stocks on a day: searched for once, kept as found, each stock by itself, and why there is none."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from searching import DAY, ONE, THREE, Sleeps, answered_on, before, bocha, find, rows, said

from stock_assistant_pipelines.research.search.bocha import Answer, Page
from stock_assistant_pipelines.research.search.books import Books, Planned
from stock_assistant_pipelines.research.search.searcher import Searcher
from stock_assistant_pipelines.settings import SHANGHAI, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Engine

    from stock_assistant_pipelines.research.evidence import Found
    from stock_assistant_pipelines.sandbox.server import Door

CODE, OTHER = "600001.SH", "000003.SZ"
NO_PAGE = "no page of the 30 days to the day that may be cited"
OUTCOMES = "SELECT coalesce(outcome, 'open') FROM research_search ORDER BY id"


def headlines(found: Found) -> list[str]:
    return [item.text or "" for item in found.items if item.label == "Headline"]


# --- what is found


def test_each_company_gets_its_own_pages_of_the_month(engine: Engine, web: Door) -> None:
    found = find(engine, web, THREE)
    assert list(found) == sorted(THREE)
    for code, name in (("600001.SH", "海达科技"), ("600002.SH", "金源"), ("000003.SZ", "瑞丰")):
        assert 0 < len(headlines(found[code])) <= 10
        assert all(name in title for title in headlines(found[code]))
        assert said(found[code]) is None
    asked = [call["body"]["query"].split()[0] for call in web.calls()]
    assert sorted(asked) == ["海达科技", "瑞丰", "金源"]


def test_a_stock_and_a_day_are_searched_for_once(engine: Engine, web: Door) -> None:
    first = find(engine, web, THREE)
    assert find(engine, web, THREE) == first == {**find(engine, None, ONE), **find(engine, None, THREE)}
    assert web.stats()["calls"] == 3
    find(engine, web, {**THREE, "600009.SH": "新公司"})
    find(engine, web, ONE, before(1))
    assert web.stats()["calls"] == 5


def test_what_was_found_stays_what_was_found(engine: Engine, web: Door) -> None:
    first = find(engine, web)
    web.inject("nothing")
    find(engine, web, day=before(2), today=DAY)
    assert find(engine, web) == first


def test_pages_are_kept_once_as_they_were_told(engine: Engine, web: Door) -> None:
    find(engine, web)
    find(engine, web, day=before(1))
    urls = rows(engine, "SELECT url FROM research_page")
    assert len(urls) == len(set(urls)) > 5
    assert len(rows(engine, "SELECT unnest(pages) FROM research_search")) > len(urls)
    assert all(told.endswith("+08:00") for told in rows(engine, "SELECT published FROM research_page"))
    assert {*rows(engine, "SELECT source FROM research_search")} == {"sandbox: SANDBOX DATA: invented pages, no news"}


def test_what_cannot_be_stored_as_it_is_told_is_stored_all_the_same(engine: Engine, web: Door) -> None:
    web.inject("injection")
    [first, *_] = [item for item in find(engine, web)[CODE].items if "忽略" in (item.text or "")]
    assert first.text is not None
    assert not set(first.text) & set("{}<>[]\u200b\u202e\x07")
    assert any("{{close}}" in title for title in rows(engine, "SELECT title FROM research_page"))


@pytest.mark.parametrize(
    ("fault", "missing"),
    [
        ("nothing", NO_PAGE),
        ("undated", f"{NO_PAGE}; left out: N pages without a date"),
        ("future", f"{NO_PAGE}; left out: N pages published after the day"),
        ("stale", f"{NO_PAGE}; left out: N pages older than 30 days"),
        ("old_as_new", f"{NO_PAGE}; left out: N pages dated otherwise by the address"),
        ("other_company", f"{NO_PAGE}; left out: N pages not naming the company"),
        ("script", f"{NO_PAGE}; left out: N pages without a title or an address that one may link to"),
    ],
)
def test_what_must_not_be_cited_is_counted_and_told(engine: Engine, web: Door, fault: str, missing: str) -> None:
    web.inject(fault)
    found = find(engine, web)[CODE]
    [count] = rows(engine, f"SELECT count({'DISTINCT title' if fault == 'stale' else '*'}) FROM research_page")
    assert (found.items, said(found)) == ((), missing.replace("N", str(count)))


def test_copies_are_told_once(engine: Engine, web: Door) -> None:
    plain = find(engine, web)
    web.inject("duplicate")
    assert len(set(headlines(find(engine, web, day=before(1))[CODE]))) > 3
    titles = headlines(find(engine, web, day=before(2))[CODE])
    assert len(titles) == len(set(titles))
    assert plain


# --- when nobody answers


def test_without_a_key_there_is_no_news_and_it_is_said(engine: Engine) -> None:
    async def found() -> Mapping[str, Found]:
        from stock_assistant_pipelines.research.search.news import news_for

        async with Searcher.from_settings(Settings()) as searcher:
            return await news_for(searcher, engine, THREE, DAY)

    answers = asyncio.run(found())
    assert {each.missing for each in answers.values()} == {"nobody searched: BOCHA_API_KEY is not set"}
    assert not any(each.items for each in answers.values())


def test_one_stocks_failure_is_its_own(engine: Engine, web: Door) -> None:
    web.inject("refused:company=海达科技")
    found = find(engine, web, THREE)
    assert (found[CODE].items, found[CODE].missing) == ((), "the search engine did not take the search")
    assert found["600002.SH"].items
    assert found[OTHER].items
    web.heal()
    assert find(engine, web, THREE)[CODE].items
    assert web.stats()["outcomes"] == {"refused": 1, "answered": 3}


@pytest.mark.parametrize(
    ("fault", "calls", "slept"),
    [
        ("http_503", 3, [1, 2]),
        ("throttle:seconds=9", 3, [9, 9]),
        ("throttle:seconds=3600", 1, []),
        ("malformed", 2, [1]),
        ("off_protocol", 2, [1]),
        ("reset", 2, [1]),
        ("refused", 1, []),
        ("bad_key", 1, []),
        ("no_balance", 1, []),
        ("no_balance_inside", 1, []),
    ],
)
def test_asked_again_is_only_what_heals(engine: Engine, web: Door, fault: str, calls: int, slept: list[int]) -> None:
    web.inject(fault)
    sleep = Sleeps()
    found = find(engine, web, sleep=sleep)[CODE]
    assert (found.items, web.stats()["calls"]) == ((), calls)
    assert found.missing is not None
    assert found.missing.startswith("the ")
    assert len(sleep.slept) == len(slept)
    assert all(least <= took <= 1.25 * least for least, took in zip(slept, sleep.slept, strict=True))
    web.heal()
    assert find(engine, web)[CODE].items


@pytest.mark.parametrize("fault", ["http_503:times=2", "throttle:seconds=1:times=1", "malformed:times=1"])
def test_what_heals_leaves_no_trace_in_the_sheet(engine: Engine, web: Door, fault: str) -> None:
    web.inject(fault)
    found = find(engine, web)[CODE]
    assert found.items
    assert said(found) is None
    assert rows(engine, OUTCOMES)[-1] == "answered"


def test_every_call_is_booked_with_what_came_of_it(engine: Engine, web: Door) -> None:
    web.inject("malformed:times=1", "http_503:times=1")
    find(engine, web)
    assert rows(engine, OUTCOMES) == ["MalformedAnswer", "Overloaded", "answered"]
    assert rows(engine, "SELECT count(*) FROM research_search WHERE answered_at IS NULL OR asked_at IS NULL") == [0]
    [error] = rows(engine, "SELECT error FROM research_search WHERE outcome = 'Overloaded'")
    assert "503" in error


@pytest.mark.parametrize("fault", ["bad_key", "no_balance"])
def test_what_only_a_person_can_mend_is_asked_no_more(engine: Engine, web: Door, fault: str) -> None:
    web.inject(fault)
    many = {f"6{number:05}.SH": f"公司{number}" for number in range(40)}
    found = find(engine, web, many)
    assert len({each.missing for each in found.values()}) == 1
    assert 1 <= web.stats()["calls"] <= 4


def test_the_key_is_in_no_table_and_in_no_sheet(engine: Engine, web: Door, caplog: pytest.LogCaptureFixture) -> None:
    key = "key-0a1b2c3d"
    found = find(engine, web, key=key)
    assert found[CODE].missing == "the search engine refused the key"
    assert key not in f"{found}{caplog.text}{rows(engine, 'SELECT row_to_json(s)::text FROM research_search s')}"
    assert "no news: the key is refused: check BOCHA_API_KEY (401)" in caplog.text


def test_a_search_that_hangs_delays_no_other(engine: Engine, web: Door) -> None:
    web.inject("drip:seconds=60:company=海达科技")
    found = find(engine, web, THREE, timeout=0.5)
    assert found[CODE].missing == "the search engine did not answer"
    assert found["600002.SH"].items
    assert found[OTHER].items


def test_who_is_interrupted_books_it(engine: Engine, web: Door) -> None:
    web.inject("timeout:seconds=60")

    async def interrupted() -> None:
        from stock_assistant_pipelines.research.search.news import news_for

        async with Searcher(bocha(web), today=lambda: DAY) as searcher:
            task = asyncio.ensure_future(news_for(searcher, engine, ONE, DAY))
            while not rows(engine, OUTCOMES):  # noqa: ASYNC110 - the books tell nobody
                await asyncio.sleep(0.01)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(interrupted())
    assert rows(engine, OUTCOMES) == ["CancelledError"]


# --- limits


PLANNED = Planned(ts_code=CODE, day=DAY, query="海达科技", first=before(30), last=DAY)


def test_the_calls_of_a_minute_are_counted_for_all_workers_together(engine: Engine) -> None:
    async def reserved() -> list[Any]:
        books = [Books(engine) for _ in range(3)]
        return await asyncio.gather(*(books[number % 3].reserve(PLANNED, 5) for number in range(9)))

    came = asyncio.run(reserved())
    assert sorted(type(each).__name__ for each in came) == ["float"] * 4 + ["int"] * 5
    assert all(50 < wait <= 60 for wait in came if isinstance(wait, float))


def test_who_must_wait_for_the_limit_waits_and_then_asks(engine: Engine, web: Door) -> None:
    class Minutes(Sleeps):
        async def __call__(self, seconds: float) -> None:
            await super().__call__(seconds)
            with engine.begin() as connection:
                connection.exec_driver_sql("UPDATE research_search SET asked_at = asked_at - interval '61 seconds'")

    sleep = Minutes()
    found = find(engine, web, THREE, per_minute=1, sleep=sleep)
    assert all(each.items for each in found.values())
    assert len(sleep.slept) >= 2


def test_of_two_that_search_for_the_same_the_first_answer_counts(engine: Engine) -> None:
    def answer(title: str) -> Answer:
        told = {"snippet": "", "summary": "", "site": "", "published": "2026-03-03T10:00:00+08:00"}
        return Answer((Page(url="https://a.example/1", title=title, **told),), "bocha")

    async def both() -> None:
        books = Books(engine)
        numbers = [await books.reserve(PLANNED, 0) for _ in range(2)]
        for number, title in zip(reversed(numbers), ("海达科技甲", "海达科技乙"), strict=True):
            assert isinstance(number, int)
            await books.settle(number, answer(title))

    asyncio.run(both())
    assert rows(engine, OUTCOMES) == ["repeated", "answered"]
    assert headlines(find(engine, None)[CODE]) == ["海达科技甲"]


# --- days that are past


def test_a_search_after_the_day_says_so(engine: Engine, web: Door) -> None:
    found = find(engine, web)
    today = datetime.now(SHANGHAI).date()
    assert found[CODE].missing == f"searched for on {today}, with hindsight"
    answered_on(engine, DAY)
    assert find(engine, web)[CODE].missing is None


def test_for_a_day_that_lies_too_far_back_nobody_is_asked(engine: Engine, web: Door) -> None:
    back = {"today": DAY + timedelta(days=31), "back_days": 30}
    missing = find(engine, web, **back)[CODE].missing
    assert missing == "nobody searched on the day, and it lies too far back to search for it now (BOCHA_BACK_DAYS)"
    assert web.stats()["calls"] == 0
    assert find(engine, web, today=DAY + timedelta(days=30), back_days=30)[CODE].items


def test_for_a_day_that_has_not_come_nobody_is_asked(engine: Engine, web: Door) -> None:
    assert find(engine, web, today=before(1))[CODE].missing == "nobody searched: the day has not come"
    assert web.stats()["calls"] == 0


def test_a_window_of_the_past_brings_nothing_that_was_published_later(engine: Engine, web: Door) -> None:
    for day in (before(10), before(3)):
        for item in find(engine, web, day=day)[CODE].items:
            assert day - timedelta(days=30) <= datetime.fromisoformat(f"{item.period}").date() <= day
    assert {call["body"]["freshness"] for call in web.calls()} == {"2026-01-23..2026-02-22", "2026-01-30..2026-03-01"}


def test_where_nobody_can_search_what_had_been_found_by_then_is_told(engine: Engine, web: Door) -> None:
    for day in (before(40), before(5), before(2)):
        find(engine, web, day=day)
        answered_on(engine, day, day)
    known = find(engine, None)[CODE]
    why = "nobody searched: BOCHA_API_KEY is not set; pages that earlier searches had found are told; left out: "
    assert known.missing is not None
    assert known.missing.startswith(why)
    by_then = {title for day in (before(5), before(2)) for title in headlines(find(engine, None, day=day)[CODE])}
    assert {*headlines(known)} <= by_then
    assert max(item.period or "" for item in known.items) <= str(before(2))
    assert min(item.period or "" for item in known.items) >= str(before(30))


def test_what_is_found_later_changes_nothing_of_a_day_before(engine: Engine, web: Door) -> None:
    find(engine, web, day=before(5))
    answered_on(engine, before(5))
    days = [before(number) for number in (0, 3, 4)]
    known = [find(engine, None, day=day) for day in days]
    assert all(each[CODE].items for each in known)
    for later in (before(-1), before(-3), before(10)):  # the last one for a day before, but made afterwards
        find(engine, web, day=later, today=before(-3))
        answered_on(engine, before(-3), later)
    assert [find(engine, None, day=day) for day in days] == known
