"""The documentation is one site in two languages, and nothing that it links to is missing."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from docs.site import dictionary

ROOT = Path(__file__).parents[2]
PROSE = [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
FETCHED = re.compile(
    r'<(?:script|img|iframe|source)[^>]*\bsrc="(?:https?:)?//|<link[^>]*\bhref="(?:https?:)?//|@import|url\(["\']?(?:https?:)?//'
)
NAMED = re.compile(
    r"`((?:api|bench|deploy|docs|drill|locks|stock_assistant_pipelines|tests)/[\w./-]*\w\.(?:md|py|sql|yml|yaml|toml|lock))`"
)


def build(source: Path, out: Path) -> subprocess.CompletedProcess[str]:
    """Build a site as `make docs` does."""
    command = [sys.executable, "-m", "sphinx", "-q", "-n", "-W", "--keep-going", "-c", str(ROOT / "docs/site")]
    return subprocess.run(
        [*command, "-d", f"{out}.doctrees", str(source), str(out)], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole site."""
    out = tmp_path_factory.mktemp("site") / "docs"
    done = build(ROOT, out)
    assert (done.returncode, done.stderr) == (0, "")
    return out


def test_no_page_fetches_anything_from_another_host(site: Path) -> None:
    files = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(files) > 50
    assert [str(file) for file in files if FETCHED.search(file.read_text())] == []


def test_a_page_leads_to_the_other_language_and_says_where_there_is_none(site: Path) -> None:
    switch = re.compile(r'<p class="languages"><a href="([^"]*)"[^>]*>([^<]*)</a>(.*?)</p>', re.DOTALL)
    pages = ("docs/guide.html", "docs/zh/guide.html", "docs/quota.html", "README.zh.html")
    found = {page: switch.search((site / page).read_text()) for page in pages}
    assert {page: match and match.groups()[:2] for page, match in found.items()} == {
        "docs/guide.html": ("zh/guide.html", "中文"),
        "docs/zh/guide.html": ("../guide.html", "English"),
        "docs/quota.html": ("../README.zh.html", "中文"),
        "README.zh.html": ("README.html", "English"),
    }
    assert [page for page, match in found.items() if match and "尚无中文版" in match[3]] == ["docs/quota.html"]
    chinese = (site / "docs/zh/guide.html").read_text()
    assert '<html class="no-js" lang="zh-CN"' in chinese
    assert '<a class="reference internal" href="../quota.html">The quota（英文）</a>' in chinese


def test_the_ends_of_chinese_lines_are_no_blanks(site: Path) -> None:
    shown = (site / "docs/zh/data-dictionary.html").read_text()
    assert "没有的值为 null。<strong>粗体</strong>字段" in shown
    assert "</a>。运行中的服务" in shown


def test_every_page_stands_in_the_contents(site: Path) -> None:
    contents = re.search(r'<div class="sidebar-tree">(.*?)</div>', (site / "README.html").read_text(), re.DOTALL)
    assert contents
    english = {page for page in PROSE if "zh" not in page.relative_to(ROOT).parts and page.name != "README.zh.md"}
    listed = {"README.html", *re.findall(r'href="([^"]*\.html)"', contents[1])}
    assert listed == {str(page.relative_to(ROOT).with_suffix(".html")) for page in english}


@pytest.mark.parametrize(
    ("question", "page"), [("后复权", "docs/zh/guide.html"), ("adjusted prices", "docs/guide.html#adjusted-prices")]
)
def test_the_search_reads_both_languages_without_a_server(site: Path, question: str, page: str) -> None:
    browser = subprocess.run(
        [sys.executable, ROOT / "tests/api/chromium.py"], capture_output=True, text=True, check=False
    )
    if browser.returncode:
        pytest.skip("no Chromium is on PATH")
    command = [
        browser.stdout.strip(),
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--virtual-time-budget=10000",
        "--dump-dom",
    ]
    shown = subprocess.run(
        [*command, f"{site.as_uri()}/search.html?q={question}"], capture_output=True, text=True, check=True
    )
    assert page in re.findall(r'<li class="kind-\w+"><a href="([^"]*)"', shown.stdout)


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "docs").mkdir(parents=True)
    (source / "README.md").write_text(
        "# A\n\n[1](docs/b.md#there) [2](docs/b.md#nowhere) [3](docs/none.md) [4](none.py)\n\n![5](none.png)\n"
    )
    (source / "docs" / "b.md").write_text("# B\n\n## There\n\n[6](#here-neither)\n")
    done = build(source, tmp_path / "out")
    assert done.returncode == 1
    refused = re.findall(r"WARNING: .*?\b(nowhere|none\.\w+|here-neither|there)\b", done.stderr)
    assert sorted(refused) == ["here-neither", "none.md", "none.png", "none.py", "nowhere"]


def test_files_that_the_prose_names_are_there() -> None:
    named = {(page.name, name) for page in PROSE for name in NAMED.findall(page.read_text())}
    assert len(named) > 30
    assert sorted((page, name) for page, name in named if not (ROOT / name).is_file()) == []


def test_a_chinese_page_has_the_sections_and_tables_of_the_english_one() -> None:
    pages = [page for page in (ROOT / "docs/zh").glob("*.md") if (ROOT / "docs" / page.name).is_file()]
    assert len(pages) > 5
    for chinese in pages:
        counts = [
            [
                len(re.findall(pattern, page.read_text(), re.MULTILINE))
                for pattern in (r"^#+ ", r"^\|[-:|]+\|$", r"^```")
            ]
            for page in (ROOT / "docs" / chinese.name, chinese)
        ]
        assert counts[0] == counts[1], chinese.name


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_data_dictionary_is_that_of_the_catalog(language: str) -> None:
    assert dictionary.PAGES[language].read_text() == dictionary.Page(language).text(), "`make docs` writes it"
