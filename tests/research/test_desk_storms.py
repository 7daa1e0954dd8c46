"""A storm of retries stops at the budget, and what the ledger booked is what the provider counted."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from desks import Office, clear, laid_out
from evidence_market import PEERS
from sqlalchemy import func, select

from stock_assistant_pipelines.research.booking import Budgets, Usage
from stock_assistant_pipelines.research.ledger import Span
from stock_assistant_pipelines.research.providers.prices import INVENTED
from stock_assistant_pipelines.warehouse.tables import LLM_CALL, LLM_SPENDING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.sandbox.model.server import RunningModel

CALL = LLM_CALL.c
TOKENS = {
    "asked": "prompt_tokens",
    "answered": "completion_tokens",
    "cached": "cached_tokens",
    "reasoning": "reasoning_tokens",
}
REFUSED = ("http_503:every=2", "throttle:every=2:seconds=0")
"""Three calls of four, unbilled."""
USELESS = ("not_json:every=2", "empty:every=3", "http_503:every=4")
"""Three calls of four, most of them billed."""
CALLS = 3 * len(PEERS) + 1
"""Two notes and a synthesis of each; one company has filed something."""


@pytest.fixture(scope="module")
def laid(postgres: URL) -> Iterator[Engine]:
    with laid_out(postgres) as engine:
        yield engine


@pytest.fixture
def office(laid: Engine, rules: RunningModel) -> Office:
    clear(laid)
    office = Office(laid, rules)
    office.expect(*PEERS)
    return office


def booked(office: Office) -> tuple[Usage, Decimal]:
    """Tokens and cost of all calls."""
    columns = (CALL.tokens_in, CALL.tokens_out, CALL.tokens_cached, CALL.tokens_reasoning)
    with office.engine.connect() as connection:
        *tokens, cost = connection.execute(
            select(*(func.coalesce(func.sum(each), 0) for each in columns), func.sum(CALL.cost_cny))
        ).one()
        spent = connection.execute(
            select(LLM_SPENDING.c.spent_cny).where(~LLM_SPENDING.c.span.startswith("report:"))
        ).scalars()
        assert set(spent) == {cost}
        assert connection.scalar(select(func.count()).where(CALL.outcome.is_(None)).select_from(LLM_CALL)) == 0
    return Usage(*map(int, tokens)), cost


def adds_up(office: Office) -> Decimal:
    """The ledger holds the calls, the tokens and the cost that the provider counted; returns the cost."""
    counted = office.rules.stats()
    usage, cost = booked(office)
    assert usage == Usage(**{name: counted["usage"][told] for name, told in TOKENS.items()})
    assert cost == INVENTED.cost(usage)
    with office.engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(LLM_CALL)) == counted["calls"]
    return cost


def test_a_storm_of_retries_stops_at_the_budget_and_adds_up(office: Office) -> None:
    office.rules.inject(*USELESS)
    office.budgets = Budgets(Decimal(1000), Decimal("0.3"), Decimal(1000))
    _, notes, reports = office.write(at_once=2)
    assert notes.stopped is not None
    assert notes.stopped.span is Span.DAY
    assert notes.waiting
    assert len(reports.done) + len(reports.waiting) == reports.expected
    assert 0 < adds_up(office) <= office.budgets.day


def test_what_is_refused_costs_nothing_and_the_next_run_heals_it(office: Office) -> None:
    office.rules.inject(*REFUSED)
    _, notes, reports = office.write(at_once=2)
    assert notes.stopped is None
    assert reports.count("failed") > 0
    adds_up(office)
    answered = office.rules.stats()["outcomes"].get("answered", 0)
    office.rules.heal()
    _, _, reports = office.write()
    assert reports.count("published") == len(PEERS)
    assert office.rules.stats()["outcomes"]["answered"] == CALLS
    assert answered < CALLS
    adds_up(office)
