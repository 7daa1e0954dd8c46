"""What an answer tells is added as versions, and nothing that was told before is overwritten."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from threading import Thread
from typing import TYPE_CHECKING

import pytest
from filings import AT, BY_API, CODE, held, query, statement, tell
from sqlalchemy import text

from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse import landing, versions
from stock_assistant_pipelines.warehouse.versions import AFTER_READING, BEFORE_PERIOD, NO_DAY, Appended

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

LATER = AT + timedelta(days=30)


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A transaction that is taken back."""
    with engine.connect() as connection:
        yield connection
        connection.rollback()


def test_a_filing_is_known_at_the_end_of_its_day_in_shanghai(connection: Connection) -> None:
    tell(connection, "income", statement("20251231", "20260402", revenue=5.0))
    assert held(connection, "income", "known_at") == [datetime(2026, 4, 3, tzinfo=SHANGHAI)]


def test_a_version_is_known_since_its_own_announcement_and_not_the_first_one(connection: Connection) -> None:
    tell(connection, "income", statement("20251231", "20260402") | {"f_ann_date": "20260610"})
    assert held(connection, "income", "known_at") == [datetime(2026, 6, 11, tzinfo=SHANGHAI)]


def test_the_first_announcement_counts_where_a_version_has_none_of_its_own(connection: Connection) -> None:
    tell(connection, "income", statement("20251231", "20260402") | {"f_ann_date": None})
    assert held(connection, "income", "known_at") == [datetime(2026, 4, 3, tzinfo=SHANGHAI)]


def test_what_bears_no_day_is_known_since_it_was_read(connection: Connection) -> None:
    tell(connection, "fina_mainbz", {"ts_code": CODE, "end_date": "20251231", "type": "P", "bz_item": "酒"})
    assert held(connection, "fina_mainbz", "known_at", "flaw") == [(AT, None)]


def test_an_answer_that_was_told_before_writes_nothing(connection: Connection) -> None:
    rows = [statement("20251231", "20260402", revenue=5.0), statement("20250930", "20251028", revenue=4.0)]
    assert tell(connection, "income", *rows) == Appended(inserted=2)
    assert tell(connection, "income", *rows, at=LATER) == Appended(unchanged=2)
    assert held(connection, "income", "ingested_at", "replaced_at") == [(AT, None)] * 2


def test_an_unchanged_answer_leaves_no_trace_in_the_log(engine: Engine) -> None:
    rows = [statement("20251231", "20260402", code=f"{600000 + n}.SH", revenue=n / 7) for n in range(300)]

    def land() -> int:
        dataset = BY_API["income"]
        with engine.begin() as connection:
            before = connection.execute(text("SELECT pg_current_wal_insert_lsn()")).scalar_one()
            landing.stage(connection, dataset, [tuple(row.get(name) for name in dataset.fields) for row in rows])
            versions.append(connection, dataset, at=AT, run_id=None)
            written = text("SELECT pg_current_wal_insert_lsn() - CAST(:before AS pg_lsn)")
            return int(connection.execute(written, {"before": before}).scalar_one())

    first = land()
    with engine.connect() as connection:  # what reading writes the first time, as hints in the pages
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM income"))
    land()
    assert min(land() for _ in range(3)) < 2_000 < first  # another process of the server may write meanwhile


def test_a_number_is_the_same_however_many_zeros_it_is_written_with(connection: Connection) -> None:
    tell(connection, "income", statement("20251231", "20260402", revenue=5.0))
    assert tell(connection, "income", statement("20251231", "20260402", revenue=5)).unchanged == 1


def test_a_row_told_twice_in_one_answer_is_one_version(connection: Connection) -> None:
    row = statement("20251231", "20260402", revenue=5.0)
    assert tell(connection, "income", row, row) == Appended(inserted=1)


def test_a_correction_in_place_keeps_what_it_replaces(connection: Connection) -> None:
    tell(connection, "income", statement("20251231", "20260402", revenue=5.0))
    corrected = statement("20251231", "20260402", revenue=6.0)
    assert tell(connection, "income", corrected, at=LATER) == Appended(inserted=1, replaced=1)
    assert held(connection, "income", "revenue", "ingested_at", "replaced_at") == [
        (Decimal(5), AT, LATER),
        (Decimal(6), LATER, None),
    ]


def test_a_correction_beside_the_first_row_replaces_nothing(connection: Connection) -> None:
    first = statement("20251231", "20260402", flag="0", revenue=5.0)
    tell(connection, "income", first)
    beside = statement("20251231", "20260402", flag="1", revenue=6.0)
    assert tell(connection, "income", first, beside, at=LATER) == Appended(inserted=1, unchanged=1)
    assert held(connection, "income", "replaced_at") == [None, None]


