"""What a complete partition holds, and which datasets say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from stock_assistant_pipelines.catalog.grain import MARKET_OPENED

if TYPE_CHECKING:
    from datetime import date


@dataclass(frozen=True, slots=True)
class EveryDay:
    """Complete = every calendar day since `since`, to the end of this year."""

    column: str
    since: date = MARKET_OPENED

    @property
    def reads(self) -> tuple[str, ...]:
        """The datasets that this is computed from."""
        return ()


@dataclass(frozen=True, slots=True)
class NeverFewer:
    """Complete = every key that is already held; the first time, an answer that a second one confirms.

    A source may withdraw keys: when a second answer confirms it, up to the share `withdrawn` of what is held. `named_by`
    are datasets whose codes are known here: a day of theirs with more than the share `strangers` of codes that are not
    shows that the snapshot was cut short.
    """

    column: str
    named_by: tuple[str, ...] = ()
    withdrawn: float = 0.05
    strangers: float = 0.01

    @property
    def reads(self) -> tuple[str, ...]:
        """The datasets that this is computed from."""
        return ()


@dataclass(frozen=True, slots=True)
class Listed:
    """Complete = every stock listed on that day, minus those suspended for the whole of it."""

    stocks: str
    suspensions: str | None = None

    @property
    def reads(self) -> tuple[str, ...]:
        """The datasets that this is computed from."""
        return (self.stocks, self.suspensions) if self.suspensions else (self.stocks,)


@dataclass(frozen=True, slots=True)
class Unexplained:
    """Complete = every listed stock that has no bar that day. Nothing is proven before the bars are there."""

    stocks: str
    bars: str

    @property
    def reads(self) -> tuple[str, ...]:
        """The datasets that this is computed from."""
        return (self.stocks, self.bars)


@dataclass(frozen=True, slots=True)
class Followed:
    """Complete = every code that is called for and was published (`listed`) by that day according to `indices`."""

    indices: str
    since: str = "list_date"
    until: str = "exp_date"

    @property
    def reads(self) -> tuple[str, ...]:
        """The datasets that this is computed from."""
        return (self.indices,)


@dataclass(frozen=True, slots=True)
class Disclosed:
    """Complete = every company that has disclosed the period by now, according to `plan`.

    Of a period that the plan says nothing of, complete = every stock was asked.
    """

    plan: str = "disclosure_date"
    stocks: str = "stock_basic"

    @property
    def reads(self) -> tuple[str, ...]:
        """The datasets that this is computed from."""
        return (self.plan, self.stocks)


@dataclass(frozen=True, slots=True)
class Companies:
    """Complete = every stock that was listed on the last day of the period."""

    stocks: str = "stock_basic"

    @property
    def reads(self) -> tuple[str, ...]:
        """The datasets that this is computed from."""
        return (self.stocks,)


@dataclass(frozen=True, slots=True)
class Answered:
    """Complete = every stock was asked: nothing says which companies have rows."""

    stocks: str = "stock_basic"

    @property
    def reads(self) -> tuple[str, ...]:
        """The datasets that this is computed from."""
        return (self.stocks,)


Expected = EveryDay | NeverFewer | Listed | Unexplained | Followed | Disclosed | Companies | Answered
