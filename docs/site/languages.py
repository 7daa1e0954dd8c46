"""Two languages in one site: the order of the pages, the switch between them, and what the theme says around a page.

A Chinese page is the file of the same name in `docs/zh/`. Where there is none, the Chinese contents lead to the English page
and say so.
"""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any

from docutils.nodes import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from docutils import nodes
    from sphinx.application import Sphinx

FRONT = {"en": "README", "zh": "README.zh"}

GROUPS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("Start", "入门", ("README", "install", "guide", "pages", "troubleshoot")),
    ("Run it", "运行", ("operate", "clock", "backfill", "alerts", "runbook", "monitoring", "metrics", "logs", "backup", "quota",
                      "capacity")),
    ("Deploy", "部署", ("deploy", "configuration", "kubernetes", "machines", "upgrades", "security", "SECURITY", "drill")),
    ("Data", "数据", ("data-dictionary", "completeness", "checks", "finance", "point-in-time", "datasets")),
    ("The API", "接口", ("api", "tushare-protocol")),
    ("Research", "研究报告", ("research", "evidence", "scorecard", "news", "providers")),
    ("The house", "设计", ("architecture", "performance", "sandbox", "CHANGELOG")),
    ("Decisions", "决策记录", ("decisions/README", "decisions/")),
)  # fmt: skip
"""The pages by group, with its English and Chinese title. A name with a slash at its end is all that a folder holds."""

PHRASES = {
    "Next": "下一页",
    "Previous": "上一页",
    "Home": "首页",
    "On this page": "本页目录",
    "Search": "搜索",
    "Back to top": "回到顶部",
    "Skip to content": "跳到正文",
}
"""What the theme says, in Chinese."""


def speak(app: Sphinx, page: str, _template: str, context: dict[str, Any], _doctree: object) -> None:
    """Give a page the contents of its language, its neighbours, the way to the other language, and Chinese phrases."""
    language = language_of(page)
    link = context["pathto"]
    pages = app.env.titles
    order = [name for _, _, names in grouped(set(pages), language) for name in names]
    context["furo_navigation_tree"] = "".join(_contents(app, page, language, context))
    context["language"] = {"en": "en", "zh": "zh-CN"}[language]
    at = order.index(page) if page in order else None
    context["prev"] = _neighbour(app, order[at - 1], link) if at else None
    context["next"] = _neighbour(app, order[at + 1], link) if at is not None and at + 1 < len(order) else None
    other = counterpart(page)
    context["switch"] = {
        "title": {"en": "中文", "zh": "English"}[language],
        "language": {"en": "zh-CN", "zh": "en"}[language],
        "link": link(other if other in pages else FRONT["zh" if language == "en" else "en"]),
        "missing": other not in pages and page in pages,
    }
    if language == "zh":
        context["gettext"] = _in_chinese


WIDE = re.compile(r"[\u3000-\u9fff\uff00-\uffef]")
"""Chinese characters and the punctuation that goes with them."""


def join_lines(_app: Sphinx, doctree: nodes.document) -> None:
    """Take the ends of lines between Chinese characters out: browsers would show each as a blank."""
    texts = [text for text in doctree.findall(Text) if text.astext()]
    for before, end, after in zip(texts, texts[1:], texts[2:], strict=False):
        if end == "\n" and WIDE.match(before[-1:]) and WIDE.match(after[:1]):
            siblings = end.parent.children
            siblings[next(at for at, one in enumerate(siblings) if one is end)] = Text(
                ""
            )  # equal ones are not this one


def language_of(page: str) -> str:
    """The language of a page."""
    return "zh" if page.endswith(".zh") or page.startswith("docs/zh/") else "en"


def counterpart(page: str) -> str:
    """The same page in the other language, whether there is one or not."""
    if language_of(page) == "zh":
        return page.removesuffix(".zh") if page.endswith(".zh") else page.replace("docs/zh/", "docs/", 1)
    return page.replace("docs/", "docs/zh/", 1) if page.startswith("docs/") else f"{page}.zh"


def grouped(pages: set[str], language: str) -> Iterator[tuple[str, str, list[str]]]:
    """The groups of a language's contents, with their pages; those that no group names stand in one of their own."""
    rest = {page for page in pages if language_of(page) == "en"}
    for english, chinese, names in (*GROUPS, ("More", "其他", ("",))):
        found = [page for name in names for page in _named(rest, name)]
        rest -= set(found)
        if found:
            yield english, chinese, [_best(page, pages, language) for page in found]


def _named(pages: set[str], name: str) -> list[str]:
    """The pages that a name stands for."""
    if name == "":
        return sorted(pages)
    if name.endswith("/"):
        return sorted(page for page in pages if page.startswith(f"docs/{name}"))
    return [page for page in (f"docs/{name}", name) if page in pages][:1]


def _best(page: str, pages: set[str], language: str) -> str:
    """A page in this language, or in English where there is none."""
    return counterpart(page) if language == "zh" and counterpart(page) in pages else page


def _neighbour(app: Sphinx, page: str, link: Callable[[str], str]) -> dict[str, str]:
    """A page as the theme wants it at the foot of the one before or after."""
    return {"link": link(page), "title": escape(app.env.titles[page].astext())}


def _contents(app: Sphinx, here: str, language: str, context: dict[str, Any]) -> Iterator[str]:
    """The contents as the theme draws them."""
    for english, chinese, names in grouped(set(app.env.titles), language):
        caption = chinese if language == "zh" else english
        yield f'<p class="caption" role="heading"><span class="caption-text">{escape(caption)}</span></p><ul>'
        for name in names:
            title = escape(app.env.titles[name].astext()) + ("（英文）" if language_of(name) != language else "")
            current = " current current-page" if name == here else ""
            link = f'<a class="reference internal" href="{context["pathto"](name)}">{title}</a>'
            yield f'<li class="toctree-l1{current}">{link}</li>'
        yield "</ul>"


def _in_chinese(phrase: str) -> str:
    """Stands in for gettext: the Chinese of what the theme says."""
    return PHRASES.get(phrase.strip(), phrase)
