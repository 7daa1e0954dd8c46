"""Points and the sliding window: who is let in, and how often."""

from __future__ import annotations

import time
from itertools import pairwise
from typing import TYPE_CHECKING

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.protocol.refusals import Refusal
from stock_assistant_pipelines.sandbox.quota import Quota, calls_per_minute
from stock_assistant_pipelines.sandbox.server import running

from .conftest import DAY, NOW, Client

if TYPE_CHECKING:
    from collections.abc import Iterator

DAILY = CATALOG["daily"]


@pytest.fixture(scope="module")
def poor() -> Iterator[Client]:
    """A sandbox whose token has 120 points, with a window of one second."""
    with running(stocks=50, now=NOW, points=120, window=1.0) as sandbox, httpx2.Client(trust_env=False) as http:
        yield Client(sandbox, http)


def admitted(quota: Quota, api: str = "daily") -> bool:
    try:
        quota.admit(CATALOG[api])
    except Refusal:
        return False
    return True


@pytest.mark.parametrize(
    ("points", "calls"), [(120, 50), (2000, 200), (4999, 200), (5000, 500), (10_000, 1000), (15_000, 1000)]
)
def test_points_decide_the_calls_per_minute(points: int, calls: int) -> None:
    assert calls_per_minute(DAILY, points) == calls


def test_stock_basic_has_a_limit_of_its_own() -> None:
    assert calls_per_minute(CATALOG["stock_basic"], 15_000) == 50


def test_too_few_points_mean_no_permission(poor: Client) -> None:
    envelope = poor.ask("daily_basic", trade_date=DAY)
    assert envelope["code"] == 40203
    assert (
        envelope["msg"]
        == "抱歉，您没有接口(daily_basic)访问权限，权限的具体详情访问：https://tushare.pro/document/1?doc_id=108。"
    )


def test_the_call_beyond_the_limit_is_throttled_until_the_window_has_passed(poor: Client) -> None:
    answers = [poor.ask("daily", "ts_code", trade_date=DAY) for _ in range(51)]
    assert [answer["code"] for answer in answers] == [0] * 50 + [40203]
    assert "抱歉，您访问接口(daily)频率超限(50次/分钟)" in answers[-1]["msg"]
    assert poor.ask("suspend_d", trade_date=DAY)["code"] == 0, "each interface has its own window"
    time.sleep(1.05)
    assert poor.ask("daily", trade_date=DAY)["code"] == 0


def test_refused_calls_count_too() -> None:
    now = [0.0]
    quota = Quota("t", 120, window=60, monotonic=lambda: now[0])
    assert all(admitted(quota) for _ in range(50))
    now[0] = 30.0
    assert not admitted(quota)
    now[0] = 60.0
    assert all(admitted(quota) for _ in range(49))
    assert not admitted(quota), "the refused call of second 30 still counts"


def test_no_quota_lets_everyone_in() -> None:
    quota = Quota("t", 120, limited=False)
    assert all(admitted(quota) for _ in range(200))


@given(st.lists(st.floats(0, 0.5), min_size=60, max_size=200))
def test_no_window_ever_holds_more_answers_than_allowed(gaps: list[float]) -> None:
    now = [0.0]
    quota = Quota("t", 120, window=10, monotonic=lambda: now[0])
    let_in = []
    for gap in gaps:
        now[0] += gap
        if admitted(quota):
            let_in.append(now[0])
    assert all(later - earlier >= 10 for earlier, later in zip(let_in, let_in[50:], strict=False))
    assert all(earlier <= later for earlier, later in pairwise(let_in))
