"""The pages of research reports: every printed figure leads to its evidence, and that to its row; no text breaks out."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape
from typing import TYPE_CHECKING

import pytest
from research_reports import ABSTAINED, ENGLISH, FAILED, HOSTILE, ITEMS, MAOTAI, PUBLISHED
from small_market import application, make_database, served

from api.pages import figures, scores

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2
    from sqlalchemy.engine import URL

PAGES = (
    "/research",
    "/research/scorecard",
    "/research?day=20240103",
    f"/research?ts_code={MAOTAI}",
    *(f"/research/{name}" for name in (PUBLISHED, ENGLISH, ABSTAINED, FAILED)),
)
CHINESE = {"Accept-Language": "zh-CN"}


@pytest.fixture(scope="module")
def client(research: str) -> Iterator[httpx2.Client]:
    with served(application(research)) as client:
        yield client


def section(page: str, name: str) -> str:
    """What stands below one heading."""
    found = re.search(rf'<section aria-labelledby="{name}">.*?</section>', page, re.DOTALL)
    assert found, name
    return found[0]


def listed(page: str) -> list[str]:
    """The reports that a page leads to."""
    return re.findall(r'<a href="/research/([0-9][^"]+)">', page)


def counts(page: str) -> dict[str, int]:
    told = re.search(r'<dl id="counts">(.*?)</dl>', page, re.DOTALL)
    assert told
    return {name: int(count) for name, count in re.findall(r"<dt>([^<]+)</dt><dd>(\d+)</dd>", told[1])}


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_nothing_from_elsewhere_and_runs_nothing_of_its_own(client: httpx2.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert not re.search(r"<script(?! src=)|<style|\sstyle=|<[^>]*\son[a-z]+=|<img", answer.text)
    links = re.findall(r'\s(?:src|href|action)="([^"]*)"', answer.text)
    elsewhere = {unescape(link) for link in links if not re.match(r"[/?#](?!/)", link)}
    assert elsewhere <= {"https://news.example/2?a=1&b=2"}
    assert len(answer.content) < 60_000


# --- the list


def test_the_newest_day_is_shown_with_what_came_of_all_that_were_expected(client: httpx2.Client) -> None:
    page = client.get("/research").text
    assert "Research reports of 2024-01-04</h1>" in page
    told = counts(page)
    assert told == {"Expected": 3, "published": 0, "in part": 1, "without a stance": 1, "failed": 0, "waiting": 1}
    assert told.pop("Expected") == sum(told.values())
    assert listed(page) == [ABSTAINED, ENGLISH, PUBLISHED]
    assert 'rel="prev" href="/research?day=2024-01-03"' in page
    assert 'rel="next"' not in page


def test_a_day_and_a_stock_can_be_chosen(client: httpx2.Client) -> None:
    page = client.get("/research", params={"day": "2024-01-03", "ts_code": ""}).text
    assert counts(page)["failed"] == counts(page)["Expected"] == 1
    assert listed(page) == [FAILED]
    page = client.get("/research", params={"day": "", "ts_code": MAOTAI}).text
    assert listed(page) == [ENGLISH, PUBLISHED, FAILED]
    page = client.get("/research", params={"day": "2024-01-04", "ts_code": MAOTAI}).text
    assert listed(page) == [ENGLISH, PUBLISHED]
    assert 'href="/research?day=2024-01-03&amp;ts_code=600519.SH"' in page
    assert 'id="counts"' not in page, "they would be those of the whole day"


@pytest.mark.parametrize("query", [{"day": "2024-01-02"}, {"ts_code": "600000.SH"}])
def test_a_day_or_a_stock_without_reports_does_not_say_that_there_are_none_at_all(
    client: httpx2.Client, query: dict[str, str]
) -> None:
    page = client.get("/research", params=query).text
    assert "There is no research report of this day or stock." in page
    assert "No research report has been written." not in page


def test_a_report_by_rules_and_one_made_afterwards_say_so_in_the_list(client: httpx2.Client) -> None:
    page = client.get("/research", headers=CHINESE).text
    rows = dict(re.findall(r'<tr><th [^>]*><a href="/research/([^"]+)">(.*?)</tr>', page))
    assert "规则生成，并非模型" in rows[PUBLISHED]
    assert "规则生成，并非模型" not in rows[ENGLISH]
    assert ["事后生成" in rows[name] for name in (PUBLISHED, ENGLISH)] == [False, True]


def test_where_nothing_was_written_the_page_says_so(postgres: URL) -> None:
    with served(application(make_database(postgres, "test_research_pages_of_nothing"))) as client:
        assert "No research report has been written." in client.get("/research").text
        assert "There is no report of these days to be scored." in client.get("/research/scorecard").text


# --- a report


def test_every_printed_figure_leads_to_a_line_of_evidence(client: httpx2.Client) -> None:
    page = client.get(f"/research/{PUBLISHED}", headers=CHINESE).text
    led = re.findall(r'<a class="(?:figure|named)" href="#([^"]+)"[^>]*>([^<]*)</a>', page)
    assert {text for _, text in led} >= {"1,669.00元", "-1.48%", "-1.5%", "710.00元", "营业收入", "白酒"}
    lines = re.findall(r'<tr id="([^"]+)"><th', page)
    assert {line for line, _ in led} <= set(lines)
    assert len(lines) == len(set(lines))
    inputs = re.findall(r'<a href="#(e-[^"]+)"><code>', page)
    assert {"e-close", "e-close.before"} <= set(inputs) <= set(lines)


def test_a_line_tells_value_period_since_when_and_its_row(client: httpx2.Client) -> None:
    page = client.get(f"/research/{PUBLISHED}", headers=CHINESE).text
    (line,) = re.findall(r'<tr id="e-close">.*?</tr>', page, re.DOTALL)
    assert "收盘价" in line
    assert 'title="1669">1,669.00元' in line
    assert "2024-01-04 16:00" in line
    (href,) = re.findall(r'href="(/api[^"]+)">daily.close</a>', line)
    answer = client.get(unescape(href)).json()
    assert dict(zip(answer["fields"], answer["items"][0], strict=True))["close"] == 1669.0


def test_what_a_text_had_reckoned_is_a_line_of_its_own(client: httpx2.Client) -> None:
    page = client.get(f"/research/{PUBLISHED}").text
    (line,) = re.findall(r'<tr id="e-change-close-close.before">.*?</tr>', page, re.DOTALL)
    assert "change(close, close.before)" in line
    assert 'title="-1.4757' in line
    assert 'href="#e-close.before"' in line


def test_the_argument_stands_before_what_would_prove_it_wrong_the_risks_and_the_notes(client: httpx2.Client) -> None:
    page = client.get(f"/research/{PUBLISHED}").text
    heads = re.findall(r'<h2 id="([^"]+)">', page)
    assert heads == ["thesis", "invalidation", "risks", "chart", "experts", "outcomes", "evidence", "made-of"]
    assert "20 trading days · The rules say: 62% likely." in page
    assert "index_daily has not landed" in section(page, "outcomes")
    assert "-0.34%" in section(page, "outcomes")
    assert 'Valuation</h3>\n<p class="hint">not asked' in section(page, "experts")


def test_the_chart_ends_with_the_reports_day(client: httpx2.Client) -> None:
    chart = section(client.get(f"/research/{PUBLISHED}").text, "chart")
    days = re.findall(r"<title>([\d-]+): open", chart)
    assert days == ["2024-01-02", "2024-01-03", "2024-01-04"]


def test_a_chart_shows_prices_as_they_were_seen_then(client: httpx2.Client) -> None:
    """A factor of June divides the stock's own page; the report of January does not know it."""
    close = r"2024-01-03: open [\d.]+, high [\d.]+, low [\d.]+, close ([\d.]+)"
    then = re.findall(close, client.get(f"/research/{PUBLISHED}").text)
    now = re.findall(close, client.get(f"/stocks/{MAOTAI}").text)
    assert float(then[0]) == pytest.approx(1694 * 7.7 / 7.9173, abs=1e-4)
    assert float(now[0]) == pytest.approx(1694 * 7.7 / 8.1, abs=1e-4)


