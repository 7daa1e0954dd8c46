"""Tushare said that it was too much: nobody asks that interface until it is over, and then it is asked again."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from rings import Account, Waited, call, no_waiting
from scripted import SECRET, envelope, page

from stock_assistant_pipelines.sandbox.server import TOKEN
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.tushare.errors import Throttled, Window
from stock_assistant_pipelines.tushare.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from scripted import Scripted

    from stock_assistant_pipelines.sandbox.server import Running
    from stock_assistant_pipelines.tushare.quota import SharedQuota
    from stock_assistant_pipelines.warehouse.database import Database

DAY = {"trade_date": "20260303"}
MINUTE = "抱歉，您每分钟最多访问该接口200次，权限的具体详情访问：https://tushare.pro/document/1?doc_id=108。"
OVER = "update quota set paused_until = now() where account = %(account)s"


@pytest.fixture
def one(database: Database) -> Account:
    return Account(database)


def throttled(window: Window, api: str = "daily") -> Throttled:
    return Throttled(api, window, "too much")


def ask(sandbox: Running, quota: SharedQuota, api: str = "daily") -> None:
    with Transport(SecretStr(TOKEN), sandbox.url, quota=quota) as transport:
        transport.page(api, DAY, ("ts_code",))


def test_a_minute_used_up_is_waited_for_by_everyone_and_for_that_interface_only(one: Account) -> None:
    with one.worker(5, pause=40.0) as first, one.worker(5, sleep=no_waiting) as second:
        call(first)
        first.throttled(throttled(Window.MINUTE))
        with pytest.raises(Waited) as waited:
            call(second)
        assert 30 < waited.value.args[0] < 41
        call(second, "adj_factor")
        assert one.usage().free == 0
        assert one.usage().paused_because == "too much"


def test_when_a_minute_is_over_the_waiting_ends_by_itself(one: Account) -> None:
    with one.worker(5, pause=0.4) as first, one.worker(5) as second:
        call(first)
        began = time.monotonic()
        first.throttled(throttled(Window.MINUTE))
        call(second)
        assert time.monotonic() - began >= 0.4
        assert one.usage().paused_until is None


def test_a_throttled_call_waits_in_the_quota_and_not_once_more(
    one: Account, server: Scripted, pauses: list[float]
) -> None:
    server.answer(envelope(40203, MINUTE), page(["ts_code"], [["600000.SH"]]))
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        one.change(OVER)

    with (
        one.worker(5, pause=61.0, sleep=sleep) as quota,
        Transport(SecretStr(SECRET), server.url, quota=quota, sleep=pauses.append) as transport,
    ):
        transport.page("daily", DAY, ("ts_code",))
    assert pauses == [0.0]
    assert [round(seconds) for seconds in slept] == [61]
    assert len(server.calls) == one.usage().calls_today == 2


def test_each_attempt_and_each_page_takes_a_permit(one: Account, server: Scripted, pauses: list[float]) -> None:
    rows = [[f"{at:06}.SH"] for at in range(2)]
    server.answer(
        envelope(40203, MINUTE),
        page(["ts_code"], rows, has_more=True),
        page(["ts_code"], [["600000.SH"]], has_more=False),
    )
    with (
        one.worker(5, pause=0.0) as quota,
        Transport(SecretStr(SECRET), server.url, quota=quota, sleep=pauses.append) as transport,
    ):
        transport.fetch("daily", DAY, {"ts_code": str})
    assert len(server.calls) == one.usage().calls_today == 3
    assert one.usage().used == 3


@pytest.mark.parametrize(("fault", "window"), [("throttle_hour", Window.HOUR), ("throttle_day", Window.DAY)])
def test_an_hour_or_a_day_used_up_makes_everyone_fail_at_once_without_a_call(
    one: Account, sandbox: Running, fault: str, window: Window
) -> None:
    sandbox.inject(f"{fault}:times=1")
    with one.worker(5) as first, one.worker(5, sleep=no_waiting) as second:
        with pytest.raises(Throttled):
            ask(sandbox, first)
        with pytest.raises(Throttled, match=r"used up until .*, Shanghai time") as caught:
            ask(sandbox, second)
        assert (caught.value.window, caught.value.heals) == (window, False)
        assert sandbox.stats()["calls"] == {"daily": 1}
        one.change(OVER)
        ask(sandbox, second)
    assert sandbox.stats()["calls"] == {"daily": 2}


def hour(now: datetime) -> datetime:
    return now + timedelta(hours=1)


def midnight(now: datetime) -> datetime:
    return datetime.combine(now.astimezone(SHANGHAI).date() + timedelta(days=1), datetime.min.time(), SHANGHAI)


@pytest.mark.parametrize(("window", "until"), [(Window.HOUR, hour), (Window.DAY, midnight)])
def test_the_pause_lasts_as_long_as_the_refusal_says(
    one: Account, window: Window, until: Callable[[datetime], datetime]
) -> None:
    with one.worker(5) as quota:
        call(quota)
        before = datetime.now(SHANGHAI)
        quota.throttled(throttled(window))
        after = datetime.now(SHANGHAI)
    paused = one.usage().paused_until
    assert paused is not None
    assert until(before) <= paused <= until(after)


def test_a_shorter_pause_does_not_end_a_longer_one(one: Account) -> None:
    with one.worker(5, sleep=no_waiting) as quota:
        call(quota)
        quota.throttled(throttled(Window.DAY))
        quota.throttled(throttled(Window.MINUTE))
        with pytest.raises(Throttled) as caught:
            call(quota)
    assert caught.value.window is Window.DAY


def test_when_the_calls_of_a_day_are_made_nobody_asks_until_the_next_day(one: Account, sandbox: Running) -> None:
    with one.worker(5, points=120) as quota:
        ask(sandbox, quota)
        one.change("update quota set calls = 7999 where account = %(account)s")
        ask(sandbox, quota)
        with pytest.raises(Throttled, match="8,000 calls of today are made") as caught:
            ask(sandbox, quota)
        assert (caught.value.window, caught.value.heals) == (Window.DAY, False)
        assert sandbox.stats()["calls"] == {"daily": 2}
        assert one.usage().free == 0
        one.change("update quota set day = day - 1 where account = %(account)s")
        ask(sandbox, quota)
    assert (one.usage().calls_today, one.usage().calls_per_day) == (1, 8000)


def test_a_tier_without_a_daily_limit_has_none(one: Account) -> None:
    with one.worker(5, points=5000) as quota:
        call(quota)
        one.change("update quota set calls = 1000000 where account = %(account)s")
        call(quota)
    assert one.usage().calls_today == 1_000_001
