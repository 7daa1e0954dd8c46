"""A writer: picks words with a seed, prints items with placeholders, and keeps what it has cited."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.contracts import Claim, ClaimKind, Direction

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from stock_assistant_pipelines.research.evidence import Item, Sheet

    Sentence = Callable[["Writer"], str]
    """Writes one sentence of what a sheet says."""


@dataclass
class Writer:
    """Writes one claim."""

    rng: Random
    sheet: Sheet
    cited: list[str] = field(default_factory=list)
    signs: set[int] = field(default_factory=set)
    kind: ClaimKind = ClaimKind.FACT

    def pick(self, *words: str) -> str:
        """One of some ways to say it."""
        return self.rng.choice(words)

    def maybe(self, *words: str) -> str:
        """One of some words, or none."""
        return self.rng.choice(words) if self.rng.random() < 0.5 else ""

    def item(self, id_: str) -> Item:
        """An item, cited."""
        if id_ not in self.cited:
            self.cited.append(id_)
        return self.sheet.by_id[id_]

    def value(self, id_: str, form: str = "") -> str:
        """An item, printed."""
        item = self.item(id_)
        if item.direction:
            self.signs.add(item.direction)
        return f"{{{{{id_}{':' + form if form else ''}}}}}"

    def size(self, id_: str) -> str:
        """A signed item, printed for a sentence whose words tell the direction."""
        return self.value(id_, "abs" if self.item(id_).direction < 0 else self.rng.choice(["", "1", "2", "abs"]))

    def told(self, id_: str, up: tuple[str, ...], down: tuple[str, ...]) -> str:
        """Words for the direction of an item."""
        return self.rng.choice(up if self.item(id_).direction > 0 else down)

    def derived(self, function: str, *ids: str) -> str:
        """A derivation, printed."""
        for each in ids:
            self.item(each)
        return f"{{{{{function}({', '.join(ids)})}}}}"

    def above(self, one: str, other: str) -> bool:
        """Whether an item is above another."""
        first, second = self.item(one).value, self.item(other).value
        return first is not None and second is not None and first > second

    @property
    def quarter(self) -> str:
        """The newest report period of the sheet, as ids write it."""
        return next(item.id.split(".")[1] for item in self.sheet.items if item.id.startswith("ocf."))

    @property
    def before(self) -> str:
        """The same quarter of the year before."""
        return f"{int(self.quarter[:4]) - 1}{self.quarter[4:]}"

    def claim(self, text: str) -> Claim:
        """The claim that has been written."""
        evidence = list(self.cited)
        self.rng.shuffle(evidence)
        direction = Direction.NONE
        if len(self.signs) == 1 and self.rng.random() < 0.7:
            direction = Direction.UP if self.signs == {1} else Direction.DOWN
        return Claim(text=text, kind=self.kind, evidence=tuple(evidence), direction=direction)


def write(rng: Random, sheet: Sheet, sentence: Sentence, kind: ClaimKind) -> Claim:
    """Write one claim."""
    writer = Writer(rng, sheet, kind=kind)
    return writer.claim(sentence(writer))
