"""Rules of names: the company, the measure that a figure is told as, and what nobody can promise."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.lexicon import LEXICONS
from stock_assistant_pipelines.research.lexicon.words import MEASURES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stock_assistant_pipelines.research.evidence import Item
    from stock_assistant_pipelines.research.reading import Figure, Reading, Violation

MIXING = {"share", "ratio", "difference"}
"""Derivations that may be told by a name of their own: net profit as a share of revenue is a margin."""


def right_company(read: Reading) -> Iterator[Violation]:
    """No other company is named, except in the news that are cited."""
    told = " ".join(item.text or "" for item in read.news)
    for name in read.strangers:
        if name not in told:
            yield read.refuse("wrong company", f"{name} is another company, and no cited news speaks of it.")


def right_measure(read: Reading) -> Iterator[Violation]:
    """A figure is told by the name of its own measure, and a measure that is said to be somehow is cited."""
    told: set[str] = set()
    for figure in read.figures:
        told = named(figure.gap) or (told if read.lexicon.chain.fullmatch(figure.gap) else set())
        own = _measures(figure)
        if len(told) == 1 and own and not told & own and figure.placeholder.function not in MIXING:
            yield read.refuse(
                "measure", f"{', '.join(figure.placeholder.ids)} is told as {min(told)}, and is {min(own)}."
            )
    if read.asserts and not read.news:
        of_cited = {name for item in read.cited for name in measures(item)}
        of_sheet = {name for item in read.sheet.items for name in measures(item)}
        for name in sorted((named(read.spoken) & of_sheet) - of_cited):
            yield read.refuse("uncited", f"Something is said of {name}, and no cited item is of it.")


def no_promises(read: Reading) -> Iterator[Violation]:
    """Nothing is promised, and no page that promises is printed."""
    for found in read.lexicon.promise.finditer(read.words):
        if not read.lexicon.denied.search(read.words[: found.start()]):
            yield read.refuse("promise", f"{found[0]!r}: nobody can promise that.")
    for item in read.quoted:
        if told := _promised(item.text or ""):
            yield read.refuse("promise", f"{item.id} promises {told!r}: do not print what it says.")


def _promised(text: str) -> str | None:
    """What a page promises, in whatever language, also where it denies it."""
    return next((found[0] for each in LEXICONS.values() if (found := each.promise.search(text))), None)


def named(words: str) -> set[str]:
    """The measures that words name."""
    return {name for name, pattern in MEASURES.items() if pattern.search(words)}


def measures(item: Item) -> frozenset[str]:
    """The measures that an item is of, by its labels."""
    return _measures_of(item.label_zh, item.label)


@lru_cache(maxsize=4096)
def _measures_of(*labels: str) -> frozenset[str]:
    """Kept: every claim asks for those of the whole sheet, and labels are few, but for the titles of news."""
    return frozenset(named("\n".join(labels)))


def _measures(figure: Figure) -> set[str]:
    return {name for item in figure.items for name in measures(item)}
