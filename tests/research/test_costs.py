"""What was spent, by the calls of the ledger, and what is left."""

from __future__ import annotations

import asyncio
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import insert, select

from stock_assistant_pipelines.research.booking import Budgets, Planned, Settled, Span, Usage
from stock_assistant_pipelines.research.costs import By, Cost, costs, left
from stock_assistant_pipelines.research.ledger import Ledger
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.tables import LLM_CALL, LLM_SPENDING

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

NOON = datetime(2025, 3, 3, 12, tzinfo=SHANGHAI)
BUDGETS = Budgets(Decimal(2), Decimal(5), Decimal(100))


def call(connection: Connection, at: datetime = NOON, cost: str | None = "0.5", **values: Any) -> None:
    """A call that was answered with 10 tokens for 100; without a cost it is under way."""
    row = {
        "report_key": "r1",
        "expert": "technical",
        "provider": "sandbox",
        "model": "sandbox-rules",
        "rung": "text",
        "request_sha256": "",
        "request": b"",
        "price_version": "1",
        "reserved_cny": "0.75",
        "started_at": at,
        "expires_at": at + timedelta(minutes=4),
        "attempt": 1,
        "cost_cny": cost,
        "outcome": None if cost is None else "answered",
        "tokens_in": None if cost is None else 100,
        "tokens_out": None if cost is None else 10,
        "tokens_cached": None if cost is None else 40,
        "tokens_reasoning": None if cost is None else 4,
        **values,
    }
    connection.execute(insert(LLM_CALL), row)


def group(found: list[Cost]) -> list[tuple[Any, ...]]:
    return [(*each.group.values(), each.calls, each.cost) for each in found]


def test_all_calls_together_are_one_sum(market: Connection) -> None:
    assert costs(market) == []
    call(market)
    call(market, cost="0.25", outcome="Throttled", tokens_in=None, tokens_out=None)
    call(market, cost="0", outcome="Refused", tokens_in=None, tokens_out=None)
    call(market, cost=None)
    [found] = costs(market)
    assert found == Cost(
        group={},
        calls=4,
        answered=1,
        under_way=1,
        untold=1,
        tokens_in=100,
        tokens_out=10,
        tokens_cached=120,
        tokens_reasoning=12,
        cost=Decimal("0.75"),
        booked=Decimal("0.75"),
    )


@pytest.mark.parametrize(
    ("by", "values", "groups"),
    [
        (By.DAY, {"at": NOON + timedelta(hours=12)}, [date(2025, 3, 3), date(2025, 3, 4)]),
        (By.MONTH, {"at": NOON + timedelta(days=29)}, ["2025-03", "2025-04"]),
        (By.EXPERT, {"expert": "valuation"}, ["technical", "valuation"]),
        (By.REPORT, {"report_key": None}, ["r1", None]),
        (By.OUTCOME, {"outcome": "lost"}, ["answered", "lost"]),
    ],
)
def test_costs_are_told_apart_by_what_is_asked(
    market: Connection, by: By, values: dict[str, Any], groups: list[Any]
) -> None:
    call(market)
    call(market)
    call(market, cost="0.1", **values)
    assert group(costs(market, [by])) == [(groups[0], 2, Decimal(1)), (groups[1], 1, Decimal("0.1"))]
    assert len(costs(market, [by], limit=1)) == 1


def test_a_model_is_told_with_its_provider(market: Connection) -> None:
    call(market)
    call(market, provider="ollama")
    assert group(costs(market, [By.MODEL])) == [
        ("ollama", "sandbox-rules", 1, Decimal("0.5")),
        ("sandbox", "sandbox-rules", 1, Decimal("0.5")),
    ]


def test_days_begin_and_end_in_shanghai(market: Connection) -> None:
    midnight = NOON.replace(hour=0)
    for at, cost in (
        (midnight - timedelta(seconds=1), "1"),
        (midnight, "2"),
        (midnight + timedelta(hours=23, minutes=59), "4"),
        (midnight + timedelta(days=1), "8"),
    ):
        call(market, at, cost)
    assert group(costs(market, since=NOON.date(), until=NOON.date())) == [(2, Decimal(6))]
    assert group(costs(market, since=NOON.date())) == [(3, Decimal(14))]
    assert group(costs(market, until=NOON.date())) == [(3, Decimal(7))]


def test_one_report_s_calls_can_be_asked_for(market: Connection) -> None:
    call(market)
    call(market, report_key="r2", expert="news")
    assert group(costs(market, [By.EXPERT], report="r2")) == [("news", 1, Decimal("0.5"))]


def test_what_is_left_is_the_budget_less_what_is_spent_or_booked(market: Connection) -> None:
    spent = {"2025-03": "60", "2025-03-03": "5.5", "report:r1": "0.5", "2025-03-02": "3"}
    market.execute(insert(LLM_SPENDING), [{"span": key, "spent_cny": value} for key, value in spent.items()])
    month, day, report = left(market, BUDGETS, NOON, "r1")
    assert (month.span, month.spent, month.left) == (Span.MONTH, Decimal(60), Decimal(40))
    assert (day.span, day.spent, day.left) == (Span.DAY, Decimal("5.5"), Decimal(0))
    assert (report.span, report.spent, report.left) == (Span.REPORT, Decimal("0.5"), Decimal("1.5"))
    assert (month.ends, day.ends, report.ends) == (
        datetime(2025, 4, 1, tzinfo=SHANGHAI),
        datetime(2025, 3, 4, tzinfo=SHANGHAI),
        None,
    )
    nobody = left(market, BUDGETS, NOON + timedelta(days=400))
    assert [(each.spent, each.left) for each in nobody] == [(0, Decimal(100)), (0, Decimal(5))]


def test_the_calls_of_the_ledger_add_up_to_what_it_counts(engine: Engine) -> None:
    planned = Planned(
        report_key="r1",
        expert="technical",
        provider="sandbox",
        model="sandbox-rules",
        rung="text",
        request_sha256="0" * 64,
        request=b"{}",
        price_version="1",
        most=Decimal("0.3"),
        attempt=1,
        deadline=60,
        at_once=1000,
        per_minute=0,
    )

    async def spend() -> None:
        ledger = Ledger(engine, BUDGETS)
        first, _ = await ledger.reserve(planned), await ledger.reserve(planned)
        usage = Usage(asked=100, answered=10)
        await ledger.settle(first, Settled(outcome="answered", cost=Decimal("0.1"), usage=usage))

    asyncio.run(spend())
    with engine.connect() as connection:
        [found] = costs(connection, [By.DAY])
        counted = set(connection.execute(select(LLM_SPENDING.c.spent_cny)).scalars())
        assert counted == {found.cost + found.booked} == {Decimal("0.4")}
        today = datetime.now(SHANGHAI)
        assert [each.spent for each in left(connection, BUDGETS, today, "r1")] == [Decimal("0.4")] * 3
