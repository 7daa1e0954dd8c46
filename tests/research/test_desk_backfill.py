"""Days of reports, written twice, replayed, and begun by a process that is killed: nothing is paid for twice."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from typing import TYPE_CHECKING

import orjson
import pytest
from desks import Office, clear, laid_out
from evidence_market import PAST, PEERS
from sqlalchemy import func, select

from bench.writing import Plan, begun, work
from stock_assistant_pipelines.research.replay import replay
from stock_assistant_pipelines.warehouse.tables import LLM_CALL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import ColumnElement, Engine
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.sandbox.model.server import RunningModel

DAYS, STOCKS = PAST[-2:], PEERS[:3]
CALLS = len(DAYS) * (3 * len(STOCKS) + 1)
"""Two notes and a synthesis of each; one company has filed something."""
BEFORE = 8
"""Calls that are answered before the process is killed; all others hang."""


@pytest.fixture(scope="module")
def laid(postgres: URL) -> Iterator[Engine]:
    with laid_out(postgres) as engine:
        yield engine


@pytest.fixture
def office(laid: Engine, rules: RunningModel) -> Office:
    clear(laid)
    office = Office(laid, rules)
    for day in DAYS:
        office.expect(*STOCKS, day=day)
    return office


def backfill(office: Office) -> int:
    """Write all days; returns how many calls that took."""
    before = office.calls()
    for day in DAYS:
        office.write(day)
    return office.calls() - before


def test_days_are_written_once_and_every_report_is_replayed_to_the_byte(office: Office) -> None:
    assert backfill(office) == CALLS
    rows = office.reports()
    assert {row["status"] for row in rows} == {"published"}
    assert len(rows) == len(DAYS) * len(STOCKS)
    assert backfill(office) == 0
    assert office.reports() == rows
    with office.engine.connect() as connection:
        assert all(asyncio.run(replay(connection, row["id"])).same for row in rows)
    assert office.calls() == CALLS


def test_who_is_killed_pays_nothing_twice_but_what_was_under_way(office: Office) -> None:
    office.rules.inject(f"timeout:after={BEFORE}:seconds=120")
    plan = Plan(
        database=office.engine.url.render_as_string(hide_password=False),
        model=office.rules.url,
        days=[day.isoformat() for day in DAYS],
        stocks_at_once=2,
        calls_at_once=8,
        timeout=120.0,
    )
    with begun(plan) as process:
        while booked(office) < BEFORE or office.calls() <= BEFORE:
            assert process.poll() is None
            time.sleep(0.05)
        process.kill()
    under_way = open_calls(office)
    office.rules.heal()
    backfill(office)
    assert {row["status"] for row in office.reports()} == {"published"}
    asked = Counter(orjson.dumps(call["body"]) for call in office.rules.calls())
    assert len(asked) == asked.total() == CALLS  # each question was answered once
    assert 0 < office.calls() - CALLS <= under_way <= 8
    assert backfill(office) == 0


def open_calls(office: Office) -> int:
    """Calls of which the ledger does not know what came of them."""
    return count(office, LLM_CALL.c.outcome.is_(None))


def booked(office: Office) -> int:
    """Calls of which the ledger knows what came of them."""
    return count(office, LLM_CALL.c.outcome.is_not(None))


def count(office: Office, which: ColumnElement[bool]) -> int:
    with office.engine.connect() as connection:
        return connection.scalar(select(func.count()).where(which).select_from(LLM_CALL)) or 0


def test_what_a_desk_took_is_told(office: Office) -> None:
    plan = Plan(
        database=office.engine.url.render_as_string(hide_password=False),
        model=office.rules.url,
        days=[DAYS[0].isoformat()],
        stocks_at_once=2,
        calls_at_once=4,
        timeout=60.0,
    )
    steps = work(plan).steps
    codes = {f"{DAYS[0]} {code}" for code in STOCKS}
    assert all(set(step.done) == codes and step.cpu > 0 and step.made == len(STOCKS) for step in steps.values())
    assert steps["reports"].outcomes == {"published": len(STOCKS)}
    assert 20 < steps["notes"].statements / len(STOCKS) < 60
