"""What was asked is booked call by call, each in the place of what was booked of it before."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from filings import BY_API

from stock_assistant_pipelines.warehouse import asked
from stock_assistant_pipelines.warehouse.asked import EVERYBODY, Asked
from stock_assistant_pipelines.warehouse.tables import Status

if TYPE_CHECKING:
    from sqlalchemy import Engine

AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
ENTRY = Asked("income", "600519.SH", "report_type=1", AT, Status.COMPLETE, rows=120)


def booked(engine: Engine, *entries: Asked, api: str = "income") -> dict[tuple[str, str], Asked]:
    with engine.begin() as connection:
        asked.book(connection, entries)
        return asked.read(connection, BY_API[api])


def test_what_is_booked_is_read(engine: Engine) -> None:
    period = date(2026, 9, 30)
    whole = Asked("income", EVERYBODY, "2026-09-30", AT, Status.COMPLETE, 2, period, period, rows=7000, run_id="run")
    assert booked(engine, ENTRY, whole) == {
        ("600519.SH", "report_type=1"): ENTRY,
        (EVERYBODY, "2026-09-30"): whole,
    }


FAILED = replace(
    ENTRY, asked_at=AT + timedelta(days=1), status=Status.FAILED, cause="timeout", reason="none", attempts=1, rows=0
)


def test_a_later_answer_takes_the_place_of_the_earlier_one(engine: Engine) -> None:
    booked(engine, ENTRY)
    later = replace(ENTRY, asked_at=AT + timedelta(days=1), rows=124)
    assert [*booked(engine, later).values()] == [later]
    assert [*booked(engine, ENTRY).values()] == [later], "not the other way round"


def test_a_try_in_vain_is_counted_and_takes_no_answer_away(engine: Engine) -> None:
    booked(engine, ENTRY)
    kept = replace(FAILED, asked_at=AT, status=Status.COMPLETE, rows=120)
    assert [*booked(engine, FAILED).values()] == [kept]
    assert [*booked(engine, FAILED).values()] == [replace(kept, attempts=2)]
    answer = replace(ENTRY, asked_at=AT + timedelta(days=2))
    assert [*booked(engine, answer).values()] == [answer]
    assert [*booked(engine, FAILED).values()] == [answer], "that was before it was answered"


def test_tries_of_what_was_never_answered_are_counted(engine: Engine) -> None:
    booked(engine, FAILED)
    later = replace(FAILED, asked_at=AT + timedelta(days=2), status=Status.DEFERRED)
    assert [*booked(engine, later).values()] == [replace(later, attempts=2)]


def test_each_dataset_has_its_own(engine: Engine) -> None:
    booked(engine, ENTRY)
    assert booked(engine, api="cashflow") == {}
