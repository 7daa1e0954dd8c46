"""What a source took back: rows whose key was corrected, days that were, and corrections that nobody believes yet."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from filings import AT, CODE, as_of, held, query, statement, tell

from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.versions import AFTER_READING, Appended

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

LATER = AT + timedelta(days=30)
BEFORE, AFTER = AT.date(), LATER.date()
"""Days on which the correction was not read yet, and was."""


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A transaction that is taken back."""
    with engine.connect() as connection:
        yield connection
        connection.rollback()


# Rows whose key was corrected

PAID = {
    "ts_code": CODE,
    "end_date": "20251231",
    "ann_date": "20260402",
    "div_proc": "实施",
    "imp_ann_date": "20260618",
    "ex_date": "20260626",
    "cash_div_tax": 27.9,
}


def sums(connection: Connection, day: date) -> list[tuple[Any, ...]]:
    return query(connection, "SELECT ex_date, plans, cash_div_tax FROM dividend_sums_as_of(:day) ORDER BY 1", day=day)


def test_a_dividend_whose_announcement_is_corrected_by_a_day_is_paid_once(connection: Connection) -> None:
    tell(connection, "dividend", PAID)
    assert tell(connection, "dividend", PAID | {"ann_date": "20260403"}, at=LATER) == Appended(inserted=1, replaced=1)
    once = [(date(2026, 6, 26), 1, Decimal("27.9"))]
    assert [sums(connection, day) for day in (date(2026, 6, 18), BEFORE, AFTER)] == [once] * 3


def test_an_ex_date_that_is_corrected_is_paid_on_once(connection: Connection) -> None:
    tell(connection, "dividend", PAID)
    tell(connection, "dividend", PAID | {"ex_date": "20260629"}, at=LATER)
    for day in (date(2026, 6, 18), BEFORE, AFTER):
        assert sums(connection, day) == [(date(2026, 6, 29), 1, Decimal("27.9"))]


def test_a_stage_that_comes_in_the_place_of_the_one_before_counts_from_its_own_day(connection: Connection) -> None:
    plan = {name: value for name, value in PAID.items() if name not in {"imp_ann_date", "ex_date"}} | {
        "div_proc": "预案"
    }
    tell(connection, "dividend", plan)
    tell(connection, "dividend", PAID, at=LATER)
    stages = "SELECT div_proc FROM dividends_as_of(:day)"
    assert [query(connection, stages, day=date(2026, 6, day)) for day in (17, 18)] == [[("预案",)], [("实施",)]]


def item(name: str, kind: str = "P", **figures: Any) -> dict[str, Any]:
    return {"ts_code": CODE, "end_date": "20251231", "type": kind, "bz_item": name, "curr_type": "CNY", **figures}


def test_an_item_that_is_renamed_is_there_once(connection: Connection) -> None:
    tell(connection, "fina_mainbz", item("酒类", bz_sales=5), item("其他", bz_sales=1), item("国内", "D"))
    tell(connection, "fina_mainbz", item("酒", bz_sales=5), item("其他", bz_sales=1), at=LATER)
    told = [as_of(connection, "fina_mainbz", day, "type", "bz_item") for day in (BEFORE, AFTER)]
    assert told == [
        [("D", "国内"), ("P", "其他"), ("P", "酒类")],
        [("D", "国内"), ("P", "其他"), ("P", "酒")],  # nothing was told of the regions
    ]
    read = query(connection, "SELECT bz_item FROM fina_mainbz_as_read(:moment) ORDER BY 1", moment=LATER)
    assert read == [("其他",), ("国内",), ("酒",)]


def test_an_auditor_that_is_renamed_is_there_once(connection: Connection) -> None:
    audit = {"ts_code": CODE, "end_date": "20251231", "ann_date": "20260402"}
    tell(connection, "fina_audit", audit | {"audit_agency": "天职"})
    tell(connection, "fina_audit", audit | {"audit_agency": "天职国际"}, at=LATER)
    told = [as_of(connection, "fina_audit", day, "audit_agency") for day in (BEFORE, AFTER)]
    assert told == [[("天职国际",)]] * 2


def test_a_forecast_whose_day_is_corrected_is_told_once(connection: Connection) -> None:
    one, other = ({"ts_code": CODE, "end_date": "20251231", "ann_date": day} for day in ("20260110", "20260125"))
    tell(connection, "forecast", one, other)
    assert tell(connection, "forecast", one, other | {"ann_date": "20260126"}, at=LATER).replaced == 1
    days = [as_of(connection, "forecast", date(2026, 1, day), "ann_date") for day in (10, 25, 26)]
    first, before, after = ((date(2026, 1, day),) for day in (10, 25, 26))
    assert days == [[first], [first, before], [first, after]]


def test_a_period_of_which_an_answer_tells_nothing_keeps_its_rows(connection: Connection) -> None:
    tell(connection, "dividend", PAID, PAID | {"end_date": "20250630", "ann_date": "20250802"})
    tell(connection, "dividend", PAID, at=LATER)
    tell(connection, "dividend", at=LATER)
    assert held(connection, "dividend", "replaced_at") == [None, None]


