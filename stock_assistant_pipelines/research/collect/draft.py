"""Drafts: a sheet while it is being written. What is derived is derived here, by the registered derivations alone."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple

from stock_assistant_pipelines.research.derivations import FUNCTIONS, NotDerivable
from stock_assistant_pipelines.research.evidence import Item, Kind, Origin, Sheet, Unit
from stock_assistant_pipelines.settings import SHANGHAI

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date
    from decimal import Decimal

    from stock_assistant_pipelines.research.evidence import Topic


class LookAhead(RuntimeError):
    """An item that was not yet known on the day of its sheet: a collector is wrong, and nothing may be written from it."""


class Label(NamedTuple):
    """What an item is called."""

    en: str
    zh: str


def end_of(day: date) -> datetime:
    """The end of a day in Shanghai: what is known then belongs to the day."""
    return datetime.combine(day + timedelta(days=1), time(), SHANGHAI)


def period_of(end_date: date) -> str:
    """A report period as ids and items name it (`2024q3`); the day itself where no quarter ends on it (`2024_08_15`)."""
    if (end_date + timedelta(days=1)).day == 1 and end_date.month % 3 == 0:
        return f"{end_date.year}q{end_date.month // 3}"
    return f"{end_date:%Y_%m_%d}"


@dataclass
class Draft:
    """The items of one stock so far, in the order in which they were added, and what is missing."""

    ts_code: str
    day: date
    items: dict[str, Item] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def part(self, topic: Topic) -> Part:
        """The part of one topic."""
        return Part(self, topic)

    def add(self, item: Item) -> None:
        """Add an item, its moment told in Shanghai. Raises `LookAhead`, and `ValueError` for an id that is taken."""
        if item.known_at > end_of(self.day):
            raise LookAhead(f"{item.id} of {self.ts_code} is known since {item.known_at}, after {self.day}.")
        if item.id in self.items:
            raise ValueError(f"{self.ts_code} has two items {item.id!r}.")
        self.items[item.id] = replace(item, known_at=item.known_at.astimezone(SHANGHAI))

    def sheet(self, name: str) -> Sheet:
        """The finished sheet."""
        return Sheet(self.ts_code, name, self.day, tuple(self.items.values()), dict(sorted(self.missing.items())))


@dataclass(frozen=True, slots=True)
class Part:
    """One topic of a draft."""

    draft: Draft
    topic: Topic

    def lacks(self, name: str, reason: str) -> None:
        """Say that something is missing, and why."""
        self.draft.missing[name] = reason

    def value(
        self,
        name: str,
        label: Label,
        value: Decimal | None,
        unit: Unit,
        *,
        known_at: datetime,
        origins: Iterable[Origin],
        period: str | None = None,
        signed: bool = False,
        derivation: str | None = None,
        inputs: tuple[str, ...] = (),
    ) -> None:
        """Add a figure: of a row, or made of rows where a derivation is named. A null is left out, and never filled."""
        if value is None:
            return
        self.draft.add(
            Item(
                id=name,
                kind=Kind.DERIVED if derivation else Kind.ROW,
                topic=self.topic,
                label=label.en,
                label_zh=label.zh,
                value=value,
                unit=unit,
                period=period,
                known_at=known_at,
                origins=tuple(origins),
                derivation=derivation,
                inputs=inputs,
                signed=signed,
            )
        )

    def text(
        self,
        name: str,
        label: Label,
        text: str | None,
        *,
        known_at: datetime,
        origins: Iterable[Origin],
        period: str | None = None,
        unit: Unit = Unit.TEXT,
    ) -> None:
        """Add a text, or a day in ISO form. An empty one is left out."""
        if not text:
            return
        self.draft.add(
            Item(
                id=name,
                kind=Kind.ROW,
                topic=self.topic,
                label=label.en,
                label_zh=label.zh,
                text=text,
                unit=unit,
                period=period,
                known_at=known_at,
                origins=tuple(origins),
            )
        )

    def derive(self, name: str, label: Label, function: str, *inputs: str, period: str | None = None) -> None:
        """Add what a registered derivation makes of items; without one of them nothing, whose lack is told already.

        What the derivation refuses is missing, for its reason.
        """
        items = self.draft.items
        if not all(each in items for each in inputs):
            return
        given = tuple(items[each] for each in inputs)
        try:
            derived = FUNCTIONS[function](*given)
        except NotDerivable as refused:
            self.lacks(name, f"{refused}")
            return
        self.value(
            name,
            label,
            derived.value,
            derived.unit,
            known_at=max(item.known_at for item in given),
            origins=_origins(given),
            period=period or given[0].period,
            signed=derived.signed,
            derivation=function,
            inputs=inputs,
        )


def _origins(items: Iterable[Item]) -> tuple[Origin, ...]:
    """The rows that items were taken from, each once."""
    found: list[Origin] = []
    for item in items:
        found.extend(origin for origin in item.origins if origin not in found)
    return tuple(found)
