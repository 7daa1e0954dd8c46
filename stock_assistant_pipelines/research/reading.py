"""A claim as the rules of the gate read it: cut once into words and figures, each figure with what stands around it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.contracts import ClaimKind, Expert
from stock_assistant_pipelines.research.derivations import FUNCTIONS, NotDerivable
from stock_assistant_pipelines.research.evidence import Kind, Topic, Unit
from stock_assistant_pipelines.research.grammar import Placeholder, Words
from stock_assistant_pipelines.research.lexicon import LEXICONS, ORDINARY_NAMES
from stock_assistant_pipelines.research.render import Language

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from decimal import Decimal

    from stock_assistant_pipelines.research.contracts import Claim
    from stock_assistant_pipelines.research.evidence import Item, Sheet
    from stock_assistant_pipelines.research.grammar import Piece
    from stock_assistant_pipelines.research.lexicon.words import Lexicon

TOPICS: Mapping[Expert, tuple[Topic, ...]] = {
    Expert.TECHNICAL: (Topic.COMPANY, Topic.PRICES),
    Expert.FINANCIAL: (Topic.COMPANY, Topic.STATEMENTS, Topic.EXPECTATIONS),
    Expert.VALUATION: (Topic.COMPANY, Topic.VALUATION, Topic.PRICES, Topic.STATEMENTS, Topic.EXPECTATIONS),
    Expert.NEWS: (Topic.COMPANY, Topic.NEWS, Topic.EXPECTATIONS),
    Expert.SYNTHESIS: tuple(Topic),
}
"""What each expert is given, and may cite."""

FIGURE, NAME, TEXT = "\0", "\1", "\2"
"""What stands for a printed value, a name and a printed text among the words."""
PERIODS = 0xE000
"""From here on: what stands for the printed period of the claim's piece of that number."""

_ADORNED = re.compile(r"^(?:\*?ST|N|C|XD|XR|DR)|(?:-?[ABUW]+)$")


@dataclass(frozen=True, slots=True)
class Violation:
    """What the evidence does not support."""

    rule: str
    where: str
    """`summary`, `claims[2]`, `thesis[0]` …: the claim, or the answer as a whole (empty)."""
    detail: str
    """In a sentence that tells a model, or a reader, what to do."""


@dataclass(frozen=True, slots=True)
class Figure:
    """A printed value, and the words around it."""

    placeholder: Placeholder
    items: tuple[Item, ...]
    value: Decimal | None
    unit: Unit
    sign: int
    """-1, 0 or 1: its direction; 0 where it has none."""
    gap: str
    """The words since the figure before it, or since the beginning of the claim."""
    sentence: str
    """The words of its sentence that stand before it; other figures leave a mark."""
    after: str
    """The words up to the next figure, or to the end of the claim."""

    @property
    def item(self) -> Item | None:
        """The item, where it is the value of one as it stands."""
        return self.items[0] if self.placeholder.function is None else None


