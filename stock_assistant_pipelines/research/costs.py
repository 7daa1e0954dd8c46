"""Costs: what the calls of language models came to, and what is left of the budgets. Only reads the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sqlalchemy import BigInteger, Date, cast, func, select

from stock_assistant_pipelines.research.booking import Span, end_of, spans_of
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.tables import LLM_CALL, LLM_SPENDING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import date

    from sqlalchemy import ColumnElement, Connection

    from stock_assistant_pipelines.research.booking import Budgets

CALL = LLM_CALL.c


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
    """`answered`, `lost`, or the class of the error; null: under way."""


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
    limit: int | None = None,
) -> list[Cost]:
    """What the calls came to that were begun from `since` to `until`, days in Shanghai; of one report, if it is named. No more
    groups than `limit`.
    """
    groups = [column for each in dict.fromkeys(by) for column in _columns(each)]
    wanted = []
    if since:
        wanted.append(CALL.started_at >= datetime.combine(since, time(), SHANGHAI))
    if until:
        wanted.append(CALL.started_at < datetime.combine(until + timedelta(days=1), time(), SHANGHAI))
    if report:
        wanted.append(CALL.report_key == report)
    found = select(*groups, *_sums()).where(*wanted).group_by(*groups).order_by(*groups).having(func.count() > 0)
    return [_cost(dict(row), len(groups)) for row in connection.execute(found.limit(limit)).mappings()]


def left(connection: Connection, budgets: Budgets, at: datetime, report: str | None = None) -> list[Left]:
    """What is left of the budgets of the day and the month, and of a report's if one is named."""
    now = at.astimezone(SHANGHAI)
    spans = spans_of(now, report)
    rows = connection.execute(select(LLM_SPENDING).where(LLM_SPENDING.c.span.in_(spans.values())))
    spent = {row.span: row.spent_cny for row in rows}
    return [_left(span, getattr(budgets, span), spent.get(key, Decimal(0)), now) for span, key in spans.items()]


def _columns(by: By) -> list[ColumnElement[Any]]:
    """The columns that hold it, by the names that they have in a group."""
    here = func.timezone(SHANGHAI.key, CALL.started_at)
    match by:
        case By.DAY:
            return [cast(here, Date).label("day")]
        case By.MONTH:
            return [func.to_char(here, "YYYY-MM").label("month")]
        case By.MODEL:
            return [CALL.provider, CALL.model]
        case By.REPORT:
            return [CALL.report_key.label("report")]
    return [CALL[by.value]]


def _sums() -> list[ColumnElement[Any]]:
    over = CALL.cost_cny.is_not(None)
    tokens = ("tokens_in", "tokens_out", "tokens_cached", "tokens_reasoning")
    return [
        func.count().label("calls"),
        func.count().filter(CALL.outcome == "answered").label("answered"),
        func.count().filter(~over).label("under_way"),
        func.count().filter(over, CALL.tokens_in.is_(None), CALL.cost_cny > 0).label("untold"),
        *(cast(func.coalesce(func.sum(CALL[name]), 0), BigInteger).label(name) for name in tokens),
        func.coalesce(func.sum(CALL.cost_cny), 0).label("cost"),
        func.coalesce(func.sum(CALL.reserved_cny).filter(~over), 0).label("booked"),
    ]


def _cost(row: dict[str, Any], groups: int) -> Cost:
    names = list(row)
    return Cost(group={name: row[name] for name in names[:groups]}, **{name: row[name] for name in names[groups:]})


def _left(span: Span, budget: Decimal, spent: Decimal, now: datetime) -> Left:
    return Left(span=span, budget=budget, spent=spent, left=max(budget - spent, Decimal(0)), ends=end_of(span, now))
