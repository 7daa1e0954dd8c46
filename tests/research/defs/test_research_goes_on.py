"""Research that waits: for a budget or for an answer; what goes on, when, and that nothing is started twice."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

import dagster as dg
from evidence_market import DAY, MAIN, PAST, change
from research_location import BEFORE, FEW, Research, checks, failure, goes_on
from sqlalchemy import func, select

from stock_assistant_pipelines.calendar import now
from stock_assistant_pipelines.defs.research import goes_on as going
from stock_assistant_pipelines.defs.research import names, on_demand, waits
from stock_assistant_pipelines.research import store
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.tables import LLM_CALL, RESEARCH_REPORT

MOVED = "update daily set close = close + :by where ts_code = :main and trade_date = :at"


def midnight(moment: datetime) -> datetime:
    return (moment.astimezone(SHANGHAI) + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)


def test_a_budget_stops_a_run_in_a_state_of_its_own_and_what_was_written_stays(
    research: Research, stopped: dg.ExecuteInProcessResult
) -> None:
    told, shown = failure(stopped)
    assert told.startswith("the budget of the day, CNY")
    assert "calls are made again from" in told
    assert shown["waits_for"] == "budget of the day"
    assert shown["waiting"] == {DAY.isoformat(): sorted(FEW), BEFORE.isoformat(): sorted(FEW)}
    assert datetime.fromtimestamp(shown["goes_on"], SHANGHAI) == midnight(now())
    assert research.materialized(names.EVIDENCE) == {DAY.isoformat(), BEFORE.isoformat()}
    assert BEFORE.isoformat() not in research.materialized(names.NOTES)
    assert research.materialized(names.REPORTS) == set()
    assert research.calls > 0


def test_what_waits_is_asked_for_when_the_budget_begins_anew_and_not_before(
    research: Research, stopped: dg.ExecuteInProcessResult
) -> None:
    moment = now()
    assert "the budget of the day is used up until" in str(goes_on(research, moment))
    request = goes_on(research, midnight(moment))
    assert isinstance(request, dg.RunRequest)
    assert request.run_key == stopped.run_id
    assert request.asset_selection == [dg.AssetKey(names.NOTES), dg.AssetKey(names.REPORTS)]
    assert (request.tags[going.RANGE_START], request.tags[going.RANGE_END]) == (BEFORE.isoformat(), DAY.isoformat())


def test_a_budget_that_is_raised_goes_on_at_once_and_pays_nothing_again(
    research: Research, stopped: dg.ExecuteInProcessResult
) -> None:
    research.options |= {"llm_budget_day": Decimal(10_000), "llm_concurrency": 16}
    request = goes_on(research, now())
    assert isinstance(request, dg.RunRequest)
    done = research.follow(request)
    assert done.success
    assert research.materialized(names.REPORTS) == {DAY.isoformat(), BEFORE.isoformat()}
    assert research.shown(names.REPORTS)["waiting"] == 0
    with research.engine.connect() as connection:
        calls, asked = connection.execute(
            select(func.count(), func.count(func.distinct(LLM_CALL.c.request_sha256))).select_from(LLM_CALL)
        ).one()
    assert calls == asked == research.calls
    assert checks(done)["research_adds_up"].passed
    assert goes_on(research, now()) == "nothing waits"


def test_where_the_budget_ends_again_it_waits_again(research: Research, stopped: dg.ExecuteInProcessResult) -> None:
    research.options["llm_budget_day"] += Decimal("0.0001")
    request = goes_on(research, now())
    assert isinstance(request, dg.RunRequest)
    again = research.follow(request)
    assert failure(again)[0].startswith("the budget of the day")
    assert "is used up until" in str(goes_on(research, now()))
    later = goes_on(research, midnight(now()))
    assert isinstance(later, dg.RunRequest)
    assert later.run_key == again.run_id


def test_nothing_is_asked_for_while_research_is_under_way(
    research: Research, stopped: dg.ExecuteInProcessResult
) -> None:
    with_status = dg.DagsterRun(names.DAILY, status=dg.DagsterRunStatus.NOT_STARTED)
    research.instance.add_run(with_status)
    assert "under way" in str(goes_on(research, midnight(now())))


def test_what_somebody_else_has_written_meanwhile_is_not_asked_for(
    research: Research, stopped: dg.ExecuteInProcessResult
) -> None:
    research.options |= {"llm_budget_day": Decimal(10_000), "llm_concurrency": 16}
    assert research.run(names.NOTES, names.REPORTS, first=BEFORE).success
    assert goes_on(research, now()) == "nothing that waits is due"


def test_what_nobody_answered_for_is_asked_for_three_times_more_an_hour_apart(research: Research) -> None:
    research.options |= {"research_watchlist": [MAIN], "llm_base_url": "http://127.0.0.1:9/v1"}
    research.run()
    at = now()
    assert goes_on(research, at) == "nothing that waits is due"
    for _ in range(3):
        request = goes_on(research, at + timedelta(hours=1, minutes=1))
        assert isinstance(request, dg.RunRequest)
        assert not research.follow(request).success
    assert goes_on(research, at + timedelta(hours=2)) == "nothing waits"


def test_what_a_run_that_died_was_to_go_on_with_is_asked_for_three_times_more(
    research: Research, stopped: dg.ExecuteInProcessResult
) -> None:
    at, left = midnight(now()) + timedelta(hours=2), stopped.run_id
    for tries in range(4):
        request = goes_on(research, at)
        assert isinstance(request, dg.RunRequest)
        assert (request.run_key, request.tags[waits.TRIES]) == (left, str(tries))
        assert request.tags[going.RANGE_START] == BEFORE.isoformat()
        left = dies(research, request)
        assert isinstance(goes_on(research, now()), str), "not at once"
    assert goes_on(research, at) == "nothing waits"


def test_what_somebody_cancels_is_not_asked_for_again(research: Research, stopped: dg.ExecuteInProcessResult) -> None:
    request = goes_on(research, midnight(now()))
    assert isinstance(request, dg.RunRequest)
    dies(research, request, dg.DagsterRunStatus.CANCELED)
    assert goes_on(research, midnight(now())) == "nothing waits"


def dies(research: Research, request: dg.RunRequest, status: dg.DagsterRunStatus = dg.DagsterRunStatus.FAILURE) -> str:
    """Let a run end that did nothing of what was asked for, as one that is killed. Returns its id."""
    tags = {**request.tags, going.RUN_KEY: str(request.run_key)}
    run = dg.DagsterRun(str(request.job_name), tags=tags, status=status)
    return research.instance.add_run(run).run_id


def test_one_report_that_fails_is_asked_for_again_and_fails_no_day(research: Research) -> None:
    research.options |= {"research_watchlist": list(FEW), "llm_concurrency": 1}
    research.rules.inject("no_balance:times=1")
    result = research.run()
    assert result.success
    assert research.shown(names.REPORTS)["failed"] == 1
    assert not checks(result)["research_gate"].passed
    request = goes_on(research, now() + timedelta(hours=1, minutes=1))
    assert isinstance(request, dg.RunRequest)
    assert research.follow(request).success
    assert research.shown(names.REPORTS)["published"] == len(FEW)


def test_the_stocks_of_the_launchpad_go_on_with_the_day_and_the_evidence_that_they_had(research: Research) -> None:
    research.options |= {"llm_budget_day": Decimal(0)}
    stopped = stocks(research, ["industry:白酒"], "en")
    assert failure(stopped)[0].startswith("the budget of the day")
    research.options |= {"llm_budget_day": Decimal(10_000)}
    with research.engine.begin() as connection:  # bars that are corrected
        change(connection, MOVED, by=1, at=PAST[-30])
    before = evidence(research)
    try:
        again = goes_on(research, now())
        assert isinstance(again, dg.RunRequest)
        assert (again.job_name, again.run_key) == (names.ON_DEMAND, stopped.run_id)
        assert again.run_config == on_demand.config(sorted(before), DAY, "en", collect=False)
        assert research.follow(again).success
    finally:
        with research.engine.begin() as connection:
            change(connection, MOVED, by=-1, at=PAST[-30])
    assert evidence(research) == before
    with research.engine.connect() as connection:
        written = connection.execute(select(RESEARCH_REPORT.c.evidence_sha256, RESEARCH_REPORT.c.language)).all()
    assert sorted(written) == sorted((sha256, "en") for sha256 in before.values())
    assert goes_on(research, now()) == "nothing waits"


def test_stocks_that_somebody_else_has_written_of_meanwhile_are_not_asked_for(research: Research) -> None:
    research.options |= {"llm_budget_day": Decimal(0)}
    stocks(research, [MAIN], "en")
    research.options |= {"llm_budget_day": Decimal(10_000)}
    assert stocks(research, [MAIN]).success
    assert isinstance(goes_on(research, now()), dg.RunRequest), "in the other language"
    assert stocks(research, [MAIN], "en").success
    assert goes_on(research, now()) == "nothing that waits is due"


def stocks(research: Research, entries: list[str], language: str | None = None) -> dg.ExecuteInProcessResult:
    """Ask for stocks of the last day, by hand."""
    config = on_demand.config(entries, language=language)
    return research.follow(dg.RunRequest("by hand", run_config=config, job_name=names.ON_DEMAND))


def evidence(research: Research) -> dict[str, str | None]:
    with research.engine.connect() as connection:
        return {each.ts_code: each.evidence_sha256 for each in store.watched(connection, DAY)}