@dataclass(frozen=True)
class Reading:
    """A claim, read once for all rules."""

    expert: Expert
    where: str
    claim: Claim
    sheet: Sheet
    language: Language
    others: Collection[str]
    pieces: tuple[Piece, ...]

    def refuse(self, rule: str, detail: str) -> Violation:
        """A violation by this claim."""
        return Violation(rule, self.where, detail)

    @cached_property
    def lexicon(self) -> Lexicon:
        """The words of its language."""
        return LEXICONS[self.language]

    @cached_property
    def asserts(self) -> bool:
        """Whether it says how things are, and not what one thinks or fears."""
        return self.claim.kind in {ClaimKind.FACT, ClaimKind.COMPARISON}

    @cached_property
    def placeholders(self) -> tuple[Placeholder, ...]:
        """What it prints."""
        return tuple(piece for piece in self.pieces if isinstance(piece, Placeholder))

    @cached_property
    def cited(self) -> tuple[Item, ...]:
        """The items it rests on, of those that there are."""
        return tuple(self.sheet.by_id[each] for each in self.claim.evidence if each in self.sheet.by_id)

    @cached_property
    def news(self) -> tuple[Item, ...]:
        """The news it rests on."""
        return tuple(item for item in self.cited if item.kind is Kind.NEWS)

    @cached_property
    def quoted(self) -> tuple[Item, ...]:
        """The news whose text it prints."""
        printed = {piece.ids[0] for piece in self.placeholders if piece.function is None and piece.format is None}
        return tuple(item for item in self.news if item.id in printed)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What the sheet itself calls the company, its industry and its index; the longest first."""
        told = {item.text for item in self.sheet.of(Topic.COMPANY) if item.text and item.unit is not Unit.DATE}
        told |= {self.sheet.name, bare(self.sheet.name)}
        return tuple(sorted((name for name in told if not name.isdecimal()), key=lambda name: (-len(name), name)))

    @cached_property
    def strangers(self) -> tuple[str, ...]:
        """Other companies that it names."""
        own = "".join(self.names)
        others = {each for name in self.others for each in (name, bare(name)) if len(each) > 1 and each not in own}
        words = self._without(self.names, self.raw)
        return tuple(sorted(name for name in others - ORDINARY_NAMES if _names(name, words)))

    @cached_property
    def raw(self) -> str:
        """Its words as they stand; a placeholder leaves a mark."""
        return "".join(piece.text if isinstance(piece, Words) else FIGURE for piece in self.pieces)

    @cached_property
    def words(self) -> str:
        """Its words without any company's name: numerals in names are none."""
        return self._nameless(self.raw)

    def _nameless(self, text: str) -> str:
        return self._without(sorted({*self.names, *self.strangers}, key=lambda name: (-len(name), name)), text)

    @staticmethod
    def _without(names: Collection[str], text: str) -> str:
        for name in names:
            text = text.replace(name, NAME)
        return text

    @cached_property
    def figures(self) -> tuple[Figure, ...]:
        """The values it prints, in order, with the words around them."""
        gaps, found, sentences = [""], [], []
        for number, piece in enumerate(self.pieces):
            if isinstance(piece, Words):
                gaps[-1] += self._nameless(piece.text)
            elif self._is_value(piece):
                found.append(piece)
                sentences.append(self.lexicon.sentence.split(FIGURE.join(gaps))[-1])
                gaps.append("")
            else:
                gaps[-1] += self._mark(piece, number)
        return tuple(self._figure(piece, gaps[at], sentences[at], gaps[at + 1]) for at, piece in enumerate(found))

    @cached_property
    def spoken(self) -> str:
        """Its words, with the labels that it prints; values, periods and texts leave a mark."""
        if not self.figures:
            parts = enumerate(self.pieces)
            return "".join(
                self._nameless(piece.text) if isinstance(piece, Words) else self._mark(piece, at) for at, piece in parts
            )
        return FIGURE.join([*(figure.gap for figure in self.figures), self.figures[-1].after])

    def _is_value(self, piece: Placeholder) -> bool:
        if piece.format in {"period", "label"}:
            return False
        items = [self.sheet.by_id.get(each) for each in piece.ids]
        return all(item is not None and item.value is not None for item in items)

    def _mark(self, piece: Placeholder, number: int) -> str:
        """What a placeholder that prints no value is among the words."""
        item = self.sheet.by_id.get(piece.ids[0])
        if item is None or piece.format is None:
            return TEXT
        if piece.format == "period":
            return chr(PERIODS + number)
        label = item.label_zh if self.language is Language.ZH else item.label
        return self.lexicon.clause.sub(" ", label)

    def _figure(self, piece: Placeholder, gap: str, sentence: str, after: str) -> Figure:
        items = tuple(self.sheet.by_id[each] for each in piece.ids)
        value, unit, signed = items[0].value, items[0].unit, items[0].signed
        if piece.function is not None:
            value, unit, signed = None, Unit.NONE, False
            if piece.function in FUNCTIONS:
                try:
                    derived = FUNCTIONS[piece.function](*items)
                    value, unit, signed = derived.value, derived.unit, derived.signed
                except NotDerivable:  # told by the rule of what can be printed
                    pass
        sign = (value > 0) - (value < 0) if signed and value is not None else 0
        return Figure(piece, items, value, unit, sign, gap, sentence, after)


def bare(name: str) -> str:
    """A company's name without what the exchange adds to it: 万科A is 万科."""
    return _ADORNED.sub("", name)


def _names(name: str, words: str) -> bool:
    """Whether words name a company; Latin letters as whole words."""
    if name.isascii():
        return re.search(rf"(?<![A-Za-z]){re.escape(name)}(?![A-Za-z])", words) is not None
    return name in words