def test_what_was_left_out_is_folded_away_with_the_reason(client: httpx2.Client) -> None:
    page = client.get(f"/research/{PUBLISHED}").text
    folded = re.search(r'<details id="left-out">.*?</details>', page, re.DOTALL)
    assert folded
    assert "<s>一日上涨1.48%。</s>" in folded[0]
    assert "The figure falls." in folded[0]
    assert "{{return.1d:abs}}" in folded[0]
    assert "一日上涨" not in page.replace(folded[0], "")


def test_labels_tell_who_wrote_it_and_when(client: httpx2.Client) -> None:
    def labels(name: str) -> str:
        found = re.search(r'<ul class="labels">(.*?)</ul>', client.get(f"/research/{name}").text, re.DOTALL)
        assert found
        return found[1]

    assert "rules, not a model" in labels(PUBLISHED)
    assert "made afterwards" not in labels(PUBLISHED)
    assert "rules, not a model" not in labels(ENGLISH)
    assert "made afterwards" in labels(ENGLISH)
    assert "the model may know what came after the day" in labels(ENGLISH)


def test_without_a_stance_there_is_no_argument_and_the_reason_stands_there(client: httpx2.Client) -> None:
    page = client.get(f"/research/{ABSTAINED}").text
    assert "no stance is taken" in page
    assert '<span lang="zh-CN">synthesis: the model abstains</span>' in page
    assert '<h2 id="thesis">' not in page
    assert "What is cited" not in page


