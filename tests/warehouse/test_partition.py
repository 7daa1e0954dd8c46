"""What a landing leaves behind: rows, coverage and what was superseded, in one transaction."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from itertools import count
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_market import (
    AT,
    CODES,
    DAY,
    bar,
    factor,
    held,
    index,
    land,
    land_all,
    list_stocks,
    stock,
    superseded,
    suspension,
    told,
)
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.warehouse import coverage, partition
from stock_assistant_pipelines.warehouse.tables import Status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Engine

    from stock_assistant_pipelines.warehouse.coverage import Coverage

laws = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)

fresh_days = count()


def fresh_day() -> date:
    """A trading day that no example has used yet."""
    return date(2001, 1, 1) + timedelta(days=next(fresh_days))


def booked(engine: Engine, api: str, day: date | None = DAY) -> Coverage | None:
    with engine.connect() as connection:
        return coverage.entries(connection, CATALOG[api], [day]).get(day)


def physical(engine: Engine, api: str) -> list[tuple[str, ...]]:
    """Where each row lies and which transaction wrote it: the same again means that nothing was written."""
    with engine.connect() as connection:
        rows = connection.execute(text(f"SELECT ctid::text, xmin::text, xmax::text FROM {api} ORDER BY ctid"))
        return [tuple(row) for row in rows]


# What is held after a series of answers


values = st.integers(1, 3).map(float)
whole = st.fixed_dictionaries(dict.fromkeys(CODES, values))
versions = st.dictionaries(st.sampled_from(CODES), values, max_size=len(CODES)) | whole
"""What a source tells of a day: a factor by code, of all codes or of some."""


@laws
@given(told_versions=st.lists(versions, min_size=1, max_size=5))
def test_after_any_answers_the_last_complete_one_is_held(
    engine: Engine, told_versions: list[Mapping[str, float]]
) -> None:
    list_stocks(engine)
    day = fresh_day()
    expected: dict[str, float] = {}
    for version in told_versions:
        land(engine, "adj_factor", *(factor(code, day, value) for code, value in version.items()), day=day)
        if len(version) == len(CODES) or len(expected) < len(CODES):  # incomplete ones add up until the day is complete
            expected |= version
    assert held(engine, "adj_factor", "ts_code", "adj_factor", day=day) == sorted(expected.items())


@laws
@given(version=versions, extra=st.booleans())
def test_the_same_answer_again_writes_nothing(engine: Engine, version: Mapping[str, float], *, extra: bool) -> None:
    list_stocks(engine)
    day = fresh_day()
    rows = [factor(code, day, value) for code, value in version.items()]
    land(engine, "adj_factor", *rows, day=day)
    before, kept = physical(engine, "adj_factor"), superseded(engine, "adj_factor")
    again = land(engine, "adj_factor", *reversed(rows), day=day)
    assert (again.inserted, again.updated, again.deleted) == (0, 0, 0)
    assert physical(engine, "adj_factor") == before
    assert superseded(engine, "adj_factor") == kept


@laws
@given(before=versions, after=versions)
def test_each_landing_counts_what_it_wrote(
    engine: Engine, before: Mapping[str, float], after: Mapping[str, float]
) -> None:
    list_stocks(engine)
    day = fresh_day()
    land(engine, "adj_factor", *(factor(code, day, value) for code, value in before.items()), day=day)
    then = dict(held(engine, "adj_factor", "ts_code", "adj_factor", day=day))
    result = land(engine, "adj_factor", *(factor(code, day, value) for code, value in after.items()), day=day)
    now = dict(held(engine, "adj_factor", "ts_code", "adj_factor", day=day))
    assert result.inserted == len(now.keys() - then.keys())
    assert result.updated == sum(now[code] != then[code] for code in now.keys() & then.keys())


@laws
@given(
    order=st.permutations(["suspend_d", "daily", "adj_factor"]), suspended=st.sets(st.sampled_from(CODES), max_size=4)
)
def test_the_order_in_which_datasets_land_changes_nothing(
    engine: Engine, order: list[str], suspended: set[str]
) -> None:
    list_stocks(engine)
    day = fresh_day()
    close = 10 + day.toordinal() / 100  # the bars of no two days are the same
    rows = {
        "suspend_d": [suspension(code, day) for code in suspended],
        "daily": [bar(code, day, close) for code in CODES if code not in suspended],
        "adj_factor": [factor(code, day) for code in CODES],
    }
    for api in order:
        land(engine, api, *rows[api], day=day)
    assert {api: booked(engine, api, day).status for api in order} == dict.fromkeys(order, Status.COMPLETE)  # type: ignore[union-attr]
    assert held(engine, "suspend_d", "ts_code", day=day) == sorted(suspended)


def test_a_landing_of_the_same_rows_leaves_no_dead_rows_behind(engine: Engine) -> None:
    list_stocks(engine)
    rows = [bar(code) for code in CODES]
    land(engine, "daily", *rows)
    land(engine, "daily", *rows)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
        dead = text("SELECT n_tup_upd + n_tup_del + n_dead_tup FROM pg_stat_user_tables WHERE relname = 'daily'")
        assert connection.execute(dead).scalar_one() == 0


# Corrections and withdrawals


def test_a_changed_row_keeps_what_it_said_before(engine: Engine) -> None:
    list_stocks(engine)
    land(engine, "daily", *(bar(code, close=10.25) for code in CODES))
    land(engine, "daily", bar(CODES[0], close=10.5), *(bar(code, close=10.25) for code in CODES[1:]), run_id="second")
    kept = superseded(engine, "daily")
    assert [(row["ts_code"], row["trade_date"], row["close"]) for row in kept] == [(CODES[0], "2026-03-04", 10.25)]


def test_a_row_that_a_complete_answer_lacks_is_taken_out_and_kept(engine: Engine) -> None:
    land_all(engine, "stock_basic", *(stock(code) for code in CODES), stock("920001.BJ", listed="20260305"))
    land(engine, "daily", *(bar(code) for code in (*CODES, "920001.BJ")))
    result = land(engine, "daily", *(bar(code) for code in CODES))
    assert result.deleted == 1
    assert held(engine, "daily", "ts_code") == sorted(CODES)
    assert [row["ts_code"] for row in superseded(engine, "daily")] == ["920001.BJ"]


def test_an_incomplete_answer_takes_no_row_out(engine: Engine) -> None:
    list_stocks(engine)
    land(engine, "daily", *(bar(code) for code in CODES[:3]))
    land(engine, "daily", *(bar(code) for code in CODES[2:4]))
    assert held(engine, "daily", "ts_code") == sorted(CODES[:4])


def test_an_incomplete_answer_corrects_a_day_that_is_incomplete_too(engine: Engine) -> None:
    list_stocks(engine)
    land(engine, "daily", bar(CODES[0], close=10.0))
    land(engine, "daily", bar(CODES[0], close=11.0))
    assert held(engine, "daily", "close") == [11]


def test_an_incomplete_answer_changes_nothing_of_a_complete_day(engine: Engine) -> None:
    list_stocks(engine)
    land(engine, "daily", *(bar(code, close=10.0) for code in CODES))
    result = land(engine, "daily", *(bar(code, close=11.0) for code in CODES[:3]), at=AT + timedelta(hours=1))
    assert result.status is Status.PARTIAL
    assert result.missing_keys == CODES[3:]
    assert result.reason is not None
    assert "kept" in result.reason
    assert set(held(engine, "daily", "close")) == {10}


def test_a_complete_day_stays_booked_as_it_was_when_an_incomplete_answer_comes(engine: Engine) -> None:
    list_stocks(engine)
    land(engine, "daily", *(bar(code) for code in CODES))
    before = booked(engine, "daily")
    land(engine, "daily", bar(CODES[0], close=11.0), at=AT + timedelta(hours=1))
    assert booked(engine, "daily") == before


def test_an_empty_answer_keeps_the_rows_and_is_no_success(engine: Engine) -> None:
    list_stocks(engine)
    land(engine, "daily", *(bar(code) for code in CODES))
    before = booked(engine, "daily")
    result = land(engine, "daily")
    assert result.status is Status.EMPTY
    assert result.landed == len(CODES)
    assert booked(engine, "daily") == before


def test_an_empty_answer_leaves_a_partial_day_booked_as_partial(engine: Engine) -> None:
    list_stocks(engine)
    land(engine, "daily", bar(CODES[0]))
    assert land(engine, "daily").status is Status.EMPTY
    assert booked(engine, "daily").status is Status.PARTIAL  # type: ignore[union-attr]


def test_resumptions_and_halts_stay_when_an_answer_proven_by_the_bars_lacks_them(engine: Engine) -> None:
    list_stocks(engine)
    first = [suspension(CODES[0]), suspension(CODES[1], kind="R"), suspension(CODES[2], timing="09:30-10:00")]
    land(engine, "suspend_d", *first)
    land(engine, "daily", *(bar(code) for code in CODES[1:]))
    assert land(engine, "suspend_d", suspension(CODES[0])).status is Status.COMPLETE
    assert held(engine, "suspend_d", "ts_code") == sorted(CODES[:3])


def test_a_suspension_that_a_bar_contradicts_is_taken_out_when_the_source_withdraws_it(engine: Engine) -> None:
    list_stocks(engine)
    land(engine, "suspend_d", suspension(CODES[0]), suspension(CODES[1]))
    land(engine, "daily", *(bar(code) for code in CODES[1:]))
    assert land(engine, "suspend_d", suspension(CODES[0])).deleted == 1
    assert held(engine, "suspend_d", "ts_code") == [CODES[0]]


def test_a_source_that_tells_two_answers_apart_is_not_believed(engine: Engine) -> None:
    list_stocks(engine)
    land(engine, "daily", *(bar(code) for code in CODES))
    result = land(engine, "suspend_d", suspension(CODES[0], kind="R"), doubt="two answers differ")
    assert (result.status, result.reason) == (Status.PARTIAL, "two answers differ")


def test_a_doubt_is_not_lifted_by_landing_another_dataset(engine: Engine) -> None:
    list_stocks(engine)
    bars = [bar(code) for code in CODES]
    land(engine, "daily", *bars)
    land(engine, "suspend_d", suspension(CODES[0], kind="R"), doubt="two answers differ")
    land(engine, "daily", *bars)
    assert booked(engine, "suspend_d").status is Status.PARTIAL  # type: ignore[union-attr]


def test_a_doubted_day_takes_nothing_from_an_incomplete_answer(engine: Engine) -> None:
    list_stocks(engine)
    rows = [bar(code, close=10.0) for code in CODES]
    land(engine, "daily", *rows, doubt="not believed")
    assert land(engine, "daily", bar(CODES[0], close=11.0)).status is Status.PARTIAL
    assert booked(engine, "daily").reason == "not believed"  # type: ignore[union-attr]


def test_a_complete_answer_clears_a_doubt(engine: Engine) -> None:
    list_stocks(engine)
    land(engine, "daily", *(bar(code) for code in CODES), doubt="not believed")
    assert land(engine, "daily", *(bar(code, close=11.0) for code in CODES)).status is Status.COMPLETE


# A day that repeats another


def twins(engine: Engine) -> tuple[Coverage, Coverage]:
    """The day before, complete, and this day answered with its very rows."""
    before = DAY - timedelta(days=1)
    land(engine, "daily", *(bar(code, before) for code in CODES), day=before)
    answer = land(engine, "daily", *(bar(code) for code in CODES))
    other = booked(engine, "daily", before)
    assert other is not None
    return other, answer


def test_a_day_that_repeats_its_neighbour_is_refused(engine: Engine) -> None:
    list_stocks(engine)
    _, answer = twins(engine)
    assert answer.status is Status.FAILED
    assert held(engine, "daily", "ts_code", day=DAY) == []


def test_the_neighbour_that_is_repeated_is_not_believed_either(engine: Engine) -> None:
    list_stocks(engine)
    other, _ = twins(engine)
    assert other.status is Status.PARTIAL


def test_a_day_that_repeats_its_neighbour_is_refused_again_while_the_neighbour_holds_those_rows(engine: Engine) -> None:
    list_stocks(engine)
    twins(engine)
    assert land(engine, "daily", *(bar(code) for code in CODES)).status is Status.FAILED


def test_two_days_with_the_same_rows_that_land_at_the_same_time_are_not_both_complete(engine: Engine) -> None:
    list_stocks(engine)
    days = [DAY, DAY - timedelta(days=1), DAY - timedelta(days=2), DAY - timedelta(days=5)]
    with ThreadPoolExecutor(len(days)) as workers:
        results = list(workers.map(lambda day: land(engine, "daily", *(bar(c, day) for c in CODES), day=day), days))
    assert sum(result.status is Status.COMPLETE for result in results) == 1


def test_factors_may_be_the_same_on_two_days(engine: Engine) -> None:
    list_stocks(engine)
    for day in (DAY, DAY - timedelta(days=1)):
        assert land(engine, "adj_factor", *(factor(code, day) for code in CODES), day=day).status is Status.COMPLETE


# Snapshots


def snapshot(engine: Engine, *codes: str, confirmed: bool | None = True) -> Coverage:
    return land_all(engine, "stock_basic", *(stock(code) for code in codes), confirmed=confirmed)


MANY = tuple(f"{number:06}.SZ" for number in range(1, 101))


def test_the_first_answer_of_a_snapshot_has_to_be_confirmed(engine: Engine) -> None:
    assert partition.needs_confirmation(engine, CATALOG["stock_basic"], told("stock_basic", stock(CODES[0])))


def test_an_answer_with_all_that_is_known_needs_no_confirmation(engine: Engine) -> None:
    snapshot(engine, *CODES)
    more = told("stock_basic", *(stock(code) for code in (*CODES, "000009.SZ")))
    assert not partition.needs_confirmation(engine, CATALOG["stock_basic"], more)


def test_a_snapshot_whose_answers_differ_is_partial(engine: Engine) -> None:
    assert snapshot(engine, *CODES, confirmed=False).status is Status.PARTIAL


def test_a_few_codes_less_are_accepted_when_a_second_answer_confirms_it(engine: Engine) -> None:
    snapshot(engine, *MANY)
    result = snapshot(engine, *MANY[3:], "920001.BJ")
    assert result.status is Status.COMPLETE
    assert held(engine, "stock_basic", "ts_code") == sorted([*MANY[3:], "920001.BJ"])
    assert sorted(row["ts_code"] for row in superseded(engine, "stock_basic")) == sorted(MANY[:3])


def test_a_few_codes_less_are_not_accepted_without_a_second_answer(engine: Engine) -> None:
    snapshot(engine, *MANY)
    result = snapshot(engine, *MANY[3:], confirmed=False)
    assert result.status is Status.PARTIAL
    assert result.missing_keys == MANY[:3]
    assert held(engine, "stock_basic", "ts_code") == sorted(MANY)


def test_half_of_the_codes_less_is_never_accepted(engine: Engine) -> None:
    snapshot(engine, *MANY)
    result = snapshot(engine, *MANY[::2])
    assert result.status is Status.PARTIAL
    assert result.missing_keys == MANY[1::2]
    assert held(engine, "stock_basic", "ts_code") == sorted(MANY)


def test_a_snapshot_that_was_cut_short_is_complete_when_all_are_told_again(engine: Engine) -> None:
    snapshot(engine, *MANY)
    snapshot(engine, *MANY[::2])
    assert snapshot(engine, *MANY).status is Status.COMPLETE


def test_a_call_without_a_row_makes_a_snapshot_partial(engine: Engine) -> None:
    result = land_all(engine, "index_basic", index("000001.SH"), lacks="no row for SZSE")
    assert (result.status, result.reason) == (Status.PARTIAL, "no row for SZSE")


def test_a_snapshot_without_a_row_is_empty(engine: Engine) -> None:
    assert land_all(engine, "stock_basic").status is Status.EMPTY


def test_a_changed_name_is_kept_in_the_former_row(engine: Engine) -> None:
    land_all(engine, "stock_basic", stock(CODES[0], name="平安银行"))
    land_all(engine, "stock_basic", stock(CODES[0], name="ST平安"), confirmed=None)
    assert [row["name"] for row in superseded(engine, "stock_basic")] == ["平安银行"]


# Failures


def fail(engine: Engine, status: Status = Status.FAILED, reason: str = "HTTP 502") -> Coverage:
    at = AT + timedelta(hours=1)
    return partition.book_failure(
        engine, CATALOG["daily"], DAY, reason, status, cause="HttpStatusError 502", at=at, run_id="r"
    )


def test_a_failure_is_booked_with_its_reason(engine: Engine) -> None:
    fail(engine)
    entry = booked(engine, "daily")
    assert entry is not None
    assert (entry.status, entry.reason, entry.landed) == (Status.FAILED, "HTTP 502", 0)


def test_a_failure_after_success_is_told_and_leaves_the_day_complete(engine: Engine) -> None:
    list_stocks(engine)
    land(engine, "daily", *(bar(code) for code in CODES))
    before = booked(engine, "daily")
    result = fail(engine)
    assert (result.status, result.landed, result.reason) == (Status.FAILED, len(CODES), "HTTP 502")
    assert booked(engine, "daily") == before


def test_a_failure_after_a_partial_landing_leaves_it_partial_with_the_new_reason(engine: Engine) -> None:
    list_stocks(engine)
    land(engine, "daily", bar(CODES[0]))
    assert fail(engine, Status.DISABLED, "no permission").status is Status.DISABLED
    entry = booked(engine, "daily")
    assert entry is not None
    assert (entry.status, entry.reason, entry.missing) == (Status.PARTIAL, "no permission", 4)


def test_a_failure_that_comes_while_the_day_is_landing_does_not_hide_it(engine: Engine) -> None:
    list_stocks(engine)
    with ThreadPoolExecutor(2) as workers, engine.connect() as blocker:
        blocker.execute(text("LOCK TABLE daily"))
        landing = workers.submit(land, engine, "daily", *(bar(code) for code in CODES))
        wait_for_lock(engine, "relation")
        failing = workers.submit(fail, engine)
        wait_for_lock(engine, "advisory")
        blocker.rollback()
        assert landing.result().status is Status.COMPLETE
        failing.result()
    assert booked(engine, "daily").status is Status.COMPLETE  # type: ignore[union-attr]


def test_a_closed_day_is_settled_and_expects_nothing(engine: Engine) -> None:
    entry = partition.book_closed(engine, CATALOG["daily"], DAY, at=AT, run_id=None)
    assert entry.settled
    assert (entry.status, entry.expected, entry.missing) == (Status.CLOSED, 0, 0)


def test_a_value_that_cannot_be_stored_lands_nothing_of_the_day(engine: Engine) -> None:
    from stock_assistant_pipelines.tushare.errors import SchemaDrift

    rows = [stock(CODES[0], name="a\x00b"), stock(CODES[1])]
    with pytest.raises(SchemaDrift, match="stock_basic: a value cannot be stored"):
        land_all(engine, "stock_basic", *rows)
    assert held(engine, "stock_basic", "ts_code") == []


# Sources


def test_rows_of_two_sources_are_not_mixed(engine: Engine) -> None:
    list_stocks(engine)
    message = r"holds rows of tushare, and the answers come from sandbox: synthetic: name another database"
    with pytest.raises(partition.MixedSources, match=message):
        land(engine, "daily", bar(CODES[0]), source="sandbox: synthetic")


def test_a_refused_source_leaves_nothing_behind(engine: Engine) -> None:
    list_stocks(engine)
    with pytest.raises(partition.MixedSources):
        land(engine, "daily", bar(CODES[0]), source="sandbox: folder")
    assert held(engine, "daily", "ts_code") == []
    assert booked(engine, "daily") is None


# Several at once, and a lost connection


def wait_for_lock(engine: Engine, kind: str) -> int:
    """Wait until a connection waits for a lock of this kind; return its process."""
    waiting = text(
        "SELECT pid FROM pg_stat_activity"
        " WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = :kind"
    )
    deadline = time.monotonic() + 15
    while time.monotonic() < deadline:
        with engine.connect() as connection:
            pid = connection.execute(waiting, {"kind": kind}).scalar()
        if pid is not None:
            return int(pid)
        time.sleep(0.01)
    raise AssertionError(f"nobody waits for a lock: {kind}")


def test_two_landings_of_the_same_day_at_the_same_time_leave_each_row_once(engine: Engine) -> None:
    list_stocks(engine)
    start = threading.Barrier(4)

    def once(number: int) -> Coverage:
        start.wait()
        return land(engine, "daily", *(bar(code, close=10.0 + number) for code in CODES))

    with ThreadPoolExecutor(4) as workers:
        results = list(workers.map(once, range(4)))
    assert {result.status for result in results} == {Status.COMPLETE}
    assert held(engine, "daily", "ts_code") == sorted(CODES)
    assert len(set(held(engine, "daily", "close"))) == 1


BOOKED_BY_ANOTHER = text(
    "INSERT INTO coverage (dataset, partition, status, landed, calls, inserted, updated, deleted, landed_at)"
    " VALUES ('daily', '2026-03-04', 'failed', 0, 0, 0, 0, 0, now())"
)


def kill_a_landing(engine: Engine) -> None:
    """Let a landing come as far as its booking, with its rows merged, and end its connection there."""
    with ThreadPoolExecutor(1) as workers, engine.connect() as blocker:
        blocker.execute(BOOKED_BY_ANOTHER)  # not committed: whoever books the same partition waits
        landing = workers.submit(land, engine, "daily", *(bar(code) for code in CODES))
        pid = wait_for_lock(engine, "transactionid")
        with engine.begin() as killer:
            killer.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        with pytest.raises(OperationalError):
            landing.result()
        blocker.rollback()


def test_a_connection_killed_in_the_middle_of_a_landing_leaves_nothing_of_it(engine: Engine) -> None:
    list_stocks(engine)
    kill_a_landing(engine)
    assert held(engine, "daily", "ts_code") == []
    assert booked(engine, "daily") is None


def test_the_next_landing_after_a_killed_connection_works(engine: Engine) -> None:
    list_stocks(engine)
    kill_a_landing(engine)
    assert land(engine, "daily", *(bar(code) for code in CODES)).status is Status.COMPLETE


def test_a_landing_compares_no_row_with_each_other_whatever_the_planner_believes_of_the_stage(engine: Engine) -> None:
    list_stocks(engine)
    seen = []

    @event.listens_for(engine, "after_cursor_execute")
    def note(connection: object, cursor: object, statement: str, *_: object) -> None:
        if statement.startswith("INSERT INTO daily"):
            seen.append(connection.exec_driver_sql("SHOW enable_nestloop").scalar())  # type: ignore[attr-defined]

    land(engine, "daily", *(bar(code) for code in CODES))
    assert seen == ["off"]
