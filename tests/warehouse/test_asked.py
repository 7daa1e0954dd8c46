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


def test_a_later_entry_takes_the_place_of_the_earlier_one(engine: Engine) -> None:
    booked(engine, ENTRY)
    later = replace(
        ENTRY, asked_at=AT + timedelta(days=1), status=Status.FAILED, cause="timeout", reason="no answer", attempts=1
    )
    assert [*booked(engine, later).values()] == [later]


def test_each_dataset_has_its_own(engine: Engine) -> None:
    booked(engine, ENTRY)
    assert booked(engine, api="cashflow") == {}