def test_a_failed_report_says_why_and_offers_no_text(client: httpx2.Client) -> None:
    page = client.get(f"/research/{FAILED}").text
    assert '<span lang="en">daily has not landed</span>' in page
    assert '<span lang="en">Unreachable: nobody answered</span>' in page
    assert ".md" not in page


def test_the_page_leads_to_the_other_reports_of_the_day_and_to_those_of_the_stock(client: httpx2.Client) -> None:
    page = client.get(f"/research/{PUBLISHED}").text
    assert listed(page) == [ENGLISH]
    assert f'href="/research?ts_code={MAOTAI}"' in page


def test_a_stocks_page_leads_to_its_reports(client: httpx2.Client) -> None:
    page = section(client.get(f"/stocks/{MAOTAI}").text, "research")
    assert listed(page) == [ENGLISH, PUBLISHED, FAILED]
    assert "No research report has been written." in client.get("/stocks/000003.SZ").text


def test_what_it_cost_and_of_what_it_was_made_is_told(client: httpx2.Client) -> None:
    made = section(client.get(f"/research/{PUBLISHED}").text, "made-of")
    assert "CNY 0.0246, calls: 3" in made
    assert "3,007 in, 1,500 of them cached; 600 out" in made
    assert f"/api/v1/reports/{PUBLISHED}.md" in made


def test_who_wrote_in_the_place_of_another_model_is_named(client: httpx2.Client) -> None:
    made = section(client.get(f"/research/{ENGLISH}").text, "made-of")
    assert re.findall(r"<dt>(Model[^<]*)</dt><dd>(.*?)</dd>", re.sub(r"</?span[^>]*>", "", made)) == [
        ("Model", "dashscope/qwen3.8-max"),
        ("Model: News and catalysts", "deepseek/deepseek-v4-pro"),
    ]
    assert "Model: " not in section(client.get(f"/research/{PUBLISHED}").text, "made-of")


# --- the scorecard


