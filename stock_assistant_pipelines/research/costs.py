"""Costs: what the calls of language models came to, and what is left of the budgets. Only reads the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date, datetime
    from decimal import Decimal

    from sqlalchemy import Connection

    from stock_assistant_pipelines.research.booking import Budgets, Span


class By(StrEnum):
    """What costs are told apart by."""

    DAY = "day"
    """In Shanghai, as the budgets count."""
    MONTH = "month"
    MODEL = "model"
    """Provider and model."""
    EXPERT = "expert"
    REPORT = "report"
    OUTCOME = "outcome"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the calls of one group came to."""

    group: Mapping[str, str | date | None]
    """What they have in common, by column: `day`, `month`, `provider`, `model`, `expert`, `report`, `outcome`."""
    calls: int
    answered: int
    """Those whose answer kept to its contract."""
    under_way: int
    untold: int
    """Those that are over and did not say what they used: counted at the most that they could cost."""
    tokens_in: int
    tokens_out: int
    tokens_cached: int
    tokens_reasoning: int
    cost: Decimal
    """CNY, of what is over."""
    booked: Decimal
    """CNY, at the most, of what is under way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What is left of a budget."""

    span: Span
    budget: Decimal
    spent: Decimal
    """CNY, spent or booked."""
    left: Decimal
    ends: datetime | None
    """When it begins anew; None: never."""


def costs(
    connection: Connection,
    by: Sequence[By] = (),
    *,
    since: date | None = None,
    until: date | None = None,
    report: str | None = None,
) -> list[Cost]:
    """What the calls came to that were begun from `since` to `until`, days in Shanghai; of one report, if it is named."""
    raise NotImplementedError


def left(connection: Connection, budgets: Budgets, at: datetime, report: str | None = None) -> list[Left]:
    """What is left of the budgets of the day and the month, and of a report's if one is named."""
    raise NotImplementedError
