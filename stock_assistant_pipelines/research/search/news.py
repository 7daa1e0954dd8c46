"""The news of stocks on a day: what was found then, or is found now, and what of it is evidence."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.collect.draft import end_of
from stock_assistant_pipelines.research.evidence import Found
from stock_assistant_pipelines.research.rules.sources import NEWS_DAYS
from stock_assistant_pipelines.research.search.books import Books
from stock_assistant_pipelines.research.search.selection import choose, told
from stock_assistant_pipelines.settings import SHANGHAI

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from datetime import date

    from sqlalchemy import Engine

    from stock_assistant_pipelines.research.search.books import Kept, Shelf
    from stock_assistant_pipelines.research.search.searcher import Searcher

BATCH = 100
"""How many companies' pages are in memory together."""


async def news_for(searcher: Searcher, engine: Engine, companies: Mapping[str, str], day: date) -> Mapping[str, Found]:
    """What is known of companies (`ts_code` and name) from pages that were published in the month to a day.

    A stock and a day are searched for once; whoever asks again is told the same. Where nobody could search, pages that
    earlier searches had found by the day's end are told, and why there are no others. Never raises a `SearchError`.
    """
    books = Books(engine)
    known = sorted(companies.items())
    found: dict[str, Found] = {}
    for batch in (dict(known[at : at + BATCH]) for at in range(0, len(known), BATCH)):
        found |= await _batch(searcher, books, batch, day)
    return found


async def _batch(searcher: Searcher, books: Books, companies: Mapping[str, str], day: date) -> dict[str, Found]:
    shelves = await books.found(companies, day)
    failed: Mapping[str, str] = {}
    earlier: Mapping[str, Shelf] = {}
    if unknown := {code: name for code, name in companies.items() if code not in shelves}:
        failed = await searcher.search(books, unknown, day)
        shelves = await books.found(companies, day)
        earlier = await books.found_by(failed, (day - timedelta(days=NEWS_DAYS), day), end_of(day))
    return {
        code: _told(code, name, day, shelves[code])
        if code in shelves
        else _told_before(code, name, day, earlier.get(code), failed[code])
        for code, name in companies.items()
    }


def _told(ts_code: str, name: str, day: date, shelf: Shelf) -> Found:
    """What the search for a stock and a day found."""
    searched = shelf.answered_at.astimezone(SHANGHAI).date()
    hindsight = [f"searched for on {searched}, with hindsight"] if searched > day else []
    return _chosen(shelf.pages.values(), ts_code, name, day, hindsight)


def _told_before(ts_code: str, name: str, day: date, earlier: Shelf | None, reason: str) -> Found:
    """What searches for earlier days had found, where there was none for the day."""
    if earlier is None:
        return Found(missing=reason)
    return _chosen(
        earlier.pages.values(), ts_code, name, day, [reason, "pages that earlier searches had found are told"]
    )


def _chosen(pages: Collection[Kept], ts_code: str, name: str, day: date, said: list[str]) -> Found:
    items, left_out = choose(pages, ts_code, name, day)
    if not items:
        said.append(f"no page of the {NEWS_DAYS} days to the day that may be cited")
    if left_out:
        said.append(told(left_out))
    return Found(items, "; ".join(said) or None)
