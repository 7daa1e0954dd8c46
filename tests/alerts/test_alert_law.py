"""Whatever is booked, in whatever order: the open alerts are the causes that hold now, each once."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from booked import OLD, TODAY, WINDOW, Book, at
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text

from stock_assistant_pipelines.alerts.delivery import deliver
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.warehouse.tables import METADATA, Status

if TYPE_CHECKING:
    from datetime import datetime

    from sqlalchemy import Engine

DATASETS = ("daily", "adj_factor", "stock_basic")
STATES: list[tuple[Status, str | None]] = [
    (Status.COMPLETE, None),
    (Status.CLOSED, None),
    (Status.PARTIAL, "partial"),
    (Status.PARTIAL, "doubted"),
    (Status.PARTIAL, "HttpStatusError 502"),
    (Status.LATE, "late"),
    (Status.EMPTY, "empty"),
    (Status.FAILED, "HttpStatusError 502"),
    (Status.FAILED, "TransportError"),
    (Status.FAILED, "BadToken"),
    (Status.DEFERRED, "Throttled day"),
    (Status.DISABLED, "PermissionDenied"),
]
Booked = dict[tuple[str, str], tuple[Status, str | None]]

changes = st.lists(
    st.tuples(st.sampled_from(DATASETS), st.sampled_from([OLD, *WINDOW]), st.sampled_from(STATES)), max_size=8
)
moments = st.sampled_from([at(10), at(19, 29), at(19, 30), at(23), at(10, days=1)])


ERRORS = {
    "HttpStatusError 502": "failed:unanswered",
    "TransportError": "failed:unanswered",
    "BadToken": "permission:BadToken",
    "Throttled day": "quota:Throttled day",
    "PermissionDenied": "permission:PermissionDenied",
}


def holding(booked: Booked, now: datetime) -> set[str]:
    """The causes that hold, told partition by partition."""
    found = {ERRORS[cause] for _, cause in booked.values() if cause in ERRORS}
    for (name, partition), (status, _) in booked.items():
        if status in {Status.PARTIAL, Status.LATE, Status.EMPTY}:
            if partition == "all" or date.fromisoformat(partition) < window(now)[0]:
                found.add(f"partial:{name}")
            elif due(partition) <= now:
                found.add(f"late:{name}")
    for name in DATASETS[:2]:
        complete = [key for (of, key), (status, _) in booked.items() if of == name and status is Status.COMPLETE]
        after = [str(day) for day in window(now) if complete and str(day) > max(complete) and due(str(day)) <= now]
        if any((name, day) not in booked for day in after):
            found.add(f"late:{name}")
    return found


def window(now: datetime) -> list[date]:
    return WINDOW if now.date() == TODAY else [*WINDOW[1:], date(2026, 3, 5)]


def due(partition: str) -> datetime:
    return at(19, 30, days=(date.fromisoformat(partition) - TODAY).days)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(moments, changes), min_size=1, max_size=4))
def test_the_open_alerts_are_the_causes_that_hold(
    book: Book, engine: Engine, steps: list[tuple[datetime, list[tuple[str, date, tuple[Status, str | None]]]]]
) -> None:
    alert = METADATA.tables["alert"]
    with engine.begin() as connection:
        connection.execute(text("truncate coverage, alert, alert_channel"))
    booked: Booked = {}
    for now, changed in sorted(steps, key=lambda step: step[0]):
        for name, day, state in changed:
            partition = "all" if name == "stock_basic" else str(day)
            booked[name, partition] = state
            book.put(name, partition, *state)
        deliver(engine, Settings(), now)
        with engine.connect() as connection:
            opened = connection.execute(select(alert.c.cause).where(alert.c.cleared_at.is_(None))).scalars().all()
        assert sorted(opened) == sorted(holding(booked, now))
