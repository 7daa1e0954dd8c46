"""Rules of periods: a report, a year or a span that words name is that of the figure they tell."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.derivations import measure, quarter
from stock_assistant_pipelines.research.evidence import Topic
from stock_assistant_pipelines.research.grammar import Placeholder
from stock_assistant_pipelines.research.lexicon.words import FLOWS
from stock_assistant_pipelines.research.reading import PERIODS
from stock_assistant_pipelines.research.rules.names import measures

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stock_assistant_pipelines.research.evidence import Item
    from stock_assistant_pipelines.research.lexicon.words import Report
    from stock_assistant_pipelines.research.reading import Figure, Reading, Violation

_SPAN = re.compile(r"\d+d|ytd")
_MARK = re.compile(f"[{chr(PERIODS)}-{chr(PERIODS + 0x7FF)}]")
ADVICE = "print it with `:period`"


def right_period(read: Reading) -> Iterator[Violation]:
    """A report that is named is that of the figures it is named for."""
    named: list[Report] = []
    for figure in read.figures:
        named = [each for each in read.lexicon.reports if each.pattern.search(figure.gap)] or named
        for item in figure.items if named else ():
            if (at := quarter(item)) and not _fits(named, item, at[1]):
                yield read.refuse("wrong period", f"{item.id} speaks of another report than is named: {ADVICE}.")
                return
    spoken = [each for each in read.lexicon.reports if each.quarter and each.pattern.search(read.spoken)]
    if spoken and read.asserts and not read.news and not any(quarter(item) for item in read.cited):
        yield read.refuse("wrong period", "A report period is named, and no cited item speaks of one.")
    elif spoken and read.asserts and not read.figures:
        quarters = {at[1] for item in read.cited if (at := quarter(item))}
        if quarters and not {each.quarter for each in spoken} <= quarters:
            yield read.refuse("wrong period", f"A report is named that is none of the cited items': {ADVICE}.")


def _fits(named: list[Report], item: Item, number: int) -> bool:
    """Whether an item is of one of the reports that are named, in a form in which it may be told so."""
    form = (item.period or "").partition(".")[2]
    quarters = {each.quarter for each in named if each.quarter}
    forms = [each.forms for each in named if each.forms is not None]
    flows = bool(FLOWS & measures(item))
    told = not forms or not flows or any(form in each for each in forms)
    return (not quarters or number in quarters) and told


def right_year(read: Reading) -> Iterator[Violation]:
    """A year that is named is that of the report it is named for."""
    named: set[int] = set()
    for figure in read.figures:
        named = {ago for ago, pattern in read.lexicon.years.items() if pattern.search(figure.gap)} or named
        years = {at[0] for item in figure.items if (at := quarter(item))}
        earlier = read.lexicon.same_quarter.search(figure.gap)
        if named and years and not earlier and not years & {read.sheet.day.year - ago for ago in named}:
            yield read.refuse(
                "wrong period", f"{figure.placeholder.ids[0]} is not of the year that is named: {ADVICE}."
            )
        if earlier and figure.item and not _has_later(read, figure.item):
            yield read.refuse("wrong period", f"{figure.item.id} is not of a year earlier than what is told with it.")


def _has_later(read: Reading, item: Item) -> bool:
    """Whether the claim rests on the same measure a year later, too."""
    at = quarter(item)
    return at is None or any(
        quarter(other) == (at[0] + 1, at[1]) and measure(other).startswith(measure(item)) for other in read.cited
    )


def right_span(read: Reading) -> Iterator[Violation]:
    """A span of days that is named is that of the return it is named for."""
    for figure in read.figures:
        period = figure.items[0].period or ""
        if not figure.sign or not _SPAN.fullmatch(period):
            continue
        named = {span for span, pattern in read.lexicon.spans.items() if pattern.search(figure.gap)}
        if named and period not in named:
            yield read.refuse("wrong period", f"{figure.items[0].id} is of another span than is named: {ADVICE}.")


def same_period(read: Reading) -> Iterator[Violation]:
    """A printed period is that of a figure told with it."""
    if not read.figures:
        return
    printed: Item | None = None
    figures: list[Figure] = []
    for figure in read.figures:
        if marked := _marked(read, figure.gap):
            yield from _unmatched(read, printed, figures)
            printed, figures = marked, []
        figures.append(figure)
    behind = _marked(read, read.figures[-1].after)
    yield from _unmatched(read, printed or behind, figures)


def _marked(read: Reading, words: str) -> Item | None:
    """The item whose period is printed last among words."""
    for mark in reversed(_MARK.findall(words)):
        piece = read.pieces[ord(mark) - PERIODS]
        if isinstance(piece, Placeholder):
            return read.sheet.by_id.get(piece.ids[0])
    return None


def _unmatched(read: Reading, printed: Item | None, figures: list[Figure]) -> Iterator[Violation]:
    """A printed period that is of none of the figures it stands before."""
    periods = {item.period for figure in figures for item in figure.items if item.period}
    if printed and periods and printed.period not in periods:
        yield read.refuse(
            "wrong period", f"The period of {printed.id} is printed, and the figures told with it are of another."
        )


def yearly(read: Reading) -> Iterator[Violation]:
    """What is compared with a year earlier, or with the quarter before, is an item or a derivation that does so."""
    for figure in read.figures:
        clause = read.lexicon.clause.split(figure.gap)[-1]
        if not figure.sign:
            continue
        if read.lexicon.sequential.search(clause) and not any(_named(item, "qoq", "mom") for item in figure.items):
            yield read.refuse("wrong period", f"{figure.placeholder.ids[0]} is not compared with the quarter before.")
        if read.lexicon.yearly.search(clause + _tail(read, figure)) and not _is_yearly(read, figure):
            yield read.refuse("wrong period", f"{figure.placeholder.ids[0]} is not compared with a year earlier.")
    if read.lexicon.yearly.search(read.spoken) and read.asserts and not read.news and not _rests_on_yearly(read):
        yield read.refuse("wrong period", "A comparison with a year earlier needs a yoy item or yoy().")


def _tail(read: Reading, figure: Figure) -> str:
    """In English the comparison stands behind the figure."""
    return read.lexicon.clause.split(figure.after)[0] if figure.after.isascii() else ""


def _named(item: Item, *names: str) -> bool:
    return bool(set(names) & set(item.id.split("."))) or item.derivation in names


def _is_yearly(read: Reading, figure: Figure) -> bool:
    if figure.placeholder.function == "yoy":
        return True
    if figure.placeholder.function is not None:
        return _years_apart(figure.items)
    return any(_compared_yearly(read, item) for item in figure.items)


def _compared_yearly(read: Reading, item: Item) -> bool:
    """Whether an item is a change on a year earlier: by its id, what the company expects, or what it was made of."""
    if _named(item, "yoy") or item.topic is Topic.EXPECTATIONS:
        return True
    return _years_apart(tuple(read.sheet.by_id[each] for each in item.inputs if each in read.sheet.by_id))


def _rests_on_yearly(read: Reading) -> bool:
    functions = {printed.function for printed in read.placeholders}
    return "yoy" in functions or any(_compared_yearly(read, item) for item in read.cited) or _years_apart(read.cited)


def _years_apart(items: tuple[Item, ...]) -> bool:
    """Whether two of the items are the same measure of the same quarter of two years in a row."""
    told = {(measure(item), at) for item in items if (at := quarter(item))}
    return any((of, (at[0] - 1, at[1])) in told for of, at in told)
