"""What a complete partition holds, and what of it is missing."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_market import CODES, DAY, bar, factor, index, land, land_all, list_stocks, stock, suspension

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.tushare.decode import compact
from stock_assistant_pipelines.warehouse import expectation
from stock_assistant_pipelines.warehouse.landing import stage, stage_table

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from stock_assistant_pipelines.warehouse.expectation import Finding


def finding(engine: Engine, api: str, day: date | None = DAY, today: date = DAY) -> Finding:
    with engine.connect() as connection:
        return expectation.compare(connection, CATALOG[api], day, today=today)


# Stocks


def test_every_listed_stock_is_expected(engine: Engine) -> None:
    list_stocks(engine)
    assert finding(engine, "daily") == expectation.Finding(landed=0, expected=5, missing=CODES)


def test_what_is_there_is_not_missing(engine: Engine) -> None:
    list_stocks(engine)
    land(engine, "daily", bar(CODES[0]), bar(CODES[2]))
    assert finding(engine, "daily").missing == (CODES[1], CODES[3], CODES[4])


@pytest.mark.parametrize(
    ("listed", "delisted", "expected"),
    [
        (DAY, None, True),
        (DAY + timedelta(days=1), None, False),
        (DAY - timedelta(days=1), None, True),
        (date(2000, 1, 4), DAY, False),
        (date(2000, 1, 4), DAY + timedelta(days=1), True),
        (date(2000, 1, 4), DAY - timedelta(days=1), False),
    ],
    ids=["listed today", "tomorrow", "yesterday", "delisted today", "delisted tomorrow", "delisted yesterday"],
)
def test_a_stock_is_expected_from_its_listing_to_the_day_before_its_delisting(
    engine: Engine, listed: date, delisted: date | None, *, expected: bool
) -> None:
    land_all(engine, "stock_basic", stock("a", compact(listed), compact(delisted) if delisted else None))
    assert finding(engine, "adj_factor").expected == int(expected)


def test_a_stock_without_a_day_of_listing_is_not_expected(engine: Engine) -> None:
    land_all(engine, "stock_basic", {"ts_code": "a"}, stock("b"))
    assert finding(engine, "adj_factor").missing == ("b",)


def test_a_stock_that_is_suspended_for_the_whole_day_has_no_bar(engine: Engine) -> None:
    list_stocks(engine)
    land(engine, "suspend_d", suspension(CODES[0]))
    assert finding(engine, "daily").missing == CODES[1:]


def test_a_stock_that_is_suspended_has_a_factor_all_the_same(engine: Engine) -> None:
    list_stocks(engine)
    land(engine, "suspend_d", suspension(CODES[0]))
    assert finding(engine, "adj_factor").missing == CODES


@pytest.mark.parametrize(
    "row",
    [
        suspension(CODES[0], timing="09:30-10:00"),
        suspension(CODES[0], kind="R"),
        suspension("999999.SZ"),
    ],
    ids=["a halt inside the session", "a resumption", "a code that is not listed"],
)
def test_nothing_else_excuses_a_missing_bar(engine: Engine, row: dict[str, str]) -> None:
    list_stocks(engine)
    land(engine, "suspend_d", row)
    assert finding(engine, "daily").missing == CODES


def test_a_suspension_on_another_day_excuses_nothing(engine: Engine) -> None:
    list_stocks(engine)
    other = DAY - timedelta(days=1)
    land(engine, "suspend_d", suspension(CODES[0], other), day=other)
    assert finding(engine, "daily").missing == CODES


def test_rows_that_nobody_expects_are_counted_and_do_not_make_up_for_others(engine: Engine) -> None:
    list_stocks(engine)
    land(engine, "stk_limit", *(factor(code) for code in ("510050.SH", "900901.SH", CODES[0])))
    assert finding(engine, "stk_limit") == expectation.Finding(landed=3, expected=5, missing=CODES[1:])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(data=st.data())
def test_expected_is_listed_minus_suspended_and_missing_is_expected_minus_landed(
    engine: Engine, data: st.DataObject
) -> None:
    subsets = st.sets(st.sampled_from(CODES))
    listed, suspended, traded = data.draw(subsets), data.draw(subsets), data.draw(subsets)
    with engine.connect() as connection:
        for api, rows in (
            ("stock_basic", [stock(code) for code in listed]),
            ("suspend_d", [suspension(code) for code in suspended]),
            ("daily", [bar(code) for code in traded]),
        ):
            if rows:
                connection.execute(expectation.METADATA.tables[api].insert(), [_dated(row) for row in rows])
        connection.execute(
            expectation.COVERAGE.insert(),
            {"dataset": "stock_basic", "partition": "all", "status": "complete", "landed": 1, "landed_at": "2026-03-04",
             "calls": 1, "inserted": 0, "updated": 0, "deleted": 0},
        )  # fmt: skip
        found = expectation.compare(connection, CATALOG["daily"], DAY)
        explained = expectation.compare(connection, CATALOG["suspend_d"], DAY)
        connection.rollback()
    assert found.missing == tuple(sorted(listed - suspended - traded))
    assert found.expected == len(listed - suspended)
    if traded:
        assert explained.missing == tuple(sorted(listed - traded - suspended))


def _dated(row: dict[str, object]) -> dict[str, object]:
    return {**row, "trade_date": DAY} if "trade_date" in row else {**row, "list_date": date(2000, 1, 4)}


# Suspensions


def test_every_listed_stock_without_a_bar_is_expected_to_be_suspended(engine: Engine) -> None:
    list_stocks(engine)
    land(engine, "daily", *(bar(code) for code in CODES[2:]))
    assert finding(engine, "suspend_d").missing == CODES[:2]


def test_a_halt_inside_the_session_does_not_explain_a_missing_bar(engine: Engine) -> None:
    list_stocks(engine)
    land(engine, "daily", *(bar(code) for code in CODES[1:]))
    land(engine, "suspend_d", suspension(CODES[0], timing="09:30-10:00"))
    assert finding(engine, "suspend_d").missing == CODES[:1]


def test_nothing_is_known_of_suspensions_before_the_bars_are_there(engine: Engine) -> None:
    list_stocks(engine)
    land(engine, "suspend_d", suspension(CODES[0]))
    found = finding(engine, "suspend_d")
    assert (found.landed, found.missing) == (1, None)
    assert found.reason == "daily has no row of that day yet"


# Before the stocks are known


def test_nothing_is_expected_before_the_stocks_have_landed(engine: Engine) -> None:
    found = finding(engine, "daily")
    assert (found.expected, found.missing) == (None, None)
    assert found.reason == "stock_basic is not landed, so nobody can say what is expected"


def test_nothing_is_expected_while_the_stocks_are_partial(engine: Engine) -> None:
    land_all(engine, "stock_basic", stock(CODES[0]), confirmed=False)
    assert finding(engine, "daily").reason == "stock_basic is partial, so nobody can say what is expected"


# Indices


FIRST, SECOND = CATALOG["index_daily"].calls.codes[:2]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        (index(FIRST, listed=compact(DAY)), True),
        (index(FIRST, listed=compact(DAY + timedelta(days=1))), False),
        (index(FIRST, expired=compact(DAY)), False),
        (index(FIRST, expired=compact(DAY + timedelta(days=1))), True),
        (index("999999.SH"), False),
    ],
    ids=["published today", "tomorrow", "ended today", "ends tomorrow", "not followed"],
)
def test_an_index_is_expected_while_it_is_followed_and_published(
    engine: Engine, row: dict[str, str], *, expected: bool
) -> None:
    land_all(engine, "index_basic", row)
    assert finding(engine, "index_daily").expected == int(expected)


# Snapshots


def test_the_calendar_reaches_from_the_opening_of_the_market_to_the_end_of_the_year(engine: Engine) -> None:
    found = finding(engine, "trade_cal", None, today=date(2026, 3, 4))
    assert found.expected == (date(2026, 12, 31) - date(1990, 12, 19)).days + 1
    assert found.missing is not None
    assert (found.missing[0], found.missing[-1]) == ("19901219", "20261231")


@pytest.mark.parametrize("today", [date(2025, 12, 31), date(2026, 1, 1)])
def test_the_calendar_grows_with_the_year(engine: Engine, today: date) -> None:
    found = finding(engine, "trade_cal", None, today=today)
    assert found.missing is not None
    assert found.missing[-1] == f"{today.year}1231"


def test_a_snapshot_expects_what_it_holds(engine: Engine) -> None:
    list_stocks(engine)
    assert finding(engine, "stock_basic", None) == expectation.Finding(landed=5, expected=5, missing=())


def test_a_staged_snapshot_is_compared_with_what_is_held(engine: Engine) -> None:
    list_stocks(engine)
    dataset = CATALOG["stock_basic"]
    with engine.begin() as connection:
        stage(connection, dataset, [(CODES[0], *(None for _ in dataset.fields[1:]))])
        found = expectation.compare(connection, dataset, None, stage_table(dataset))
    assert found.missing == CODES[1:]


@pytest.mark.parametrize("api", [api for api, dataset in CATALOG.items() if not dataset.by_period])
def test_every_dataset_of_the_catalog_can_be_compared(engine: Engine, api: str) -> None:
    list_stocks(engine)
    land_all(engine, "index_basic", index(FIRST), index(SECOND))
    land(engine, "daily", bar(CODES[0]))
    found = finding(engine, api, DAY if CATALOG[api].partitioned else None)
    assert found.missing is not None
