"""Report periods arrive, by period or by stock: as many calls as were foreseen, and the same rows whichever way."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest
from reports import EVER, SINGLE, WHOLE, YEAR, asked_of, foreseen, land, made, refetch, versions
from sqlalchemy import text

from stock_assistant_pipelines.calendar import periods
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.ingest import filings
from stock_assistant_pipelines.tushare.periods import answers_whole, calls_of
from stock_assistant_pipelines.warehouse import coverage
from stock_assistant_pipelines.warehouse.filing import Work
from stock_assistant_pipelines.warehouse.filing import judge as judge_again
from stock_assistant_pipelines.warehouse.holes import GONE
from stock_assistant_pipelines.warehouse.tables import Status
from stock_assistant_pipelines.warehouse.verdicts import judge

if TYPE_CHECKING:
    from walk import Walk

    from stock_assistant_pipelines.warehouse.verdicts import Verdict

REPORTS = [api for api, dataset in CATALOG.items() if dataset.by_period]
TIERS = pytest.mark.parametrize("points", [WHOLE, SINGLE])
LIKE_INCOME = {"balancesheet", "cashflow"}
"""Statements that are asked for as that one is."""
SLOW = pytest.mark.slow


def prepared(walk: Walk, points: int, api: str) -> None:
    """Land what the completeness of a dataset rests on, and forget the calls."""
    walk.ingest.points = points
    walk.ingest.prepare_periods(CATALOG[api], YEAR)
    walk.sandbox.forget()


@pytest.mark.parametrize(
    ("api", "points"),
    [
        *((api, WHOLE) for api in REPORTS),
        *(pytest.param(api, SINGLE, marks=[SLOW] if api in LIKE_INCOME else []) for api in REPORTS),
    ],
)
def test_every_dataset_is_complete_with_the_calls_that_were_foreseen(walk: Walk, api: str, points: int) -> None:
    prepared(walk, points, api)
    calls = foreseen(walk, api)
    landed = land(walk, api)
    assert {entry.status for entry in landed.values()} == {Status.COMPLETE}
    assert list(landed) == [period.isoformat() for period in YEAR]
    twice = sum(not entry.landed for entry in landed.values()) if answers_whole(CATALOG[api], points) else 0
    assert made(walk, api) == calls + twice * len(calls_of(CATALOG[api]).variants), "what is empty is asked for twice"
    assert made(walk, api) == sum(entry.calls for entry in landed.values())


@pytest.mark.parametrize("api", ["income", "fina_indicator", "forecast", "fina_mainbz"])
def test_both_ways_of_asking_lead_to_the_same_rows(walk: Walk, api: str) -> None:
    prepared(walk, SINGLE, api)
    land(walk, api)
    by_stock = versions(walk, api)
    prepared(walk, WHOLE, api)
    landed = refetch(walk, api)
    assert set(walk.sandbox.stats()["calls"]) == {f"{api}_vip"}
    assert versions(walk, api) == by_stock
    assert {(entry.inserted, entry.updated) for entry in landed.values()} == {(0, 0)}


@pytest.mark.parametrize("api", ["income", pytest.param("fina_indicator", marks=SLOW)])
def test_both_ways_of_asking_tell_of_those_who_were_listed_later(walk: Walk, api: str) -> None:
    wanted = [date(2015, 12, 31), date(2014, 12, 31)]
    walk.ingest.points = SINGLE
    walk.ingest.prepare_periods(CATALOG[api], wanted)
    land(walk, api, wanted)
    with walk.engine.connect() as connection:
        later = text(
            f"select ts_code from {api} join stock_basic using (ts_code) where list_date > end_date + 100"
            " and end_date = '2014-12-31'"
        )
        assert connection.execute(later).scalars().first(), "of a prospectus"
    walk.ingest.points = WHOLE
    landed = refetch(walk, api, wanted)
    assert {entry.inserted for entry in landed.values()} == {0}, "by period nobody else is told of"


@TIERS
def test_what_is_complete_is_not_asked_for_again_and_landing_it_again_writes_nothing(walk: Walk, points: int) -> None:
    prepared(walk, points, "income")
    land(walk, "income")
    walk.sandbox.forget()
    assert foreseen(walk, "income", []) == 0
    assert {entry.status for entry in land(walk, "income").values()} == {Status.COMPLETE}
    assert walk.sandbox.stats()["calls"] == {}
    before = versions(walk, "income")
    again = refetch(walk, "income")
    assert {(entry.status, entry.inserted, entry.updated) for entry in again.values()} == {(Status.COMPLETE, 0, 0)}
    assert versions(walk, "income") == before


def test_by_stock_one_call_tells_of_all_periods_however_many_are_wanted(walk: Walk) -> None:
    prepared(walk, SINGLE, "income")
    land(walk, "income")
    once = made(walk, "income")
    stocks = {code for code, _ in asked_of(walk, "income")}
    assert once == 3 * len(stocks)
    older = periods(date(2022, 12, 31), date(2024, 9, 30))[::-1]
    walk.ingest.prepare_periods(CATALOG["income"], older)
    landed = land(walk, "income", older)
    assert {entry.status for entry in landed.values()} == {Status.COMPLETE}
    more = {code for code, _ in asked_of(walk, "income")} - stocks
    assert made(walk, "income") == once + 3 * len(more), "only companies that are gone since are asked for"


def test_a_few_missing_companies_are_asked_for_one_by_one_where_that_is_fewer_calls(walk: Walk) -> None:
    prepared(walk, WHOLE, "fina_audit")
    land(walk, "disclosure_date")
    land(walk, "forecast")
    with walk.engine.begin() as connection:
        connection.exec_driver_sql("delete from income")
    assert answers_whole(CATALOG["income"], WHOLE)
    walk.sandbox.inject("half:api=income")
    first = land(walk, "income")
    assert {entry.status for entry in first.values()} == {Status.PARTIAL}
    walk.sandbox.heal()
    walk.sandbox.forget()
    calls = foreseen(walk, "income")
    assert {entry.status for entry in land(walk, "income").values()} == {Status.COMPLETE}
    assert made(walk, "income") == calls == 3 * len(YEAR)


def test_a_period_that_has_not_ended_is_not_asked_for(walk: Walk) -> None:
    walk.ingest.points = WHOLE
    (entry,) = land(walk, "income", [date(2026, 3, 31)]).values()
    assert (entry.status, entry.cause) == (Status.EMPTY, "unpublished")
    assert made(walk, "income") == 0
    assert walk.booked("income", date(2026, 3, 31)) is None


def test_companies_that_have_not_disclosed_are_not_missing(walk: Walk) -> None:
    walk.ingest.points = WHOLE
    annual = date(2025, 12, 31)
    (entry,) = land(walk, "income", [annual]).values()
    (plan,) = land(walk, "disclosure_date", [annual]).values()
    assert entry.status is plan.status is Status.COMPLETE
    assert entry.expected is not None
    assert plan.expected is not None
    assert 0 < entry.expected < plan.expected, "the year's reports are out until the end of April"


def test_half_an_answer_is_partial_and_names_who_is_missing(walk: Walk) -> None:
    prepared(walk, WHOLE, "income")
    walk.sandbox.inject("half:api=income:times=3")
    landed = land(walk, "income")
    entry = landed["2025-09-30"]
    assert entry.status is Status.PARTIAL
    assert entry.missing_keys
    assert entry.reason == (f"{entry.missing} of {entry.expected} are missing: {', '.join(entry.missing_keys[:3])}, …")
    assert {one.reason for key, one in landed.items() if key != "2025-09-30"} == {None}


def test_an_answer_without_a_row_is_asked_for_twice(walk: Walk) -> None:
    prepared(walk, WHOLE, "forecast")
    walk.sandbox.inject("empty:api=forecast:times=1")
    (entry,) = land(walk, "forecast", [date(2024, 12, 31)]).values()
    assert (entry.status, entry.calls) == (Status.COMPLETE, 2)
    assert entry.landed


def test_without_a_plan_nobody_can_say_what_is_expected(walk: Walk) -> None:
    walk.ingest.points = WHOLE
    walk.sandbox.inject("http_502:api=disclosure_date")
    (entry,) = land(walk, "income", [date(2025, 9, 30)]).values()
    assert entry.status is Status.PARTIAL
    assert entry.landed
    assert entry.reason == "disclosure_date of 2025-09-30 is failed, so nobody can say what is expected"
    walk.sandbox.heal()
    land(walk, "disclosure_date", [date(2025, 9, 30)])
    booked = walk.booked("income", date(2025, 9, 30))
    assert booked is not None
    assert booked.status is Status.COMPLETE, "it is judged again when the plan is there"


def test_points_that_nobody_knows_are_found_out(walk: Walk) -> None:
    prepared(walk, SINGLE, "income")
    walk.ingest.points = None
    walk.sandbox.inject("permission:api=income_vip")
    assert {entry.status for entry in land(walk, "income").values()} == {Status.COMPLETE}
    calls = walk.sandbox.stats()["calls"]
    assert calls["income_vip"] == 1
    assert calls["income"] == 3 * len({code for code, _ in asked_of(walk, "income")})


def test_too_few_points_are_a_reason_and_no_call(walk: Walk) -> None:
    walk.ingest.points = 120
    landed = land(walk, "income")
    assert {entry.status for entry in landed.values()} == {Status.DISABLED}
    assert "asks for 2000 points" in str(landed["2025-09-30"].reason)
    assert made(walk, "income") == 0


def judged(walk: Walk, name: str) -> dict[str, Verdict]:
    """What the checks find in the periods that have landed."""
    return {verdict.name: verdict for verdict in judge(walk.engine, CATALOG[name], YEAR)}


def test_a_column_that_the_source_drops_is_named(walk: Walk) -> None:
    prepared(walk, WHOLE, "balancesheet")
    land(walk, "balancesheet")
    before = periods(date(2023, 12, 31), date(2024, 9, 30))
    walk.ingest.prepare_periods(CATALOG["balancesheet"], before)
    land(walk, "balancesheet", before)
    assert judged(walk, "balancesheet")["nulls"].holds
    with walk.engine.begin() as connection:
        connection.exec_driver_sql("update balancesheet set total_assets = null where end_date = '2025-06-30'")
    verdict = judged(walk, "balancesheet")["nulls"]
    assert (verdict.broken, verdict.examples) == (
        {date(2025, 6, 30): 1},
        (["2025-06-30", "total_assets", "0.000", "1.000"],),
    )


def test_a_balance_that_does_not_tie_is_named(walk: Walk) -> None:
    prepared(walk, WHOLE, "balancesheet")
    land(walk, "balancesheet")
    assert judged(walk, "balancesheet")["balance"].holds
    with walk.engine.begin() as connection:
        changed = connection.exec_driver_sql(
            "update balancesheet set total_liab = total_liab * 2"
            " where ts_code = '000001.SZ' and end_date = '2025-06-30' and report_type = '1'"
        ).rowcount
    assert judged(walk, "balancesheet")["balance"].broken == {date(2025, 6, 30): changed}


def test_by_stock_a_period_that_is_judged_again_and_again_is_told_once(
    walk: Walk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(filings, "JUDGED_EVERY", 10)
    wanted = [date(2025, 9, 30), date(2005, 12, 31)]
    walk.ingest.points = SINGLE
    walk.ingest.prepare_periods(CATALOG["income"], wanted)
    walk.sandbox.forget()
    calls = foreseen(walk, "income", wanted)
    arriving = walk.ingest.land(CATALOG["income"], wanted, since=EVER, whole=False)
    told = list(arriving)
    assert sorted(entry.partition for entry in told) == ["2005-12-31", "2025-09-30"]
    assert {entry.status for entry in told} == {Status.COMPLETE}
    assert made(walk, "income") == calls
    booked = walk.booked("income", date(2005, 12, 31))
    assert booked is not None
    assert booked.landed == len(versions(walk, "income", [date(2005, 12, 31)]))


@TIERS
def test_a_period_that_nobody_was_asked_about_is_asked_for_though_the_plan_expects_nobody(
    walk: Walk, points: int
) -> None:
    prepared(walk, points, "income")
    with walk.engine.begin() as connection:
        connection.exec_driver_sql("update disclosure_date set actual_date = null where end_date = '2025-09-30'")
    landed = land(walk, "income", [date(2025, 9, 30)])
    assert made(walk, "income") > 0
    assert landed["2025-09-30"].status is Status.COMPLETE
    assert landed["2025-09-30"].landed


def test_an_old_plan_that_was_cut_short_is_asked_for_again(walk: Walk) -> None:
    walk.ingest.points = WHOLE
    old = date(2024, 6, 30)
    walk.sandbox.inject("half:api=disclosure_date:times=1")
    (entry,) = land(walk, "income", [old]).values()
    plan = walk.booked("disclosure_date", old)
    assert plan is not None
    assert (plan.status, entry.status) == (Status.COMPLETE, Status.COMPLETE)
    assert entry.expected == plan.expected


@pytest.mark.parametrize("api", ["forecast", "fina_mainbz"])
def test_half_an_answer_of_which_nothing_says_who_has_rows_is_doubted(walk: Walk, api: str) -> None:
    prepared(walk, WHOLE, api)
    wanted = YEAR[-1:]
    assert {entry.status for entry in land(walk, api, wanted).values()} == {Status.COMPLETE}
    booked = {key: each.rows for key, each in asked_of(walk, api).items()}
    assert sum(booked.values()) == len(versions(walk, api, wanted)), "each part has its own"
    walk.sandbox.inject(f"half:api={api}")
    (entry,) = refetch(walk, api, wanted).values()
    assert (entry.status, entry.cause) == (Status.PARTIAL, "doubted")
    assert "rows, and had" in str(entry.reason)
    walk.sandbox.heal()
    (entry,) = refetch(walk, api, wanted).values()
    assert entry.status is Status.COMPLETE


def test_by_stock_an_empty_answer_where_rows_are_known_is_doubted(walk: Walk) -> None:
    prepared(walk, SINGLE, "fina_audit")
    land(walk, "fina_audit")
    walk.sandbox.inject("empty:api=fina_audit")
    refetch(walk, "fina_audit")
    failed = [each for each in asked_of(walk, "fina_audit").values() if each.attempts]
    assert failed
    assert {(each.cause, each.status) for each in failed} == {("MalformedAnswer", Status.COMPLETE)}
    assert all(each.rows for each in failed), "how many are known is kept"


def test_rows_that_are_gone_are_not_forgotten_by_the_next_judgement(walk: Walk) -> None:
    prepared(walk, WHOLE, "forecast")
    period = date(2024, 12, 31)
    land(walk, "forecast", [period])
    with walk.engine.begin() as connection:
        gone = "update forecast set end_date = '1999-12-31' where ts_code in (select min(ts_code) from forecast)"
        assert connection.exec_driver_sql(gone).rowcount
        coverage.reassess(connection, CATALOG["forecast"], period, walk.clock[0])
    for _ in range(2):
        judge_again(walk.engine, CATALOG["forecast"], period, Work(walk.clock[0], walk.clock[0]))
        booked = walk.booked("forecast", period)
        assert booked is not None
        assert (booked.status, booked.cause, booked.reason) == (Status.PARTIAL, "doubted", GONE)
    (entry,) = refetch(walk, "forecast", [period]).values()
    assert entry.status is Status.COMPLETE
