"""Experts: one question each, repaired once where the gate refuses the answer, and then what holds of it.

Whoever is asked keeps the `Asker` protocol: a model, or the memory of its answers. The same answers bring the same verdict.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from stock_assistant_pipelines.research import prompts
from stock_assistant_pipelines.research.contracts import Expert, Note, Synthesis
from stock_assistant_pipelines.research.evidence import Topic
from stock_assistant_pipelines.research.gate import claims
from stock_assistant_pipelines.research.providers.errors import Blocked, NotAnswered
from stock_assistant_pipelines.research.providers.exchange import Prompt, Purpose, Reply, T
from stock_assistant_pipelines.research.render import Language
from stock_assistant_pipelines.research.verdicts import REASONS, Answered, Outcome, Verdict, weigh

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stock_assistant_pipelines.research.contracts import Claim
    from stock_assistant_pipelines.research.evidence import Sheet
    from stock_assistant_pipelines.research.names import Names
    from stock_assistant_pipelines.research.reading import Violation

ANALYSTS = (Expert.TECHNICAL, Expert.FINANCIAL, Expert.VALUATION, Expert.NEWS)
"""Who writes a note."""

OWN: Mapping[Expert, Topic] = {
    Expert.TECHNICAL: Topic.PRICES,
    Expert.FINANCIAL: Topic.STATEMENTS,
    Expert.VALUATION: Topic.VALUATION,
    Expert.NEWS: Topic.NEWS,
}
"""The topic without which an expert has nothing to say."""

TOPIC_NAMES: Mapping[Language, Mapping[Topic, str]] = {
    Language.ZH: {Topic.PRICES: "行情", Topic.STATEMENTS: "财务报表", Topic.VALUATION: "估值", Topic.NEWS: "消息"},
    Language.EN: {topic: str(topic) for topic in OWN.values()},
}


class Asker(Protocol):
    """Who answers."""

    async def ask(self, prompt: Prompt, contract: type[T], *, purpose: Purpose) -> Reply[T]:
        """Answer a question by its contract. Raises `BudgetExhausted`, `Blocked`, `NotAnswered`."""


async def consult(
    asker: Asker,
    expert: Expert,
    sheet: Sheet,
    language: Language,
    report_id: str,
    names: Names,
    notes: Mapping[Expert, Sequence[Claim]] | None = None,
) -> Verdict:
    """Ask one expert about a sheet; the synthesis also about what is left of the others' `notes`.

    `names`: of all companies, none of which may be named but its own. Raises `BudgetExhausted`.
    """
    if lacks := _lacks(expert, sheet, language, notes or {}):
        return Verdict(expert=expert, outcome=Outcome.ABSENT, reason=lacks)
    prompt = prompts.ask(expert, sheet, language, notes or {})
    course = _Course(asker, expert, sheet, language, Purpose(report_id, expert), names)
    try:
        return await course.take(prompt)
    except Blocked as error:
        reason = REASONS[language]["refused"].format(error=error)
        return replace(course.verdict, outcome=Outcome.ABSTAINED, reason=reason)
    except NotAnswered as error:
        return replace(course.verdict, outcome=Outcome.FAILED, reason=str(error))


class _Course:
    """One expert's answers, in order, and what they amount to."""

    def __init__(
        self,
        asker: Asker,
        expert: Expert,
        sheet: Sheet,
        language: Language,
        purpose: Purpose,
        names: Names,
    ) -> None:
        self._asker, self._expert, self._sheet = asker, expert, sheet
        self._language, self._purpose, self._names = language, purpose, names
        self.verdict = Verdict(expert=expert, outcome=Outcome.FAILED)

    async def take(self, prompt: Prompt) -> Verdict:
        """The verdict on the answer, or on the repaired one where that holds no less."""
        answer, first, wrong = await self._ask(prompt)
        if not wrong:
            return self._known(first)
        try:
            _, second, _ = await self._ask(prompts.repair(prompt, answer, wrong, self._language))
        except Blocked:
            return self._known(first)
        return self._known(second if _worth(second) >= _worth(first) else first)

    async def _ask(self, prompt: Prompt) -> tuple[Note | Synthesis, Verdict, tuple[Violation, ...]]:
        reply: Reply[Note] | Reply[Synthesis]
        if self._expert is Expert.SYNTHESIS:
            reply = await self._asker.ask(prompt, Synthesis, purpose=self._purpose)
        else:
            reply = await self._asker.ask(prompt, Note, purpose=self._purpose)
        strangers = self._names.within("\n".join(claim.text for _, claim in claims(reply.answer)))
        self.verdict = replace(
            self.verdict,
            answered=(*self.verdict.answered, Answered(reply.call_id, reply.provider, reply.model)),
            strangers=tuple(sorted({*self.verdict.strangers, *strangers})),
        )
        return reply.answer, *weigh(self._expert, reply.answer, self._sheet, self._language, strangers)

    def _known(self, verdict: Verdict) -> Verdict:
        return replace(verdict, answered=self.verdict.answered, strangers=self.verdict.strangers)


def _worth(verdict: Verdict) -> tuple[bool, int, int]:
    """By which of two answers the better is known: a stance that can be held, more claims that hold, fewer that do not."""
    return verdict.view is not None, len(verdict.held), -len(verdict.dropped)


def _lacks(expert: Expert, sheet: Sheet, language: Language, notes: Mapping[Expert, Sequence[Claim]]) -> str | None:
    """Why an expert has nothing to say."""
    if expert is Expert.SYNTHESIS:
        return None if any(notes.values()) else REASONS[language]["no notes"]
    topic = OWN[expert]
    if any(item.value is not None or item.text for item in sheet.of(topic)):
        return None
    return sheet.missing.get(topic) or REASONS[language]["absent"].format(topic=TOPIC_NAMES[language][topic])
