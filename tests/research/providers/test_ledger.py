"""The ledger adds up to the provider's own count, and no budget is broken: by nobody."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from questions import PLENTY, PURPOSE, Sleeps, about, ask, at, until
from sqlalchemy import func, select, text

from stock_assistant_pipelines.research.booking import Budgets, Planned, Settled, Span, Usage
from stock_assistant_pipelines.research.contracts import Note
from stock_assistant_pipelines.research.ledger import BudgetExhausted, Ledger, unpack
from stock_assistant_pipelines.research.providers.errors import NotAnswered
from stock_assistant_pipelines.research.providers.model import Limits, Model
from stock_assistant_pipelines.research.providers.prices import INVENTED
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.tables import LLM_CALL, LLM_SPENDING

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from stock_assistant_pipelines.sandbox.model.server import RunningModel

CALL = LLM_CALL.c
PLANNED = Planned(
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


def spending(engine: Engine) -> dict[str, Decimal]:
    with engine.connect() as connection:
        return {row.span: row.spent_cny for row in connection.execute(select(LLM_SPENDING))}


def total(engine: Engine) -> Decimal:
    with engine.connect() as connection:
        query = select(func.sum(func.coalesce(CALL.cost_cny, CALL.reserved_cny)))
        return connection.execute(query).scalar_one() or Decimal(0)


def same_everywhere(engine: Engine) -> Decimal:
    """What is spent: the counters of the one month, day and report say the same as the calls."""
    [*amounts] = spending(engine).values()
    assert set(amounts) == {total(engine)}
    return amounts[0]


def reserve(engine: Engine, planned: Planned = PLANNED, budgets: Budgets = PLENTY) -> Any:
    return asyncio.run(Ledger(engine, budgets).reserve(planned))


def test_the_ledger_adds_up_to_the_providers_own_count(engine: Engine, rules: RunningModel) -> None:
    rules.inject("not_json:every=4", "http_503:every=5", "throttle:seconds=1:every=6")
    ask(engine, at(rules), prompts=tuple(about(number) for number in range(15)))
    used = rules.stats()["usage"]
    columns = (CALL.tokens_in, CALL.tokens_out, CALL.tokens_cached, CALL.tokens_reasoning)
    with engine.connect() as connection:
        booked = connection.execute(select(*(func.sum(column) for column in columns))).one()
    names = ("prompt_tokens", "completion_tokens", "cached_tokens", "reasoning_tokens")
    assert tuple(booked) == tuple(used[name] for name in names)
    assert used["cached_tokens"] > 0
    assert same_everywhere(engine) == INVENTED.cost(Usage(*(used[name] for name in names)))


@pytest.mark.parametrize("fault", ["not_json", "cut", "timeout:seconds=3600"])
def test_a_storm_of_retries_stops_at_the_cap(engine: Engine, rules: RunningModel, fault: str) -> None:
    rules.inject(fault)
    budget = Decimal("0.1")
    ledger = Ledger(engine, Budgets(budget, PLENTY.day, PLENTY.month))
    limits = Limits(timeout=0.2 if "timeout" in fault else 20, per_minute=0)

    async def storm() -> BudgetExhausted:
        async with Model([at(rules)], ledger, limits, sleep=Sleeps()) as model:
            while True:
                try:
                    await model.ask(about(1), Note, purpose=PURPOSE)
                except NotAnswered:
                    continue
                except BudgetExhausted as error:
                    return error

    stopped = asyncio.run(storm())
    assert (stopped.span, stopped.ends) == (Span.REPORT, None)
    assert 0 < budget - stopped.needed < same_everywhere(engine) <= budget


def test_many_at_once_never_exceed_a_budget(engine: Engine) -> None:
    async def storm() -> list[Any]:
        ledgers = [Ledger(engine, Budgets(Decimal(100), Decimal(5), Decimal(100))) for _ in range(3)]
        tries = (ledgers[number % 3].reserve(PLANNED) for number in range(60))
        return await asyncio.gather(*tries, return_exceptions=True)

    came = asyncio.run(storm())
    assert sum(not isinstance(each, BaseException) for each in came) == 16
    assert {type(each) for each in came if isinstance(each, BaseException)} == {BudgetExhausted}
    assert same_everywhere(engine) == Decimal("4.8")


def test_the_first_calls_of_a_month_wait_for_each_other_and_fail_none(engine: Engine) -> None:
    async def first() -> None:
        ledgers = [Ledger(engine, PLENTY) for _ in range(3)]
        planned = [replace(PLANNED, report_key=f"r{number % 4}") for number in range(12)]
        await asyncio.gather(*(ledgers[number % 3].reserve(each) for number, each in enumerate(planned)))

    for _ in range(10):
        with engine.begin() as connection:
            connection.execute(text("truncate llm_spending, llm_call"))
        asyncio.run(first())
        assert spending(engine)["report:r0"] == 3 * PLANNED.most


WORKER = """
import asyncio, sys
from decimal import Decimal
from sqlalchemy import create_engine
from stock_assistant_pipelines.research.booking import Budgets, Planned
from stock_assistant_pipelines.research.ledger import BudgetExhausted, Ledger
engine = create_engine(sys.argv[1])
planned = eval(sys.argv[2])
ledger = Ledger(engine, Budgets(Decimal(100), Decimal(100), Decimal(6)))
async def all_of_it():
    booked = 0
    try:
        while True:
            await ledger.reserve(planned)
            booked += 1
    except BudgetExhausted:
        print(booked)
