"""A trading day's walk from the source into the tables: what is asked, what lands, and what is said of it."""

from __future__ import annotations

import csv
import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from pydantic import SecretStr
from sqlalchemy import func, select

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.dataset import PerCode, Type
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.sandbox.server import TOKEN, running
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.tushare.decode import compact
from stock_assistant_pipelines.tushare.transport import Transport
from stock_assistant_pipelines.warehouse import coverage, partition
from stock_assistant_pipelines.warehouse.tables import COVERAGE, METADATA, SUPERSEDED, Status

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.sandbox.server import Running
    from stock_assistant_pipelines.warehouse.coverage import Coverage
    from stock_assistant_pipelines.warehouse.database import Database

DAY = date(2026, 3, 4)
HOLIDAY = date(2026, 2, 23)
WEEK = [date(2026, 2, 26), date(2026, 2, 27), date(2026, 3, 2), date(2026, 3, 3), DAY]
"""Five trading days. 600005.SH is suspended on all of them, 688007.SH on 2 March."""
NOW = datetime(2026, 3, 4, 20, 0, tzinfo=SHANGHAI)
QUIET = date(2023, 1, 4)
"""A day on which every stock trades and none was suspended before."""

DAILY, ADJ_FACTOR, SUSPEND_D, INDEX_DAILY = (
    CATALOG[api] for api in ("daily", "adj_factor", "suspend_d", "index_daily")
)
STOCK_BASIC, TRADE_CAL = CATALOG["stock_basic"], CATALOG["trade_cal"]
assert isinstance(INDEX_DAILY.calls, PerCode)
INDICES = INDEX_DAILY.calls.codes
TIMELESS = [api for api, dataset in CATALOG.items() if not dataset.partitioned]


@dataclass
class Walk:
    """An ingest whose clock stands still, and what can be asked about what it did."""

    ingest: Ingest
    sandbox: Running
    clock: list[datetime]

    @property
    def engine(self) -> Engine:
        return self.ingest.engine

    def land(self, api: str, *days: date, since: datetime | None = None) -> dict[str, Coverage]:
        """Land days, or a snapshot; the results by partition."""
        return {entry.partition: entry for entry in self.ingest.land(CATALOG[api], days, since=since)}

    def land_one(self, api: str, *days: date) -> Coverage:
        (entry,) = self.ingest.land(CATALOG[api], days)
        return entry

    def booked(self, api: str, day: date | None = None) -> Coverage | None:
        with self.engine.connect() as connection:
            return coverage.entries(connection, CATALOG[api], [day]).get(day)

    def rows(self, api: str, day: date | None = None) -> list[dict[str, Any]]:
        table = METADATA.tables[api]
        query = select(table).order_by(*(table.c[name] for name in CATALOG[api].key))
        with self.engine.connect() as connection:
            found = connection.execute(query if day is None else query.where(table.c.trade_date == day))
            return [dict(row) for row in found.mappings()]

    def codes(self, api: str, day: date | None = None) -> set[str]:
        return {row["ts_code"] for row in self.rows(api, day)}

    def asked(self, *apis: str) -> list[dict[str, Any]]:
        """The parameters of the calls to these interfaces so far."""
        return [call["params"] for call in self.sandbox.calls() if call["api"] in apis]

    def pass_time(self, **span: float) -> datetime:
        self.clock[0] += timedelta(**span)
        return self.clock[0]


@pytest.fixture
def walk(engine: Engine, transport: Transport, sandbox: Running) -> Walk:
    """The walk from the sandbox into the test's database, on the evening of 4 March 2026, one call at a time."""
    clock = [NOW]
    return Walk(Ingest(engine, transport, concurrency=1, now=lambda: clock[0]), sandbox, clock)


# What is asked


def test_what_a_day_rests_on_is_landed_first(walk: Walk) -> None:
    walk.land("daily", DAY)
    asked = [call["api"] for call in walk.sandbox.calls()]
    assert list(dict.fromkeys(asked)) == ["trade_cal", "stock_basic", "suspend_d", "daily"]


def test_what_a_day_rests_on_is_not_asked_for_again(walk: Walk) -> None:
    walk.land("daily", *WEEK)
    walk.sandbox.forget()
    walk.land("daily", *WEEK)
    assert {call["api"] for call in walk.sandbox.calls()} == {"daily"}


