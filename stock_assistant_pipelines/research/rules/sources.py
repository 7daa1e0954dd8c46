"""Rules of what a claim rests on: items that there are, that it was given, that it names; news with a page and a date."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.contracts import ClaimKind, Expert
from stock_assistant_pipelines.research.evidence import Topic
from stock_assistant_pipelines.research.reading import TOPICS
from stock_assistant_pipelines.settings import SHANGHAI

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stock_assistant_pipelines.research.evidence import Item
    from stock_assistant_pipelines.research.reading import Reading, Violation

NEWS_DAYS = 30
"""How old news may be on the day of the sheet."""
RECENT_DAYS = 7
"""How old news may be that a text calls new."""


def known_ids(read: Reading) -> Iterator[Violation]:
    """Every id is in the evidence, and in what the expert was given."""
    given = TOPICS[read.expert]
    for each in dict.fromkeys([*read.claim.evidence, *(each for printed in read.placeholders for each in printed.ids)]):
        item = read.sheet.by_id.get(each)
        if item is None:
            yield read.refuse("unknown id", f"There is no evidence {each!r}: cite ids as they stand in the evidence.")
        elif item.topic not in given:
            yield read.refuse(
                "foreign topic", f"{each} belongs to {item.topic}, which is not what this expert writes about."
            )


def cited(read: Reading) -> Iterator[Violation]:
    """Every printed item is named as evidence, and what is said to be so rests on an item that has a value."""
    for each in dict.fromkeys(each for printed in read.placeholders for each in printed.ids):
        if each not in read.claim.evidence:
            yield read.refuse("uncited", f"{each} is printed and not named in `evidence`.")
    speaking = [item for item in read.cited if item.topic is not Topic.COMPANY or read.placeholders]
    if read.asserts and not any(item.value is not None or item.text for item in speaking):
        yield read.refuse("uncited", f"A {read.claim.kind} rests on an item that has a value.")


def fresh_news(read: Reading) -> Iterator[Violation]:
    """News have a page and a date, are not older than a month, and what is called new is not older than a week."""
    for item in read.news:
        published = _published(item)
        if not item.url or published is None:
            yield read.refuse("news", f"{item.id} has no page or no date.")
        elif _late(read, item, published) or published < read.sheet.day - timedelta(days=NEWS_DAYS):
            yield read.refuse("news", f"{item.id} was not published in the {NEWS_DAYS} days to the report's day.")
    if read.lexicon.recent.search(read.words) and (
        read.news or read.expert is Expert.NEWS or read.lexicon.heard.search(read.words)
    ):
        days = [published for item in read.news if (published := _published(item))]
        if not days or max(days) < read.sheet.day - timedelta(days=RECENT_DAYS):
            yield read.refuse("news", "Something is called new, and no cited news is.")


def heard(read: Reading) -> Iterator[Violation]:
    """What was read in the news cites the page; so does every fact that the expert of the news tells."""
    expected = any(item.topic is Topic.EXPECTATIONS for item in read.cited)
    if read.news or expected:
        return
    if read.asserts and (told := read.lexicon.heard.search(read.words)):
        yield read.refuse("uncited", f"{told[0]!r}: cite the page that says so.")
    elif read.expert is Expert.NEWS and read.claim.kind is ClaimKind.FACT:
        yield read.refuse("uncited", "A fact among the news cites the page that it is from.")


def attributed(read: Reading) -> Iterator[Violation]:
    """What a page says is told as what it says: by a word, or beside its day or label."""
    beside = {printed.ids[0] for printed in read.placeholders if printed.format in {"period", "label"}}
    for item in read.quoted:
        if item.id not in beside and not read.lexicon.sourced.search(read.words):
            yield read.refuse(
                "news", f"{item.id} is printed like a finding: say that it was reported, or print its `:period`."
            )


def _published(item: Item) -> date | None:
    """The day on which a page was published, by its period; None of an undated one."""
    try:
        return date.fromisoformat(item.period or "")
    except ValueError:
        return None


def _late(read: Reading, item: Item, published: date) -> bool:
    end = datetime.combine(read.sheet.day + timedelta(days=1), time(), SHANGHAI)
    return published > read.sheet.day or item.known_at > end