def test_what_is_told_again_after_it_was_replaced_is_a_version_of_its_own(connection: Connection) -> None:
    first = statement("20251231", "20260402", revenue=5.0)
    tell(connection, "income", first)
    tell(connection, "income", statement("20251231", "20260402", revenue=6.0), at=AT + timedelta(days=1))
    assert tell(connection, "income", first, at=AT + timedelta(days=2)) == Appended(inserted=1, replaced=1)
    assert held(connection, "income", "revenue") == [5, 5, 6]


def test_what_comes_back_at_the_moment_at_which_it_was_replaced_stands_again(connection: Connection) -> None:
    first = statement("20251231", "20260402", revenue=5.0)
    tell(connection, "income", first)
    tell(connection, "income", statement("20251231", "20260402", revenue=6.0))
    tell(connection, "income", first)
    assert held(connection, "income", "revenue", "replaced_at") == [(Decimal(5), None), (Decimal(6), AT)]


def test_keys_that_an_answer_lacks_are_left_alone(connection: Connection) -> None:
    other = statement("20250930", "20251028", revenue=4.0)
    tell(connection, "income", statement("20251231", "20260402", revenue=5.0), other)
    tell(connection, "income", statement("20251231", "20260402", revenue=6.0), at=LATER)
    tell(connection, "income", statement("20250930", "20251028", kind="4", revenue=7.0), at=LATER)
    assert [(revenue, at) for revenue, at in held(connection, "income", "revenue", "replaced_at") if at] == [(5, LATER)]


def test_an_answer_without_a_row_changes_nothing(connection: Connection) -> None:
    tell(connection, "income", statement("20251231", "20260402", revenue=5.0))
    assert tell(connection, "income", at=LATER) == Appended()


def test_a_version_knows_how_many_of_its_columns_say_something(connection: Connection) -> None:
    tell(connection, "balancesheet", statement("20251231", "20260402", total_assets=5.0, total_liab=3.0))
    assert held(connection, "balancesheet", "filled") == [8]


def test_a_part_of_the_key_that_is_absent_is_the_same_each_time(connection: Connection) -> None:
    plan = {"ts_code": CODE, "end_date": "20251231", "ann_date": "20260402", "div_proc": "预案", "cash_div_tax": 1.5}
    assert tell(connection, "dividend", plan) == Appended(inserted=1)
    assert tell(connection, "dividend", plan) == Appended(unchanged=1)
    assert tell(connection, "dividend", plan | {"cash_div_tax": 1.6}, at=LATER) == Appended(inserted=1, replaced=1)


def test_two_who_read_the_same_at_the_same_time_add_it_once(engine: Engine) -> None:
    row = statement("20251231", "20260402", revenue=5.0)
    results: list[Appended] = []

    def read() -> None:
        with engine.begin() as connection:
            results.append(tell(connection, "income", row))

    with engine.begin() as connection:
        results.append(tell(connection, "income", row))
        other = Thread(target=read)
        other.start()
        other.join(0.3)
        assert other.is_alive()  # it waits
    other.join()
    assert results == [Appended(inserted=1), Appended(unchanged=1)]


def test_an_older_answer_that_lands_later_changes_nothing(connection: Connection) -> None:
    tell(connection, "income", statement("20251231", "20260402", revenue=4.0), at=AT - timedelta(days=1))
    tell(connection, "income", statement("20251231", "20260402", revenue=5.0), at=AT + timedelta(minutes=5))
    before = held(connection, "income", "revenue", "ingested_at", "replaced_at")
    other = statement("20250930", "20251028", revenue=3.0)
    late = tell(connection, "income", statement("20251231", "20260402", revenue=4.0), other, at=AT)
    assert late == Appended(inserted=1, outdated=1)
    assert held(connection, "income", "revenue", "ingested_at", "replaced_at") == sorted(
        [*before, (Decimal(3), AT, None)], key=repr
    )
    told = query(connection, "SELECT revenue FROM income_as_read(:at) ORDER BY 1", at=AT + timedelta(minutes=5))
    assert told == [(3,), (5,)]


def test_an_older_answer_brings_back_nothing_that_a_newer_one_took_out(connection: Connection) -> None:
    plan, corrected = (
        {"ts_code": CODE, "end_date": "20251231", "ann_date": day, "div_proc": "预案"}
        for day in ("20260402", "20260403")
    )
    tell(connection, "dividend", plan, corrected, at=AT - timedelta(days=1))
    tell(connection, "dividend", corrected, at=AT + timedelta(minutes=5))
    assert tell(connection, "dividend", plan, corrected, at=AT) == Appended(outdated=2)
    assert held(connection, "dividend", "ann_date", "replaced_at")[-1] == (date(2026, 4, 3), None)


# Impossible days