def test_the_stocks_are_asked_for_again_on_a_later_day(walk: Walk) -> None:
    walk.pass_time(days=-1)
    walk.land("adj_factor", WEEK[-2])
    walk.pass_time(days=1)
    walk.sandbox.forget()
    walk.land("adj_factor", DAY)
    assert walk.asked("stock_basic")


def test_a_day_of_the_whole_market_takes_one_call(walk: Walk) -> None:
    walk.land("daily", *WEEK)
    assert walk.asked("daily") == [{"trade_date": compact(day)} for day in WEEK]


def test_a_span_of_days_is_asked_for_at_once_where_an_answer_holds_them(walk: Walk) -> None:
    walk.land("suspend_d", *WEEK)
    assert {tuple(params.items()) for params in walk.asked("suspend_d")} == {
        (("start_date", "20260226"), ("end_date", "20260304"))
    }


def test_an_index_is_asked_for_once_for_all_days(walk: Walk) -> None:
    walk.land("index_daily", *WEEK)
    assert [params["ts_code"] for params in walk.asked("index_daily")] == list(INDICES)


def test_the_calls_of_a_shared_answer_are_counted_on_one_day(walk: Walk) -> None:
    entries = walk.land("index_daily", *WEEK)
    assert sum(entry.calls for entry in entries.values()) == len(INDICES)


def test_a_day_that_is_asked_for_twice_lands_once(walk: Walk) -> None:
    entries = list(walk.ingest.land(DAILY, [DAY, DAY]))
    assert [entry.partition for entry in entries] == ["2026-03-04"]
    assert len(walk.asked("daily")) == 1


# What lands


@pytest.mark.parametrize("api", list(CATALOG))
def test_every_dataset_is_complete_after_a_healthy_walk(walk: Walk, api: str) -> None:
    days = WEEK if CATALOG[api].partitioned else []
    entries = walk.land(api, *days)
    assert {entry.status for entry in entries.values()} == {Status.COMPLETE}
    assert {entry.missing_keys for entry in entries.values()} == {()}


def test_an_entry_tells_where_the_rows_came_from_and_when(walk: Walk) -> None:
    walk.ingest.run_id = "run"
    entry = walk.land_one("daily", DAY)
    assert (entry.source, entry.landed_at, entry.run_id, entry.calls) == ("sandbox: synthetic", NOW, "run", 1)
    assert entry.inserted == entry.landed == len(walk.rows("daily", DAY))


def test_the_result_is_what_is_booked(walk: Walk) -> None:
    entry = walk.land_one("daily", DAY)
    assert walk.booked("daily", DAY) == replace(entry, complete_at=NOW)


def test_landing_again_writes_nothing(walk: Walk) -> None:
    for api in CATALOG:
        walk.land(api, *(WEEK if CATALOG[api].partitioned else []))
    for api in CATALOG:
        entries = walk.land(api, *(WEEK if CATALOG[api].partitioned else []))
        assert {(entry.inserted, entry.updated, entry.deleted) for entry in entries.values()} == {(0, 0, 0)}
    with walk.engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(SUPERSEDED)).scalar_one() == 0


def test_a_holiday_is_booked_as_closed_and_not_asked_for(walk: Walk) -> None:
    entry = walk.land_one("daily", HOLIDAY)
    assert entry.status is Status.CLOSED
    assert not walk.asked("daily")


def test_results_come_as_each_day_is_done(walk: Walk) -> None:
    entries = walk.ingest.land(DAILY, WEEK)
    first = next(entries)
    assert first.settled
    assert len(walk.asked("daily")) < len(WEEK)
    assert len(list(entries)) == len(WEEK) - 1


def test_a_reader_who_stops_listening_loses_no_day_that_landed(walk: Walk) -> None:
    entries = walk.ingest.land(DAILY, WEEK)
    seen = list(islice(entries, 2))
    entries.close()  # type: ignore[attr-defined]
    assert all(walk.booked("daily", date.fromisoformat(entry.partition)) for entry in seen)


# Suspensions and listings


