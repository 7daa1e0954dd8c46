"""The ledger of language models: what every call asked, brought and cost, and budgets that no call can break.

The most that a call may cost is booked before it is made, by whoever makes it and wherever he runs: what is left of a budget
is decided in PostgreSQL, one call after the other. Afterwards the booking is settled to what the call used. A call whose
process died stays booked in full, since it may have been paid. Limits on calls at once and per minute are kept there as well.
"""

from __future__ import annotations

import asyncio
import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import zstandard
from sqlalchemy import and_, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql

from stock_assistant_pipelines.research.booking import (
    Budgets,
    Planned,
    Remembered,
    Settled,
    Span,
    Ticket,
    Usage,
    end_of,
    spans_of,
)
from stock_assistant_pipelines.research.transactions import Transactions
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.tables import LLM_CALL, LLM_SPENDING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sqlalchemy import Connection, Engine

CALL, SPENDING = LLM_CALL.c, LLM_SPENDING.c
ANSWERED, LOST = "answered", "lost"
GRACE = timedelta(seconds=60)
"""How long after its deadline a call that nobody settled counts as lost."""


class BudgetExhausted(Exception):
    """The call was not made: it could cost more than is left of a budget."""

    def __init__(self, span: Span, budget: Decimal, spent: Decimal, needed: Decimal, ends: datetime | None) -> None:
        self.span, self.budget, self.spent, self.needed = span, budget, spent, needed
        self.ends = ends
        """From when on calls are made again; None: not until the budget of a report is raised."""

    def __str__(self) -> str:
        again = (
            f"calls are made again from {self.ends.astimezone(SHANGHAI):%Y-%m-%d %H:%M} on, Shanghai time"
            if self.ends
            else "raise it to go on"
        )
        name = f"LLM_BUDGET_{self.span.upper()}"
        return (
            f"the budget of the {self.span}, CNY {self.budget} ({name}), is used up: CNY {self.spent:.4f} "
            f"are spent or booked, and the next call may cost CNY {self.needed:.4f}; {again}"
        )

    @property
    def cause(self) -> str:
        """The same word for every report that it stops."""
        return f"{type(self).__name__} {self.span}"


