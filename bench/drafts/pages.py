"""Defects of news: a claim that rests on a page which is too old, of a later day, without a day, or not as new as it is said to be."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from bench.drafts.wrong import CHINESE, ENGLISH
from stock_assistant_pipelines.research.contracts import Claim, ClaimKind, Expert
from stock_assistant_pipelines.research.evidence import Sheet, Topic
from stock_assistant_pipelines.research.render import Language

if TYPE_CHECKING:
    from random import Random

    Planted = tuple[Claim, Sheet] | None

GIVEN = {
    Expert.TECHNICAL: {Topic.PRICES},
    Expert.FINANCIAL: {Topic.STATEMENTS, Topic.EXPECTATIONS},
    Expert.VALUATION: {Topic.VALUATION, Topic.PRICES, Topic.STATEMENTS, Topic.EXPECTATIONS},
    Expert.NEWS: {Topic.NEWS, Topic.EXPECTATIONS},
    Expert.SYNTHESIS: set(Topic),
}
"""What each expert may write about."""


def _news(rng: Random, sheet: Sheet, language: Language, **changes: object) -> Planted:
    """A claim on a page that is not fit to be cited."""
    item = replace(sheet.by_id["news.2"], **changes)  # type: ignore[arg-type]
    items = tuple(item if each.id == "news.2" else each for each in sheet.items)
    words = CHINESE["news"] if language is Language.ZH else ENGLISH["news"]
    return Claim(text=rng.choice(words), kind=ClaimKind.FACT, evidence=("news.2",)), replace(sheet, items=items)


def stale_news(rng: Random, claim: Claim, sheet: Sheet, language: Language, expert: Expert) -> Planted:
    if Topic.NEWS not in GIVEN[expert]:
        return None
    published = sheet.day - timedelta(days=rng.randint(32, 400))
    known = sheet.by_id["news.2"].known_at.replace(year=published.year, month=published.month, day=published.day)
    return _news(rng, sheet, language, period=published.isoformat(), known_at=known)


def undated_news(rng: Random, claim: Claim, sheet: Sheet, language: Language, expert: Expert) -> Planted:
    if Topic.NEWS not in GIVEN[expert]:
        return None
    changes = rng.choice([{"period": None}, {"url": None}, {"period": None, "url": None}])
    text = rng.choice(CHINESE["undated"] if language is Language.ZH else ENGLISH["undated"])
    planted = _news(rng, sheet, language, **changes)
    assert planted
    return planted[0].model_copy(update={"text": text}), planted[1]


def later_news(rng: Random, claim: Claim, sheet: Sheet, language: Language, expert: Expert) -> Planted:
    """A page of a later day."""
    if Topic.NEWS not in GIVEN[expert]:
        return None
    later = timedelta(days=rng.randint(1, 20))
    known = sheet.by_id["news.2"].known_at
    known += timedelta(days=(sheet.day - known.date()).days) + later
    return _news(rng, sheet, language, period=(sheet.day + later).isoformat(), known_at=known)


def old_as_new(rng: Random, claim: Claim, sheet: Sheet, language: Language, expert: Expert) -> Planted:
    """A page of weeks ago, called new."""
    if Topic.NEWS not in GIVEN[expert]:
        return None
    published = sheet.day - timedelta(days=rng.randint(12, 28))
    known = sheet.by_id["news.2"].known_at.replace(year=published.year, month=published.month, day=published.day)
    planted = _news(rng, sheet, language, period=published.isoformat(), known_at=known)
    assert planted
    text = rng.choice(CHINESE["as new"] if language is Language.ZH else ENGLISH["as new"])
    return planted[0].model_copy(update={"text": text}), planted[1]