def test_the_scorecard_tells_scores_apart_by_when_reports_were_made(client: httpx2.Client) -> None:
    page = client.get("/research/scorecard").text
    assert re.findall(r'<h2 id="([^"]+)">', page) == ["forward", "before-cutoff", "cutoff-unknown", "costs"]
    forward = section(page, "forward")
    assert "All stances" in forward
    assert "sandbox/sandbox-rules" in forward
    assert 'aria-label="between 21% and 100%"' in forward
    assert "0.144" in forward
    assert "qwen3.8-max" in section(page, "before-cutoff")
    assert "News and catalysts" in section(page, "cutoff-unknown")  # of which another model wrote, and no stance
    assert "2024-01" in section(page, "costs")


def test_the_scorecard_begins_a_year_before_the_newest_report_unless_days_are_named(
    client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shown(**query: str) -> tuple[str | None, list[str]]:
        page = client.get("/research/scorecard", params=query).text
        (start,) = re.findall(r'<input id="start"[^>]* value="([^"]*)">', page)
        return start, re.findall(r'<h2 id="([^"]+)">', page)

    whole = ["forward", "before-cutoff", "cutoff-unknown", "costs"]
    assert shown() == ("2023-01-04", whole)
    assert shown(start="2024-01-04", end="20240104") == ("2024-01-04", whole)
    assert shown(end="2024-01-03") == ("2023-01-03", ["costs"]), "the failed one says nothing"
    monkeypatch.setattr(scores, "REACH", -timedelta(days=1))
    assert shown(start="") == ("2024-01-05", ["costs"])
    assert "2024-01" not in section(client.get("/research/scorecard").text, "costs")


# --- harm


def test_a_hostile_claim_and_a_hostile_headline_are_told_as_text(client: httpx2.Client) -> None:
    page = client.get(f"/research/{PUBLISHED}").text
    assert "<script>" not in page
    assert "<img" not in page
    assert "<b>" not in page
    assert "&lt;b&gt;&amp;amp;" in page, "a claim's own words"
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 2, "the headline, in the note and among the evidence"


def test_only_addresses_of_the_web_are_links(client: httpx2.Client) -> None:
    page = client.get(f"/research/{PUBLISHED}").text
    assert "javascript:" not in page
    assert '<a href="https://news.example/2?a=1&amp;b=2" rel="noopener noreferrer nofollow">' in page


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", " javascript:alert(1)", "data:text/html,x", "//evil.example", "", None, "ftp://x", "/x"],
)
def test_any_other_address_is_none(url: str | None) -> None:
    told = ITEMS[-1].plain() | {"url": url}
    _, (line,) = figures.lines([told], [], "zh")
    assert line.url is None


def test_a_text_is_cut_at_its_figures() -> None:
    def span(start: int, end: int, *ids: str, function: str | None = None) -> dict[str, object]:
        return {"start": start, "end": end, "ids": list(ids), "function": function, "value": None}

    spans = [span(6, 8, "b", "c", function="yoy"), span(0, 2, "a")]
    cut = figures.pieces({"text": "11 and 22", "spans": spans})
    assert [(piece.text, piece.line) for piece in cut] == [
        ("11", "e-a"),
        (" and", None),
        (" 2", "e-yoy-b-c"),
        ("2", None),
    ]
    assert figures.pieces({"text": None, "spans": []}) == []


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/research/600519.SH-20240104-0000000000", 404, "There is no report"),
        (f"/research/{PUBLISHED}.md", 404, "There is no report"),
        ("/research/%3Cb%3E", 404, "&lt;b&gt;"),
        ("/research?day=yesterday", 422, "takes a day"),
        ("/research/scorecard?start=20240104&end=20240103", 422, "exchange them"),
        ("/research?colour=red", 422, "is no parameter of this route"),
        (f"/research/{HOSTILE.replace('/', '')}", 404, "&lt;script&gt;"),
    ],
)
def test_a_problem_is_a_page(client: httpx2.Client, path: str, status: int, words: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert words in answer.text
    assert "<b>" not in answer.text
    assert "<script>" not in answer.text