class Ledger:
    """The ledger in one database, with its budgets. For any number of tasks of one process."""

    def __init__(
        self, engine: Engine, budgets: Budgets, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._transactions = Transactions(engine)
        self._budgets = budgets
        self._sleep = sleep

    async def reserve(self, planned: Planned) -> Ticket:
        """Book a call as soon as the limits of its provider let it be made. Raises `BudgetExhausted`."""
        while True:
            found = await self._transactions.run(lambda connection: self._reserve(connection, planned))
            if isinstance(found, Ticket):
                return found
            await self._sleep(found * (1 + 0.2 * random.random()))  # noqa: S311 - nothing secret

    async def settle(self, ticket: Ticket, settled: Settled) -> None:
        """Book what came of a call in the place of what it could cost at the most. Nothing interrupts it."""
        await self._transactions.keep(lambda connection: _settle(connection, ticket, settled))

    async def remembered(self, request_sha256: str) -> Remembered | None:
        """The first answer to a question that kept to its contract; None: there is none."""
        return await self._transactions.run(lambda connection: remembered(connection, request_sha256))

    def _reserve(self, connection: Connection, planned: Planned) -> Ticket | float:
        """A ticket, or how many seconds to wait. Whoever comes here at the same time waits for the month's row."""
        spans = spans_of(_now(connection), planned.report_key)
        spent = _lock(connection, tuple(spans.values()))
        now = _now(connection)
        if spans_of(now, planned.report_key) != spans:
            return 0.0  # midnight passed while waiting
        _bury(connection, now)
        if (wait := _wait(connection, planned, now)) is not None:
            return wait
        for span, key in spans.items():
            budget: Decimal = getattr(self._budgets, span)
            if spent[key] + planned.most > budget:
                raise BudgetExhausted(span, budget, spent[key], planned.most, end_of(span, now))
        _spend(connection, tuple(spans.values()), planned.most)
        values = {
            "report_key": planned.report_key,
            "expert": planned.expert,
            "provider": planned.provider,
            "model": planned.model,
            "rung": planned.rung,
            "request_sha256": planned.request_sha256,
            "request": pack(planned.request),
            "price_version": planned.price_version,
            "reserved_cny": planned.most,
            "started_at": now,
            "expires_at": now + timedelta(seconds=planned.deadline) + GRACE,
            "attempt": planned.attempt,
        }
        number: int = connection.execute(insert(LLM_CALL).values(values).returning(CALL.id)).scalar_one()
        return Ticket(number, planned.most, tuple(spans.values()))


def remembered(connection: Connection, request_sha256: str) -> Remembered | None:
    """The first answer to a question that kept to its contract."""
    query = (
        select(LLM_CALL)
        .where(CALL.request_sha256 == request_sha256, CALL.outcome == ANSWERED)
        .order_by(CALL.id)
        .limit(1)
    )
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    tokens = [row[f"tokens_{name}"] for name in ("in", "out", "cached", "reasoning")]
    usage = None if tokens[0] is None else Usage(*tokens)
    return Remembered(row["id"], row["rung"], unpack(row["response"]), usage)


def pack(content: bytes) -> bytes:
    """As the ledger keeps what was said."""
    return zstandard.compress(content, 6)


def unpack(content: bytes) -> bytes:
    """What was said."""
    return zstandard.decompress(content)


def _now(connection: Connection) -> datetime:
    """What time it is for everyone, in Shanghai."""
    now: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
    return now.astimezone(SHANGHAI)


def _lock(connection: Connection, keys: Sequence[str]) -> dict[str, Decimal]:
    """Lock the rows that count, always in the same order, and read them.

    By one statement where all are there. Where one is not, they are made and locked one after the other: who locked those
    behind it first, or made several at once, could wait for somebody who waits for him.
    """
    known = LLM_SPENDING.alias()
    there = select(func.count()).select_from(known).where(known.c.span.in_(keys)).scalar_subquery()
    query = (
        select(SPENDING.span, SPENDING.spent_cny)
        .where(SPENDING.span.in_(keys), there == len(keys))
        .order_by(func.array_position(list(keys), SPENDING.span))
        .with_for_update(of=LLM_SPENDING)
    )
    spent: dict[str, Decimal] = dict(connection.execute(query).all())
    for key in keys if not spent else ():
        new = postgresql.insert(LLM_SPENDING).values(span=key, spent_cny=Decimal(0)).on_conflict_do_nothing()
        connection.execute(new)
        one = select(SPENDING.spent_cny).where(SPENDING.span == key).with_for_update()
        spent[key] = connection.execute(one).scalar_one()
    return spent


def _bury(connection: Connection, now: datetime) -> None:
    """Book the calls of processes that died: nobody knows what they cost, so it is what they could."""
    connection.execute(
        update(LLM_CALL)
        .where(CALL.outcome.is_(None), CALL.expires_at < now)
        .values(outcome=LOST, cost_cny=CALL.reserved_cny)
    )


def _wait(connection: Connection, planned: Planned, now: datetime) -> float | None:
    """How many seconds the limits of a provider ask to wait; None: the call may be made."""
    mine = CALL.provider == planned.provider
    under_way = connection.scalar(select(func.count()).where(mine, CALL.outcome.is_(None)).select_from(LLM_CALL))
    if (under_way or 0) >= planned.at_once:
        return 0.2
    if not planned.per_minute:
        return None
    minute = timedelta(minutes=1)
    recent = select(CALL.started_at).where(mine, CALL.started_at > now - minute).order_by(CALL.started_at.desc())
    oldest = connection.scalar(recent.offset(planned.per_minute - 1).limit(1))
    return None if oldest is None else max((oldest + minute - now).total_seconds(), 0.05)


def _spend(connection: Connection, keys: tuple[str, ...], amount: Decimal) -> None:
    connection.execute(
        update(LLM_SPENDING).where(SPENDING.span.in_(keys)).values(spent_cny=SPENDING.spent_cny + amount)
    )


def _settle(connection: Connection, ticket: Ticket, settled: Settled) -> None:
    """Settle a call that is open, or was taken for lost; the rows that count are locked first, as by who reserves."""
    _lock(connection, ticket.spans)
    usage, cost = settled.usage, settled.paid(ticket)
    values: dict[str, Any] = {
        "outcome": settled.outcome,
        "error": settled.error,
        "response": None if settled.response is None else pack(settled.response),
        "cost_cny": cost,
        "first_byte_ms": settled.first_byte_ms,
        "total_ms": settled.total_ms,
    }
    if usage is not None:
        values |= {"tokens_in": usage.asked, "tokens_out": usage.answered}
        values |= {"tokens_cached": usage.cached, "tokens_reasoning": usage.reasoning}
    open_ = and_(CALL.id == ticket.id, or_(CALL.outcome.is_(None), CALL.outcome == LOST))
    if connection.execute(update(LLM_CALL).where(open_).values(values)).rowcount:
        _spend(connection, ticket.spans, cost - ticket.most)
