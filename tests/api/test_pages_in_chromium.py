"""The pages in a real browser: what it loads and says, how they fit, what mouse and keyboard do."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

import chromium
import pages_market
import pytest
import research_reports
from pages_market import HOSTILE, HOSTILE_CODE
from research_reports import ENGLISH, PUBLISHED
from small_market import application, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chromium import Tab

PAGES = (
    "/?year=2024",
    "/stocks",
    "/stocks/600519.SH",
    f"/stocks/{HOSTILE_CODE}",
    "/datasets/daily?year=2024",
    "/datasets/balancesheet",
    "/research",
    f"/research/{PUBLISHED}",
    f"/research/{ENGLISH}",
    "/research/scorecard",
    "/stocks/999999.SH",
)
SIZES = {"phone": (360, 740, True), "tablet": (768, 1024, False), "desktop": (1440, 900, False)}

pytestmark = pytest.mark.skipif(chromium.found() is None, reason=chromium.ABSENT)


@pytest.fixture(scope="module")
def shown(research: str) -> str:
    pages_market.fill(research)
    return research


@pytest.fixture(scope="module")
def host(shown: str) -> Iterator[str]:
    with served(application(shown)) as client:
        yield str(client.base_url).rstrip("/")


@pytest.fixture(scope="module")
def browser() -> Iterator[Tab]:
    program = chromium.found()
    assert program
    with chromium.browsing(program) as tab:
        yield tab


@pytest.fixture
def tab(browser: Tab) -> Tab:
    browser.speak("en-US,en;q=0.9")
    browser.prefer("light")
    browser.resize(1280)
    browser("Network.clearBrowserCookies")
    browser.open("about:blank")
    browser.requests.clear()
    browser.complaints.clear()
    return browser


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("path", PAGES)
def test_a_page_fits_and_asks_nobody_else(tab: Tab, host: str, path: str, size: str) -> None:
    width, height, phone = SIZES[size]
    tab.resize(width, height, phone=phone)
    tab.open(host + path)
    assert tab.run("[document.documentElement.scrollWidth, innerWidth]") == [width, width]
    beyond = "one => !one.closest('.scroll') && one.getBoundingClientRect().right > innerWidth + 1"
    assert tab.run(f"[...document.querySelectorAll('body *')].filter({beyond}).map(one => one.outerHTML)") == []
    assert [url for url in tab.requests if not url.startswith(f"{host}/")] == []
    assert {re.sub(r"\?.*", "", url.removeprefix(host)) for url in tab.requests} >= {
        "/pages/style.css",
        "/pages/script.js",
    }
    failed = ["Failed to load resource: the server responded with a status of 404 (Not Found)"] * ("999999" in path)
    assert tab.complaints == failed


@pytest.mark.parametrize(
    "path", ["/datasets/stk_limit?year=2024", "/stocks", "/stocks/600519.SH", "/research", f"/research/{PUBLISHED}"]
)
def test_a_table_breaks_no_word_on_a_phone(tab: Tab, host: str, path: str) -> None:
    tab.resize(*SIZES["phone"][:2], phone=True)
    tab.open(host + path)
    broken = """cell => {
        const text = document.createRange();
        text.selectNodeContents(cell);
        const rows = new Set([...text.getClientRects()].map(box => Math.round(box.top)));
        return /^\\S+$/.test(cell.textContent.trim()) && rows.size > 1;
    }"""
    assert tab.run(f"[...document.querySelectorAll('th, td')].filter({broken}).map(one => one.textContent)") == []


def test_the_cells_tell_what_is_booked(tab: Tab, host: str, shown: str) -> None:
    tab.open(f"{host}/?year=2024")
    told = tab.texts("#daily rect title")
    days = dict(text.split(" ", 1) for text in told)
    words = {"2024-01-04": "partial, 1 of 2 missing"}
    for day, status in pages_market.booked(shown, "daily").items():
        assert days[day] == words.get(day, status)
    assert tab.run("document.querySelector('#daily svg').getAttribute('aria-label')") == (
        "Coverage daily 2024: complete 3, partial 1, failed 1, closed 3, unknown 254"
    )


def test_a_cell_is_read_out_under_the_mouse_and_by_the_keyboard(tab: Tab, host: str) -> None:
    tab.open(f"{host}/datasets/daily?year=2024")
    tab.run("document.querySelector('.scroll svg').scrollIntoView({block: 'center'})")
    tab.mouse("mouseMoved", *tab.middle(".scroll rect.partial"))
    assert tab.texts("output")[0] == "2024-01-04 partial, 1 of 2 missing"
    tab.run("document.querySelector('.scroll svg').focus()")
    tab.press("ArrowRight")
    assert tab.texts("output")[0] == "2024-01-05 complete"
    tab.press("Home")
    assert tab.texts("output")[0] == "2024-01-01 closed"


def test_the_keyboard_reaches_the_drawings(tab: Tab, host: str) -> None:
    tab.open(f"{host}/datasets/daily?year=2024")
    reached = []
    for _ in range(20):
        tab.press("Tab")
        reached.append(tab.run("document.activeElement.getAttribute('class') || document.activeElement.id"))
    assert reached[0] == "skip"
    assert {"q", "heat year"} <= set(reached)


@pytest.mark.parametrize("adjust", ["none", "qfq", "hfq"])
def test_the_candles_are_the_apis_bars(tab: Tab, host: str, adjust: str) -> None:
    tab.open(f"{host}/stocks/600519.SH?adjust={adjust}")
    told = tab.run(f"fetch('/api/v1/stocks/600519.SH/daily?adjust={adjust}').then(a => a.json()).catch(String)")
    assert "Failed to fetch" in told, "the page may ask for nothing by itself"
    tab.complaints.clear()
    tab.open(f"{host}/api/v1/stocks/600519.SH/daily?adjust={adjust}")
    document = tab.run("JSON.parse(document.body.textContent)")
    bars = [dict(zip(document["fields"], row, strict=True)) for row in document["items"]]
    drawn = [bar for bar in bars if bar["close"] is not None]
    tab.open(f"{host}/stocks/600519.SH?adjust={adjust}")
    tab.run("document.querySelector('.chart').focus()")
    tab.press("End")
    for bar in reversed(drawn):
        (text,) = tab.texts("output")
        day, *prices = re.findall(r"^[\d-]+|(?<=open |high |lose )[\d.]+|(?<=low )[\d.]+", text)
        assert (day.replace("-", ""), [float(price) for price in prices]) == (
            bar["trade_date"],
            [bar[name] for name in ("open", "high", "low", "close")],
        )
        up = tab.run("document.querySelector('.read').classList.contains('up')")
        assert up == (bar["close"] > bar["open"])
        tab.press("ArrowLeft")


def test_up_and_down_differ_in_more_than_colour(tab: Tab, host: str) -> None:
    tab.open(f"{host}/stocks/600519.SH?adjust=none")
    style = "getComputedStyle(document.querySelector('.{}')).{}"
    page = tab.run("getComputedStyle(document.body).backgroundColor")
    up, down = (tab.run(style.format(kind, "stroke")) for kind in ("up", "down"))
    red, green = ([int(part) for part in re.findall(r"\d+", colour)] for colour in (up, down))
    assert red[0] > red[1]
    assert green[1] > green[0]
    assert tab.run(style.format("up", "fill")) == page, "hollow"
    assert tab.run(style.format("down", "fill")) == down, "filled"


def test_the_language_is_switched_and_remembered(tab: Tab, host: str) -> None:
    tab.open(f"{host}/datasets/daily")
    assert tab.texts("h1") == ["Daily bars daily"]
    tab.click(".language[lang=zh]")
    assert tab.texts("h1") == ["A股日线行情 daily"]
    assert tab.run("document.documentElement.lang") == "zh-CN"
    tab.open(f"{host}/stocks")
    assert tab.texts("h1") == ["股票"]
    tab.click(".language[lang=en]")
    assert tab.texts("h1") == ["Stocks"]


def test_a_browser_that_speaks_chinese_is_answered_in_chinese(tab: Tab, host: str) -> None:
    tab.speak("zh-CN,zh;q=0.9,en;q=0.8")
    tab.open(f"{host}/")
    assert tab.texts("h1") == ["数据概览"]


def test_dark_and_light_follow_what_is_preferred(tab: Tab, host: str) -> None:
    def contrast() -> float:
        colours = [tab.run(f"getComputedStyle(document.body).{name}") for name in ("color", "backgroundColor")]
        text, page = (sum(int(part) for part in re.findall(r"\d+", colour)) / 765 for colour in colours)
        return text - page

    tab.open(f"{host}/stocks")
    assert contrast() < -0.7
    tab.prefer("dark")
    assert contrast() > 0.7


def test_hostile_names_are_shown_and_do_nothing(tab: Tab, host: str) -> None:
    tab.open(f"{host}/stocks/{HOSTILE_CODE}")
    assert tab.run("document.querySelector('h1').firstChild.textContent.trim()") == HOSTILE
    assert tab.run("document.querySelectorAll('script, img').length") == 1, "our own script"
    tab.open(f"{host}/stocks?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
    assert tab.run("document.querySelector('#q').value") == '"><script>alert(1)</script>'
    assert tab.complaints == []


def test_a_printed_figure_leads_to_its_evidence_and_that_to_its_row(tab: Tab, host: str) -> None:
    tab.open(f"{host}/research/{PUBLISHED}")
    tab.run("[...document.querySelectorAll('.figure')].find(one => one.textContent === '1,669.00元').click()")
    assert tab.run("document.querySelector('tr:target').cells[1].textContent.trim()") == "CNY 1,669.00"
    at = tab.run("document.querySelector('tr:target').getBoundingClientRect().top")
    assert 0 <= at < 900, "the line is seen"
    tab.click("tr:target td:last-child a")
    assert '"close"' in tab.run("document.body.textContent")
    assert tab.complaints == []


def test_hostile_claims_and_headlines_are_shown_and_do_nothing(tab: Tab, host: str) -> None:
    tab.open(f"{host}/research/{PUBLISHED}")
    assert research_reports.HOSTILE in tab.texts("#e-news\\.1 td")
    assert tab.run("document.querySelectorAll('script, img').length") == 1, "our own script"
    assert tab.run("[...document.links].filter(one => !/^https?:/.test(one.href)).length") == 0
    assert tab.complaints == []


def test_what_was_left_out_is_folded_away_until_it_is_asked_for(tab: Tab, host: str) -> None:
    tab.open(f"{host}/research/{PUBLISHED}")
    seen = "document.querySelector('#left-out s').checkVisibility()"
    assert not tab.run(seen)
    tab.run("document.querySelector('#left-out summary').click()")
    assert tab.run(seen)


def test_a_stock_is_found_by_its_pinyin(tab: Tab, host: str) -> None:
    tab.open(f"{host}/")
    tab.run("document.querySelector('#q').value = 'gzmt'")
    tab.click("[role=search] button")
    assert tab.texts("h1") == ["贵州茅台 600519.SH"]
    assert tab.complaints == []


def test_without_script_everything_is_there(tab: Tab, host: str) -> None:
    tab("Emulation.setScriptExecutionDisabled", value=True)
    try:
        tab.open(f"{host}/stocks/600519.SH?adjust=none")
    finally:
        tab("Emulation.setScriptExecutionDisabled", value=False)
    assert len(tab.texts(".chart path title")) == 4
    assert len(tab.texts("#provenance + .scroll tbody tr")) == 8


@pytest.mark.parametrize("path", PAGES[:-1])
def test_a_screen_reader_is_told_what_is_what(tab: Tab, host: str, path: str) -> None:
    """Drawings have names and tables captions; headings skip no level; fields have labels."""
    tab.open(host + path)
    nodes = tab("Accessibility.getFullAXTree")["nodes"]
    roles = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in nodes if not node["ignored"]]
    named = {"image", "table", "searchbox", "button", "link", "RootWebArea", "navigation", "img"}
    nameless = [role for role, name in roles if role in named - {"navigation"} and not name.strip()]
    assert nameless == []
    levels = tab.run("[...document.querySelectorAll('h1,h2,h3')].map(one => +one.tagName[1])")
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))
    assert tab.run("[...document.querySelectorAll('table')].filter(one => !one.caption).length") == 0
