"""Rules of directions: words that tell a rise or a fall, and words that compare, agree with the figures they tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.contracts import Direction
from stock_assistant_pipelines.research.evidence import Unit
from stock_assistant_pipelines.research.reading import FIGURE
from stock_assistant_pipelines.research.rules.names import measures, named

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator

    from stock_assistant_pipelines.research.reading import Figure, Reading, Violation

FLAT = 10
"""From how many percent on a change is not flat."""


def right_direction(read: Reading) -> Iterator[Violation]:
    """Words of direction agree with the sign of the figure that they tell, and the claim with what it prints."""
    yield from _stated(read)
    told: re.Match[str] | None = None
    up = False
    for figure in read.figures:
        chained = bool(figure.gap) and read.lexicon.chain.fullmatch(figure.gap)
        if not chained:
            told, up = _telling(read, figure)
        if figure.sign and not read.lexicon.supposed.search(figure.sentence):
            yield from _told(read, figure, told, up)
    yield from _said(read)


def _stated(read: Reading) -> Iterator[Violation]:
    """The direction that the claim states of itself."""
    signs = {figure.sign for figure in read.figures if figure.sign} or {item.direction for item in read.cited} - {0}
    stated = {Direction.UP: 1, Direction.DOWN: -1}.get(read.claim.direction, 0)
    if stated and signs and stated not in signs:
        yield read.refuse("direction", f"The claim says {read.claim.direction}, and its figures say the opposite.")
    if read.claim.direction is Direction.FLAT and len(signs) == 1 and any(_is_large(each) for each in read.figures):
        yield read.refuse("direction", "The claim says flat, and its figures do not.")


def _is_large(figure: Figure) -> bool:
    """Whether a figure is a change that nobody calls flat."""
    return bool(figure.sign) and figure.unit is Unit.PERCENT and figure.value is not None and abs(figure.value) >= FLAT


def _told(read: Reading, figure: Figure, told: re.Match[str] | None, up: bool) -> Iterator[Violation]:
    """A signed figure and the word that tells it."""
    unsigned = figure.placeholder.format == "abs"
    if told is None:
        if unsigned and figure.sign < 0:
            yield read.refuse("direction", "A fall is printed without its sign, and no word says that it is one.")
        return
    where = told.string[told.end() :].rstrip(FIGURE)
    if read.lexicon.toward.search(where) and told.string.endswith(FIGURE):
        return
    if up and not unsigned and read.lexicon.rate.fullmatch(told[0]):
        return
    if up != (figure.sign > 0):
        yield read.refuse("direction", f"{told[0]!r} stands beside a figure that goes the other way.")
    elif not up and not unsigned and told.string.endswith(FIGURE) and len(where.strip()) < 3:
        name = figure.placeholder.ids[0]
        yield read.refuse("direction", f"{told[0]!r} already says that it is a fall: print {name} with `:abs`.")


def _telling(read: Reading, figure: Figure) -> tuple[re.Match[str] | None, bool]:
    """The word that tells a figure, and whether it tells a rise: the last one before it, or the one right behind."""
    words = read.lexicon
    gap = words.clause.split(figure.gap)
    if found := _effective(read, gap[-1] + FIGURE):
        return found
    for pattern, up in ((words.after_up, True), (words.after_down, False)):
        if behind := pattern.match(figure.after):
            return behind, up
    return None, False


def _effective(read: Reading, text: str) -> tuple[re.Match[str], bool] | None:
    """The last word of direction that is neither denied nor told of a pace."""
    found = [
        (each, up)
        for pattern, up in ((read.lexicon.up, True), (read.lexicon.down, False))
        for each in pattern.finditer(text)
    ]
    real = [(each, up) for each, up in found if not read.lexicon.turned.search(text[: each.start()])]
    return max(real, key=lambda each: each[0].end(), default=None)


def _said(read: Reading) -> Iterator[Violation]:
    """A clause without a figure that says of a measure that it rose or fell, where a cited item of it says the opposite."""
    about: set[str] = set()
    for clause in read.lexicon.clause.split(read.spoken) if read.asserts else ():
        about = named(clause) or (about if read.lexicon.yearly.search(clause) else set())
        if FIGURE not in clause and not _is_supposed(read, clause) and (told := _effective(read, clause)):
            signs = {item.direction for item in read.cited if about & measures(item)} - {0}
            if signs and (1 if told[1] else -1) not in signs:
                yield read.refuse(
                    "direction", f"{told[0][0]!r} is said of {min(about)}, and the cited items say the opposite."
                )


def _is_supposed(read: Reading, clause: str) -> bool:
    return bool(read.lexicon.supposed.search(clause) or read.lexicon.possible.search(clause))


def right_comparison(read: Reading) -> Iterator[Violation]:
    """What is said to be above, below, risen to or fallen to is so."""
    words = read.lexicon
    for first, second in zip(read.figures, read.figures[1:], strict=False):
        if first.unit is not second.unit or first.value is None or second.value is None:
            continue
        if words.supposed.search(first.sentence + first.after) or "abs" in {
            first.placeholder.format,
            second.placeholder.format,
        }:
            continue
        larger = _says_larger(read, first, second)
        if larger is not None and first.value != second.value and larger != (first.value > second.value):
            ids = f"{first.placeholder.ids[0]} and {second.placeholder.ids[0]}"
            yield read.refuse("comparison", f"{ids} compare the other way round.")


def _says_larger(read: Reading, first: Figure, second: Figure) -> bool | None:
    """Whether the words say that the first of two figures is the larger one; None: they do not say."""
    words, between = read.lexicon, second.gap
    if "from" in between and not words.clause.search(between):
        before = words.clause.split(first.gap)[-1]
        return True if words.risen.search(before) else False if words.fallen.search(before) else None
    told = [
        (found, larger)
        for pattern, larger in ((words.above, True), (words.below, False), (words.risen, False), (words.fallen, True))
        for found in pattern.finditer(between)
        if not words.denied.search(between[: found.start()]) and not _of_another(between[: found.start()], first)
    ]
    if told:
        return max(told, key=lambda each: each[0].end())[1]
    if _of_another(between, first):
        return None
    return True if words.over.match(second.after) else False if words.under.match(second.after) else None


def _of_another(words: str, figure: Figure) -> bool:
    """Whether words go on to another measure than a figure's."""
    return bool(named(words) - {name for item in figure.items for name in measures(item)})
