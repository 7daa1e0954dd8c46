"""A day of research as assets: what is shown of it, what adds up, what is refused, and that nothing is written twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
import pytest
from desks import STOCKS, holding
from evidence_market import DAY, MAIN, PAST, change
from research_location import ALL, BEFORE, CLOSED, FEW, Research, checks, failure, goes_on
from sqlalchemy import func, select, text

from stock_assistant_pipelines.calendar import now
from stock_assistant_pipelines.defs.research import names
from stock_assistant_pipelines.research import store
from stock_assistant_pipelines.warehouse.tables import LLM_CALL, RESEARCH_REPORT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sqlalchemy import Engine


def rows(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        query = select(RESEARCH_REPORT.c.id, RESEARCH_REPORT.c.sha256).order_by(RESEARCH_REPORT.c.id)
        return [f"{id_} {sha256}" for id_, sha256 in connection.execute(query)]


def test_a_day_is_written_and_shown_with_what_it_cost_and_its_first_reports(research: Research) -> None:
    result = research.run()
    assert result.success
    shown = research.shown(names.REPORTS)
    assert shown["expected"] == len(STOCKS)
    assert shown["published"] + shown["degraded"] + shown["abstained"] == len(STOCKS)
    assert (shown["failed"], shown["waiting"], shown["made_now"]) == (0, 0, len(STOCKS))
    assert shown["calls"] == research.calls > len(STOCKS)
    with research.engine.connect() as connection:
        assert shown["cost_cny"] == pytest.approx(float(connection.scalar(select(func.sum(LLM_CALL.c.cost_cny)))))
        ids = connection.scalars(select(RESEARCH_REPORT.c.id)).all()
    assert "| sandbox/sandbox-rules |" in shown["paid"]
    linked = [each for each in ids if f"http://127.0.0.1:8000/research/{each}" in shown["reports"]]
    assert len(linked) == 5
    assert all(f"http://127.0.0.1:8000/api/v1/reports/{each}" in shown["reports"] for each in linked)
    assert "规则生成，并非模型" in shown["reports"] or "rules" in shown["reports"]
    assert research.shown(names.EVIDENCE)["dagster/partition_row_count"] == len(STOCKS)
    assert checks(result)["research_adds_up"].passed


def test_a_backfill_of_two_days_makes_no_call_the_second_time(research: Research) -> None:
    research.options["research_watchlist"] = list(FEW)
    assert research.run(first=BEFORE).success
    paid, written = research.calls, rows(research.engine)
    assert len(written) == 2 * len(FEW)
    again = research.run(first=BEFORE)
    assert again.success
    assert (research.calls, rows(research.engine)) == (paid, written)
    assert research.shown(names.REPORTS, BEFORE)["made_now"] == 0
    assert research.shown(names.REPORTS, BEFORE)["calls"] == 0
    assert checks(again)["research_adds_up"].passed


def test_a_report_on_evidence_that_was_corrected_since_is_history_and_counted_no_more(research: Research) -> None:
    research.options["research_watchlist"] = [MAIN]
    assert research.run().success
    move = "update daily set close = close + :by where ts_code = :main and trade_date = :at"
    with research.engine.begin() as connection:
        change(connection, move, by=1, at=PAST[-30])
    try:
        result = research.run()
    finally:
        with research.engine.begin() as connection:
            change(connection, move, by=-1, at=PAST[-30])
    shown = research.shown(names.REPORTS)
    assert len(rows(research.engine)) == 2
    assert (shown["expected"], shown["published"], shown["made_now"]) == (1, 1, 1)
    assert checks(result)["research_adds_up"].passed


def test_a_holiday_is_booked_as_nothing_to_do(research: Research) -> None:
    assert research.run(first=CLOSED, last=CLOSED).success
    assert {name: research.shown(name, CLOSED)["status"] for name in ALL} == dict.fromkeys(ALL, "closed")
    assert research.calls == 0


def test_a_day_without_bars_is_refused_and_its_neighbour_is_written(research: Research) -> None:
    research.options["research_watchlist"] = [MAIN]
    missing = BEFORE.replace(day=27)
    result = research.run(names.EVIDENCE, first=missing, last=BEFORE)
    assert failure(result)[0] == f"1 of 2 days are not done; the first: {missing}: daily of {missing} has not landed"
    assert research.materialized(names.EVIDENCE) == {BEFORE.isoformat()}


def test_a_day_that_is_refused_keeps_no_other_from_its_report(research: Research) -> None:
    research.options["research_watchlist"] = [MAIN]
    missing = BEFORE.replace(day=27)
    result = research.run(first=missing, last=DAY)
    assert failure(result)[0] == f"1 of 3 days are not done; the first: {missing}: daily of {missing} has not landed"
    for name in ALL:
        assert research.materialized(name) == {BEFORE.isoformat(), DAY.isoformat()}, name
    assert len(rows(research.engine)) == 2
    assert checks(result)["research_adds_up"].passed


def test_the_days_are_held_from_the_evidence_to_the_reports(
    research: Research, monkeypatch: pytest.MonkeyPatch
) -> None:
    research.options["research_watchlist"] = [MAIN]
    held = holding(monkeypatch)
    assert research.run().success
    assert held == {"gather": True, "notes": True, "reports": True}


def test_a_stock_without_evidence_fails_no_day_and_does_not_vanish(research: Research) -> None:
    research.options["research_watchlist"] = list(FEW)
    with research.engine.begin() as connection:
        store.watch(connection, DAY, {"999999.SH": "by hand"})
    result = research.run()
    assert result.success
    shown = research.shown(names.REPORTS)
    assert (shown["expected"], shown["published"], shown["failed"]) == (3, 2, 1)
    assert "stock_basic has no 999999.SH" in shown["failures"]["999999.SH"]
    assert "stock_basic has no 999999.SH" in research.shown(names.EVIDENCE)["without_evidence"]["999999.SH"]
    assert checks(result)["research_adds_up"].passed
    gate = checks(result)["research_gate"]
    assert (gate.passed, gate.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert gate.description == "1 of 3 failed, 0 are degraded or abstain"


def test_a_day_without_any_evidence_fails(research: Research) -> None:
    research.options["research_watchlist"] = []
    with research.engine.begin() as connection:
        store.watch(connection, DAY, {"999999.SH": "by hand"})
    told, _ = failure(research.run())
    assert "there is no evidence of anybody: stock_basic has no 999999.SH" in told
    assert research.materialized(names.EVIDENCE) == set()
    result = research.run(names.NOTES, names.REPORTS)
    assert "stock_basic has no 999999.SH" in failure(result)[0]
    assert research.materialized(names.REPORTS) == set()
    assert goes_on(research, now() + timedelta(hours=2)) == "nothing waits"  # nobody could answer for it


def test_what_is_dropped_is_told_by_rule_and_too_much_of_it_warns(research: Research) -> None:
    research.options["research_watchlist"] = [MAIN]
    research.rules.inject("literal_digits:times=100")
    result = research.run()
    assert result.success
    shown = research.shown(names.REPORTS)
    assert shown["degraded"] == 1
    assert shown["claims_dropped"]["literal figure"] >= 1
    assert not checks(result)["research_gate"].passed
    assert checks(result)["research_adds_up"].passed


def test_numbers_that_do_not_add_up_are_an_error(research: Research) -> None:
    research.options["research_watchlist"] = list(FEW)
    assert research.run().success
    with research.engine.begin() as connection:
        connection.execute(
            text(
                "create function lose() returns trigger language plpgsql as "
                "$$ begin if new.ts_code = '600001.SH' then return null; end if; return new; end $$;"
                "create trigger lose before insert on research_report for each row execute function lose();"
                "delete from research_report"
            )
        )
    try:
        result = research.run(names.REPORTS)
    finally:
        with research.engine.begin() as connection:
            connection.execute(text("drop function lose cascade"))
    sums = checks(result)["research_adds_up"]
    assert (sums.passed, sums.severity) == (False, dg.AssetCheckSeverity.ERROR)
    told: dict[str, Any] = {name: value.value for name, value in sums.metadata.items()}
    assert told["tables"][str(DAY)]["waiting"] == 1
    assert told["run"][str(DAY)]["waiting"] == 0


def test_nobody_answers_fails_early_with_a_sentence_and_is_asked_again(research: Research) -> None:
    research.options |= {"research_watchlist": [MAIN], "llm_base_url": "http://127.0.0.1:9/v1"}
    result = research.run()
    told, _ = failure(result)
    assert told.startswith("no model can be asked: sandbox/sandbox-rules: cannot be reached")
    run = research.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.tags["stock_assistant/research_waits_for"] == "an answer"
    assert research.materialized(names.EVIDENCE) == {DAY.isoformat()}


def test_a_day_of_which_all_reports_fail_fails(research: Research) -> None:
    research.options["research_watchlist"] = list(FEW)
    research.rules.inject("no_balance:times=1000")
    result = research.run()
    assert "the account" in failure(result)[0]
    assert research.materialized(names.NOTES) == {DAY.isoformat()}
    assert research.materialized(names.REPORTS) == set()
    assert checks(result)["research_adds_up"].passed
    research.rules.heal()
    assert research.run(names.NOTES, names.REPORTS).success
    assert research.shown(names.REPORTS)["published"] == len(FEW)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"research_watchlist": []}, "RESEARCH_WATCHLIST is not set"),
        ({"research_watchlist": ["industry:茶"]}, "'industry:茶' names no stock of stock_basic"),
        ({"llm_provider": None}, "LLM_PROVIDER: is not set"),
    ],
)
def test_what_has_to_be_set_is_said(research: Research, options: dict[str, object], told: str) -> None:
    research.options |= options
    assert told in failure(research.run())[0]
    assert research.calls == 0


def test_reports_without_notes_say_what_to_do_first(research: Research) -> None:
    research.options["research_watchlist"] = [MAIN]
    assert "materialise research_evidence first" in failure(research.run(names.REPORTS))[0]
    assert research.run(names.EVIDENCE).success
    result = research.run(names.REPORTS)
    assert "of 1 stocks there are no notes: materialise research_notes first" in failure(result)[0]
    run = research.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert not [tag for tag in run.tags if tag.startswith("stock_assistant/")], "nobody asked for notes"


def test_a_run_that_is_stopped_ends_with_all_its_calls_booked(research: Research) -> None:
    research.rules.inject("keep_alive:times=1000:seconds=0.3")
    research.options |= {"research_watchlist": list(FEW), "llm_concurrency": 4}

    def stop() -> None:
        until(lambda: research.calls >= 6)
        (under_way,) = research.instance.get_runs()
        research.instance.report_run_canceling(under_way)  # as the UI does
        os.kill(os.getpid(), signal.SIGINT)

    stopper = threading.Thread(target=stop)
    stopper.start()
    result = research.run()
    stopper.join()
    run = research.instance.get_run_by_id(result.run_id)
    assert run is not None
    assert run.status is dg.DagsterRunStatus.CANCELED
    with research.engine.connect() as connection:
        open_calls = select(func.count()).select_from(LLM_CALL).where(LLM_CALL.c.outcome.is_(None))
        assert connection.scalar(open_calls) == 0
        assert connection.scalar(text("select count(*) from pg_locks where locktype = 'advisory'")) == 0
    research.rules.heal()
    assert research.run().success


KILLED = """
import dagster as dg, sys
from stock_assistant_pipelines.defs.research import assets
from stock_assistant_pipelines.defs.resources import Platform
from stock_assistant_pipelines.settings import Settings
settings = Settings.load()
dg.materialize([assets.build_asset(settings)], selection=sys.argv[2:], partition_key=sys.argv[1],
    resources={"platform": Platform(settings)})
