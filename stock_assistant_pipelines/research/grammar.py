"""The placeholder grammar: how a text names the figures that code prints into it. Pure parsing.

    {{close}}                       the value of an item, with its unit
    {{revenue.2024q3.ttm:1}}        with one decimal; see `FORMATS`
    {{yoy(revenue.2024q3, revenue.2023q3)}}    a registered derivation of items, see `derivations.FUNCTIONS`

Everything else is words. Two braces that make no placeholder are an error, and never printed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ID = re.compile(r"[a-z][a-z0-9_]*(?:\.[a-z0-9_]+)*")
"""What an item's id looks like."""

FORMATS = {
    "0": "no decimals",
    "1": "one decimal",
    "2": "two decimals",
    "abs": "without its sign, where the words already tell the direction",
    "period": "the period that the item speaks of, in words",
    "label": "the name of the item",
}
"""How a value may be printed."""

_PLACEHOLDER = re.compile(r"\{\{(.*?)\}\}", re.DOTALL)
_INSIDE = re.compile(
    rf"\s*(?:(?P<function>[a-z_]+)\s*\(\s*(?P<arguments>[^()]*?)\s*\)|(?P<id>{ID.pattern}))\s*(?::\s*(?P<format>\w+)\s*)?"
)


class GrammarError(ValueError):
    """A text whose braces make no placeholder; says which."""


@dataclass(frozen=True, slots=True)
class Words:
    """Text as it stands."""

    text: str


@dataclass(frozen=True, slots=True)
class Placeholder:
    """A value that code prints: of one item, or of a derivation of items."""

    ids: tuple[str, ...]
    function: str | None = None
    format: str | None = None


Piece = Words | Placeholder


def parse(text: str) -> tuple[Piece, ...]:
    """Cut a text into words and placeholders, in order. Raises `GrammarError`."""
    pieces: list[Piece] = []
    end = 0
    for found in _PLACEHOLDER.finditer(text):
        _add_words(pieces, text[end : found.start()])
        pieces.append(_placeholder(found[1]))
        end = found.end()
    _add_words(pieces, text[end:])
    return tuple(pieces)


def _add_words(pieces: list[Piece], text: str) -> None:
    if "{" in text or "}" in text:
        raise GrammarError(
            f"{text.strip()[:40]!r}: braces stand in pairs around a placeholder, {{{{id}}}}, and nowhere else."
        )
    if text:
        pieces.append(Words(text))


def _placeholder(inside: str) -> Placeholder:
    found = _INSIDE.fullmatch(inside)
    if found is None:
        raise GrammarError(
            f"{{{{{inside[:60]}}}}}: takes {{{{id}}}}, {{{{id:format}}}} or {{{{function(id, id)}}}}, ids as in the evidence."
        )
    if found["format"] and found["format"] not in FORMATS:
        raise GrammarError(f"{{{{{inside[:60]}}}}}: the formats are {', '.join(FORMATS)}.")
    if found["id"]:
        return Placeholder((found["id"],), None, found["format"])
    ids = tuple(each.strip() for each in found["arguments"].split(","))
    wrong = [each for each in ids if not ID.fullmatch(each)]
    if wrong:
        raise GrammarError(f"{{{{{inside[:60]}}}}}: {wrong[0]!r} is no id.")
    return Placeholder(ids, found["function"], found["format"])