def test_a_day_on_which_all_trade_is_complete_without_a_suspension(walk: Walk) -> None:
    assert walk.land_one("suspend_d", QUIET).status is Status.COMPLETE
    assert walk.rows("suspend_d", QUIET) == []


def test_suspensions_are_proven_by_the_bars_that_landed_before_them(walk: Walk) -> None:
    entry = walk.land_one("suspend_d", date(2026, 3, 2))
    assert (entry.status, entry.expected) == (Status.COMPLETE, 2)


def test_suspensions_and_bars_prove_each_other_when_the_bars_are_asked_for(walk: Walk) -> None:
    assert walk.land_one("daily", date(2026, 3, 2)).status is Status.COMPLETE
    assert walk.booked("suspend_d", date(2026, 3, 2)).status is Status.COMPLETE  # type: ignore[union-attr]


def test_a_suspended_stock_has_a_factor_and_no_bar(walk: Walk) -> None:
    day = date(2026, 3, 2)
    walk.land("daily", day)
    walk.land("adj_factor", day)
    assert walk.codes("adj_factor", day) - walk.codes("daily", day) == {"600005.SH", "688007.SH"}


def test_a_stock_that_is_halted_inside_the_session_is_expected_to_have_a_bar(walk: Walk) -> None:
    day = date(2026, 1, 19)
    entry = walk.land_one("daily", day)
    assert ("600004.SH", "09:30-10:00") in {
        (row["ts_code"], row["suspend_timing"]) for row in walk.rows("suspend_d", day)
    }
    assert (entry.status, "600004.SH" in walk.codes("daily", day)) == (Status.COMPLETE, True)


@pytest.mark.parametrize(
    ("day", "code", "listed"),
    [
        (date(2025, 8, 5), "301007.SZ", False),
        (date(2025, 8, 6), "301007.SZ", True),
        (date(2024, 11, 27), "002002.SZ", True),
        (date(2024, 11, 28), "002002.SZ", False),
    ],
    ids=["before the listing", "listed", "last day", "delisted"],
)
def test_a_day_is_complete_with_those_that_are_listed_on_it(walk: Walk, day: date, code: str, *, listed: bool) -> None:
    entry = walk.land_one("adj_factor", day)
    assert entry.status is Status.COMPLETE
    assert (code in walk.codes("adj_factor", day)) is listed


def test_an_empty_answer_about_suspensions_leaves_the_missing_bars_unexplained(walk: Walk) -> None:
    walk.sandbox.inject("empty:api=suspend_d")
    day = date(2026, 3, 2)
    bars = walk.land_one("daily", day)
    assert (bars.status, bars.missing_keys) == (Status.PARTIAL, ("600005.SH", "688007.SH"))
    suspensions = walk.booked("suspend_d", day)
    assert suspensions is not None
    assert (suspensions.status, suspensions.missing_keys) == (Status.EMPTY, ("600005.SH", "688007.SH"))


def test_suspensions_that_come_later_complete_the_bars(walk: Walk) -> None:
    walk.sandbox.inject("empty:api=suspend_d")
    day = date(2026, 3, 2)
    walk.land("daily", day)
    walk.sandbox.heal()
    walk.land("suspend_d", day)
    assert walk.booked("daily", day).status is Status.COMPLETE  # type: ignore[union-attr]


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
    assert (entry.status, entry.landed) == (Status.FAILED, 0)
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


def test_a_bad_token_is_the_reason_even_where_the_calendar_was_asked_for_first(walk: Walk) -> None:
    walk.sandbox.inject("bad_token")
    reason = walk.land_one("daily", DAY).reason
    assert reason is not None
    assert reason.startswith("trade_cal does not know 2026-03-04: trade_cal: 您的token不对")


@pytest.mark.parametrize("fault", ["throttle_hour", "throttle_day"])
def test_calls_used_up_for_long_end_the_walk(walk: Walk, fault: str) -> None:
    walk.sandbox.inject(f"{fault}:api=daily:day=20260227")
    entries = walk.land("daily", *WEEK)
    assert [entries[day.isoformat()].status for day in WEEK] == [Status.COMPLETE] + [Status.FAILED] * 4
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


# Stocks that were cut short