asyncio.run(all_of_it())
"""


def test_several_processes_never_exceed_a_budget(engine: Engine) -> None:
    url = engine.url.render_as_string(hide_password=False)
    command = [sys.executable, "-c", WORKER, url, repr(PLANNED)]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    booked = [int(worker.communicate(timeout=120)[0]) for worker in workers]
    assert sum(booked) == 20
    assert same_everywhere(engine) == Decimal(6)


@pytest.mark.parametrize(
    ("budgets", "span"),
    [((0.2, 9, 9), Span.REPORT), ((9, 0.2, 9), Span.DAY), ((9, 9, 0.2), Span.MONTH)],
)
def test_who_is_stopped_is_told_by_which_budget_and_until_when(
    engine: Engine, budgets: tuple[float, ...], span: Span
) -> None:
    with pytest.raises(BudgetExhausted) as caught:
        reserve(engine, budgets=Budgets(*(Decimal(str(each)) for each in budgets)))
    error, now = caught.value, datetime.now(SHANGHAI)
    assert (error.span, f"LLM_BUDGET_{span.upper()}" in str(error)) == (span, True)
    if span is Span.REPORT:
        assert error.ends is None
        return
    assert error.ends is not None
    assert error.ends > now
    assert (error.ends.hour, error.ends.minute, error.ends.utcoffset()) == (0, 0, now.utcoffset())
    assert span is Span.DAY or error.ends.day == 1
    assert spending(engine) == {}


def test_a_budget_is_used_to_the_last(engine: Engine) -> None:
    budgets = Budgets(Decimal("0.6"), Decimal(9), Decimal(9))
    reserve(engine, budgets=budgets)
    reserve(engine, budgets=budgets)
    with pytest.raises(BudgetExhausted):
        reserve(engine, replace(PLANNED, most=Decimal("0.0001")), budgets)
    reserve(engine, replace(PLANNED, report_key="r2"), budgets)


def test_what_is_settled_is_free_for_others(engine: Engine) -> None:
    ledger = Ledger(engine, Budgets(Decimal("0.3"), Decimal(9), Decimal(9)))

    async def one_after_the_other() -> None:
        for _ in range(3):
            ticket = await ledger.reserve(PLANNED)
            await ledger.settle(ticket, Settled(outcome="answered", cost=Decimal(0)))

    asyncio.run(one_after_the_other())
    assert same_everywhere(engine) == 0


def test_a_call_of_a_process_that_died_stays_booked_in_full_and_holds_nobody_up(engine: Engine) -> None:
    single = replace(PLANNED, at_once=1)
    ticket = reserve(engine, single)
    with engine.begin() as connection:
        connection.execute(text("UPDATE llm_call SET expires_at = now() - interval '1 second'"))
    reserve(engine, single)
    with engine.connect() as connection:
        lost = connection.execute(select(CALL.outcome, CALL.cost_cny).where(CALL.id == ticket.id)).one()
    assert tuple(lost) == ("lost", PLANNED.most)
    assert same_everywhere(engine) == 2 * PLANNED.most


def test_an_answer_that_comes_after_all_is_booked_once(engine: Engine) -> None:
    ticket = reserve(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE llm_call SET outcome = 'lost', cost_cny = reserved_cny"))
    settled = Settled(outcome="answered", cost=Decimal("0.1"))
    for _ in range(2):
        asyncio.run(Ledger(engine, PLENTY).settle(ticket, settled))
    assert same_everywhere(engine) == Decimal("0.1")


def test_calls_at_once_are_limited_for_all_workers_together(engine: Engine) -> None:
    single = replace(PLANNED, at_once=2)

    async def three() -> list[float]:
        sleep = Sleeps()
        first, second = Ledger(engine, PLENTY, sleep=sleep), Ledger(engine, PLENTY, sleep=sleep)
        ticket = await first.reserve(single)
        await second.reserve(single)
        waiting = asyncio.create_task(second.reserve(single))
        await until(lambda: len(sleep.slept) >= 3)
        assert not waiting.done()
        await second.reserve(replace(single, provider="other"))
        await first.settle(ticket, Settled(outcome="answered", cost=Decimal(0)))
        await waiting
        return sleep.slept

    assert asyncio.run(three())


def test_calls_per_minute_are_limited_and_the_wait_is_as_long_as_it_must_be(engine: Engine) -> None:
    paced = replace(PLANNED, per_minute=3)

    async def four() -> list[float]:
        sleep = Sleeps()
        ledger = Ledger(engine, PLENTY, sleep=sleep)
        for _ in range(3):
            await ledger.reserve(paced)
        assert sleep.slept == []
        with engine.begin() as connection:
            connection.execute(text("UPDATE llm_call SET started_at = started_at - interval '40 seconds'"))
        waiting = asyncio.create_task(ledger.reserve(paced))
        await until(lambda: bool(sleep.slept))
        with engine.begin() as connection:
            connection.execute(text("UPDATE llm_call SET started_at = started_at - interval '40 seconds'"))
        await waiting
        return sleep.slept

    assert 5 < asyncio.run(four())[0] < 25


def test_all_that_is_known_of_a_call_is_kept(engine: Engine, rules: RunningModel) -> None:
    [reply] = ask(engine, at(rules))
    with engine.connect() as connection:
        row = connection.execute(select(LLM_CALL)).mappings().one()
    assert (row["id"], row["report_key"], row["expert"]) == (reply.call_id, PURPOSE.report_key, PURPOSE.expert)
    assert (row["rung"], row["price_version"], row["attempt"], row["error"]) == (reply.rung, "invented", 1, None)
    assert (row["cost_cny"], row["request_sha256"]) == (reply.cost, reply.request_sha256)
    assert b'"model":"sandbox-rules"' in unpack(row["request"])
    assert b"summary" in unpack(row["response"])
    assert 0 <= row["first_byte_ms"] <= row["total_ms"]
    assert row["cost_cny"] <= row["reserved_cny"]


def test_a_call_that_did_not_say_what_it_used_stays_booked_at_the_most(engine: Engine, rules: RunningModel) -> None:
    rules.inject("no_usage")
    [reply] = ask(engine, at(rules))
    with engine.connect() as connection:
        row = connection.execute(select(LLM_CALL)).mappings().one()
    assert (reply.usage, row["tokens_in"], row["cost_cny"]) == (None, None, row["reserved_cny"])


def test_who_gives_up_leaves_nothing_open(engine: Engine, rules: RunningModel) -> None:
    rules.inject("keep_alive:seconds=3600")

    async def give_up() -> None:
        async with Model([at(rules)], Ledger(engine, PLENTY), Limits(per_minute=0)) as model:
            asked = asyncio.create_task(model.ask(about(1), Note, purpose=PURPOSE))
            await until(lambda: rules.stats()["calls"] > 0)
            asked.cancel()
            await asyncio.wait([asked])

    asyncio.run(give_up())
    with engine.connect() as connection:
        assert list(connection.execute(select(CALL.outcome)).scalars()) == ["CancelledError"]
