"""What the time of day decides: what is asked for, what is late, and how often it was tried."""

from __future__ import annotations

from datetime import datetime

import pytest
from walk import DAY, WEEK, Walk

from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.tables import Status


def at(walk: Walk, hour: int, minute: int = 0) -> None:
    """Set the clock of the walk to a time in March 2026."""
    walk.clock[0] = datetime(2026, 3, 4, hour, minute, tzinfo=SHANGHAI)


def test_a_day_is_not_asked_for_before_it_is_published(walk: Walk) -> None:
    at(walk, 15, 59)
    entry = walk.land_one("daily", DAY)
    assert (entry.status, entry.reason) == (Status.EMPTY, "is published at 16:00 in Shanghai: it was not asked for")
    assert walk.asked("daily") == []
    assert walk.booked("daily", DAY) is None


def test_what_lacks_rows_is_partial_until_it_is_due_and_late_from_then_on(walk: Walk) -> None:
    walk.sandbox.inject("half:api=daily")
    at(walk, 19, 29)
    assert walk.land_one("daily", DAY).status is Status.PARTIAL
    at(walk, 19, 30)
    assert walk.land_one("daily", DAY).status is Status.LATE
    booked = walk.booked("daily", DAY)
    assert booked is not None
    assert (booked.status, booked.cause) == (Status.LATE, "partial")


def test_what_is_late_becomes_complete_when_the_rest_arrives(walk: Walk) -> None:
    at(walk, 20)
    walk.sandbox.inject("half:api=daily")
    assert walk.land_one("daily", DAY).status is Status.LATE
    walk.sandbox.heal()
    assert walk.land_one("daily", DAY).status is Status.COMPLETE
    booked = walk.booked("daily", DAY)
    assert booked is not None
    assert (booked.attempts, booked.cause) == (0, None)


def test_a_day_before_the_window_is_partial_and_not_late(walk: Walk) -> None:
    at(walk, 20)
    walk.sandbox.inject("half:api=daily")
    entries = walk.land("daily", datetime(2026, 2, 25, tzinfo=SHANGHAI).date(), *WEEK)
    assert [entry.status for entry in sorted(entries.values(), key=lambda one: one.partition)] == [
        Status.PARTIAL,
        *[Status.LATE] * 5,
    ]


@pytest.mark.parametrize("fault", ["half", "empty", "http_502"])
def test_tries_are_counted_until_one_succeeds(walk: Walk, fault: str) -> None:
    walk.sandbox.inject(f"{fault}:api=daily")
    attempts = []
    for _ in range(3):
        walk.land_one("daily", DAY)
        booked = walk.booked("daily", DAY)
        assert booked is not None
        attempts.append(booked.attempts)
    assert attempts == [1, 2, 3]


@pytest.mark.parametrize(
    ("fault", "status", "cause"),
    [
        ("throttle_day", Status.DEFERRED, "Throttled day"),
        ("throttle_hour", Status.DEFERRED, "Throttled hour"),
        ("permission", Status.DISABLED, "PermissionDenied"),
        ("http_502", Status.FAILED, "HttpStatusError 502"),
        ("yesterday", Status.FAILED, "WrongDay"),
        ("half", Status.PARTIAL, "partial"),
        ("empty", Status.EMPTY, "empty"),
    ],
)
def test_the_cause_is_one_word_for_all_partitions_and_datasets(
    walk: Walk, fault: str, status: Status, cause: str
) -> None:
    walk.sandbox.inject(f"{fault}:api=daily")
    entry = walk.land_one("daily", DAY)
    assert (entry.status, entry.cause) == (status, cause)