def test_half_of_the_stocks_at_first_is_not_believed(walk: Walk) -> None:
    walk.sandbox.inject("half:api=stock_basic:times=1")
    entry = walk.land_one("stock_basic")
    assert (entry.status, entry.reason) == (Status.PARTIAL, "two answers in a row hold different keys")


def test_days_are_not_judged_by_half_of_the_stocks(walk: Walk) -> None:
    walk.sandbox.inject("half:api=stock_basic:times=1")
    entries = walk.land("adj_factor", *WEEK)
    assert {entry.status for entry in entries.values()} == {Status.PARTIAL}
    assert {entry.reason for entry in entries.values()} == {
        "stock_basic is partial, so nobody can say what is expected"
    }


def test_the_first_walk_after_the_stocks_are_whole_completes_the_days(walk: Walk) -> None:
    walk.sandbox.inject("half:api=stock_basic:times=1")
    walk.land("adj_factor", *WEEK)
    assert {entry.status for entry in walk.land("adj_factor", *WEEK).values()} == {Status.COMPLETE}


def test_stocks_that_are_cut_short_each_time_are_found_out_by_the_first_day(walk: Walk) -> None:
    walk.sandbox.inject("half:api=stock_basic")
    entries = walk.land("adj_factor", *WEEK)
    assert {entry.status for entry in entries.values()} == {Status.PARTIAL}
    stocks = walk.booked("stock_basic")
    assert stocks is not None
    assert stocks.status is Status.PARTIAL
    assert set(stocks.missing_keys or ()) == walk.codes("adj_factor", DAY) - walk.codes("stock_basic")


def test_stocks_that_were_complete_lose_none_to_an_answer_of_half(walk: Walk) -> None:
    walk.land("stock_basic")
    before = walk.rows("stock_basic")
    walk.sandbox.inject("half:api=stock_basic")
    entry = walk.land_one("stock_basic")
    assert (entry.status, entry.missing) == (Status.PARTIAL, 28)
    assert walk.rows("stock_basic") == before


def test_stocks_that_the_source_tells_again_are_complete_again(walk: Walk) -> None:
    walk.land("stock_basic")
    walk.sandbox.inject("half:api=stock_basic")
    walk.land("stock_basic")
    walk.sandbox.heal()
    assert walk.land_one("stock_basic").status is Status.COMPLETE


def test_an_answer_with_all_known_stocks_is_asked_for_once(walk: Walk) -> None:
    walk.land("stock_basic")
    walk.sandbox.forget()
    walk.land("stock_basic")
    assert [params["list_status"] for params in walk.asked("stock_basic")] == ["L", "D", "P"]


def test_a_market_without_a_row_makes_the_indices_partial(walk: Walk) -> None:
    walk.sandbox.inject("empty:api=index_basic:times=1")
    entry = walk.land_one("index_basic")
    assert (entry.status, entry.reason) == (Status.PARTIAL, "the source answered without a row for {'market': 'SSE'}")


# A calendar with holes


def test_a_day_that_the_calendar_does_not_know_fails_and_is_not_asked_for(walk: Walk) -> None:
    walk.sandbox.inject("half:api=trade_cal")
    entries = walk.land("daily", *WEEK)
    unknown = [day for day in WEEK if entries[day.isoformat()].status is Status.FAILED]
    assert unknown
    for day in unknown:
        reason = entries[day.isoformat()].reason
        assert reason is not None
        assert reason.startswith(f"trade_cal does not know {day}: ")
        assert {"trade_date": compact(day)} not in walk.asked("daily")


def test_the_days_that_the_calendar_knows_land_in_spite_of_its_holes(walk: Walk) -> None:
    walk.sandbox.inject("half:api=trade_cal")
    entries = walk.land("daily", *WEEK)
    known = {row["cal_date"] for row in walk.rows("trade_cal")}
    assert {day for day in WEEK if entries[day.isoformat()].status is Status.COMPLETE} == known & set(WEEK)


def test_a_calendar_with_holes_is_partial_and_names_them(walk: Walk) -> None:
    walk.sandbox.inject("half:api=trade_cal")
    entry = walk.land_one("trade_cal")
    known = {compact(row["cal_date"]) for row in walk.rows("trade_cal")}
    span = (date(1990, 12, 19) + timedelta(days=step) for step in range(entry.expected or 0))
    assert entry.status is Status.PARTIAL
    assert entry.missing_keys == tuple(day for day in map(compact, span) if day not in known)


