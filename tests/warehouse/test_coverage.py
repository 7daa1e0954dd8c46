"""The books: what is known of each partition, and how one landing changes what is known of others."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from made_market import AT, CODES, DAY, bar, factor, index, land, land_all, list_stocks, stock, suspension

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.warehouse import coverage
from stock_assistant_pipelines.warehouse.coverage import Coverage
from stock_assistant_pipelines.warehouse.expectation import Finding
from stock_assistant_pipelines.warehouse.tables import BROKEN, Status

if TYPE_CHECKING:
    from sqlalchemy import Engine

LATER = AT + timedelta(hours=1)


def booked(engine: Engine, api: str, day: date | None = DAY) -> Coverage:
    with engine.connect() as connection:
        return coverage.entries(connection, CATALOG[api], [day])[day]


def book(engine: Engine, entry: Coverage) -> Coverage:
    """Book an entry and read it back."""
    with engine.begin() as connection:
        coverage.book(connection, [entry])
    return booked(engine, entry.dataset)


# Judgement


@pytest.mark.parametrize(
    ("api", "finding", "status"),
    [
        ("daily", Finding(5, 5, ()), Status.COMPLETE),
        ("daily", Finding(7, 5, ()), Status.COMPLETE),
        ("daily", Finding(4, 5, ("a",)), Status.PARTIAL),
        ("daily", Finding(0, 5, ("a", "b", "c", "d", "e")), Status.EMPTY),
        ("daily", Finding(0, 0, ()), Status.EMPTY),
        ("daily", Finding(5, reason="nobody can say"), Status.PARTIAL),
        ("daily", Finding(0, reason="nobody can say"), Status.EMPTY),
        ("suspend_d", Finding(0, 0, ()), Status.COMPLETE),
        ("suspend_d", Finding(0, 1, ("a",)), Status.EMPTY),
        ("suspend_d", Finding(1, 2, ("a",)), Status.PARTIAL),
        ("suspend_d", Finding(0, reason="no bars yet"), Status.EMPTY),
        ("index_daily", Finding(0, 0, ()), Status.COMPLETE),
        ("index_daily", Finding(0, 8, ("a",)), Status.EMPTY),
        ("stock_basic", Finding(0, 0, ()), Status.EMPTY),
    ],
)
def test_the_status_follows_from_what_is_there_and_what_is_missing(api: str, finding: Finding, status: Status) -> None:
    assert coverage.judge(CATALOG[api], finding)[0] is status


@pytest.mark.parametrize(
    ("finding", "reason"),
    [
        (Finding(5, 5, ()), None),
        (Finding(3, 5, ("a", "b")), "2 of 5 are missing: a, b"),
        (Finding(1, 5, ("a", "b", "c", "d")), "4 of 5 are missing: a, b, c, …"),
        (Finding(0, 5, ("a",)), "the source answered without a row where 5 are expected"),
        (Finding(5, reason="nobody can say"), "nobody can say"),
        (Finding(0, reason="nobody can say"), "the source answered without a row, and nobody can say"),
    ],
)
def test_the_reason_is_a_sentence(finding: Finding, reason: str | None) -> None:
    assert coverage.judge(CATALOG["daily"], finding)[1] == reason


# Booking


ENTRY = Coverage(
    "daily", "2026-03-04", Status.PARTIAL, AT, expected=5, landed=4, missing=1, missing_keys=("a",), reason="1 is missing",
    source="tushare", revision="r", calls=2, inserted=4, updated=3, deleted=2, run_id="run",
)  # fmt: skip


def test_an_entry_is_read_as_it_was_booked(engine: Engine) -> None:
    assert book(engine, ENTRY) == ENTRY


def test_a_partition_that_was_never_tried_is_not_in_the_books(engine: Engine) -> None:
    with engine.connect() as connection:
        assert coverage.entries(connection, CATALOG["daily"], [DAY]) == {}


def test_booking_again_replaces_the_entry(engine: Engine) -> None:
    book(engine, ENTRY)
    other = replace(ENTRY, status=Status.FAILED, landed=0, missing_keys=None, missing=None, reason="HTTP 502")
    assert book(engine, other) == other


def test_a_partition_is_complete_since_it_first_was(engine: Engine) -> None:
    book(engine, replace(ENTRY, status=Status.COMPLETE))
    assert book(engine, replace(ENTRY, status=Status.COMPLETE, landed_at=LATER)).complete_at == AT


def test_a_partition_that_lost_its_completeness_is_complete_since_it_was_so_again(engine: Engine) -> None:
    book(engine, replace(ENTRY, status=Status.COMPLETE))
    assert book(engine, ENTRY).complete_at is None
    assert book(engine, replace(ENTRY, status=Status.COMPLETE, landed_at=LATER)).complete_at == LATER


def test_the_sources_are_those_that_answered(engine: Engine) -> None:
    book(engine, replace(ENTRY, source=None))
    with engine.begin() as connection:
        assert coverage.sources(connection) == set()
        coverage.book(connection, [ENTRY])
        assert coverage.sources(connection) == {"tushare"}
        coverage.book(connection, [replace(ENTRY, partition="2026-03-03", source="sandbox: folder")])
        assert coverage.sources(connection) == {"tushare", "sandbox: folder"}


# Datasets that prove each other


def test_suspensions_are_unproven_until_the_bars_come(engine: Engine) -> None:
    list_stocks(engine)
    assert land(engine, "suspend_d", suspension(CODES[0])).status is Status.PARTIAL
    land(engine, "daily", *(bar(code) for code in CODES[1:]))
    assert booked(engine, "suspend_d").status is Status.COMPLETE


def test_a_day_without_suspensions_is_complete_when_every_stock_has_a_bar(engine: Engine) -> None:
    list_stocks(engine)
    assert land(engine, "suspend_d").status is Status.EMPTY
    land(engine, "daily", *(bar(code) for code in CODES))
    assert booked(engine, "suspend_d").status is Status.COMPLETE


def test_a_day_without_suspensions_is_empty_when_a_stock_has_no_bar(engine: Engine) -> None:
    list_stocks(engine)
    land(engine, "daily", *(bar(code) for code in CODES[1:]))
    result = land(engine, "suspend_d")
    assert (result.status, result.missing_keys) == (Status.EMPTY, CODES[:1])


def test_suspensions_are_partial_when_one_of_two_is_missing(engine: Engine) -> None:
    list_stocks(engine)
    land(engine, "daily", *(bar(code) for code in CODES[2:]))
    result = land(engine, "suspend_d", suspension(CODES[0]))
    assert (result.status, result.missing_keys) == (Status.PARTIAL, (CODES[1],))


def test_a_missing_bar_is_excused_when_its_suspension_comes_later(engine: Engine) -> None:
    list_stocks(engine)
    assert land(engine, "daily", *(bar(code) for code in CODES[1:])).missing_keys == CODES[:1]
    land(engine, "suspend_d", suspension(CODES[0]), at=LATER)
    assert booked(engine, "daily").status is Status.COMPLETE


def test_a_day_that_another_dataset_proves_is_complete_since_then_and_landed_before(engine: Engine) -> None:
    list_stocks(engine)
    land(engine, "daily", *(bar(code) for code in CODES[1:]))
    land(engine, "suspend_d", suspension(CODES[0]), at=LATER)
    entry = booked(engine, "daily")
    assert (entry.landed_at, entry.complete_at) == (AT, LATER)


def test_other_days_are_not_judged_again(engine: Engine) -> None:
    list_stocks(engine)
    land(engine, "daily", *(bar(code) for code in CODES[1:]))
    before = booked(engine, "daily")
    other = DAY - timedelta(days=1)
    land(engine, "suspend_d", suspension(CODES[0], other), day=other)
    assert booked(engine, "daily") == before


def test_a_dataset_that_was_never_tried_is_not_booked_by_another(engine: Engine) -> None:
    list_stocks(engine)
    land(engine, "suspend_d", suspension(CODES[0]))
    with engine.connect() as connection:
        assert coverage.entries(connection, CATALOG["daily"], [DAY]) == {}


# Snapshots that were cut short


MANY = tuple(f"{number:06}.SZ" for number in range(1, 201))


def test_a_day_that_names_many_unknown_codes_shows_that_the_snapshot_was_cut_short(engine: Engine) -> None:
    list_stocks(engine, *MANY[::2])
    land(engine, "daily", *(bar(code) for code in MANY))
    entry = booked(engine, "stock_basic", None)
    assert entry.status is Status.PARTIAL
    assert entry.missing_keys == MANY[1::2]
    assert entry.reason == "daily of 2026-03-04 names 100 codes that stock_basic lacks: it was cut short"


def test_the_day_that_shows_it_is_not_called_complete_by_that_snapshot(engine: Engine) -> None:
    list_stocks(engine, *MANY[::2])
    assert land(engine, "daily", *(bar(code) for code in MANY)).status is Status.PARTIAL


def test_one_unknown_code_in_two_hundred_shows_nothing(engine: Engine) -> None:
    list_stocks(engine, *MANY[1:])
    assert land(engine, "daily", *(bar(code) for code in MANY)).status is Status.COMPLETE
    assert booked(engine, "stock_basic", None).status is Status.COMPLETE


def test_codes_that_a_day_named_have_to_be_told_before_the_snapshot_is_whole(engine: Engine) -> None:
    list_stocks(engine, *MANY[::2])
    land(engine, "adj_factor", *(factor(code) for code in MANY))
    again = land_all(engine, "stock_basic", *(stock(code) for code in MANY[::2]))
    assert (again.status, again.missing) == (Status.PARTIAL, 100)
    assert land_all(engine, "stock_basic", *(stock(code) for code in MANY)).status is Status.COMPLETE


def test_what_several_days_name_adds_up(engine: Engine) -> None:
    list_stocks(engine, *MANY[:100])
    land(engine, "daily", *(bar(code) for code in MANY[:150]))
    other = DAY - timedelta(days=1)
    land(engine, "daily", *(bar(code, other, close=11.0) for code in (*MANY[:100], *MANY[150:])), day=other)
    assert booked(engine, "stock_basic", None).missing_keys == MANY[100:]


def test_indices_that_are_not_known_show_that_theirs_was_cut_short(engine: Engine) -> None:
    codes = CATALOG["index_daily"].calls.codes  # type: ignore[union-attr]
    land_all(engine, "index_basic", *(index(code) for code in codes[::2]))
    land(engine, "index_daily", *(bar(code) for code in codes))
    assert booked(engine, "index_basic", None).missing_keys == tuple(sorted(codes[1::2]))


def test_a_dataset_that_is_no_witness_shows_nothing(engine: Engine) -> None:
    list_stocks(engine, *MANY[::2])
    land(engine, "stk_limit", *(bar(code) | {"close": None} for code in MANY))
    assert booked(engine, "stock_basic", None).status is Status.COMPLETE


# Distrust


def distrust(engine: Engine, api: str) -> Coverage:
    with engine.begin() as connection:
        coverage.distrust(connection, CATALOG[api], DAY, "two rows break a law")
    return booked(engine, api)


def test_a_day_that_is_not_believed_waits_for_another_whole_answer(engine: Engine) -> None:
    list_stocks(engine)
    land(engine, "daily", *(bar(code) for code in CODES))
    found = distrust(engine, "daily")
    assert (found.status, found.cause, found.complete_at) == (Status.PARTIAL, BROKEN, None)
    assert found.reason == "two rows break a law"
    land(engine, "suspend_d", suspension(CODES[0]))
    assert booked(engine, "daily").cause == BROKEN, "what is expected has changed, and the rows have not"
    land(engine, "daily", bar(CODES[0]), at=LATER)
    assert booked(engine, "daily").cause == BROKEN, "half an answer clears nothing"
    land(engine, "daily", *(bar(code, close=11.0) for code in CODES), at=LATER)
    assert booked(engine, "daily").status is Status.COMPLETE


def test_a_day_that_is_not_complete_keeps_its_own_reason(engine: Engine) -> None:
    list_stocks(engine)
    land(engine, "daily", bar(CODES[0]))
    before = booked(engine, "daily")
    assert distrust(engine, "daily") == before
