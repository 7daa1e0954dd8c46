"""A day of research, from evidence to report: what stands, what is asked for again, what stops, and that nothing vanishes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import uuid4

import psycopg
import pytest
from desks import STOCKS, Office
from evidence_market import DAY, HALTED, MAIN, PAST, PEERS, lay
from psycopg import sql
from sqlalchemy import func, select, text

from stock_assistant_pipelines.research import store
from stock_assistant_pipelines.research.booking import Budgets
from stock_assistant_pipelines.research.contracts import Expert
from stock_assistant_pipelines.research.experts import ANALYSTS
from stock_assistant_pipelines.research.ledger import Span
from stock_assistant_pipelines.research.render import Language
from stock_assistant_pipelines.research.replay import NotReplayable, replay
from stock_assistant_pipelines.warehouse import embedded
from stock_assistant_pipelines.warehouse.database import Database
from stock_assistant_pipelines.warehouse.tables import LLM_CALL, RESEARCH_CLAIM, RESEARCH_NOTE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.sandbox.model.server import RunningModel

TABLES = (
    "research_outcome, research_claim, research_note, research_report, research_watch, research_sheet, llm_call, "
    "llm_spending"
)
FEW = (MAIN, *PEERS[1:3])


@pytest.fixture(scope="module")
def laid(postgres: URL) -> Iterator[Engine]:
    database = Database(postgres.set(database=f"desk_{uuid4().hex[:12]}"))
    with psycopg.connect(embedded.conninfo(postgres), autocommit=True) as connection:
        copy = "CREATE DATABASE {} TEMPLATE template STRATEGY file_copy"
        connection.execute(sql.SQL(copy).format(sql.Identifier(str(database.url.database))))
    engine = database.engine()
    with engine.begin() as connection:
        lay(connection)
    yield engine
    engine.dispose()
    database.drop()


@pytest.fixture
def office(laid: Engine, rules: RunningModel) -> Office:
    """A desk with nothing on it."""
    with laid.begin() as connection:
        connection.execute(text(f"TRUNCATE {TABLES}"))
    return Office(laid, rules)


def test_a_day_is_written_and_nothing_of_it_twice(office: Office) -> None:
    office.expect(*STOCKS)
    _, notes, reports = office.write()
    assert set(reports.done) == set(STOCKS)
    assert reports.count("published") == len(STOCKS), [row["reason"] for row in office.reports()]
    assert reports.expected == len(reports.done)
    assert not reports.waiting
    paid, rows = office.calls(), office.reports()
    evidence, notes, again = office.write()
    assert (evidence.made, notes.made, again.made) == ([], [], [])
    assert office.calls() == paid
    assert office.reports() == rows


@pytest.mark.parametrize("language", list(Language))
def test_every_report_is_replayed_to_the_byte(office: Office, language: Language) -> None:
    office = replace(office, language=language)
    office.expect(*FEW)
    office.rules.fault("literal_digits:times=2")
    office.write()
    for row in office.reports():
        with office.engine.connect() as connection:
            again = asyncio.run(replay(connection, row["id"]))
        assert again.same
        assert again.report.markdown == row["markdown"]
    with office.engine.connect() as connection, pytest.raises(NotReplayable, match="no report"):
        asyncio.run(replay(connection, "600519.SH-20250303-0000000000"))


def test_what_the_gate_refuses_is_repaired_once(office: Office) -> None:
    office.expect(MAIN)
    office.rules.fault("literal_digits:times=1")
    office.write()
    (row,) = office.reports()
    assert row["status"] == "published"
    assert row["dropped"] == 0
    with office.engine.connect() as connection:
        calls = connection.execute(select(RESEARCH_NOTE.c.expert, func.cardinality(RESEARCH_NOTE.c.calls))).all()
    assert sorted(number for _, number in calls) == [0, 1, 1, 1, 2], calls  # no news; one was asked twice


@pytest.mark.parametrize("fault", ["literal_digits", "wrong_company"])
def test_what_stays_refused_is_never_published(office: Office, fault: str) -> None:
    office.expect(MAIN)
    office.rules.fault(f"{fault}:times=100")
    office.write()
    (row,) = office.reports()
    assert row["status"] == "degraded"
    assert row["dropped"] > 0
    assert row["reason"]
    with office.engine.connect() as connection:
        refused = connection.execute(select(RESEARCH_CLAIM).where(~RESEARCH_CLAIM.c.held)).mappings().all()
    assert {each["expert"] for each in refused} == {"technical", "financial", "valuation", "synthesis"}
    assert all(each["violations"] for each in refused)
    assert not [each for each in refused if each["text"] and each["text"] in row["markdown"]]


def test_refused_content_costs_one_expert_and_not_the_report(office: Office) -> None:
    office.expect(MAIN)
    office.rules.fault("policy:times=1")
    office.write()
    (row,) = office.reports()
    assert row["status"] == "degraded"
    assert "refuses the content" in row["reason"]


def test_one_failure_neither_fails_the_day_nor_vanishes(office: Office) -> None:
    office.expect(*FEW, "999999.SH")
    office.rules.fault("unknown_model:times=1")  # the circuit opens: all that are asked then fail with it
    _, _, reports = office.write(at_once=1)
    assert set(reports.done) == {*FEW, "999999.SH"}
    assert reports.count("failed") == 4
    reasons = {row["ts_code"]: row["reason"] for row in office.reports()}
    assert "stock_basic has no 999999.SH" in reasons["999999.SH"]
    assert "unknown_model" in reasons[MAIN] or "no such model" in reasons[MAIN] or "model" in reasons[MAIN]
    _, _, healed = office.write()
    assert healed.count("published") == 3
    assert healed.count("failed") == 1
    assert len(office.reports()) == 4


def test_a_budget_stops_the_day_and_raising_it_goes_on_without_paying_again(office: Office) -> None:
    office.expect(*STOCKS)
    office.write()
    calls = office.calls()
    with office.engine.begin() as connection:
        spent = connection.scalar(select(func.sum(LLM_CALL.c.cost_cny)))
        most = connection.scalar(select(func.max(LLM_CALL.c.reserved_cny)))
        connection.execute(text(f"TRUNCATE {TABLES}"))
    office.rules.forget()
    office.budgets = Budgets(Decimal(1000), spent / 2 + most, Decimal(100_000))
    office.expect(*STOCKS)
    _, notes, reports = office.write(at_once=1)
    assert notes.stopped is not None
    assert notes.stopped.span is Span.DAY
    assert notes.stopped.ends is not None
    assert notes.waiting
    assert reports.waiting
    assert len(reports.done) + len(reports.waiting) == len(STOCKS)
    assert 0 < office.calls() < calls
    with office.engine.connect() as connection:
        assert connection.scalar(select(func.sum(LLM_CALL.c.cost_cny))) <= office.budgets.day
    office.budgets = replace(office.budgets, day=Decimal(10_000))
    _, _, reports = office.write()
    assert reports.count("published") == len(STOCKS)
    assert office.calls() == calls


def test_the_budget_of_a_report_fails_that_report_alone(office: Office) -> None:
    office.expect(*FEW)
    office.budgets = replace(office.budgets, report=Decimal("0.000001"))
    _, notes, reports = office.write()
    assert notes.stopped is None
    assert reports.count("failed") == 3
    assert not reports.waiting
    assert all("LLM_BUDGET_REPORT" in row["reason"] for row in office.reports())
    assert office.calls() == 0


def test_one_that_hangs_delays_nobody_else(office: Office) -> None:
    office.expect(*STOCKS)
    office.rules.fault("timeout:times=1,seconds=30")
    _, notes, _ = office.write(timeout=0.5)
    assert notes.count("written") >= len(STOCKS) - 1


def test_corrected_evidence_is_another_report_and_the_old_one_stays(office: Office) -> None:
    office.expect(MAIN)
    office.write()
    with office.engine.begin() as connection:
        change = text("update daily set close = close + 1 where ts_code = :code and trade_date = :day")
        connection.execute(change, {"code": MAIN, "day": PAST[-30]})
    try:
        evidence, _, reports = office.write()
    finally:
        with office.engine.begin() as connection:
            back = text("update daily set close = close - 1 where ts_code = :code and trade_date = :day")
            connection.execute(back, {"code": MAIN, "day": PAST[-30]})
    assert evidence.made == reports.made == [MAIN]
    first, second = sorted(office.reports(), key=lambda row: row["made_at"])
    assert first["id"] != second["id"]
    assert first["evidence_sha256"] != second["evidence_sha256"]


def test_a_sheet_is_read_back_as_it_was_written(office: Office) -> None:
    office.expect(MAIN, HALTED)
    office.desk().gather(DAY)
    with office.engine.connect() as connection:
        for each in store.watched(connection, DAY):
            assert each.evidence_sha256 is not None
            assert store.load_sheet(connection, each.evidence_sha256).sha256 == each.evidence_sha256


def test_who_has_no_evidence_of_a_topic_is_not_asked(office: Office) -> None:
    office.expect(HALTED)
    office.write()
    with office.engine.connect() as connection:
        notes = dict(connection.execute(select(RESEARCH_NOTE.c.expert, RESEARCH_NOTE.c.status)).all())
    assert notes[Expert.NEWS] == "absent"
    assert set(notes) == {*ANALYSTS, Expert.SYNTHESIS}