def test_the_holes_are_filled_when_a_day_in_one_is_asked_for(walk: Walk) -> None:
    walk.sandbox.inject("half:api=trade_cal")
    walk.land("trade_cal")
    walk.sandbox.heal()
    assert {entry.status for entry in walk.land("daily", *WEEK).values()} == {Status.COMPLETE}


def test_a_day_after_the_calendar_ends_fails(walk: Walk) -> None:
    entry = walk.land_one("daily", date(2027, 1, 4))
    assert (entry.status, entry.reason) == (Status.FAILED, "trade_cal does not know 2027-01-04")


# What landed since


def test_what_has_landed_since_is_not_asked_for_again(walk: Walk) -> None:
    walk.land("daily", *WEEK)
    walk.sandbox.forget()
    walk.pass_time(hours=1)
    entries = walk.land("daily", *WEEK, since=NOW)
    assert {entry.status for entry in entries.values()} == {Status.COMPLETE}
    assert walk.sandbox.calls() == []


def test_what_landed_before_is_asked_for_again(walk: Walk) -> None:
    walk.land("daily", *WEEK)
    walk.sandbox.forget()
    later = walk.pass_time(hours=1)
    walk.land("daily", *WEEK, since=later)
    assert len(walk.asked("daily")) == len(WEEK)


def test_only_what_is_not_settled_is_asked_for_again(walk: Walk) -> None:
    walk.sandbox.inject("half:api=daily:day=20260302", "empty:api=daily:day=20260304")
    walk.land("daily", *WEEK)
    walk.sandbox.heal()
    walk.sandbox.forget()
    walk.land("daily", *WEEK, since=NOW)
    assert walk.asked("daily") == [{"trade_date": "20260302"}, {"trade_date": "20260304"}]


def test_a_complete_day_that_failed_since_is_asked_for_again(walk: Walk) -> None:
    walk.land("daily", DAY)
    began = walk.pass_time(hours=1)
    walk.sandbox.inject("http_502:api=daily")
    walk.land("daily", DAY)
    walk.sandbox.heal()
    walk.sandbox.forget()
    walk.land("daily", DAY, since=began)
    assert len(walk.asked("daily")) == 1


def test_a_snapshot_that_has_landed_since_is_not_asked_for_again(walk: Walk) -> None:
    walk.land("stock_basic")
    walk.sandbox.forget()
    assert walk.land("stock_basic", since=NOW)["all"].status is Status.COMPLETE
    assert walk.sandbox.calls() == []


def test_results_can_be_read_again_as_they_stand_now(walk: Walk) -> None:
    landed = [walk.land_one("daily", DAY)]
    with walk.engine.begin() as connection:
        connection.execute(COVERAGE.update().where(COVERAGE.c.dataset == "daily").values(status=Status.PARTIAL))
    assert [entry.status for entry in walk.ingest.reviewed(DAILY, landed)] == [Status.PARTIAL]


# Sources


def test_rows_of_two_sources_are_not_mixed(walk: Walk, tmp_path: Path) -> None:
    walk.land("daily", DAY)
    before = walk.rows("daily")
    message = "holds rows of sandbox: synthetic, and the answers come from sandbox: folder: name another database"
    with running(data=tmp_path, quota=False) as other, Transport(SecretStr(TOKEN), other.url) as transport:
        walk.ingest.transport = transport
        with pytest.raises(partition.MixedSources, match=message):
            walk.land("daily", DAY)
    assert walk.rows("daily") == before


# Several at once


def another(walk: Walk, **words: Any) -> Ingest:
    return Ingest(walk.engine, walk.ingest.transport, now=walk.ingest.now, **words)


def test_datasets_that_judge_each_other_may_land_at_the_same_time(walk: Walk) -> None:
    with ThreadPoolExecutor(2) as workers:
        walks = [
            workers.submit(lambda dataset: list(another(walk).land(dataset, WEEK)), dataset)
            for dataset in (DAILY, SUSPEND_D) * 3
        ]
        for done in walks:
            assert {entry.status for entry in done.result()} <= {Status.COMPLETE}
    assert {walk.booked(api, day).status for api in ("daily", "suspend_d") for day in WEEK} == {Status.COMPLETE}  # type: ignore[union-attr]


