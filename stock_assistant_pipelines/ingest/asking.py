"""Asking stocks one after another: what came of each, and when asking on is hopeless.

It is when the source says so, when nobody answers any more, and when stock after stock is refused with the same words: then it
is the call that is wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stock_assistant_pipelines.tushare.errors import HOPELESS, BadParameters, CallRefused, HttpStatusError

if TYPE_CHECKING:
    from datetime import date

    from stock_assistant_pipelines.tushare.errors import TushareError

OUTAGE = 20
"""After so many stocks in a row of which nobody said anything, or that were refused with the same words, the others are
asked another time.
"""


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a stock: the periods that have got rows, the answers it took, and what went wrong."""

    code: str
    periods: frozenset[date] = frozenset()
    calls: int = 0
    source: str | None = None
    error: TushareError | None = None

    @property
    def refusal(self) -> str | None:
        """With which words all that was asked was refused, whichever stock it was; None when it was not."""
        refused = isinstance(self.error, BadParameters) and not self.calls
        return self.error.message.replace(self.code, "…") if self.error and refused else None

    @property
    def nobody(self) -> bool:
        """Whether nobody answered. An answer that cannot be used, or a refusal of this stock, is one."""
        lost = bool(self.error and self.error.heals) or isinstance(self.error, HttpStatusError)
        return lost and not self.calls


@dataclass
class Round:
    """What has come of the stocks so far, and whether to go on."""

    calls: int = 0
    source: str | None = None
    touched: set[date] = field(default_factory=set)
    answered: set[str] = field(default_factory=set)
    failed: int = 0
    in_a_row: int = 0
    refusal: str | None = None
    refused: int = 0
    """How many stocks in a row came to that: these words, or none."""
    error: TushareError | None = None
    """Why stocks were not answered: the first reason, or what makes asking on hopeless."""
    over: bool = False

    def take(self, told: Told) -> bool:
        """Add what came of a stock; return whether asking on is hopeless."""
        self.calls += told.calls
        self.source = told.source or self.source
        self.touched |= told.periods
        if not told.error:
            self.answered.add(told.code)
        self.failed += told.error is not None
        self.in_a_row = self.in_a_row + 1 if told.nobody else 0
        self.over = self.over or isinstance(told.error, HOPELESS) or self.in_a_row >= OUTAGE
        if told.error and (self.error is None or isinstance(told.error, HOPELESS)):
            self.error = told.error
        self.refused = (self.refused if told.refusal == self.refusal else 0) + 1
        self.refusal = told.refusal
        if told.error and told.refusal and self.refused >= OUTAGE:
            self.error, self.over = _wrong_call(told.error.api, told.refusal), True
        return self.over


def _wrong_call(api: str, words: str) -> CallRefused:
    reason = f"{OUTAGE} stocks in a row were refused with the same words, and the others are not asked: {words}"
    return CallRefused(api, f"{reason} (compare the declaration with Tushare's page of the interface)")
