"""States: what the database held when, so that each answer can be held to one of them.

An answer has to tell a state that was there between its question and its end: no older one, which a landing had changed before
the question, and none that was not written yet.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from bench.asking import Question

FIRST_VALUE = 900_000_000
"""What the register holds before it is written to."""

MARGIN = 7.0
"""Seconds after the database is back in which answers may still say that it is not: `Retry-After` is 5."""

DOCUMENTED = ("/problems/database-unavailable", "/problems/overloaded")
"""Problems that an answer may be, with `Retry-After`; the first while the database is gone."""


@dataclass
class Writes:
    """When each write began and ended, in the order in which they were made. One that is tried again has not ended."""

    begun: list[float] = field(default_factory=list)
    ended: list[float] = field(default_factory=list)

    def between(self, asked: float, answered: float) -> tuple[int, int]:
        """How many writes an answer must tell at the least, and may at the most."""
        return bisect_right(self.ended, asked), bisect_right(self.begun, answered)


@dataclass(frozen=True)
class History:
    """What the database went through."""

    days: Writes
    """The days that landed."""
    values: Writes
    """What was written to the register."""
    gone: tuple[float, float]
    """When the database was stopped, and when it was back."""
    truth: Mapping[str, Any]
    """By question: the digest of its answer; of one that grows, what it tells after so many days."""
    steps: Mapping[str, int]
    """By question that is a step: after how many days it is taken."""


@dataclass
class Verdict:
    """What became of the answers to one question."""

    right: int = 0
    repeated: int = 0
    """Of those, told by a 304."""
    problems: Counter[str] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)
    again: bool = False
    """Whether it was answered after the database was back."""
    wrong: list[str] = field(default_factory=list)


def together(verdicts: Iterable[Verdict]) -> Verdict:
    """All questions as one."""
    whole = Verdict()
    for each in verdicts:
        whole.right += each.right
        whole.repeated += each.repeated
        whole.problems += each.problems
        whole.seconds += each.seconds
        whole.wrong += each.wrong
    return whole


def judge(
    questions: Sequence[Question],
    states: Sequence[Sequence[Any]],
    answers: Sequence[tuple[int, float, float, int, bool]],
    history: History,
) -> dict[str, Verdict]:
    """Hold every answer to what the database held, by question."""
    verdicts = {question.name: Verdict() for question in questions}
    for at, asked, answered, state, repeated in answers:
        question, told = questions[at], states[state]
        verdict = verdicts[question.name]
        verdict.seconds.append(answered - asked)
        if told[0] in {"problem", "broken off"}:
            verdict.problems[_kind(told)] += 1
            fault = _excuse(question, told, asked, answered, history)
        else:
            fault = _fault(question, told, asked, answered, history)
            verdict.right += fault is None
            verdict.repeated += fault is None and repeated
            verdict.again |= fault is None and asked > history.gone[1]
        if fault:
            verdict.wrong.append(f"{question.name}: {fault}")
    return verdicts


def _kind(told: Sequence[Any]) -> str:
    return str(told[2]).rpartition("/")[2] if told[0] == "problem" else str(told[0])


def _excuse(question: Question, told: Sequence[Any], asked: float, answered: float, history: History) -> str | None:
    """What is wrong with a problem, or with an answer that broke off; None where it may be."""
    stopped, back = history.gone
    gone = answered >= stopped and asked <= back + MARGIN
    if told[0] == "broken off":
        return None if gone and question.streamed else f"it broke off ({told[1]})"
    _, status, kind, retry = told
    if kind not in DOCUMENTED or not retry:
        return f"{status} {kind}, with Retry-After: {retry}"
    return None if gone or kind == DOCUMENTED[1] else f"{status} {kind}, while the database was there"


def _fault(question: Question, told: Sequence[Any], asked: float, answered: float, history: History) -> str | None:
    """What is wrong with an answer; None where it tells what the database held."""
    expected = history.truth.get(question.name)
    least, most = history.days.between(asked, answered)
    match question.kind, told[0]:
        case "page", "page":
            return None
        case "stable", "told":
            return None if told[1] == expected else "other rows than there are"
        case "register", "told":
            least, most = history.values.between(asked, answered)
            if told[1] != expected or len(told) != 3:
                return "other rows than there are"
            return _within(told[2] - FIRST_VALUE, least, most, "the value")
        case "step", "not landed":
            landed = least >= history.steps[question.name]
            return "not landed, though it had before the question" if landed else None
        case "step", "told":
            if told[1] != expected:
                return "other rows than there are"
            return None if most >= history.steps[question.name] else "rows that had not landed"
        case "prefix", "grown":
            found = expected.index(list(told[1:])) if expected and list(told[1:]) in expected else None
            return f"no state that there was: {told[1:]}" if found is None else _within(found, least, most, "days")
        case _:
            return f"{' '.join(map(str, told))[:200]}"


def _within(found: int, least: int, most: int, what: str) -> str | None:
    if found < least:
        return f"stale: {what} after {found} writes, when {least} had been made before the question"
    return f"{what} after {found} writes, of which {most} had begun" if found > most else None
