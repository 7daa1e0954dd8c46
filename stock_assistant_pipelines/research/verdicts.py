"""Verdicts: an expert's answer as the gate left it. Pure: the same answer and evidence bring the same verdict.

A claim that the gate refuses is kept with the reasons and never published. What is left decides what the answer is worth.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.contracts import Claim, Expert, Note, Stance, Synthesis
from stock_assistant_pipelines.research.editions import SANDBOX
from stock_assistant_pipelines.research.gate import claims, judge
from stock_assistant_pipelines.research.grammar import GrammarError
from stock_assistant_pipelines.research.reading import Violation
from stock_assistant_pipelines.research.render import Language, Rendered, Unprintable, render

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from stock_assistant_pipelines.research.evidence import Sheet


class Outcome(StrEnum):
    """What came of asking an expert."""

    WRITTEN = "written"
    """Every claim held."""
    DEGRADED = "degraded"
    """Some claims were dropped."""
    ABSTAINED = "abstained"
    """Nothing held, the provider refused the content, or the model itself abstained."""
    ABSENT = "absent"
    """There is no evidence of its topics: nobody was asked."""
    FAILED = "failed"
    """Nobody answered. Asking again may heal it."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A claim, its values printed, and why it is not published."""

    place: str
    """`summary`, `claims[0]`, `thesis[1]` …"""
    claim: Claim
    rendered: Rendered | None
    """None where it cannot be printed."""
    violations: tuple[Violation, ...]

    @property
    def held(self) -> bool:
        """Whether it is published."""
        return self.rendered is not None and not self.violations

    @property
    def part(self) -> str:
        """The part of the answer it stands in, without its number."""
        return self.place.partition("[")[0]


@dataclass(frozen=True, slots=True)
class View:
    """A stance as it is held."""

    stance: Stance
    horizon: int
    probability: float


@dataclass(frozen=True, slots=True)
class Answered:
    """Where an answer came from."""

    call_id: int
    provider: str
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of asking one expert."""

    expert: Expert
    outcome: Outcome
    reason: str | None = None
    claims: tuple[Judged, ...] = ()
    view: View | None = None
    """Of the synthesis, where a stance can be held."""
    answered: tuple[Answered, ...] = ()
    """The answer, and the repaired one."""
    strangers: tuple[str, ...] = ()
    """Names of other companies that the answers hold: all that they were held against."""

    @property
    def by_rules(self) -> bool:
        """Whether rules gave the answer, and no model; by the last one, of which alone it is kept who gave it."""
        return bool(self.answered) and self.answered[-1].provider == SANDBOX

    @property
    def held(self) -> tuple[Judged, ...]:
        """The claims that are published."""
        return tuple(each for each in self.claims if each.held)

    @property
    def dropped(self) -> tuple[Judged, ...]:
        """The claims that are not."""
        return tuple(each for each in self.claims if not each.held)


NEEDED = ("thesis", "invalidation")
"""The parts without which a stance does not stand."""

REASONS: Mapping[Language, Mapping[str, str]] = {
    Language.ZH: {
        "dropped": "{all}条论断中有{dropped}条得不到证据支持",
        "nothing": "没有论断得到证据支持",
        "abstains": "模型放弃判断",
        "thesis": "没有一条论据站得住",
        "invalidation": "没有说明什么会证明判断有误",
        "absent": "没有{topic}方面的证据",
        "no notes": "各研究员均无可说",
        "refused": "服务商拒绝处理此内容：{error}",
    },
    Language.EN: {
        "dropped": "{dropped} of {all} claims are not supported by the evidence",
        "nothing": "no claim is supported by the evidence",
        "abstains": "the model abstains",
        "thesis": "no claim of its thesis holds",
        "invalidation": "nothing holds of what would prove it wrong",
        "absent": "there is no evidence of {topic}",
        "no notes": "no expert has anything to say",
        "refused": "the provider refuses the content: {error}",
    },
}
"""Why an answer is not worth all that it could be."""


def weigh(
    expert: Expert, answer: Note | Synthesis, sheet: Sheet, language: Language, others: Collection[str]
) -> tuple[Verdict, tuple[Violation, ...]]:
    """Judge an answer claim by claim: the verdict, and all that is wrong with it."""
    found = judge(expert, answer, sheet, language, others)
    by_place: defaultdict[str, list[Violation]] = defaultdict(list)
    for each in found:
        by_place[each.where].append(each)
    judged = tuple(_judged(place, claim, sheet, language, by_place[place]) for place, claim in claims(answer))
    unprinted = [each for claim in judged for each in claim.violations if each not in found]
    return _verdict(expert, answer, judged, by_place[""], REASONS[language]), (*found, *unprinted)


def _judged(place: str, claim: Claim, sheet: Sheet, language: Language, found: Sequence[Violation]) -> Judged:
    try:
        return Judged(place, claim, render(claim.text, sheet, language), tuple(found))
    except (GrammarError, Unprintable) as error:
        told = found or [Violation("placeholder", place, str(error))]
        return Judged(place, claim, None, tuple(told))


def _verdict(
    expert: Expert,
    answer: Note | Synthesis,
    judged: tuple[Judged, ...],
    whole: Sequence[Violation],
    reasons: Mapping[str, str],
) -> Verdict:
    held, dropped = [each for each in judged if each.held], [each for each in judged if not each.held]
    reason = reasons["dropped"].format(dropped=len(dropped), all=len(judged)) if dropped else None
    outcome = Outcome.DEGRADED if dropped else Outcome.WRITTEN
    view = None
    if isinstance(answer, Synthesis):
        lacks = _lacks(answer, held, whole, reasons)
        if lacks:
            outcome, reason = Outcome.ABSTAINED, lacks
        else:
            view = View(answer.stance, answer.horizon, answer.probability)
    elif not held:
        outcome, reason = Outcome.ABSTAINED, reasons["nothing"]
    return Verdict(expert=expert, outcome=outcome, reason=reason, claims=judged, view=view)


def _lacks(
    answer: Synthesis, held: Sequence[Judged], whole: Sequence[Violation], reasons: Mapping[str, str]
) -> str | None:
    """Why no stance can be held."""
    if answer.stance is Stance.ABSTAIN:
        return reasons["abstains"]
    if whole:
        return " ".join(each.detail for each in whole)
    parts = {each.part for each in held}
    return next((reasons[part] for part in NEEDED if part not in parts), None)
