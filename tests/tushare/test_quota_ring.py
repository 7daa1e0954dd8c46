"""The ring of permits: no window ever holds too many calls, no permit is lost, and whoever is urgent goes first."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from rings import Account, Waited, call, no_waiting, together
from scripted import SECRET, page

from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.tushare.errors import QuotaUnavailable
from stock_assistant_pipelines.tushare.quota import Limits, SharedQuota, account
from stock_assistant_pipelines.tushare.transport import ATTEMPTS, Transport

if TYPE_CHECKING:
    from scripted import Scripted

    from stock_assistant_pipelines.warehouse.database import Database

WINDOW = 0.3
NOBODY = "postgresql://nobody@127.0.0.1:9/none"


@pytest.fixture
def one(database: Database) -> Account:
    return Account(database)


# --- how many


@pytest.mark.parametrize(
    ("points", "calls", "a_day"),
    [(120, 50, 8000), (2000, 200, 100_000), (4999, 200, 100_000), (5000, 500, None), (15_000, 1000, None)],
)
def test_points_decide_how_often_an_interface_is_called(points: int, calls: int, a_day: int | None) -> None:
    assert Limits(points).per_minute("daily") == calls
    assert Limits(points).per_minute("an_interface_that_is_not_declared") == calls
    assert Limits(points).per_day == a_day


def test_an_interface_with_a_limit_of_its_own_keeps_it_whatever_is_set() -> None:
    assert Limits(15_000).per_minute("stock_basic") == 50
    assert Limits(15_000, 900).per_minute("stock_basic") == 50
    assert Limits(15_000, 900).per_minute("daily") == 900
    assert Limits(15_000, 10).per_minute("stock_basic") == 10


def test_an_account_is_named_by_address_and_token_and_does_not_give_the_token_away() -> None:
    name = account("https://a.example", SECRET)
    assert len(name) == 12
    assert name not in SECRET
    assert len({name, account("https://b.example", SECRET), account("https://a.example", SECRET + "x")}) == 3


def test_without_an_account_or_with_the_limit_switched_off_there_is_no_quota() -> None:
    assert SharedQuota.from_settings(Settings(tushare_token=None), NOBODY) is None
    off = Settings(tushare_token=SecretStr(SECRET), tushare_calls_per_minute=0)
    assert SharedQuota.from_settings(off, NOBODY) is None
    assert SharedQuota.from_settings(Settings(tushare_token=SecretStr(SECRET)), NOBODY) is not None


# --- never too many


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    slots=st.integers(1, 4),
    delays=st.lists(
        st.lists(st.tuples(st.floats(0, 0.05), st.floats(0, 0.05)), min_size=1, max_size=3), min_size=2, max_size=4
    ),
)
def test_no_window_ever_holds_more_arrivals_than_permits(
    database: Database, slots: int, delays: list[list[tuple[float, float]]]
) -> None:
    arrivals: list[float] = []
    one = Account(database)

    def work(quota: SharedQuota, calls: list[tuple[float, float]]) -> None:
        for travel, answer in calls:
            with quota.permit("daily") as permit:
                time.sleep(travel)
                arrivals.append(time.monotonic())
                time.sleep(answer)
                permit.answered()

    with ExitStack() as stack:
        workers = [stack.enter_context(one.worker(slots)) for _ in delays]
        jobs = [partial(work, *each) for each in zip(workers, delays, strict=True)]
        with together(*jobs):
            pass
    arrivals.sort()
    assert len(arrivals) == sum(map(len, delays))
    assert all(later - earlier >= WINDOW for earlier, later in zip(arrivals, arrivals[slots:], strict=False))


def test_threads_of_one_worker_share_its_permits(one: Account) -> None:
    arrivals: list[float] = []

    def work(quota: SharedQuota) -> None:
        with quota.permit("daily") as permit:
            arrivals.append(time.monotonic())
            permit.answered()

    with one.worker(3) as quota, together(*[partial(work, quota)] * 7):
        pass
    arrivals.sort()
    assert all(later - earlier >= WINDOW for earlier, later in zip(arrivals, arrivals[3:], strict=False))


def test_a_permit_is_kept_until_a_window_after_the_answer_began_and_no_longer(one: Account) -> None:
    with one.worker(1, window=30.0, sleep=no_waiting) as quota:
        call(quota)
        with pytest.raises(Waited), quota.permit("daily"):
            pass
        one.change("update permit set free_at = free_at - interval '30 seconds' where account = %(account)s")
        call(quota)


def test_each_interface_has_its_own_permits(one: Account) -> None:
    with one.worker(1, window=30.0, sleep=no_waiting) as quota:
        call(quota, "daily")
        call(quota, "adj_factor")


def test_a_raised_limit_lays_more_permits(one: Account) -> None:
    with one.worker(1, window=30.0, sleep=no_waiting) as before:
        call(before)
    with one.worker(2, window=30.0, sleep=no_waiting) as after:
        call(after)
        with pytest.raises(Waited):
            call(after)
    assert one.usage().calls_per_minute == 2


def test_a_lowered_limit_leaves_the_permits_beyond_it_alone(one: Account) -> None:
    with one.worker(3, window=30.0, sleep=no_waiting) as before:
        call(before)
    with one.worker(1, window=30.0, sleep=no_waiting) as after:
        one.change("update permit set free_at = now() + interval '9 seconds' where account = %(account)s and slot = 0")
        with pytest.raises(Waited):
            call(after)
    assert (one.usage().calls_per_minute, one.usage().free) == (1, 0)


# --- none lost


def test_the_permit_of_a_call_without_an_answer_comes_back_by_itself(one: Account) -> None:
    with one.worker(1, window=30.0, patience=30.0, sleep=no_waiting) as quota:
        with quota.permit("daily"):
            pass  # the call may be on its way still, so the permit is not free
        assert one.usage().under_way == 1
        one.change("update permit set free_at = free_at - interval '60 seconds' where account = %(account)s")
        call(quota)


def test_who_comes_back_too_late_does_not_give_back_the_permit_of_another(one: Account) -> None:
    with one.worker(1, window=30.0) as slow, one.worker(1, window=30.0, patience=5.0) as quick:
        with slow.permit("daily") as permit:
            permit.answered()
            one.change("update permit set free_at = now() where account = %(account)s")
            with quick.permit("daily"):
                pass
        assert one.usage().under_way == 1


def test_who_is_interrupted_while_waiting_leaves_the_permit(one: Account) -> None:
    with one.worker(1, window=0.9, sleep=no_waiting) as quota:
        call(quota)
        with pytest.raises(Waited), quota.permit("daily"):
            pass
    assert one.usage().under_way == 0


def test_a_ring_that_is_gone_is_laid_again(one: Account) -> None:
    with one.worker(1) as quota:
        call(quota)
        one.change("delete from quota where account = %(account)s")
        call(quota)
    assert one.usage().calls_today == 1


def test_rings_that_nobody_used_for_a_week_are_cleared_away(one: Account) -> None:
    other = Account(one.database)
    with one.worker(1) as quota:
        call(quota)
        one.change("update quota set day = day - 8 where account = %(account)s")
    with other.worker(1) as quota:
        call(quota)
    with psycopg.connect(one.conninfo) as connection:
        accounts = connection.execute("select distinct account from permit").fetchall()
    assert accounts == [(other.name,)]


# --- the urgent first


def test_while_someone_urgent_waits_the_others_leave_free_permits_alone(one: Account) -> None:
    asleep, wake = threading.Event(), threading.Event()

    def sleep(seconds: float) -> None:
        asleep.set()
        assert wake.wait(30)

    with (
        one.worker(1, window=30.0, sleep=no_waiting) as backfill,
        one.worker(1, window=30.0, urgent=True, sleep=sleep) as nightly,
    ):
        call(backfill)
        with together(partial(call, nightly)):
            assert asleep.wait(30)
            one.change("update permit set free_at = now() where account = %(account)s")
            try:
                with pytest.raises(Waited):
                    call(backfill)
                assert one.usage().urgent
                assert one.usage().free == 1
            finally:
                wake.set()
        assert one.usage().calls_today == 2


def test_when_nobody_urgent_waits_nothing_is_held_back(one: Account) -> None:
    with (
        one.worker(2, window=30.0, sleep=no_waiting) as backfill,
        one.worker(2, window=30.0, urgent=True, sleep=no_waiting) as nightly,
    ):
        call(nightly)
        call(backfill)


def test_an_urgent_worker_gets_more_than_all_others_together(one: Account) -> None:
    granted: list[str] = []
    over = threading.Event()

    def work(quota: SharedQuota, name: str, calls: int) -> None:
        for _ in range(calls):
            if name == "backfill" and over.is_set():
                return
            with quota.permit("daily") as permit:
                granted.append(name)
                permit.answered()

    with (
        one.worker(4) as first,
        one.worker(4) as second,
        one.worker(4, urgent=True) as nightly,
        together(*(partial(work, quota, "backfill", 100) for quota in (first, second, first, second))),
    ):
        while len(granted) < 8:
            time.sleep(0.01)
        with together(*[partial(work, nightly, "nightly", 4)] * 4):
            pass
        over.set()
    since = granted[granted.index("nightly") :]
    until = since[: len(since) - since[::-1].index("nightly")]
    assert until.count("nightly") == 16
    assert until.count("backfill") < 16


# --- without the database


def test_a_lost_connection_is_made_again(one: Account) -> None:
    with one.worker(2) as quota:
        call(quota)
        one.change(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'stock-assistant quota'"
        )
        call(quota)
    assert one.usage().calls_today == 2


def test_without_the_database_no_call_is_made_and_the_error_says_so(server: Scripted, pauses: list[float]) -> None:
    server.answer(page(["ts_code"], [["600000.SH"]]))
    with (
        SharedQuota(NOBODY, "nobody", Limits(5000)) as quota,
        Transport(SecretStr(SECRET), server.url, quota=quota, sleep=pauses.append) as transport,
        pytest.raises(QuotaUnavailable, match="no call is made"),
    ):
        transport.page("daily", {}, ("ts_code",))
    assert server.calls == []
    assert len(pauses) == ATTEMPTS - 1


def test_an_answer_is_kept_when_its_permit_cannot_be_given_back(
    one: Account, server: Scripted, caplog: pytest.LogCaptureFixture
) -> None:
    server.answer(page(["ts_code"], [["600000.SH"]]))
    with one.worker(2) as quota, caplog.at_level(logging.WARNING), quota.permit("daily") as permit:
        permit.answered()
        one.database.drop()
    assert "comes back by itself" in caplog.text