"""


def test_a_run_that_is_killed_pays_twice_for_nothing_but_what_was_under_way(research: Research, tmp_path: Path) -> None:
    research.options |= {"research_watchlist": list(FEW), "llm_concurrency": 3}
    assert research.run(names.EVIDENCE).success
    research.rules.inject("keep_alive:times=1000:seconds=0.2")
    command = [sys.executable, "-W", "ignore", "-c", KILLED, str(DAY), names.NOTES]
    process = subprocess.Popen(command, cwd=tmp_path, env=variables(research), stderr=subprocess.DEVNULL)
    try:
        until(lambda: research.calls >= 4)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    research.rules.heal()
    research.options["llm_concurrency"] = 16
    assert research.run(names.NOTES, names.REPORTS).success
    assert research.shown(names.REPORTS)["waiting"] == 0
    with research.engine.connect() as connection:
        questions = func.count(func.distinct(LLM_CALL.c.request_sha256))
        calls, asked = connection.execute(select(func.count(), questions).select_from(LLM_CALL)).one()
    assert calls - asked <= 3
    assert calls >= research.calls


def variables(research: Research) -> dict[str, str]:
    """The environment of a process with the same settings."""
    told = {name.upper(): value for name, value in research.known.items()}
    lists = {name: ",".join(value) for name, value in told.items() if isinstance(value, list)}
    return {**os.environ, **{name: str(value) for name, value in told.items()}, **lists}


def until(true: Callable[[], bool], seconds: float = 200) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.05)
