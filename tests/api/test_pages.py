"""The pages, as HTML: what they tell is what the API tells, in two languages, and nothing that is told can break out of it."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal
from string import Formatter
from typing import TYPE_CHECKING

import msgspec
import pages_market
import psycopg
import pytest
from pages_market import CANDLE, CELL, HOSTILE_CODE
from small_market import application, fill, make_database, served
from sqlalchemy import make_url

from api.pages import candles, heat, html, texts
from api.pages.languages import preferred
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.warehouse.tables import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2
    from sqlalchemy.engine import URL

PAGES = (
    "/?year=2024",
    "/stocks",
    "/stocks/600519.SH?range=all",
    f"/stocks/{HOSTILE_CODE}",
    "/datasets/daily",
    "/datasets/income",
    "/datasets/trade_cal",
)


@pytest.fixture(scope="module")
def shown(reports: str) -> str:
    pages_market.fill(reports)
    return reports


@pytest.fixture(scope="module")
def client(shown: str) -> Iterator[httpx2.Client]:
    with served(application(shown)) as client:
        yield client


def article(html: str, dataset: str) -> str:
    """What the overview shows of one dataset."""
    found = re.search(rf'<article id="{dataset}">.*?</article>', html, re.DOTALL)
    assert found, dataset
    return found[0]


@pytest.mark.parametrize("path", PAGES)
def test_a_page_loads_nothing_from_elsewhere_and_runs_nothing_of_its_own(client: httpx2.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Security-Policy"].startswith(
        "default-src 'none'; style-src 'self'; script-src 'self'"
    )
    assert not re.search(r"<script(?! src=)|<style|\sstyle=|<[^>]*\son[a-z]+=", answer.text)
    sources = re.findall(r'\s(?:src|href|action)="([^"]*)"', answer.text)
    assert [source for source in sources if not re.match(r"[/?#](?!/)", source)] == []
    for source in {source for source in sources if source.startswith("/pages/")}:
        assert client.get(source).status_code == 200, source


@pytest.mark.parametrize("path", PAGES)
def test_the_sandboxs_figures_are_marked_on_every_page(client: httpx2.Client, path: str) -> None:
    assert "they are no market data" in client.get(path).text.lower()
    assert "并非真实行情" in client.get(path, headers={"Accept-Language": "zh-CN,zh;q=0.9"}).text


def test_tushares_figures_are_not_marked(postgres: URL) -> None:
    url = make_database(postgres, "test_pages_of_tushare")
    fill(url)
    with psycopg.connect(url) as connection:
        connection.execute("update coverage set source = 'tushare'")
    with served(application(url)) as client:
        page = client.get("/").text
        assert "no market data" not in page
        assert "Told by tushare" in page


@pytest.mark.parametrize("path", ["/?year=2024", "/datasets/daily?year=2024"])
def test_the_cells_tell_what_is_booked(client: httpx2.Client, shown: str, path: str) -> None:
    page = client.get(path).text
    cells = {
        day: kind for kind, _, _, day, _ in CELL.findall(article(page, "daily") if path.startswith("/?") else page)
    }
    booked = pages_market.booked(shown, "daily")
    assert {day: kind for day, kind in cells.items() if day in booked} == booked
    assert set(booked) <= set(cells), "every partition of the year has a cell"
    assert {kind for day, kind in cells.items() if day not in booked} == {"closed", "unknown"}
    assert cells["2024-01-09"] == "closed"
    assert len(cells) == 262, "the weekdays of 2024"


def test_a_day_without_an_entry_is_what_calendar_and_clock_say() -> None:
    open_days = {date(2024, 1, day): day != 1 for day in (1, 2, 3, 4)}
    drawn = heat.of_year(2024, open_days, {}, due=date(2024, 1, 3))
    kinds = [cell.kind for cell in drawn.cells[:4]]
    assert kinds == ["closed", "not_landed", "not_landed", "ahead"]
    assert heat.of_year(2024, {}, {}, due=date(2024, 1, 3)).counts == {"ahead": 259, "unknown": 3}
    strip = heat.of_periods(2024, 2024, {}, over=date(2024, 6, 30))
    assert [cell.kind for cell in strip.cells] == ["not_landed", "not_landed", "ahead", "ahead"]


def test_a_cell_says_what_it_is_in_words(client: httpx2.Client) -> None:
    page = article(client.get("/?year=2024").text, "daily")
    assert "<title>2024-01-04 partial, 1 of 2 missing</title>" in page
    page = article(client.get("/?year=2024", headers={"Accept-Language": "zh"}).text, "daily")
    assert "<title>2024-01-04 部分, 缺 1/2</title>" in page


def test_report_periods_have_a_strip(client: httpx2.Client, shown: str) -> None:
    cells = {day: kind for kind, _, _, day, _ in CELL.findall(article(client.get("/?year=2024").text, "income"))}
    assert len(cells) == 20, "five years up to the one that is shown"
    assert {day: cells[day] for day in pages_market.booked(shown, "income")} == pages_market.booked(shown, "income")
    assert cells["2020-03-31"] == "not_landed"


def test_every_year_is_reachable(client: httpx2.Client) -> None:
    links = re.findall(r'href="(/\?year=\d+)"', client.get("/").text)
    assert links == ["/?year=2024", "/?year=2023"]
    assert "<title>2023-12-29 not landed</title>" in article(client.get(links[1]).text, "daily")


def test_the_overview_names_what_is_wrong(client: httpx2.Client) -> None:
    page = client.get("/").text
    daily = article(page, "daily")
    assert "2024-01-05</dd>" in daily
    assert "not whole in what is shown: 2" in daily
    assert "3 of 500 calls a minute used now; 1,234 today of 9,000 a day" in daily
    assert "not asked yet" in article(page, "adj_factor")
    assert "of which broken: 1; partitions not believed: 2" in article(page, "stk_limit")
    assert "rows in quarantine: 1" in article(page, "income")


def test_every_dataset_of_the_catalog_is_on_the_overview(client: httpx2.Client) -> None:
    assert re.findall(r'<article id="(\w+)">', client.get("/").text) == list(CATALOG)


def test_what_the_role_may_not_read_is_not_told(client: httpx2.Client, shown: str) -> None:
    with psycopg.connect(shown, autocommit=True) as connection:
        connection.execute("create role pages_reader login")
        connection.execute("grant select on all tables in schema public to pages_reader")
        connection.execute("revoke all on quota, permit, quarantine from pages_reader")
    try:
        url = make_url(shown).set(username="pages_reader").render_as_string(hide_password=False)
        with served(application(url)) as client:
            page = client.get("/").text
            assert "not readable with this API" in article(page, "daily")
            assert "quarantined is not readable" in article(page, "income")
            assert "quarantined is not readable" not in article(page, "daily")
    finally:
        with psycopg.connect(shown, autocommit=True) as connection:
            connection.execute("drop owned by pages_reader")
            connection.execute("drop role pages_reader")


def test_a_datasets_page_lists_columns_holes_checks_and_quirks(client: httpx2.Client) -> None:
    daily, page = CATALOG["daily"], client.get("/datasets/daily").text
    for column in daily.columns:
        assert f"<code>{column.name}</code>" in page
    assert "HTTP 502 after 4 tries" in page
    assert "1 of 2 missing: 000001.SZ" in page
    assert page.count("<li>") == len(daily.quirks) + 5, "and the kinds of cells"
    assert "C04 <code>ohlc</code>" in page
    assert "partitions that break it: 2, the newest 2024-01-04" in client.get("/datasets/stk_limit").text
    for blamed in ("daily", "adj_factor"):
        assert client.get(f"/datasets/{blamed}").text.count("partitions that break it: 1, the newest 2024-01-05") == 1


def test_days_that_never_landed_are_listed_with_those_that_failed(client: httpx2.Client) -> None:
    page = client.get("/datasets/adj_factor?year=2024").text
    listed = re.findall(r'<th scope="row" class="day">([\d-]+)</th><td>([^<]+)</td>', page)
    assert listed == [("2024-01-08", "not landed"), ("2024-01-05", "partial")]


@pytest.mark.parametrize("adjust", ["none", "qfq", "hfq"])
def test_the_candles_are_the_apis_bars(client: httpx2.Client, adjust: str) -> None:
    told = client.get(f"/api/v1/stocks/600519.SH/daily?adjust={adjust}")
    document = msgspec.json.Decoder(float_hook=Decimal).decode(told.content)
    rows = [dict(zip(document["fields"], row, strict=True)) for row in document["items"]]
    expected = [
        (
            date.fromisoformat(row["trade_date"]).isoformat(),
            *(str(row[name]) for name in ("open", "high", "low", "close")),
        )
        for row in rows
        if row["close"] is not None
    ]
    page = client.get(f"/stocks/600519.SH?adjust={adjust}").text
    found = CANDLE.findall(page)
    assert [candle[1:6] for candle in found] == expected
    assert len(found) == (4 if adjust == "none" else 3)
    assert [candle[0] for candle in found][:3] == ["down", "up", "down"]
    assert ("cannot be adjusted: 1" in page) == (adjust != "none")


def test_a_chart_of_years_joins_days() -> None:
    def row(day: str, *prices: str) -> dict[str, object]:
        return {"trade_date": day, **dict(zip(candles.FIGURES, map(Decimal, prices), strict=True))}

    rows = [
        row("20240102", "10", "12", "9", "11", "8", "100", "37.5"),
        row("20240103", "11", "15", "10", "14", "11", "50", "27.3"),
        row("20240201", "14", "14", "13", "13", "14", "7", "-7.1"),
    ]
    first, second = candles.bars(rows, "all")
    assert (first.day, first.open, first.high, first.low, first.close) == (date(2024, 1, 3), 10, 15, 9, 14)
    assert (first.vol, first.change, first.up) == (150, 75, True)
    assert second.day == date(2024, 2, 1)
    assert [bar.day.day for bar in candles.bars(rows, "5y")] == [3, 1]
    assert len(candles.bars(rows, "1y")) == 3


def test_a_candle_lies_where_its_prices_are() -> None:
    bar = candles.Bar(date(2024, 1, 2), *map(Decimal, ("10", "20", "0", "15", "10", "1", "50")))
    drawing = candles.draw([bar])
    lines = {label: y for y, label in drawing.prices}
    wick = re.match(r"M[\d.]+ ([\d.]+)V([\d.]+)M[\d.]+ ([\d.]+)V([\d.]+)M", drawing.candles[0].path)
    assert wick
    assert [float(y) for y in wick.groups()] == [lines["20"], lines["15"], lines["10"], lines["0"]]


@pytest.mark.parametrize(
    ("low", "high"), [("9.1", "9.44"), ("0.01", "0.01"), ("-3.2", "12"), ("1595.2", "1685.01"), ("99", "101")]
)
def test_the_lines_hold_all_prices(low: str, high: str) -> None:
    bar = candles.Bar(date(2024, 1, 2), *map(Decimal, (low, high, low, high)), None, None, None)
    prices = [Decimal(label) for _, label in candles.draw([bar]).prices]
    assert prices[0] <= Decimal(low) <= Decimal(high) <= prices[-1]
    assert len(prices) <= candles.LINES + 3


def test_statements_tell_what_is_known_today_and_since_when(client: httpx2.Client) -> None:
    page = client.get("/stocks/600519.SH").text
    income = page[page.index("<summary>Income statement") : page.index("<summary>Balance sheet")]
    periods = re.findall(r'<th scope="col" class="number">([\d-]+)</th>', income)
    assert periods == ["2024-03-31", "2023-12-31", "2023-06-30", "2023-03-31", "2022-12-31"]
    known = re.search(r"Known since the end of</th>(.*?)</tr>", income)
    assert known
    assert re.findall(r'<td class="number">([\d-]+)', known[1])[:2] == ["2024-04-27", "2024-08-20"]
    revenue = re.search(rf">{CATALOG['income'].by_name['revenue'].title} .*?</tr>", income)
    assert revenue
    assert re.findall(r'<td class="number">([^<]+)', revenue[0])[:2] == ["465", "1,505"], "the correction stands"
    assert "30.876" in page
    assert "预增" in page


def test_a_stocks_page_tells_where_its_figures_come_from(client: httpx2.Client) -> None:
    page = client.get("/stocks/600519.SH?adjust=none").text
    provenance = page[page.index('<h2 id="provenance">') :]
    assert re.search(
        r'daily</a>: .*complete 3.*</td><td>no</td><td class="day">2024-01-09 18:00</td><td>sandbox: synthetic',
        provenance,
    )


@pytest.mark.parametrize(
    ("value", "unseen"),
    [(Decimal("1234.5"), "00"), (Decimal("-0.125"), ""), (1505, ".000"), (None, ".000"), ("预增", "")],
)
def test_the_points_of_a_column_stand_below_each_other(value: object, unseen: str) -> None:
    assert html.lacking(value, 3) == unseen


def test_what_a_number_lacks_is_not_told(client: httpx2.Client) -> None:
    page = client.get("/stocks/600519.SH").text
    assert '<td class="number">1.2<i aria-hidden="true">00</i></td>' in page, "a dividend beside one of 30.876"


@pytest.mark.parametrize("words", ["gzmt", "茅台", "600519"])
def test_a_search_that_finds_one_stock_leads_to_it(client: httpx2.Client, words: str) -> None:
    answer = client.get("/stocks", params={"q": words})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/stocks/600519.SH")


def test_a_search_that_finds_several_lists_them(client: httpx2.Client) -> None:
    page = client.get("/stocks?q=000").text
    assert re.findall(r'href="/stocks/(\w+\.\w+)"', page) == ["000001.SZ", "000003.SZ"]
    assert 'value="000"' in page


def test_hostile_names_are_told_as_text(client: httpx2.Client) -> None:
    for path in (f"/stocks/{HOSTILE_CODE}", "/stocks", "/stocks?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E"):
        page = client.get(path).text
        assert "<script>" not in page
        assert "<img" not in page
        assert ("{{ 7*7 }}" in page) == ("?q=" not in path), "a template that was told is not filled in"
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


@pytest.mark.parametrize(
    ("path", "status", "words"),
    [
        ("/stocks/999999.SH", 404, "No stock has the code"),
        ("/stocks/%3Cb%3E", 404, "&lt;b&gt;"),
        ("/datasets/nothing", 404, "There is no dataset"),
        ("/?colour=red", 422, "is no parameter of this route"),
        ("/?year=1066", 422, "year"),
        ("/?year=2024&year=2023", 422, "give it once"),
        ("/stocks/600519.SH?adjust=up", 422, "adjust"),
        ("/pages/nothing.js", 404, "style.css"),
    ],
)
def test_a_problem_is_a_page(client: httpx2.Client, path: str, status: int, words: str) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html; charset=utf-8")
    assert words in answer.text
    assert "<b>" not in answer.text


def test_without_a_database_a_page_says_so() -> None:
    with served(application("postgresql://postgres@/absent?host=/nowhere")) as client:
        answer = client.get("/")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert "The database does not answer" in answer.text


def test_where_nothing_has_landed_a_page_says_so(postgres: URL) -> None:
    url = make_database(postgres, "test_pages_of_nothing")
    with served(application(url)) as client:
        page = client.get("/").text
        assert article(page, "daily").count("Nothing has landed.") == 1
        assert "market data" not in page
        assert client.get("/datasets/income").status_code == 200
        assert client.get("/stocks").status_code == 404


def test_the_language_is_the_addresss_then_the_cookies_then_the_browsers(client: httpx2.Client) -> None:
    chinese = {"Accept-Language": "zh-CN"}
    assert '<html lang="en">' in client.get("/stocks").text
    assert '<html lang="zh-CN">' in client.get("/stocks", headers=chinese).text
    english = {**chinese, "Cookie": "lang=en"}
    assert '<html lang="en">' in client.get("/stocks", headers=english).text
    answer = client.get("/stocks?lang=zh&offset=1", headers={"Cookie": "lang=en"})
    assert '<html lang="zh-CN">' in answer.text
    assert re.match(r"lang=zh; HttpOnly; Max-Age=\d+; Path=/; SameSite=lax", answer.headers["Set-Cookie"])
    assert 'href="?offset=1&amp;lang=en"' in answer.text, "the rest of the address stays"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("zh", "zh"),
        ("en-US,en;q=0.9,zh-CN;q=0.8", "en"),
        ("fr;q=1, zh;q=0.3", "zh"),
        ("zh;q=0", "en"),
        ("zh-Hans-CN", "zh"),
        ("*" * 5000, "en"),
    ],
)
def test_a_browsers_languages_are_weighed(header: str, language: str) -> None:
    assert preferred(header) == language


def test_every_text_is_there_in_both_languages() -> None:
    def parts(text: str) -> set[str | None]:
        return {name for _, name, _, _ in Formatter().parse(text) if name}

    for name, (english, chinese) in texts.TEXTS.items():
        assert english, name
        assert re.search(r"[一-鿿]", chinese), name
        assert parts(english) == parts(chinese), name
    families = {dataset.family for dataset in CATALOG.values()}
    assert {*heat.KINDS, *Status, *families} <= set(texts.TEXTS)


def test_pages_are_small_and_compressed(client: httpx2.Client) -> None:
    weights = {}
    for path in (*PAGES, "/pages/style.css", "/pages/script.js"):
        with client.stream("GET", path, headers={"Accept-Encoding": "gzip, deflate, br, zstd"}) as answer:
            raw = b"".join(answer.iter_raw())
        weights[path] = len(raw)
        assert answer.headers["Content-Encoding"] == "zstd", path
        assert answer.headers.get_list("Vary", split_commas=True).count("Accept-Encoding") == 1
    print(weights)
    assert max(weights.values()) < 12_000
    for coding in (None, "gzip", "br"):
        answer = client.get("/datasets/daily", headers={"Accept-Encoding": coding or "identity"})
        assert answer.headers.get("Content-Encoding") == coding
        assert answer.text.startswith("<!doctype html>")
