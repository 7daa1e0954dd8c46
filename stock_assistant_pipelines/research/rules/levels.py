"""Rules of levels: a place in history is that of a percentile, and an oscillator is as high or low as is said."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.evidence import Unit

if TYPE_CHECKING:
    import re
    from collections.abc import Callable, Iterator

    from stock_assistant_pipelines.research.evidence import Item
    from stock_assistant_pipelines.research.reading import Reading, Violation

HIGH, LOW = 70, 30
"""The percentiles, and the readings of an oscillator, from which on a text may speak of high and low."""
OSCILLATORS = {"rsi", "kdj", "stoch", "mfi"}
"""How ids name those that run from nought to a hundred."""

EXTREMES = {"high", "low", "max", "min", "drawdown", "percentile"}
"""How ids name what a new high or low is told from."""


def right_level(read: Reading) -> Iterator[Violation]:
    """A place in history is that of a cited percentile; what is printed as a percentile is one."""
    percentiles = [item.value for item in _told(read, is_percentile) if item.value is not None]
    high, low = says(read, read.lexicon.high), says(read, read.lexicon.low)
    if (high or low or read.lexicon.percentile.search(read.spoken)) and not percentiles:
        yield read.refuse("percentile", "A place in history is named, and no percentile is cited.")
    elif (high and max(percentiles) < HIGH) or (low and min(percentiles) > LOW):
        yield read.refuse("percentile", "The place in history that is named is not that of the cited percentile.")
    for figure in read.figures:
        placed = read.lexicon.placed_before.search(figure.gap) or read.lexicon.placed_after.match(figure.after)
        if placed and not all(is_percentile(item) for item in figure.items):
            yield read.refuse(
                "percentile", f"{', '.join(figure.placeholder.ids)} is told as a percentile, and is none."
            )


def right_record(read: Reading) -> Iterator[Violation]:
    """What is called a new high or low rests on an extreme, a percentile or a page."""
    extremes = [item for item in read.cited if EXTREMES & set(item.id.replace("_", ".").split("."))]
    if read.asserts and not read.news and not extremes and says(read, read.lexicon.record):
        yield read.refuse("level", "A new high or low is told, and no high, low or percentile is cited.")


def right_oscillator(read: Reading) -> Iterator[Violation]:
    """What is called overbought or oversold is so by a cited oscillator."""
    over, under = says(read, read.lexicon.overbought), says(read, read.lexicon.oversold)
    if not read.asserts or not (over or under):
        return
    values = [item.value for item in _told(read, is_oscillator) if item.value is not None]
    if not values:
        yield read.refuse("level", "Something is called overbought or oversold, and no oscillator is cited.")
    elif (over and max(values) < HIGH) or (under and min(values) > LOW):
        yield read.refuse("level", f"Overbought is from {HIGH} on, oversold to {LOW}: the cited oscillator is neither.")


def says(read: Reading, pattern: re.Pattern[str]) -> bool:
    """Whether words say something, and do not deny it."""
    return any(not read.lexicon.denied.search(read.words[: each.start()]) for each in pattern.finditer(read.words))


def is_percentile(item: Item) -> bool:
    """Whether an item is a place in a distribution."""
    return item.unit is Unit.PERCENT and (item.derivation == "percentile" or "percentile" in item.id.split("."))


def is_oscillator(item: Item) -> bool:
    """Whether an item is an oscillator between nought and a hundred."""
    return bool(OSCILLATORS & set(item.id.replace("_", ".").split(".")))


def _told(read: Reading, kind: Callable[[Item], bool]) -> list[Item]:
    """The items of a kind that are printed, or else those that are cited."""
    printed = [item for figure in read.figures for item in figure.items if kind(item)]
    return printed or [item for item in read.cited if kind(item)]