def test_a_report_without_a_day_is_quarantined(connection: Connection) -> None:
    assert tell(connection, "income", statement("20251231", None)) == Appended(inserted=1, flawed=1)
    assert held(connection, "income", "known_at", "flaw") == [(None, NO_DAY)]


def test_a_report_announced_before_its_period_is_over_is_quarantined(connection: Connection) -> None:
    assert tell(connection, "income", statement("20260630", "20260422")).flawed == 1
    assert held(connection, "income", "known_at", "flaw") == [(None, BEFORE_PERIOD)]


def test_a_forecast_may_be_announced_before_its_period_is_over(connection: Connection) -> None:
    assert tell(connection, "forecast", statement("20260630", "20260422")).flawed == 0


READ = datetime(2026, 4, 2, 13, 0, tzinfo=UTC)
"""In the evening of 2 April, in Shanghai."""


def test_what_is_published_in_the_evening_bears_the_next_day(connection: Connection) -> None:
    tell(connection, "income", statement("20251231", "20260403"), at=READ)
    assert held(connection, "income", "known_at", "flaw") == [(datetime(2026, 4, 4, tzinfo=SHANGHAI), None)]


def test_a_report_announced_long_after_it_was_read_is_quarantined(connection: Connection) -> None:
    assert tell(connection, "income", statement("20251231", "20260404"), at=READ).flawed == 1
    assert held(connection, "income", "known_at", "flaw") == [(None, AFTER_READING)]


def test_what_is_read_again_when_its_day_has_come_is_quarantined_no_more(connection: Connection) -> None:
    tell(connection, "income", statement("20251231", "20260404"), at=READ)
    again = tell(connection, "income", statement("20251231", "20260404"), at=READ + timedelta(days=2))
    assert again == Appended(inserted=1, replaced=1)
    assert held(connection, "income", "known_at", "flaw", "ingested_at", "replaced_at") == [
        (None, AFTER_READING, READ, READ + timedelta(days=2)),
        (datetime(2026, 4, 5, tzinfo=SHANGHAI), None, READ + timedelta(days=2), None),
    ]


def test_the_quarantine_lists_what_was_told_and_why_it_is_not_believed(connection: Connection) -> None:
    tell(connection, "income", statement("20260630", "20260422", revenue=5.0), statement("20251231", "20260402"))
    tell(connection, "express", {"ts_code": CODE, "end_date": "20251231"})
    listed = query(connection, "SELECT dataset, end_date, flaw, told ->> 'revenue' FROM quarantine ORDER BY dataset")
    assert listed == [
        ("express", date(2025, 12, 31), NO_DAY, None),
        ("income", date(2026, 6, 30), BEFORE_PERIOD, "5"),
    ]


def forecast(day: str, low: float) -> dict[str, object]:
    return {"ts_code": CODE, "end_date": "20260630", "ann_date": day, "net_profit_min": low}


def tell_day(connection: Connection, day: str, *rows: dict[str, object], at: datetime) -> Appended:
    """Add what was announced on a day."""
    assert all(row["ann_date"] == day for row in rows)
    return tell(connection, "forecast", *rows, at=at, by="ann_date")


def test_an_answer_about_a_day_takes_nothing_out_of_what_was_announced_on_others(connection: Connection) -> None:
    tell(connection, "forecast", forecast("20260610", 1.0))
    assert tell_day(connection, "20260712", forecast("20260712", 2.0), at=LATER) == Appended(inserted=1)
    assert held(connection, "forecast", "net_profit_min", "replaced_at") == [(Decimal(1), None), (Decimal(2), None)]


def test_an_answer_about_a_day_replaces_what_it_corrects_of_that_day(connection: Connection) -> None:
    tell(connection, "forecast", forecast("20260610", 1.0), forecast("20260712", 2.0))
    told = tell_day(connection, "20260712", forecast("20260712", 3.0), at=LATER)
    assert told == Appended(inserted=1, replaced=1)
    assert held(connection, "forecast", "net_profit_min", "replaced_at", "known_until") == [
        (Decimal(1), None, None),
        (Decimal(2), LATER, LATER),
        (Decimal(3), None, None),
    ]


def test_a_whole_answer_after_one_about_a_day_writes_nothing(connection: Connection) -> None:
    tell_day(connection, "20260610", forecast("20260610", 1.0), at=AT)
    both = forecast("20260610", 1.0), forecast("20260712", 2.0)
    assert tell(connection, "forecast", *both, at=LATER) == Appended(inserted=1, unchanged=1)


def test_an_answer_about_a_day_that_was_given_before_a_whole_one_is_outdated(connection: Connection) -> None:
    tell(connection, "forecast", forecast("20260610", 1.0), at=AT)
    tell(connection, "forecast", forecast("20260610", 2.0), at=LATER)
    late = tell_day(connection, "20260610", forecast("20260610", 1.0), at=LATER - timedelta(seconds=1))
    assert late == Appended(outdated=1)
