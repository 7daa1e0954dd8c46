"""A report: what is left of the experts' verdicts, put together. Pure: the same verdicts bring the same report."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.contracts import Expert
from stock_assistant_pipelines.research.verdicts import Outcome

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stock_assistant_pipelines.research.editions import Edition
    from stock_assistant_pipelines.research.evidence import Sheet
    from stock_assistant_pipelines.research.verdicts import Verdict, View


class Standing(StrEnum):
    """What a report is worth."""

    PUBLISHED = "published"
    """Every claim held."""
    DEGRADED = "degraded"
    """A stance is held; some claims, or an expert, are left out."""
    ABSTAINED = "abstained"
    """No stance is taken. What holds of the notes is shown."""
    FAILED = "failed"
    """There is no report: no evidence, or nobody answered. The next run tries again."""


@dataclass(frozen=True)
class Report:
    """A report of one stock on one day, or why there is none."""

    id: str
    sheet: Sheet
    edition: Edition
    verdicts: Mapping[Expert, Verdict]
    """In the order in which they were asked."""

    @property
    def synthesis(self) -> Verdict | None:
        """What came of the synthesis; None where an expert failed before it."""
        return self.verdicts.get(Expert.SYNTHESIS)

    @property
    def view(self) -> View | None:
        """The stance, where one is held."""
        return self.synthesis.view if self.synthesis else None

    @property
    def by_rules(self) -> bool:
        """Whether rules wrote it, or a note of it, and no model."""
        return self.edition.by_rules or any(verdict.by_rules for verdict in self.verdicts.values())

    @property
    def standing(self) -> Standing:
        """What it is worth."""
        outcomes = {verdict.outcome for verdict in self.verdicts.values()}
        if Outcome.FAILED in outcomes or self.synthesis is None:
            return Standing.FAILED
        if self.view is None:
            return Standing.ABSTAINED
        if outcomes & {Outcome.DEGRADED, Outcome.ABSTAINED}:
            return Standing.DEGRADED
        return Standing.PUBLISHED

    @property
    def reason(self) -> str | None:
        """Why it is not published whole; None: it is."""
        if self.standing is Standing.PUBLISHED:
            return None
        wanting = {Outcome.FAILED} if self.standing is Standing.FAILED else {Outcome.DEGRADED, Outcome.ABSTAINED}
        told = [
            f"{expert}: {verdict.reason}"
            for expert, verdict in self.verdicts.items()
            if verdict.outcome in wanting or (expert is Expert.SYNTHESIS and verdict.view is None)
        ]
        return "; ".join(told)

    @property
    def claims(self) -> int:
        """How many claims are published: none of who abstained."""
        kept = (verdict for verdict in self.verdicts.values() if verdict.outcome is not Outcome.ABSTAINED)
        return sum(len(verdict.held) for verdict in kept)

    @property
    def dropped(self) -> int:
        """How many the gate refused in the end."""
        return sum(len(verdict.dropped) for verdict in self.verdicts.values())