LAND = """
import sys
from datetime import date
from pydantic import SecretStr
from sqlalchemy import create_engine
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.tushare.transport import Transport

database, tushare, token, *days = sys.argv[1:]
with Transport(SecretStr(token), tushare) as transport:
    ingest = Ingest(create_engine(database), transport)
    print("ready", flush=True)
    sys.stdin.readline()
    for entry in ingest.land(CATALOG["daily"], [date.fromisoformat(day) for day in days]):
        print(entry.partition, entry.status)
"""


def test_two_processes_may_land_the_same_days_at_the_same_time(walk: Walk, database: Database) -> None:
    url = database.url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    command = [sys.executable, "-c", LAND, url, walk.sandbox.url, TOKEN, *map(str, WEEK)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    told = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], told
    assert [sorted(out.splitlines()) for out, _ in told] == [[f"{day} complete" for day in WEEK]] * 2
    with walk.engine.connect() as connection:
        table = METADATA.tables["daily"]
        once = select(func.count()).select_from(table).group_by(table.c.trade_date).order_by(table.c.trade_date)
        assert connection.execute(once).scalars().all() == [55, 55, 54, 55, 55]


# The order of things


def everything(engine: Engine) -> dict[str, Any]:
    """All rows of all datasets, and what is booked of them, but for when."""
    with engine.connect() as connection:
        found: dict[str, Any] = {
            api: sorted(map(tuple, connection.execute(select(METADATA.tables[api]))), key=repr) for api in CATALOG
        }
        books = (COVERAGE.c[name] for name in ("dataset", "partition", "status", "expected", "landed", "missing_keys"))
        found["coverage"] = sorted(map(tuple, connection.execute(select(*books))), key=repr)
    return found


def land_everything(walk: Walk, datasets: Sequence[str], days: Sequence[date]) -> dict[str, Any]:
    for api in datasets:
        walk.land(api, *(days if CATALOG[api].partitioned else []))
    return everything(walk.engine)


@pytest.fixture(scope="module")
def in_order(postgres: URL, sandbox_server: Running) -> dict[str, Any]:
    """What the tables hold when all is landed in the order of the catalog, the oldest day first."""
    from sqlalchemy import create_engine

    from stock_assistant_pipelines.warehouse.embedded import conninfo

    sandbox_server.heal()
    with psycopg.connect(conninfo(postgres), autocommit=True) as connection:
        connection.execute("CREATE DATABASE in_order TEMPLATE template")
        engine = create_engine(postgres.set(drivername="postgresql+psycopg", database="in_order"))
        with Transport(SecretStr(TOKEN), sandbox_server.url) as transport:
            walk = Walk(Ingest(engine, transport, now=lambda: NOW), sandbox_server, [NOW])
            found = land_everything(walk, list(CATALOG), WEEK)
        engine.dispose()
        connection.execute("DROP DATABASE in_order")
    return found


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_datasets_and_days_changes_nothing(walk: Walk, in_order: dict[str, Any], seed: int) -> None:
    chance = random.Random(seed)
    walk.ingest.concurrency = 4
    datasets = chance.sample(list(CATALOG), len(CATALOG))
    assert land_everything(walk, datasets, chance.sample(WEEK, len(WEEK))) == in_order


@pytest.mark.parametrize("seed", range(3))
def test_days_landed_one_by_one_are_the_same_as_days_landed_together(
    walk: Walk, in_order: dict[str, Any], seed: int
) -> None:
    chance = random.Random(seed)
    steps = [(api, day) for api in CATALOG if api not in TIMELESS for day in WEEK]
    for api, day in chance.sample(steps, len(steps)):
        walk.land(api, day)
    assert land_everything(walk, TIMELESS, []) == in_order


# Real rows


REAL = {"daily": 11, "adj_factor": 3, "daily_basic": 18}
"""Datasets of which whole days lie there, and how many columns they have."""
WHOLE_DAYS = [date(2025, 12, 18), date(2026, 4, 15)]
OF_THREE = [date(2025, 10, day) for day in (17, 20, 21, 22, 23)]
THREE = {"600519.SH", "000001.SZ", "300750.SZ"}


