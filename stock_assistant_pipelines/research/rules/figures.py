"""Rules of figures: they are printed, never written, and with no unit but their own."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.evidence import Unit
from stock_assistant_pipelines.research.lexicon import LEXICONS
from stock_assistant_pipelines.research.reading import FIGURE, NAME
from stock_assistant_pipelines.research.render import Unprintable, render

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stock_assistant_pipelines.research.reading import Reading, Violation

FIGURES = {"Nd", "No", "Nl"}
"""Unicode's categories of digits: ASCII, full-width, circled, Roman and all others."""
HIDDEN = {"Cc", "Cf", "Co", "Cs", "Cn"}
"""Categories of signs that nobody sees."""
COUNTED = {Unit.NONE, Unit.COUNT}
"""Units that are printed without a word."""
COUNT_WORDS = ("天", "股", "手", "个交易日", "days", "shares", "lots", "times")
"""What may stand behind a count."""


def printable(read: Reading) -> Iterator[Violation]:
    """Every placeholder can be printed."""
    try:
        render(read.claim.text, read.sheet, read.language)
    except Unprintable as error:
        yield read.refuse("placeholder", str(error))


def plain_text(read: Reading) -> Iterator[Violation]:
    """No sign stands in a text that a reader does not see."""
    hidden = [sign for sign in read.claim.text if unicodedata.category(sign) in HIDDEN and sign != "\n"]
    if hidden:
        yield read.refuse("hidden sign", f"U+{ord(hidden[0]):04X} cannot be seen: write plain text.")


def no_figures(read: Reading) -> Iterator[Violation]:
    """No figure is written out: no digit of any script, no quantity in words of any language."""
    digits = "".join(sign for sign in read.words if unicodedata.category(sign) in FIGURES)
    if digits:
        yield read.refuse(
            "literal figure", f"{digits[:20]!r} is written out: print figures and dates with placeholders."
        )
    for lexicon in LEXICONS.values():
        for found in lexicon.quantity.finditer(read.words):
            said = found[0].strip(f" {FIGURE}{NAME}")
            yield read.refuse("literal figure", f"{said!r} is a quantity in words: print it with a placeholder.")


def own_units(read: Reading) -> Iterator[Violation]:
    """No unit stands at a printed value, which has its own."""
    for figure in read.figures:
        for lexicon in LEXICONS.values():
            behind = lexicon.unit.match(figure.after)
            if behind and not (figure.unit in COUNTED and behind[0].strip() in COUNT_WORDS):
                yield read.refuse(
                    "unit", f"{behind[0].strip()!r} behind a placeholder: values are printed with their own unit."
                )
                break
            if before := lexicon.currency.search(figure.gap):
                yield read.refuse(
                    "unit", f"{before[0].strip()!r} before a placeholder: values are printed with their own unit."
                )
                break
