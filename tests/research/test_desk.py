"""A day of research, from evidence to report: what stands, what is asked for again, what stops, and that nothing vanishes."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
from databases import working_as
from desks import STOCKS, Office, clear, laid_out
from evidence_market import DAY, HALTED, MAIN, PAST, PEERS, company, put
from pydantic import SecretStr
from sqlalchemy import func, select, text

from stock_assistant_pipelines.research import gathering, store
from stock_assistant_pipelines.research.account import account
from stock_assistant_pipelines.research.booking import Budgets, Span
from stock_assistant_pipelines.research.contracts import Expert
from stock_assistant_pipelines.research.experts import ANALYSTS
from stock_assistant_pipelines.research.render import Language
from stock_assistant_pipelines.research.replay import NotReplayable, replay
from stock_assistant_pipelines.research.search.bocha import Bocha
from stock_assistant_pipelines.research.search.news import news_for
from stock_assistant_pipelines.research.search.searcher import Searcher
from stock_assistant_pipelines.sandbox.search.server import running
from stock_assistant_pipelines.settings.database import WRITER_ROLE
from stock_assistant_pipelines.warehouse.database import Database
from stock_assistant_pipelines.warehouse.tables import LLM_CALL, RESEARCH_CLAIM, RESEARCH_NOTE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.research.evidence import Found
    from stock_assistant_pipelines.sandbox.model.server import RunningModel
    from stock_assistant_pipelines.sandbox.server import Door

FEW = (MAIN, *PEERS[1:3])


@pytest.fixture(scope="module")
def laid(postgres: URL) -> Iterator[Engine]:
    with laid_out(postgres) as engine:
        with engine.begin() as connection:
            put(connection, "stock_basic", company("300999.SZ") | {"name": "云海控股"})
        yield engine


@pytest.fixture
def office(laid: Engine, rules: RunningModel) -> Office:
    """A desk with nothing on it."""
    clear(laid)
    return Office(laid, rules)


def test_a_day_is_written_and_nothing_of_it_twice(office: Office) -> None:
    office.expect(*STOCKS)
    _, notes, reports = office.write()
    assert set(reports.done) == set(STOCKS)
    assert reports.done[HALTED] == "abstained"  # a day without a bar, and nothing was ever filed
    assert reports.count("published") == len(STOCKS) - 1, [row["reason"] for row in office.reports()]
    assert reports.expected == len(reports.done)
    assert not reports.waiting
    paid, rows = office.calls(), office.reports()
    evidence, notes, again = office.write()
    assert (evidence.made, notes.made, again.made) == ([], [], [])
    assert office.calls() == paid
    assert office.reports() == rows


def test_a_day_is_written_by_the_role_of_the_pipelines(laid: Engine, office: Office) -> None:
    writer = working_as(Database(laid.url.set(drivername="postgresql")), WRITER_ROLE).engine()
    theirs = Office(writer, office.rules)
    theirs.expect(*FEW)
    _, _, reports = theirs.write()
    assert reports.count("published") == len(FEW)
    writer.dispose()


@pytest.mark.parametrize("language", list(Language))
def test_every_report_is_replayed_to_the_byte(office: Office, language: Language) -> None:
    office = replace(office, language=language)
    office.expect(*FEW)
    office.rules.inject("literal_digits:times=2")
    office.write()
    for row in office.reports():
        with office.engine.connect() as connection:
            again = asyncio.run(replay(connection, row["id"]))
        assert again.same
        assert again.page.sha256 == row["sha256"]
    with office.engine.connect() as connection, pytest.raises(NotReplayable, match="no report"):
        asyncio.run(replay(connection, "600519.SH-20250303-0000000000"))


def test_news_that_were_found_are_written_about_and_where_there_are_none_it_is_said_why(office: Office) -> None:
    other = PEERS[1]
    office.expect(MAIN, other)
    with running(faults=("undated:company=茅台股份",)) as web:
        found = asyncio.run(search(office.engine, web, {MAIN: "茅台股份", other: "名600001"}))
    office.write(news=found)
    with office.engine.connect() as connection:
        query = select(RESEARCH_NOTE).where(RESEARCH_NOTE.c.expert == Expert.NEWS)
        notes = {row["report_id"][:9]: row for row in connection.execute(query).mappings()}
        query = select(RESEARCH_CLAIM).where(RESEARCH_CLAIM.c.expert == Expert.NEWS)
        claims = connection.execute(query).mappings().all()
    assert (notes[MAIN]["status"], notes[other]["status"]) == ("absent", "written")
    assert "pages without a date" in notes[MAIN]["reason"]
    assert {row["report_id"][:9] for row in claims} == {other}
    assert all(row["held"] and row["evidence"][0].startswith("news.") for row in claims)
    pages = {row["ts_code"]: row["markdown"] for row in office.reports() if row["status"] == "published"}
    assert all(item.text in pages[other] for item in found[other].items if item.id == claims[0]["evidence"][0])


async def search(engine: Engine, web: Door, companies: Mapping[str, str]) -> Mapping[str, Found]:
    async with Searcher(Bocha(SecretStr("sandbox"), web.url), today=lambda: DAY) as searcher:
        return await news_for(searcher, engine, companies, DAY)


def test_what_the_gate_refuses_is_repaired_once(office: Office) -> None:
    office.expect(MAIN)
    office.rules.inject("literal_digits:times=1")
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
    office.rules.inject(f"{fault}:times=100")
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
    office.rules.inject("policy:times=1")
    office.write()
    (row,) = office.reports()
    assert row["status"] == "degraded"
    assert "拒绝处理此内容" in row["reason"]


def test_one_failure_neither_fails_the_day_nor_vanishes(office: Office) -> None:
    office.expect(*FEW, "999999.SH")
    office.rules.inject(
        "unknown_model:times=1"
    )  # the provider is left alone for a while: who is asked then fails as well
    _, _, reports = office.write()
    assert set(reports.done) == {*FEW, "999999.SH"}
    failed = [row for row in office.reports() if row["status"] == "failed"]
    assert 2 <= len(failed) == reports.count("failed")
    reasons = {row["ts_code"]: row["reason"] for row in failed}
    assert "stock_basic has no 999999.SH" in reasons.pop("999999.SH")
    assert all("sandbox-rules" in reason for reason in reasons.values())
    _, _, healed = office.write()
    assert healed.count("published") == 3
    assert [row["ts_code"] for row in office.reports() if row["status"] == "failed"] == ["999999.SH"]
    assert len(office.reports()) == 4


@pytest.mark.parametrize("table", ["research_note", "research_report"])
def test_what_cannot_be_kept_of_one_stock_fails_it_alone_and_is_not_asked_again(office: Office, table: str) -> None:
    office.expect(*FEW)
    start = "report_id" if table == "research_note" else "status = 'failed' or id"
    refuses = f"alter table {table} add constraint refuses check ({start} not like '{MAIN}%')"
    with office.engine.begin() as connection:
        connection.execute(text(refuses))
    try:
        _, _, reports = office.write()
        paid = office.calls()
    finally:
        with office.engine.begin() as connection:
            connection.execute(text(f"alter table {table} drop constraint refuses"))
    assert (reports.done[MAIN], reports.count("published"), reports.waiting) == ("failed", 2, [])
    (failed,) = (row for row in office.reports() if row["status"] == "failed")
    assert (failed["ts_code"], "IntegrityError" in failed["reason"], failed["run_id"]) == (MAIN, True, None)
    with office.engine.connect() as connection:
        assert account(connection, DAY, office.edition).counts == Counter(reports.done.values())
    _, _, healed = office.write()
    assert healed.count("published") == 3
    assert office.calls() - paid == (table == "research_note")  # the synthesis alone


def test_what_ails_the_database_ends_the_day(office: Office) -> None:
    office.expect(*FEW)
    with office.engine.begin() as connection:
        connection.execute(text("alter table research_claim rename to mislaid"))
    try:
        with pytest.raises(ExceptionGroup):
            office.write()
    finally:
        with office.engine.begin() as connection:
            connection.execute(text("alter table mislaid rename to research_claim"))


def test_what_waits_for_notes_was_not_made(office: Office) -> None:
    office.expect(*FEW)
    desk = office.desk()
    desk.gather(DAY)
    reports = office.ask(lambda model: desk.reports(model, DAY))
    assert (reports.made, sorted(reports.waiting)) == ([], sorted(FEW))


def test_a_budget_stops_the_day_and_raising_it_goes_on_without_paying_again(office: Office) -> None:
    office.expect(*STOCKS)
    office.write()
    calls = office.calls()
    with office.engine.begin() as connection:
        spent = connection.scalar(select(func.sum(LLM_CALL.c.cost_cny)))
        most = connection.scalar(select(func.max(LLM_CALL.c.reserved_cny)))
    clear(office.engine)
    office.rules.forget()
    office.budgets = Budgets(Decimal(1000), spent / 4 + most, Decimal(100_000))
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
    assert reports.count("published") == len(STOCKS) - 1
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
    office.rules.inject("timeout:times=1:seconds=30")
    _, notes, _ = office.write(timeout=0.5)
    assert notes.count("written") >= len(STOCKS) - 2


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


def test_of_what_nobody_foresaw_the_kind_is_told_and_the_words_are_logged(
    office: Office, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def breaks(*_: Any, **__: Any) -> Any:
        raise ConnectionError('connection to "db.internal" failed for user "stock"')

    office.expect(MAIN, HALTED)
    desk = office.desk()
    desk.gather(DAY, [MAIN])
    monkeypatch.setattr(gathering, "build_many", breaks)
    monkeypatch.setattr(gathering, "build", breaks)
    desk.gather(DAY, [HALTED])
    broken = Mock(ask=breaks)
    for work in (desk.notes, desk.reports):
        asyncio.run(work(broken, DAY))
    told = [row["reason"] for row in office.reports()]
    assert len(told) == 2
    assert all("ConnectionError, of which the log says more" in reason for reason in told)
    assert not [reason for reason in told if "db.internal" in reason]
    logged = [record for record in caplog.records if record.exc_info and "db.internal" in str(record.exc_info[1])]
    assert {record.message.split(",")[0][:9] for record in logged} == {MAIN, HALTED}


def test_who_has_no_evidence_of_a_topic_is_not_asked(office: Office) -> None:
    office.expect(HALTED)
    office.write()
    with office.engine.connect() as connection:
        notes = dict(connection.execute(select(RESEARCH_NOTE.c.expert, RESEARCH_NOTE.c.status)).all())
    assert notes[Expert.NEWS] == "absent"
    assert set(notes) == {*ANALYSTS, Expert.SYNTHESIS}
