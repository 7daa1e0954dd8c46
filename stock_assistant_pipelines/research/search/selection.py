"""Which pages become items: dated ones, of the company, published in the month to the day, each once. Others are counted."""

from __future__ import annotations

import unicodedata
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from stock_assistant_pipelines.research.collect.draft import Label, end_of
from stock_assistant_pipelines.research.evidence import Item, Kind, Origin, Topic, Unit
from stock_assistant_pipelines.research.reading import bare
from stock_assistant_pipelines.research.rules.sources import NEWS_DAYS
from stock_assistant_pipelines.research.search.dates import day_in_address, day_of
from stock_assistant_pipelines.research.search.plain import address, plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date, datetime

    from stock_assistant_pipelines.research.search.books import Kept

MOST = 10
"""Pages of one stock, the newest."""
TITLE, SUMMARY = 120, 400
"""Characters of a title and of a summary that are told."""
APART = timedelta(days=2)
"""How far the day in an address may lie from the day that is told: drafts, and time zones."""
HEADLINE = Label("Headline", "报道标题")
ABOUT = Label("Summary of the page", "报道摘要")

NAMELESS = "without a title or an address that one may link to"
UNDATED = "without a date"
OTHERWISE = "dated otherwise by the address"
LATER = "published after the day"
STRANGE = "not naming the company"
STALE = f"older than {NEWS_DAYS} days"
REASONS = (NAMELESS, UNDATED, OTHERWISE, LATER, STRANGE, STALE)
"""Why a page is left out, in the order in which it is told."""


@dataclass(frozen=True, slots=True)
class _Fit:
    """A page that may be told."""

    kept: Kept
    url: str
    title: str
    known_at: datetime
    place: int
    """Which one it is of those found: a search engine tells the best first."""

    @property
    def keys(self) -> tuple[str, str]:
        """By what it is known again: its address, and its title whatever stands between the words."""
        parts = urlsplit(self.url)
        place = f"{parts.hostname}{parts.path.rstrip('/')}?{parts.query}#{parts.fragment}"
        return place, "".join(sign for sign in self.title.casefold() if sign.isalnum()) or self.title


def choose(pages: Iterable[Kept], ts_code: str, name: str, day: date) -> tuple[tuple[Item, ...], Mapping[str, int]]:
    """The items of a stock's pages, and how many pages were left out, by reason."""
    left_out: Counter[str] = Counter()
    fit = []
    for place, kept in enumerate(pages):
        found = _fit(kept, place, ts_code, name, day)
        if isinstance(found, _Fit):
            fit.append(found)
        else:
            left_out[found] += 1
    once = list(_once(fit))
    fresh = [page for page in once if day_of(page.known_at) >= day - timedelta(days=NEWS_DAYS)]
    left_out[STALE] += len(once) - len(fresh)
    fresh.sort(key=lambda page: (-page.known_at.timestamp(), page.place))
    items = tuple(item for number, page in enumerate(fresh[:MOST], start=1) for item in _items(page, number))
    return items, {reason: left_out[reason] for reason in REASONS if left_out[reason]}


def told(left_out: Mapping[str, int]) -> str:
    """What was left out, in words."""
    pages = (f"{count} {'page' if count == 1 else 'pages'} {reason}" for reason, count in left_out.items())
    return f"left out: {', '.join(pages)}"


def query(ts_code: str, name: str) -> str:
    """What a search engine is asked of a company."""
    return f"{_called(name)} {ts_code[:6]} 公司新闻 公告"


def _fit(kept: Kept, place: int, ts_code: str, name: str, day: date) -> _Fit | str:
    """A page that may be told, unless it is too old; or why it is left out."""
    url, title = address(kept.url), plain(kept.title, TITLE)
    if url is None or not title:
        return NAMELESS
    if kept.published_at is None:
        return UNDATED
    if kept.published_at > end_of(day):
        return LATER
    named = day_in_address(url)
    if named and (named > day or abs(named - day_of(kept.published_at)) > APART):
        return OTHERWISE
    if not _names(kept, ts_code, name):
        return STRANGE
    return _Fit(kept, url, title, kept.published_at, place)


def _names(kept: Kept, ts_code: str, name: str) -> bool:
    """Whether a page speaks of the company, by its name or its code."""
    words = _folded(f"{kept.title}\n{kept.snippet}\n{kept.summary}")
    return _called(name) in words or ts_code[:6] in words


def _called(name: str) -> str:
    """What pages call a company: its name without what the exchange adds to it."""
    return bare(_folded(name)) or _folded(name)


def _folded(text: str) -> str:
    """Without blanks and differences of width: 万  科Ａ is 万科A."""
    return "".join(unicodedata.normalize("NFKC", text).split())


def _once(pages: Sequence[_Fit]) -> Iterator[_Fit]:
    """Each page once: of those with one address, or one title, the one that was published first."""
    seen: set[str] = set()
    for page in sorted(pages, key=lambda page: (page.known_at, page.place)):
        if seen.isdisjoint(page.keys):
            yield page
        seen.update(page.keys)


def _items(page: _Fit, number: int) -> Iterator[Item]:
    """The title, and what the page says in short where that says more."""
    summary = plain(page.kept.summary or page.kept.snippet, SUMMARY)
    column = "summary" if page.kept.summary else "snippet"
    yield _item(page, f"news.{number}", HEADLINE, page.title, "title")
    if summary and summary not in page.title:
        yield _item(page, f"news.{number}.summary", ABOUT, summary, column)


def _item(page: _Fit, name: str, label: Label, text: str, column: str) -> Item:
    return Item(
        id=name,
        kind=Kind.NEWS,
        topic=Topic.NEWS,
        label=label.en,
        label_zh=label.zh,
        text=text,
        unit=Unit.TEXT,
        period=day_of(page.known_at).isoformat(),
        known_at=page.known_at,
        origins=(Origin("research_page", {"sha256": page.kept.sha256}, column),),
        url=page.url,
    )
