"""Drafts: notes and syntheses, clean or with one planted defect."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

from bench.drafts import chinese, english
from bench.drafts.defects import DEFECTS
from bench.drafts.sheets import COMPANIES, sheet
from bench.drafts.writer import write
from stock_assistant_pipelines.research.contracts import Expert, Note, Stance, Synthesis
from stock_assistant_pipelines.research.render import Language

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stock_assistant_pipelines.research.contracts import Claim
    from stock_assistant_pipelines.research.evidence import Sheet

VOICES = {Language.ZH: chinese, Language.EN: english}
ENGLISH = 0.3
"""The share of drafts in English."""


@dataclass(frozen=True)
class Draft:
    """What an expert hands in, and on what evidence."""

    kind: str
    """`clean`, or the kind of defect that was planted."""
    language: Language
    expert: Expert
    answer: Note | Synthesis
    sheet: Sheet
    planted: Claim | None = None
    """The claim that is wrong; None of a clean draft, and of one that is wrong as a whole."""

    @property
    def others(self) -> frozenset[str]:
        """The names of all other companies."""
        return frozenset(name for _, name, _ in COMPANIES) - {self.sheet.name}


def clean(seed: int, count: int = 200) -> Iterator[Draft]:
    """Drafts in which nothing is wrong."""
    for number in range(count):
        yield _draft(Random(f"{seed} clean {number}"))


def defective(seed: int, count: int = 200) -> Iterator[Draft]:
    """Drafts in which one thing is wrong, of each kind as many."""
    for number in range(count):
        rng = Random(f"{seed} defective {number}")
        kind = kinds()[number % len(DEFECTS)]
        while (draft := _planted(rng, kind)) is None:
            pass
        yield draft


def kinds() -> tuple[str, ...]:
    """The kinds of defects."""
    return tuple(DEFECTS)


def _draft(rng: Random) -> Draft:
    """A clean draft."""
    language = Language.EN if rng.random() < ENGLISH else Language.ZH
    evidence, voice = sheet(rng), VOICES[language]
    if rng.random() < 0.25:
        answer = _synthesis(rng, evidence, language)
        return Draft("clean", language, Expert.SYNTHESIS, answer, evidence)
    expert = rng.choice(tuple(voice.SENTENCES))
    told = voice.SENTENCES[expert]
    claims = [write(rng, evidence, *each) for each in rng.sample(told, min(len(told), rng.randint(2, 6)))]
    summary = write(rng, evidence, *rng.choice(told))
    return Draft("clean", language, expert, Note(summary=summary, claims=tuple(claims)), evidence)


def _synthesis(rng: Random, evidence: Sheet, language: Language) -> Synthesis:
    """A synthesis; its stance does not contradict what its thesis says."""
    voice = VOICES[language]
    told = [each for sentences in voice.SENTENCES.values() for each in sentences]
    groups = {
        "thesis": [write(rng, evidence, *each) for each in rng.sample(told, rng.randint(2, 5))],
        "invalidation": [write(rng, evidence, *rng.choice(voice.INVALIDATION))],
        "risks": [write(rng, evidence, *each) for each in rng.sample(voice.RISKS, rng.randint(1, 2))],
    }
    pointing = {claim.direction.value for claim in groups["thesis"]} & {"up", "down"}
    stances = {
        Stance.NEUTRAL,
        *({Stance.OUTPERFORM} if "up" in pointing else ()),
        *({Stance.UNDERPERFORM} if "down" in pointing else ()),
    }
    return Synthesis(
        stance=rng.choice(sorted(stances)),
        horizon=rng.choice([5, 20, 60]),
        probability=round(rng.uniform(0.4, 0.8), 2),
        **{part: tuple(claims) for part, claims in groups.items()},
    )


def _planted(rng: Random, kind: str) -> Draft | None:
    """A clean draft with a defect in one of its claims; None where it has no place for it."""
    draft = _draft(rng)
    plant = DEFECTS[kind]
    part = rng.choice(["summary", "claims"] if isinstance(draft.answer, Note) else ["thesis"])
    group: tuple[Claim, ...] = (draft.answer.summary,) if part == "summary" else getattr(draft.answer, part)
    at = rng.randrange(len(group))
    planted = plant(rng, group[at], draft.sheet, draft.language, draft.expert)
    if planted is None:
        return None
    claim, evidence = planted
    changed = claim if part == "summary" else (*group[:at], claim, *group[at + 1 :])
    return replace(
        draft, kind=kind, answer=draft.answer.model_copy(update={part: changed}), sheet=evidence, planted=claim
    )
