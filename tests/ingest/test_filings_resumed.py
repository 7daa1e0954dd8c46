"""A landing of reports that is broken off, by a kill, an outage or a used-up quota, goes on where it was: nothing lost, nothing
twice.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from reports import SINGLE, WHOLE, YEAR, Killed, asked_of, foreseen, kill_after, land, made, refetch, versions
from sqlalchemy import func, select

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.ingest.asking import OUTAGE
from stock_assistant_pipelines.ingest.increment import Limits
from stock_assistant_pipelines.tushare.errors import SchemaDrift
from stock_assistant_pipelines.warehouse import disclosure
from stock_assistant_pipelines.warehouse.tables import METADATA, Status

if TYPE_CHECKING:
    from walk import Walk


@pytest.fixture
def single(walk: Walk) -> Walk:
    """A walk by stock, of which all is landed that completeness rests on."""
    walk.ingest.points = SINGLE
    walk.ingest.prepare_periods(CATALOG["income"], YEAR)
    walk.sandbox.forget()
    return walk


@pytest.fixture
def whole(single: Walk) -> Walk:
    """A walk by period."""
    single.ingest.points = WHOLE
    return single


@pytest.fixture(scope="module")
def undisturbed() -> dict[str, Any]:
    """What the tables hold in the end, as the first test that gets there finds it."""
    return {}


def compare(walk: Walk, undisturbed: dict[str, Any]) -> None:
    """Nothing is lost, and nothing is there twice."""
    assert undisturbed.setdefault("income", versions(walk, "income")) == versions(walk, "income")
    table = METADATA.tables["income"]
    twice = (
        select(func.count())
        .select_from(table)
        .group_by(table.c.digest, table.c.ts_code, table.c.end_date, table.c.report_type)
    )
    with walk.engine.connect() as connection:
        assert not connection.execute(twice.having(func.count() > 1)).all()
        assert not connection.execute(select(table).where(table.c.replaced_at.is_not(None))).all()


def answered(walk: Walk) -> int:
    return sum(entry.status is Status.COMPLETE for entry in asked_of(walk, "income").values())


def test_who_is_killed_asks_only_the_stocks_that_are_left(single: Walk, undisturbed: dict[str, Any]) -> None:
    calls = foreseen(single, "income")
    revive = kill_after(single.ingest, 40)
    with pytest.raises(Killed):
        land(single, "income")
    assert answered(single) == 39, "a stock's three answers land together, or none"
    revive()
    single.sandbox.forget()
    assert foreseen(single, "income") == calls - 39
    landed = land(single, "income")
    assert {entry.status for entry in landed.values()} == {Status.COMPLETE}
    assert made(single, "income") == calls - 39
    compare(single, undisturbed)


def test_who_is_killed_by_period_asks_only_the_periods_that_are_left(whole: Walk, undisturbed: dict[str, Any]) -> None:
    revive = kill_after(whole.ingest, 7)
    with pytest.raises(Killed):
        land(whole, "income")
    revive()
    whole.sandbox.forget()
    assert foreseen(whole, "income") == 6
    assert {entry.status for entry in land(whole, "income").values()} == {Status.COMPLETE}
    assert made(whole, "income") == 6
    compare(whole, undisturbed)


def test_a_fetch_for_corrections_that_is_killed_asks_nobody_twice(single: Walk, undisturbed: dict[str, Any]) -> None:
    land(single, "income")
    began = single.pass_time(hours=1)
    revive = kill_after(single.ingest, 40)
    with pytest.raises(Killed):
        land(single, "income", since=began, whole=True)
    revive()
    single.pass_time(minutes=5)
    single.sandbox.forget()
    calls = foreseen(single, "income", everything=True)
    landed = land(single, "income", since=began, whole=True, begun=began)
    assert {entry.status for entry in landed.values()} == {Status.COMPLETE}
    assert made(single, "income") == calls - 39
    compare(single, undisturbed)


def test_an_outage_ends_the_asking_and_what_was_answered_stays(single: Walk, undisturbed: dict[str, Any]) -> None:
    calls = foreseen(single, "income")
    revive = kill_after(single.ingest, 30)
    with pytest.raises(Killed):
        land(single, "income")
    revive()
    single.sandbox.inject("http_502:api=income")
    landed = land(single, "income")
    entry = landed["2025-09-30"]
    assert (entry.status, entry.cause) == (Status.PARTIAL, "HttpStatusError 502")
    assert f"{OUTAGE} stocks were not answered; the first: income: HTTP 502" in str(entry.reason)
    failed = [each for each in asked_of(single, "income").values() if each.status is Status.FAILED]
    assert len(failed) == 3 * OUTAGE
    assert {(each.attempts, each.cause) for each in failed} == {(1, "HttpStatusError 502")}
    single.sandbox.heal()
    single.sandbox.forget()
    assert {entry.status for entry in land(single, "income").values()} == {Status.COMPLETE}
    assert made(single, "income") == calls - 30
    compare(single, undisturbed)


REFUSALS = [
    ("throttle_day", Status.DEFERRED, "Throttled day"),
    ("permission", Status.DISABLED, "PermissionDenied"),
    ("bad_token", Status.FAILED, "BadToken"),
]


def test_a_refusal_that_stays_ends_the_asking_at_once(single: Walk, undisturbed: dict[str, Any]) -> None:
    calls = foreseen(single, "income")
    for attempt, (fault, status, cause) in enumerate(REFUSALS, start=1):
        single.sandbox.inject(f"{fault}:api=income")
        landed = land(single, "income")
        assert {(entry.status, entry.cause) for entry in landed.values()} == {(status, cause)}
        assert made(single, "income") == 1
        (refused,) = asked_of(single, "income").values()
        assert (refused.status, refused.cause, refused.attempts) == (status, cause, attempt)
        single.sandbox.heal()
        single.sandbox.forget()
    assert {entry.status for entry in land(single, "income").values()} == {Status.COMPLETE}
    assert made(single, "income") == calls
    compare(single, undisturbed)


def test_a_refusal_by_period_leaves_what_landed_and_names_what_did_not(
    whole: Walk, undisturbed: dict[str, Any]
) -> None:
    land(whole, "income", YEAR[:2])
    whole.sandbox.inject("throttle_day:api=income")
    landed = land(whole, "income")
    assert [entry.status for entry in landed.values()] == [
        Status.COMPLETE,
        Status.COMPLETE,
        Status.DEFERRED,
        Status.DEFERRED,
    ]
    whole.sandbox.heal()
    whole.sandbox.forget()
    assert {entry.status for entry in land(whole, "income").values()} == {Status.COMPLETE}
    assert made(whole, "income") == 6
    compare(whole, undisturbed)


def test_one_answer_of_three_that_fails_is_the_only_one_that_is_asked_for_again(
    single: Walk, undisturbed: dict[str, Any]
) -> None:
    fetch = single.ingest.transport.fetch

    def once(api: str, params: Any, *words: Any, **more: Any) -> Any:
        if params.get("ts_code") == "000001.SZ" and params.get("report_type") == "4":
            single.sandbox.inject("http_502:api=income:times=5")
        return fetch(api, params, *words, **more)

    single.ingest.transport.fetch = once  # type: ignore[method-assign]
    landed = land(single, "income")
    single.ingest.transport.fetch = fetch  # type: ignore[method-assign]
    entry = landed["2025-09-30"]
    assert (entry.status, entry.missing_keys) == (Status.PARTIAL, ("000001.SZ",))
    single.sandbox.heal()
    single.sandbox.forget()
    assert {entry.status for entry in land(single, "income").values()} == {Status.COMPLETE}
    assert [params["report_type"] for params in single.asked("income")] == ["4"]
    compare(single, undisturbed)


def test_a_fetch_that_fails_takes_nothing_from_what_was_complete(single: Walk, undisturbed: dict[str, Any]) -> None:
    land(single, "income")
    single.sandbox.inject("http_502:api=income")
    landed = refetch(single, "income")
    newest, *others = landed.values()
    assert {entry.status for entry in others} == {Status.COMPLETE}
    assert (newest.status, newest.cause) == (Status.FAILED, "HttpStatusError 502"), "that nobody answered is told"
    booked = [single.booked("income", period) for period in YEAR]
    assert {entry.status for entry in booked if entry} == {Status.COMPLETE}
    tried = [entry for entry in asked_of(single, "income").values() if entry.attempts]
    assert {entry.status for entry in tried} == {Status.COMPLETE}, "an earlier answer stays one"
    assert len(tried) == 3 * OUTAGE
    compare(single, undisturbed)


def drifting(walk: Walk, codes: set[str]) -> None:
    """Let these stocks be answered with a row of another one."""
    fetch = walk.ingest.transport.fetch

    def fetched(api: str, params: Any, *words: Any, **more: Any) -> Any:
        answer = fetch(api, params, *words, **more)
        if params.get("ts_code") in codes:
            raise SchemaDrift(api, "an unknown column")
        return answer

    walk.ingest.transport.fetch = fetched  # type: ignore[method-assign]


def test_stocks_that_fail_for_good_keep_nobody_else_from_being_asked(single: Walk) -> None:
    with single.engine.connect() as connection:
        codes = disclosure.companies(connection, CATALOG["income"], YEAR[0], single.clock[0].date())
    bad = set(codes[: OUTAGE + 5])
    drifting(single, bad)
    landed = land(single, "income")
    good = {code for (code, _), each in asked_of(single, "income").items() if each.status is Status.COMPLETE}
    assert {*codes} - good == bad
    assert set(landed["2025-09-30"].missing_keys or ()) == bad


@pytest.mark.parametrize("points", [SINGLE, WHOLE])
def test_a_row_without_a_part_of_its_key_is_refused_and_booked(single: Walk, points: int) -> None:
    single.ingest.points = points
    fetch = single.ingest.transport.fetch
    at = [*CATALOG["fina_mainbz"].asked].index("bz_item")

    def fetched(api: str, params: Any, *words: Any, **more: Any) -> Any:
        answer = fetch(api, params, *words, **more)
        if params.get("ts_code") == "000001.SZ" or params.get("period") == "20250630":
            rows = [(*row[:at], None, *row[at + 1 :]) for row in answer.rows]
            return replace(answer, rows=rows)
        return answer

    single.ingest.transport.fetch = fetched  # type: ignore[method-assign]
    landed = land(single, "fina_mainbz")
    assert landed["2025-06-30"].status in {Status.PARTIAL, Status.FAILED}
    assert "a row lacks bz_item, which is part of its key" in str(landed["2025-06-30"].reason)
    if points == SINGLE:
        failed = {code for (code, _), each in asked_of(single, "fina_mainbz").items() if each.attempts}
        assert failed == {"000001.SZ"}
    else:
        others = {entry.status for key, entry in landed.items() if key != "2025-06-30"}
        assert others == {Status.COMPLETE}


def test_a_plan_that_nobody_answers_for_is_asked_for_once(whole: Walk) -> None:
    whole.sandbox.inject("http_502:api=disclosure_date")
    older = [date(2019, 12, 31)]
    whole.ingest.prepare_periods(CATALOG["income"], older)
    calls = made(whole, "disclosure_date")
    assert calls
    for api in ("balancesheet", "cashflow"):
        whole.ingest.prepare_periods(CATALOG[api], older)
    assert made(whole, "disclosure_date") == calls


def test_an_old_period_that_lacked_one_answer_is_judged_again_when_that_has_come(single: Walk) -> None:
    fetch = single.ingest.transport.fetch

    def fetched(api: str, params: Any, *words: Any, **more: Any) -> Any:
        if params.get("ts_code") == "000001.SZ" and params.get("report_type") == "5":
            raise SchemaDrift(api, "an unknown column")
        return fetch(api, params, *words, **more)

    single.ingest.transport.fetch = fetched  # type: ignore[method-assign]
    land(single, "income")
    single.ingest.transport.fetch = fetch  # type: ignore[method-assign]
    begun = single.pass_time(hours=1)
    words = CATALOG["income"], YEAR[:1], "disclosure_date", Limits(0)
    assert {entry.status for entry in single.ingest.increment(*words, begun=begun)} == {Status.COMPLETE}
    booked = [single.booked("income", period) for period in YEAR]
    assert {entry.status for entry in booked if entry} == {Status.COMPLETE}
