"""Answers made by rules: claims about the evidence items that stand as JSON in the prompt, with placeholders for their values.

Items are objects with an `id`, wherever in the prompt; of what else they hold `value`, `text`, `topic` and `direction` are
read, or in its place `signed` and the sign of the value. One item of each measure is told, in the words of `sentences`. The
same prompt always brings the same answer.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from zlib import crc32

from stock_assistant_pipelines.sandbox.model.sentences import FORMS, MEASURES, WHOLE, Measure

Item = Mapping[str, Any]
Answer = dict[str, Any]

HAN = ("\u4e00", "\u9fff")
LEAST, MOST = 3, 6
"""Claims of one note: those that are always told, and all."""
LEADING = ("news", "valuation", "statements", "prices")
"""Whose note it is: of the first of these topics that the prompt has items of. A valuation is held against growth."""
BESIDE = {"valuation": {"profit", "margin"}, "statements": {"forecast"}}
"""What a note tells beside its own topic."""
BESIDES = {"place", "cash", "multiple", "debt"}
"""What a thesis tells beside what leans to a side."""
SAMPLES = (".days", ".stocks")
"""How ids end of items that say how many values another is made of."""

_NAME = re.compile(r"\{(\w*)(:\w+)?\}")
_FIGURE = re.compile(r"-?\d[\d,]*(?:\.\d+)?")


class NoEvidence(ValueError):
    """The prompt holds no items, so there is nothing to say."""


@dataclass(frozen=True)
class Told:
    """An item that is spoken of, and how it stands."""

    item: Item
    measure: Measure | None

    @property
    def id(self) -> str:
        """Its id."""
        return str(self.item["id"])

    @property
    def name(self) -> str:
        """What is told once: its measure, or the first part of its id."""
        return self.measure.name if self.measure else self.id.partition(".")[0]

    @property
    def topic(self) -> str:
        """Its topic, where it says one."""
        return str(self.item.get("topic") or "")

    @cached_property
    def sign(self) -> int:
        """-1, 0 or 1: the direction that it says, or that of a signed value."""
        value = str(self.item.get("value") or "")
        if "direction" in self.item:
            return {"up": 1, "down": -1}.get(self.item["direction"], 0)
        if not self.item.get("signed") or not value.strip("-0."):
            return 0
        return -1 if value.startswith("-") else 1

    @property
    def leaning(self) -> int:
        """Its sign, where that speaks for or against a stock."""
        return self.sign if self.measure and self.measure.leans else 0

    @property
    def case(self) -> str:
        """The case that its sentence is of."""
        if self.item.get("value") is None:
            return "text"
        bounds, figure = self.measure.bounds if self.measure else None, _FIGURE.search(str(self.item["value"]))
        if bounds and figure:
            value = float(figure[0].replace(",", ""))
            return "low" if value < bounds[0] else "high" if value > bounds[1] else "level"
        return {1: "up", -1: "down", 0: "level"}[self.sign]


def answer(prompt: str, system: str, contract: str, defect: str | None = None) -> Answer:
    """An answer that keeps to a contract: where that names a `stance` it is a synthesis, else a note. Raises `NoEvidence`.

    `defect` plants one: `wrong_company` or `literal_digits`.
    """
    given = {str(item["id"]): item for item in items(prompt)}
    writer = Writer("zh" if any(HAN[0] <= sign <= HAN[1] for sign in system or prompt) else "en", given)
    if not writer.about:
        raise NoEvidence("no evidence in the prompt: send items as JSON objects with an id and a value")
    made = writer.synthesis() if '"stance"' in contract else writer.note()
    if defect:
        name = "company" if defect == "wrong_company" else "digits"
        made["thesis" if "thesis" in made else "claims"][0] = writer.whole(name, [writer.about[0]], "fact")
    return made


def items(prompt: str) -> list[Item]:
    """The evidence items in a text, in order, each id once."""
    found: dict[str, Item] = {}
    for value in _documents(prompt):
        for item in _within(value):
            found.setdefault(str(item["id"]), item)
    return list(found.values())


def _documents(text: str) -> Iterator[Any]:
    """The JSON objects and lists in a text, the outermost only."""
    decoder = json.JSONDecoder()
    at = 0
    while (at := next((i for i in range(at, len(text)) if text[i] in "[{"), -1)) >= 0:
        try:
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError:
            at += 1
            continue
        yield value


def _within(value: Any) -> Iterator[Item]:
    if isinstance(value, dict):
        if isinstance(value.get("id"), str) and ("value" in value or "text" in value):
            yield value
            return
        value = list(value.values())
    if isinstance(value, list):
        for each in value:
            yield from _within(each)


class Writer:
    """What is said of the items of one prompt, in one language."""

    def __init__(self, language: str, given: Mapping[str, Item]) -> None:
        self._forms, self._whole, self._given = FORMS[language], WHOLE[language], given
        self._start = crc32(str(given.get("name", {}).get("text")).encode())
        """Where it begins in what may be chosen from: not every company is told in the same words."""
        telling = [item for item in given.values() if item.get("value") is not None or item.get("text")]
        self.about = _once([Told(item, _measure(item)) for item in telling if item.get("topic") != "company"])

    def note(self) -> Answer:
        """What an expert says: the whole in a sentence, then item by item."""
        topics = {each.topic for each in self.about}
        topic = next((each for each in LEADING if each in topics), "")
        chosen = self._chosen(topic)
        balance = sum(each.leaning for each in chosen)
        leading = [each for each in chosen if each.leaning * balance > 0]
        direction = "up" if balance > 0 else "down"
        if leading and f"{topic} {direction}" in self._whole:
            summary = self.whole(f"{topic} {direction}", leading, "opinion") | {"direction": direction}
        else:
            summary = self.whole(topic, chosen, "opinion")
        return {"summary": summary, "claims": [self._claim(each, at) for at, each in enumerate(chosen)]}

    def _chosen(self, topic: str) -> list[Told]:
        """What a note tells: the first of its topic, others in turn, and what it tells beside; no more than `MOST`."""
        own = [each for each in self.about if not topic or each.topic == topic]
        known = [each for each in own if each.measure]
        own = known if len(known) >= LEAST else own
        beside = [each for each in self.about if each.topic != topic and each.name in BESIDE.get(topic, ())]
        first, rest = own[:LEAST], own[LEAST:]
        at = self._start % max(len(rest), 1)
        turn = [*rest[at:], *rest[:at]][: MOST - LEAST - len(beside)]
        return [*first, *(each for each in rest if each in turn), *beside]

    def synthesis(self) -> Answer:
        """A stance by the balance of signs, what speaks for it and against, and what would prove it wrong."""
        balance = sum(each.leaning for each in self.about)
        side = (balance > 0) - (balance < 0)
        parts = self._argument(side)
        grounds = [each for lead, each in parts if lead != "against"][:2]
        turns = {1: "turns up", -1: "turns down", 0: "turns"}
        swing = [self._claim(each, 0) for each in self.about if each.name == "swing"]
        weighs = [self.whole("weighs", [each], "risk") for lead, each in parts if lead == "against"]
        return {
            "stance": {1: "outperform", -1: "underperform", 0: "neutral"}[side],
            "horizon": 20,
            "probability": round(0.5 + 0.05 * min(abs(balance), 4), 2),
            "thesis": [self._claim(each, at, self._whole[lead]) for at, (lead, each) in enumerate(parts)],
            "invalidation": [self.whole(turns[each.sign], [each], "opinion") for each in grounds],
            "risks": [*swing, *weighs, self.whole("limits", grounds[:1], "risk")],
        }

    def _argument(self, side: int) -> list[tuple[str, Told]]:
        """The items of a thesis, of different topics where there are, each with what it is there for."""
        up, down, others = (_spread([each for each in self.about if each.leaning == sign]) for sign in (1, -1, 0))
        plain = [each for each in others if each.name in BESIDES] or others
        if side:
            with_it, against = (up, down) if side > 0 else (down, up)
            leads = ("with", "further", "besides")
            found = [*zip(leads, with_it, strict=False), *(("against", each) for each in against[:1])]
        else:
            found = [*(("one side", each) for each in up[:1]), *(("other side", each) for each in down[:1])]
        return [*found, *(("also" if found else "alone", each) for each in plain[:1])]

    def whole(self, name: str, about: Sequence[Told], kind: str) -> Answer:
        """A sentence that rests on several items, and names the first."""
        text, _ = self._filled(self._whole[name], about[0])
        return {"text": text, "kind": kind, "evidence": [each.id for each in about], "direction": "none"}

    def _claim(self, told: Told, at: int, lead: str = "") -> Answer:
        """What is said of one item; `at`: how many were told before it."""
        plain = "text" if told.case == "text" else {1: "up", -1: "down", 0: "level"}[told.sign]
        known: list[tuple[str, list[str]]] = []
        for forms in (self._forms.get(told.name, {}).get(told.case, ()), self._forms[""][plain]):
            known = known or [filled for form in forms if (filled := self._filled(form, told))[0]]
        text, ids = known[(self._start + at) % len(known)]
        kind = told.measure.kind if told.measure else "fact"
        direction = {1: "up", -1: "down", 0: "none"}[told.leaning]
        return {"text": lead + text, "kind": kind, "evidence": ids, "direction": direction}

    def _filled(self, form: str, told: Told) -> tuple[str, list[str]]:
        """A form with its items named, and their ids; no text where one is not there."""
        names = {"": told.id, "base": told.id.rpartition(".")[0], "root": told.id.partition(".")[0]}
        ids = list(dict.fromkeys([told.id, *(names.get(found[1], found[1]) for found in _NAME.finditer(form))]))
        if not self._given.keys() >= set(ids):
            return "", ids
        return _NAME.sub(lambda found: f"{{{{{names.get(found[1], found[1])}{found[2] or ''}}}}}", form), ids


def _measure(item: Item) -> Measure | None:
    return next((each for each in MEASURES if each.ids.fullmatch(str(item["id"]))), None)


def _once(told: list[Told]) -> list[Told]:
    """One item of each measure, in the order of the measures; then of others what tells a direction, figures, and texts."""
    ranks = {measure.name: rank for rank, measure in enumerate(MEASURES)}

    def rank(each: Told) -> tuple[int, bool, bool, bool]:
        first = each.measure is not None and each.measure.first.fullmatch(each.id) is not None
        return ranks.get(each.name, len(ranks)), not first, not each.sign, each.case == "text"

    found: dict[str, Told] = {}
    for each in sorted((each for each in told if not each.id.endswith(SAMPLES)), key=rank):
        found.setdefault(each.id if each.name == "news" else each.name, each)
    return list(found.values())


def _spread(told: list[Told]) -> list[Told]:
    """The same items, the first of each topic before the second of one."""
    nth: dict[str, int] = {}
    seen: Counter[str] = Counter()
    for each in told:
        nth[each.id] = seen[each.topic]
        seen[each.topic] += 1
    return sorted(told, key=lambda each: nth[each.id])
