"""What goes wrong with a day, and what is said of it."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import pytest

from stock_assistant_pipelines.tushare.decode import compact
from stock_assistant_pipelines.warehouse.tables import Status

if TYPE_CHECKING:
    from stock_assistant_pipelines.warehouse.coverage import Coverage
    from stock_assistant_pipelines.warehouse.database import Database

from walk import DAY, INDICES, QUIET, WEEK, Walk


@pytest.fixture
def database(dated: Database) -> Database:
    """Days land where the calendar is known."""
    return dated


# Days that are not complete


def test_half_a_market_is_partial_and_what_it_lacks_is_named(walk: Walk) -> None:
    walk.land("adj_factor", DAY)
    everyone = sorted(walk.codes("adj_factor", DAY) - {"600005.SH"})
    walk.sandbox.inject("half:api=daily")
    entry = walk.land_one("daily", DAY)
    assert entry.status is Status.PARTIAL
    assert entry.missing_keys == tuple(everyone[1::2])
    assert (entry.expected, entry.landed, entry.missing) == (55, 28, 27)


def test_a_day_without_a_row_is_empty(walk: Walk) -> None:
    walk.sandbox.inject("empty:api=daily")
    entry = walk.land_one("daily", DAY)
    assert (entry.status, entry.landed, entry.expected) == (Status.EMPTY, 0, 55)
    assert entry.reason == "the source answered without a row where 55 are expected"


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("http_502", "daily: HTTP 502"),
        ("html", "daily: the answer is not Tushare's JSON"),
        ("malformed", "daily: the answer is not Tushare's JSON"),
        ("null_data", "daily: "),
        ("reset", "daily: no answer from Tushare"),
        ("drop_field", "daily: the answer lacks the columns amount"),
        ("yesterday", "daily: asked for 2026-03-04 to 2026-03-04, and got 55 rows of 2026-03-03"),
        ("throttle_hour", "daily: 抱歉"),
        ("throttle_day", "daily: 抱歉"),
        ("bad_token", "daily: 您的token不对"),
    ],
)
def test_an_answer_that_cannot_be_used_is_a_failure_with_its_reason(walk: Walk, fault: str, reason: str) -> None:
    walk.sandbox.inject(f"{fault}:api=daily")
    entry = walk.land_one("daily", DAY)
    status = Status.DEFERRED if fault.startswith("throttle") else Status.FAILED
    assert (entry.status, entry.landed) == (status, 0)
    assert entry.reason is not None
    assert entry.reason.startswith(reason)


@pytest.mark.parametrize("fault", ["http_502", "html", "malformed", "reset", "throttle"])
def test_what_passes_by_itself_is_asked_again(walk: Walk, fault: str) -> None:
    walk.sandbox.inject(f"{fault}:api=daily:times=2")
    assert walk.land_one("daily", DAY).status is Status.COMPLETE


def test_rows_of_the_day_before_under_this_day_s_name_are_not_let_in(walk: Walk) -> None:
    walk.land("daily", WEEK[-2])
    walk.sandbox.inject("stale:api=daily")
    assert walk.land_one("daily", DAY).status is Status.FAILED
    assert walk.rows("daily", DAY) == []


def test_a_bad_day_does_not_undo_its_neighbours(walk: Walk) -> None:
    walk.sandbox.inject("http_502:api=daily:day=20260302")
    statuses = {key: entry.status for key, entry in walk.land("daily", *WEEK).items()}
    assert statuses.pop("2026-03-02") is Status.FAILED
    assert set(statuses.values()) == {Status.COMPLETE}


@pytest.mark.parametrize(
    "fault", ["half", "empty", "http_502", "yesterday", "drop_field", "permission", "throttle_day"]
)
def test_a_second_walk_completes_what_a_fault_left_open(walk: Walk, fault: str) -> None:
    walk.sandbox.inject(f"{fault}:api=daily:day=20260302")
    walk.land("daily", *WEEK)
    walk.sandbox.heal()
    walk.sandbox.forget()
    began = walk.pass_time(minutes=-1)
    entries = walk.land("daily", *WEEK, since=began)
    assert {entry.status for entry in entries.values()} == {Status.COMPLETE}
    assert {"trade_date": "20260302"} in walk.asked("daily")


def test_a_day_that_is_not_complete_is_completed_by_what_it_lacked(walk: Walk) -> None:
    walk.sandbox.inject("half:api=daily")
    before = walk.land_one("daily", DAY)
    walk.sandbox.heal()
    after = walk.land_one("daily", DAY)
    assert (after.status, after.inserted, after.updated) == (Status.COMPLETE, before.missing, 0)


# After success


def complete_then(walk: Walk, fault: str) -> tuple[Coverage | None, Coverage]:
    """A complete day, and the result of asking for it again in spite of a fault."""
    walk.land("daily", DAY)
    before = walk.booked("daily", DAY)
    walk.pass_time(hours=1)
    walk.sandbox.inject(f"{fault}:api=daily")
    return before, walk.land_one("daily", DAY)


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ("http_502", Status.FAILED),
        ("permission", Status.DISABLED),
        ("yesterday", Status.FAILED),
        ("drop_field", Status.FAILED),
        ("half", Status.PARTIAL),
        ("empty", Status.EMPTY),
    ],
)
def test_a_complete_day_stays_so_and_the_result_tells_what_went_wrong(walk: Walk, fault: str, status: Status) -> None:
    before, result = complete_then(walk, fault)
    assert result.status is status
    assert result.landed == 55
    assert walk.booked("daily", DAY) == before


@pytest.mark.parametrize("fault", ["http_502", "half", "empty"])
def test_the_rows_of_a_complete_day_stay(walk: Walk, fault: str) -> None:
    complete_then(walk, fault)
    assert len(walk.rows("daily", DAY)) == 55


# Hopeless calls


def test_a_refused_dataset_is_not_asked_for_any_further_and_its_days_are_disabled(walk: Walk) -> None:
    walk.sandbox.inject("permission:api=daily:day=20260302")
    entries = walk.land("daily", *WEEK)
    assert [entries[day.isoformat()].status for day in WEEK] == [Status.COMPLETE] * 2 + [Status.DISABLED] * 3
    assert walk.asked("daily") == [{"trade_date": compact(day)} for day in WEEK[:3]]


def test_days_that_were_never_asked_for_are_booked_with_the_refusal(walk: Walk) -> None:
    walk.sandbox.inject("permission:api=daily:day=20260302")
    walk.land("daily", *WEEK)
    entry = walk.booked("daily", DAY)
    assert entry is not None
    assert (entry.status, entry.landed) == (Status.DISABLED, 0)
    assert "points do not open this dataset" in (entry.reason or "")


def test_calls_under_way_are_all_that_a_refusal_lets_through(walk: Walk) -> None:
    walk.ingest.concurrency = 3
    walk.sandbox.inject("permission:api=daily")
    walk.land("daily", *WEEK)
    assert len(walk.asked("daily")) <= 3


def test_a_bad_token_fails_everything_after_a_few_calls(walk: Walk) -> None:
    walk.sandbox.inject("bad_token")
    entries = walk.land("daily", *WEEK)
    assert {entry.status for entry in entries.values()} == {Status.FAILED}
    assert len(walk.sandbox.calls()) <= 4


@pytest.mark.parametrize("fault", ["throttle_hour", "throttle_day"])
def test_calls_used_up_for_long_end_the_walk(walk: Walk, fault: str) -> None:
    walk.sandbox.inject(f"{fault}:api=daily:day=20260227")
    entries = walk.land("daily", *WEEK)
    assert [entries[day.isoformat()].status for day in WEEK] == [Status.COMPLETE] + [Status.DEFERRED] * 4
    assert len(walk.asked("daily")) == 2


def test_a_refused_dataset_does_not_stop_another(walk: Walk) -> None:
    walk.sandbox.inject("permission:api=suspend_d")
    assert walk.land_one("daily", QUIET).status is Status.COMPLETE
    assert walk.booked("suspend_d", QUIET).status is Status.DISABLED  # type: ignore[union-attr]


# Several calls for one day


def test_an_index_whose_call_fails_is_missing_and_the_others_land(walk: Walk) -> None:
    walk.sandbox.inject("http_502:api=index_daily:times=5")
    entries = walk.land("index_daily", *WEEK)
    assert {(entry.status, entry.missing_keys) for entry in entries.values()} == {(Status.PARTIAL, INDICES[:1])}
    assert walk.codes("index_daily", DAY) == set(INDICES[1:])


def test_the_reason_names_what_is_missing_and_the_call_that_failed(walk: Walk) -> None:
    walk.sandbox.inject("http_502:api=index_daily:times=5")
    reason = walk.land_one("index_daily", DAY).reason
    assert reason is not None
    assert reason.startswith(f"1 of 8 are missing: {INDICES[0]}; index_daily: HTTP 502")


def test_an_index_that_was_not_published_yet_is_not_missed(walk: Walk) -> None:
    entry = walk.land_one("index_daily", date(2020, 7, 22))
    assert (entry.status, entry.expected) == (Status.COMPLETE, 7)


def test_a_day_on_which_no_followed_index_was_published_expects_none(walk: Walk) -> None:
    entry = walk.land_one("index_daily", date(1991, 7, 12))
    assert (entry.status, entry.expected) == (Status.COMPLETE, 0)
