"""What is booked of a call: before it, what it could cost at the most; after it, what came of it. Pure values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from decimal import Decimal


class Span(StrEnum):
    """What a budget is for."""

    REPORT = "report"
    DAY = "day"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class Budgets:
    """The most that may be spent, in CNY."""

    report: Decimal
    day: Decimal
    month: Decimal


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens, as the provider counted them."""

    asked: int
    """All that was sent."""
    answered: int
    """All that came back, thinking included."""
    cached: int = 0
    """What of that sent was cached."""
    reasoning: int = 0
    """What of that answered was thinking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """A call that is about to be made."""

    report_key: str | None
    expert: str
    provider: str
    model: str
    rung: str
    request_sha256: str
    request: bytes
    price_version: str
    most: Decimal
    """What it costs at the most."""
    attempt: int
    deadline: float
    """Seconds after which it is over, whatever comes of it."""
    at_once: int
    """Calls to this provider under way at the same time, of all workers together."""
    per_minute: int
    """Calls to this provider in any minute, of all workers together; 0: any number."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """A booked call: what is needed to settle it."""

    id: int
    most: Decimal
    spans: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What came of a call."""

    outcome: str
    """`answered`, or the class of the error."""
    cost: Decimal | None
    """None: nobody knows, so what was booked stays."""
    usage: Usage | None = None
    response: bytes | None = None
    error: str | None = None
    first_byte_ms: int | None = None
    total_ms: int | None = None

    def paid(self, ticket: Ticket) -> Decimal:
        """What is booked for it in the end."""
        return ticket.most if self.cost is None else self.cost


@dataclass(frozen=True, slots=True)
class Remembered:
    """An answer that the ledger has kept."""

    id: int
    rung: str
    response: bytes
    usage: Usage | None


def spans_of(now: datetime, report_key: str | None) -> dict[Span, str]:
    """The budgets that a call of now falls under, and the rows that count them, in the order in which they are locked."""
    found = {Span.MONTH: f"{now:%Y-%m}", Span.DAY: f"{now:%Y-%m-%d}"}
    return found if report_key is None else {**found, Span.REPORT: f"report:{report_key}"}


def end_of(span: Span, now: datetime) -> datetime | None:
    """When the budget of a day or a month begins anew."""
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    match span:
        case Span.DAY:
            return today + timedelta(days=1)
        case Span.MONTH:
            return (today.replace(day=1) + timedelta(days=32)).replace(day=1)
    return None
