"""The gate: what an expert says, held against the evidence. Structural, deterministic, and before anything is published.

It never recovers a figure from prose: figures are placeholders, and a figure that is written out is refused wherever it stands.
What it holds against the evidence are ids, companies, measures, periods, directions, levels and dates, by the rules in `rules`.
What it lets through may be a bad opinion; it is not an unsupported figure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.contracts import Claim, Direction, Expert, Note, Stance, Synthesis
from stock_assistant_pipelines.research.grammar import GrammarError, parse
from stock_assistant_pipelines.research.reading import TOPICS, Reading, Violation
from stock_assistant_pipelines.research.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from stock_assistant_pipelines.research.evidence import Sheet
    from stock_assistant_pipelines.research.render import Language

__all__ = ["HORIZONS", "TOPICS", "Violation", "claims", "judge", "opposed"]

HORIZONS = (5, 20, 60)
"""Trading days over which a stance may be held."""
LEAST = 1 / 3
"""Of three stances, one that is held for less likely than that is none."""


def judge(
    expert: Expert, answer: Note | Synthesis, sheet: Sheet, language: Language, others: Collection[str] = ()
) -> tuple[Violation, ...]:
    """All that the evidence does not support in an answer; nothing: it may be published. `others`: names of other companies."""
    found: list[Violation] = []
    for where, claim in claims(answer):
        try:
            pieces = parse(claim.text)
        except GrammarError as error:
            found.append(Violation("placeholder", where, str(error)))
            continue
        reading = Reading(expert, where, claim, sheet, language, others, pieces)
        for rule in RULES:
            found.extend(rule(reading))
    if isinstance(answer, Synthesis):
        found.extend(_held(answer))
    return tuple(found)


def claims(answer: Note | Synthesis) -> Iterator[tuple[str, Claim]]:
    """The claims of an answer, each with where it stands."""
    parts: dict[str, tuple[Claim, ...]]
    if isinstance(answer, Note):
        yield "summary", answer.summary
        parts = {"claims": answer.claims}
    else:
        parts = {"thesis": answer.thesis, "invalidation": answer.invalidation, "risks": answer.risks}
    for part, group in parts.items():
        for number, claim in enumerate(group):
            yield f"{part}[{number}]", claim


def _held(answer: Synthesis) -> Iterator[Violation]:
    """A stance can be proven wrong: it has a horizon that is kept score of, and something in its thesis points its way."""
    if answer.horizon not in HORIZONS:
        kept = ", ".join(map(str, HORIZONS))
        yield Violation("horizon", "", f"The horizon is one of {kept} trading days, not {answer.horizon}.")
    if answer.stance is not Stance.ABSTAIN and answer.probability < LEAST:
        yield Violation("probability", "", "A stance that is held for less likely than a third is no stance: abstain.")
    if against := opposed(answer.stance, answer.thesis):
        yield Violation(
            "stance", "", f"The stance is {answer.stance}, and all that the thesis says of directions is {against}."
        )


def opposed(stance: Stance, thesis: Iterable[Claim]) -> Direction | None:
    """The direction in which all of a thesis points that says any, where it is the one against the stance."""
    against = {Stance.OUTPERFORM: Direction.DOWN, Stance.UNDERPERFORM: Direction.UP}.get(stance)
    pointing = {claim.direction for claim in thesis} & {Direction.UP, Direction.DOWN}
    return against if pointing == {against} else None