def test_a_report_type_of_which_an_answer_tells_nothing_keeps_its_rows(connection: Connection) -> None:
    tell(connection, "income", statement("20251231", "20260402", kind="4"), statement("20251231", "20260402"))
    tell(connection, "income", statement("20251231", "20260402", revenue=5), at=LATER)
    assert held(connection, "income", "report_type", "replaced_at") == [("1", None), ("1", LATER), ("4", None)]


# Versions that a source took back


def test_a_day_that_was_corrected_to_an_earlier_one_stands_once_that_is_read(connection: Connection) -> None:
    tell(connection, "income", statement("20251231", "20260520", revenue=5))
    tell(connection, "income", statement("20251231", "20260420", revenue=6), at=LATER)
    days = [date(2026, 4, 19), date(2026, 4, 20), date(2026, 5, 20), BEFORE, AFTER]
    assert [as_of(connection, "income", day, "revenue") for day in days] == [[], [(6,)], [(5,)], [(5,)], [(6,)]]


@pytest.mark.parametrize("api", ["income", "fina_indicator"])
def test_a_flag_that_was_taken_back_stands_no_more(connection: Connection, api: str) -> None:
    for at, flag in ((AT, "1"), (LATER, "0")):
        row = statement("20251231", "20260402", flag=flag)
        tell(connection, api, row, at=at)
    assert [as_of(connection, api, day, "update_flag") for day in (BEFORE, AFTER)] == [[("1",)], [("0",)]]


def test_a_row_that_is_replaced_by_one_of_tomorrow_is_known_until_then(connection: Connection) -> None:
    tell(connection, "income", statement("20251231", "20260402", revenue=5))
    tell(connection, "income", statement("20251231", f"{AFTER + timedelta(days=1):%Y%m%d}", revenue=6), at=LATER)
    days = [AFTER, AFTER + timedelta(days=1)]
    assert [as_of(connection, "income", day, "revenue") for day in days] == [[(5,)], [(6,)]]


def test_the_history_of_a_figure_tells_that_it_was_taken_back(connection: Connection) -> None:
    tell(connection, "income", statement("20251231", "20260520", revenue=5))
    tell(connection, "income", statement("20251231", "20260420", revenue=6), at=LATER)
    told = "SELECT value, known_at FROM restatements('income', '600519.SH', '2025-12-31', 'revenue')"
    known = [datetime(2026, month, day, tzinfo=SHANGHAI) for month, day in ((4, 21), (5, 21))]
    assert query(connection, told) == [(6, known[0]), (5, known[1]), (6, LATER)]


# What nobody believes yet

READ = datetime(2026, 4, 2, 13, 0, tzinfo=UTC)
EARLY = statement("20251231", "20260406", revenue=6)
"""Announced for a day that is too far ahead when it is read."""


def read(connection: Connection, moment: datetime) -> list[tuple[Any, ...]]:
    return query(connection, "SELECT revenue FROM income_as_read(:moment)", moment=moment)


def test_what_is_quarantined_takes_the_place_of_nothing(connection: Connection) -> None:
    tell(connection, "income", statement("20251231", "20260401", revenue=5), at=READ - timedelta(days=1))
    for hours in (0, 1):
        tell(connection, "income", EARLY, at=READ + timedelta(hours=hours))
    assert held(connection, "income", "revenue", "replaced_at", "flaw") == [(5, None, None), (6, None, AFTER_READING)]
    assert read(connection, READ + timedelta(hours=2)) == [(5,)]
    assert as_of(connection, "income", READ.date(), "revenue") == [(5,)]


def test_it_takes_it_once_it_is_believed(connection: Connection) -> None:
    tell(connection, "income", statement("20251231", "20260401", revenue=5), at=READ - timedelta(days=1))
    tell(connection, "income", EARLY, at=READ)
    healed = READ + timedelta(days=5)
    assert tell(connection, "income", EARLY, at=healed) == Appended(inserted=1, replaced=2)
    assert [read(connection, healed - timedelta(hours=1)), read(connection, healed)] == [[(5,)], [(6,)]]
    days = [as_of(connection, "income", date(2026, 4, day), "revenue") for day in (5, 6, 7)]
    assert days == [[(5,)], [(6,)], [(6,)]]


def test_a_correction_replaces_what_stood_beside_a_row_that_nobody_ever_believed(connection: Connection) -> None:
    never = statement("20251231", "20251101", revenue=4)
    tell(connection, "income", never, statement("20251231", "20260402", revenue=5))
    tell(connection, "income", never, statement("20251231", "20260401", revenue=6), at=LATER)
    assert as_of(connection, "income", AFTER, "revenue") == [(6,)]
    assert read(connection, LATER) == [(6,)]


def test_what_was_read_before_it_was_believed_stays_as_it_was(connection: Connection) -> None:
    tell(connection, "income", EARLY, at=READ)
    healed = READ + timedelta(days=5)
    moments = [READ, healed - timedelta(hours=1), healed]
    before = [read(connection, moment) for moment in moments]
    tell(connection, "income", EARLY, at=healed)
    assert before == [[], [], []]
    assert [read(connection, moment) for moment in moments] == [[], [], [(6,)]]