@dataclass(frozen=True)
class RealRows:
    """Real rows landed from a folder, and the files themselves."""

    walk: Walk
    entries: dict[str, dict[str, Coverage]]
    files: Path

    def lines(self, api: str, pattern: str = "*.csv") -> list[dict[str, str]]:
        """The lines of a dataset's files."""
        found = []
        for file in sorted((self.files / api).glob(pattern)):
            with file.open(encoding="utf-8-sig", newline="") as lines:
                found += list(csv.DictReader(lines))
        return found

    def of(self, api: str, day: date) -> dict[str, dict[str, Any]]:
        """The rows of a day by code, as they should be stored."""
        return {
            line["ts_code"]: {name: stored(api, name, line.get(name, "")) for name in CATALOG[api].fields}
            for line in self.lines(api)
            if line["trade_date"] == compact(day)
        }

    def listed(self, day: date) -> set[str]:
        """Who is listed on a day, according to the newest file of stocks."""
        key = compact(day)
        return {
            line["ts_code"]
            for line in self.lines("stock_basic", "listed_and_delisted_*.csv")
            if line["list_date"] <= key and not ("" < line["delist_date"] <= key)
        }


def stored(api: str, name: str, text: str) -> Any:
    """A text of a file as the database holds it: the very decimal, nothing for an empty one."""
    if not text:
        return None
    match CATALOG[api].by_name[name].type:
        case Type.NUMBER:
            return Decimal(text)
        case Type.DATE:
            return datetime.strptime(text, "%Y%m%d").date()  # noqa: DTZ007
        case _:
            return text


@pytest.fixture(scope="module")
def real(postgres: URL, real_rows: Path) -> Iterator[RealRows]:
    """The whole days, and five days of three stocks."""
    from sqlalchemy import create_engine

    from stock_assistant_pipelines.warehouse.embedded import conninfo

    now = datetime(2026, 4, 15, 20, 0, tzinfo=SHANGHAI)
    with psycopg.connect(conninfo(postgres), autocommit=True) as connection:
        connection.execute("CREATE DATABASE real_rows TEMPLATE template")
        engine = create_engine(postgres.set(drivername="postgresql+psycopg", database="real_rows"))
        with (
            running(data=real_rows, quota=False) as sandbox,
            Transport(SecretStr(TOKEN), sandbox.url, timeout=30) as transport,
        ):
            walk = Walk(Ingest(engine, transport, now=lambda: now), sandbox, [now])
            entries = {api: walk.land(api, *WHOLE_DAYS, *OF_THREE) for api in REAL}
            yield RealRows(walk, entries, real_rows)
        engine.dispose()
        connection.execute("DROP DATABASE real_rows WITH (FORCE)")


@pytest.mark.parametrize("day", WHOLE_DAYS + OF_THREE, ids=str)
@pytest.mark.parametrize("api", REAL)
def test_real_rows_are_stored_digit_by_digit(real: RealRows, api: str, day: date) -> None:
    assert {row["ts_code"]: row for row in real.walk.rows(api, day)} == real.of(api, day)


@pytest.mark.parametrize("day", WHOLE_DAYS + OF_THREE, ids=str)
@pytest.mark.parametrize("api", REAL)
def test_real_days_lack_exactly_what_the_files_lack(real: RealRows, api: str, day: date) -> None:
    entry = real.entries[api][day.isoformat()]
    lacking = real.listed(day) - real.of(api, day).keys()
    assert entry.missing_keys == tuple(sorted(lacking))
    assert entry.status is (Status.PARTIAL if lacking else Status.COMPLETE)
    assert entry.landed == len(real.of(api, day))


def test_the_real_days_of_three_stocks_hold_three(real: RealRows) -> None:
    assert {frozenset(real.walk.codes("daily", day)) for day in OF_THREE} == {frozenset(real.of("daily", OF_THREE[0]))}
    assert len(real.of("daily", OF_THREE[0])) == 3


def test_real_rows_are_marked_as_coming_from_a_folder(real: RealRows) -> None:
    assert {entry.source for entries in real.entries.values() for entry in entries.values()} == {"sandbox: folder"}
