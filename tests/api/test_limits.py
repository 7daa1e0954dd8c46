"""Limits: a minute's requests at once, then evenly; each on its own; in memory that has an end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import limits
from api.limits import WINDOW, Count, Limiter


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def taken(limiter: Limiter, quota: int, who: str = "one") -> bool:
    return limiter.take("key", who, quota).retry_in == 0


@pytest.mark.parametrize("quota", [1, 2, 60, 6000, 1_000_000])
def test_a_full_bucket_holds_a_minutes_requests(clock: Clock, quota: int) -> None:
    limiter = Limiter(clock)
    tried = min(quota, 10_000)
    counts = [limiter.take("key", "one", quota) for _ in range(tried)]
    assert [count.left for count in counts] == list(range(quota - 1, quota - 1 - tried, -1))
    if tried == quota:
        assert not taken(limiter, quota)


def test_it_fills_evenly(clock: Clock) -> None:
    limiter = Limiter(clock)
    assert [taken(limiter, 60) for _ in range(61)] == [True] * 60 + [False]
    clock.now += 1
    assert [taken(limiter, 60) for _ in range(2)] == [True, False]
    clock.now += 600
    assert [taken(limiter, 60) for _ in range(61)] == [True] * 60 + [False]


def test_who_waits_as_long_as_told_is_answered(clock: Clock) -> None:
    limiter = Limiter(clock)
    for quota in (1, 7, 60, 1000):
        who = str(quota)
        while taken(limiter, quota, who):
            pass
        wait = limiter.take("key", who, quota).retry_in
        assert wait >= 1
        clock.now += wait
        assert taken(limiter, quota, who)


def test_who_is_refused_does_not_wait_longer_for_it(clock: Clock) -> None:
    limiter = Limiter(clock)
    assert taken(limiter, 1)
    waits = {limiter.take("key", "one", 1).retry_in for _ in range(100)}
    assert waits == {60}


def test_each_has_a_bucket_of_his_own(clock: Clock) -> None:
    limiter = Limiter(clock)
    assert taken(limiter, 1, "one")
    assert taken(limiter, 1, "two")
    assert limiter.take("address", "one", 1).retry_in == 0
    assert not taken(limiter, 1, "one")


def test_the_bucket_that_was_not_used_for_longest_is_forgotten(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "BUCKETS", 3)
    limiter = Limiter(clock)
    for who in "abcad":
        taken(limiter, 10, who)
    assert len(limiter) == 3
    assert [who for _, who in limiter._full_at] == ["c", "a", "d"]


def test_the_fields_are_those_of_the_draft() -> None:
    assert Count("address", 6000, 5999, 1, 0).headers == [
        (b"ratelimit-policy", b'"address";q=6000;w=60'),
        (b"ratelimit", b'"address";r=5999;t=1'),
    ]


@given(st.integers(1, 500), st.lists(st.floats(0, 30), max_size=200))
def test_in_no_minute_are_there_more_than_two_buckets(quota: int, pauses: list[float]) -> None:
    clock = Clock()
    limiter = Limiter(clock)
    answered = []
    for pause in pauses:
        clock.now += pause
        while taken(limiter, quota) and len(answered) < 2000:
            answered.append(clock.now)
    for start in answered:
        within = sum(1 for moment in answered if start <= moment < start + WINDOW)
        assert within <= 2 * quota
