"""Each law holds where all is well, and names what breaks it."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

import pytest
from ground import CODES, LAWS, SESSIONS, Ground, bar
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.rules import Severity
from stock_assistant_pipelines.warehouse import laws
from stock_assistant_pipelines.warehouse.statement import sql

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

ONE = CODES[0]


@pytest.fixture
def ground(engine: Engine) -> Iterator[Ground]:
    with engine.connect() as connection:
        yield Ground(connection)
        connection.rollback()


@pytest.mark.parametrize("name", LAWS)
def test_every_law_holds_on_a_market_where_all_is_well(ground: Ground, name: str) -> None:
    days = ground.lay(30)
    verdict = ground.judge(name, *days)
    assert (verdict.holds, verdict.unknown) == (True, 0)
    assert verdict.checked == 30 - LAWS[name].before
    assert len(verdict.skipped) == LAWS[name].before


# C05


@pytest.mark.parametrize(("close", "holds"), [("11.01", True), ("11.02", False), ("8.99", True), ("8.98", False)])
def test_a_close_outside_the_limits_is_found(ground: Ground, close: str, *, holds: bool) -> None:
    day = ground.lay()[-1]
    ground.change("daily", ONE, day, close=Decimal(close))
    verdict = ground.judge("limits", day)
    assert verdict.holds is holds
    if not holds:
        assert verdict.broken == {day: 1}
        assert verdict.examples == (
            {"trade_date": day.isoformat(), "subject": ONE, "told": close, "expected": "9 to 11"},
        )


@pytest.mark.parametrize("age", [0, 4, 5])
def test_new_listings_have_no_limits_for_five_days(ground: Ground, age: int) -> None:
    day = ground.lay()[-1]
    ground.put("stock_basic", {"ts_code": "601999.SH", "list_date": SESSIONS[-1 - age]})
    ground.put("stk_limit", {"ts_code": "601999.SH", "trade_date": day, "up_limit": 11, "down_limit": 9})
    ground.put("daily", bar("601999.SH", day, 30))
    assert ground.judge("limits", day).holds is (age < 5)


@pytest.mark.parametrize(
    "limits", [{"up_limit": 99999.999, "down_limit": 0.01}, {"up_limit": None, "down_limit": None}]
)
def test_where_the_exchange_sets_no_limit_none_is_broken(ground: Ground, limits: dict[str, float]) -> None:
    day = ground.lay()[-1]
    ground.change("stk_limit", ONE, day, **limits)
    ground.change("daily", ONE, day, close=400)
    assert ground.judge("limits", day).holds


# C07


def test_a_reference_price_that_is_not_the_last_close_is_found(ground: Ground) -> None:
    day = ground.lay()[-1]
    ground.change("daily", ONE, day, pre_close=Decimal("10.02"))
    verdict = ground.judge("pre_close", day)
    assert verdict.broken == {day: 1}
    (example,) = verdict.examples
    assert (example["subject"], example["told"]) == (ONE, "10.02")
    assert example["expected"].startswith("10.0000 = 10 of ")


def test_a_tick_is_allowed(ground: Ground) -> None:
    day = ground.lay()[-1]
    ground.change("daily", ONE, day, pre_close=Decimal("10.01"))
    assert ground.judge("pre_close", day).holds


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True)
@given(
    close=st.integers(200, 90_000),
    cash=st.decimals(0, "1.9", places=4),
    bonus=st.decimals(0, 1, places=2),
    factor=st.decimals("0.5", 200, places=4),
    apart=st.decimals("0.02", 1, places=2),
)
def test_it_holds_for_every_dividend_and_breaks_when_the_price_is_another(
    engine: Engine, close: int, cash: Decimal, bonus: Decimal, factor: Decimal, apart: Decimal
) -> None:
    last_close = Decimal(close) / 100
    reference = ((last_close - cash) / (1 + bonus)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    if reference < Decimal("0.01"):
        return
    after = (factor * last_close / reference).quantize(Decimal("0.0001"), ROUND_HALF_UP)
    allowed = Decimal("0.01") + last_close * Decimal("0.00005") / after * (1 + factor / after)
    with engine.connect() as connection:
        ground = Ground(connection)
        eve, day = ground.lay(2)
        ground.change("daily", ONE, eve, close=last_close)
        ground.change("adj_factor", ONE, eve, adj_factor=factor)
        ground.change("adj_factor", ONE, day, adj_factor=after)
        ground.change("daily", ONE, day, pre_close=reference)
        assert ground.judge("pre_close", day).holds
        ground.change("daily", ONE, day, pre_close=reference + 2 * allowed + apart)
        assert ground.judge("pre_close", day).broken == {day: 1}
        connection.rollback()


def test_over_a_suspension_the_last_traded_day_counts(ground: Ground) -> None:
    *_, third, second, eve, day = ground.lay(5)
    for suspended in (second, eve):
        ground.remove("daily", ONE, suspended)
    ground.change("daily", ONE, third, close=12)
    assert ground.judge("pre_close", day).broken == {day: 1}
    ground.change("adj_factor", ONE, day, adj_factor=Decimal("1.2"))
    assert ground.judge("pre_close", day).holds


def test_a_day_that_is_not_complete_hides_which_day_was_the_last_traded(ground: Ground) -> None:
    *_, third, second, eve, day = ground.lay(5)
    for suspended in (second, eve):
        ground.remove("daily", ONE, suspended)
    ground.book("daily", second.isoformat(), "partial")
    verdict = ground.judge("pre_close", day)
    assert (verdict.holds, verdict.checked, verdict.unknown) == (True, 1, 1)
    assert third < second


def test_a_day_of_listing_has_nothing_before_it(ground: Ground) -> None:
    day = ground.lay()[-1]
    ground.put("stock_basic", {"ts_code": "601999.SH", "list_date": day})
    ground.put("daily", bar("601999.SH", day, 30, 12))
    ground.put("adj_factor", {"ts_code": "601999.SH", "trade_date": day, "adj_factor": 1})
    verdict = ground.judge("pre_close", day)
    assert (verdict.holds, verdict.unknown) == (True, 0)


def test_the_rows_of_the_day_before_break_it_for_every_stock_that_moved(ground: Ground) -> None:
    _, eve, day = ground.lay()
    for n, code in enumerate(CODES):
        ground.change("daily", code, eve, close=10 + Decimal(n) / 10)
        ground.change("daily", code, day, pre_close=10 + Decimal(n) / 10)
    assert ground.judge("pre_close", day).holds
    ground.relabel("daily", day, eve)
    assert ground.judge("pre_close", day).broken == {day: len(CODES) - 1}


def test_days_of_the_glitch_are_exempt_and_their_neighbours_are_not() -> None:
    (glitch,) = LAWS["pre_close"].exemptions
    assert (glitch.first, glitch.last, glitch.subject) == (date(2024, 6, 25), date(2024, 6, 26), None)


# C08


@pytest.mark.parametrize("how", ["absent", "null"])
def test_a_stock_that_traded_without_a_factor_is_found(ground: Ground, how: str) -> None:
    day = ground.lay()[-1]
    if how == "absent":
        ground.remove("adj_factor", ONE, day)
    else:
        ground.change("adj_factor", ONE, day, adj_factor=None)
    verdict = ground.judge("factors", day)
    assert verdict.broken == {day: 1}
    assert verdict.examples[0]["subject"] == ONE


def test_a_factor_without_a_bar_breaks_nothing(ground: Ground) -> None:
    day = ground.lay()[-1]
    ground.remove("daily", ONE, day)
    assert ground.judge("factors", day).holds


# C10


@pytest.mark.parametrize("vol", [0, None])
def test_a_bar_without_volume_of_a_stock_that_trades_is_found(ground: Ground, vol: int | None) -> None:
    day = ground.lay()[-1]
    ground.change("daily", ONE, day, vol=vol)
    assert ground.judge("volume", day).broken == {day: 1}
    ground.put("suspend_d", {"ts_code": ONE, "trade_date": day, "suspend_type": "S"})
    assert ground.judge("volume", day).holds


@pytest.mark.parametrize(
    ("timing", "kind", "holds"), [(None, "S", False), ("09:30-10:00", "S", True), (None, "R", True)]
)
def test_volume_of_a_stock_that_is_suspended_all_day_is_found(
    ground: Ground, timing: str | None, kind: str, *, holds: bool
) -> None:
    day = ground.lay()[-1]
    row = {"ts_code": ONE, "trade_date": day, "suspend_type": kind, "suspend_timing": timing}
    ground.put("suspend_d", row)
    assert ground.judge("volume", day).holds is holds


# C11


@pytest.mark.parametrize(("amount", "holds"), [(4990, True), (5010, False), (201, True), (199, False)])
def test_a_turnover_far_from_the_usual_one_is_found(ground: Ground, amount: int, *, holds: bool) -> None:
    day = ground.lay(21)[-1]
    for code in CODES:
        ground.change("daily", code, day, amount=amount)
    verdict = ground.judge("turnover", day)
    assert (verdict.checked, verdict.holds) == (1, holds)


def test_a_turnover_is_judged_only_after_twenty_complete_days(ground: Ground) -> None:
    days = ground.lay(21)
    ground.book("daily", days[7].isoformat(), "partial")
    verdict = ground.judge("turnover", days[-1])
    assert (verdict.checked, verdict.skipped) == (0, (days[-1],))


# C15


def test_a_column_that_loses_its_values_is_found(ground: Ground) -> None:
    day = ground.lay(25)[-1]
    assert ground.nulls("daily", day).holds
    for code in CODES[:7]:
        ground.change("daily", code, day, amount=None)
    verdict = ground.nulls("daily", day)
    assert verdict.broken == {day: 1}
    assert verdict.examples[0]["subject"] == "amount"
    assert verdict.examples[0]["told"] == "null in 17.50 % of the rows"


def test_a_few_nulls_are_chance(ground: Ground) -> None:
    day = ground.lay(25)[-1]
    for code in CODES[:5]:
        ground.change("daily", code, day, amount=None)
    assert ground.nulls("daily", day).holds


def test_a_column_that_is_often_null_is_judged_by_how_often(ground: Ground) -> None:
    days = ground.lay(25)
    for n, day in enumerate(days[:-1]):
        for code in CODES[n % 3 : 10]:
            ground.change("daily", code, day, amount=None)
    assert ground.nulls("daily", days[-1]).holds, "none is null where a quarter was: within chance in a market of forty"
    for code in CODES[:35]:
        ground.change("daily", code, days[-1], amount=None)
    assert ground.nulls("daily", days[-1]).broken == {days[-1]: 1}


# C16


def test_stocks_that_come_and_go_without_a_listing_are_found(ground: Ground) -> None:
    day = ground.lay()[-1]
    ground.remove("adj_factor", ONE, day)
    ground.put("adj_factor", {"ts_code": "601999.SH", "trade_date": day, "adj_factor": 1})
    verdict = ground.judge("universe", day)
    assert verdict.broken == {day: 2}
    assert [(each["subject"], each["told"]) for each in verdict.examples] == [(ONE, "went"), ("601999.SH", "came")]


def test_a_listing_and_a_delisting_explain_it(ground: Ground) -> None:
    day = ground.lay()[-1]
    ground.remove("adj_factor", ONE, day)
    ground.put("stock_basic", {"ts_code": "601999.SH", "list_date": day})
    ground.put("adj_factor", {"ts_code": "601999.SH", "trade_date": day, "adj_factor": 1})
    ground.connection.exec_driver_sql("update stock_basic set delist_date = %s where ts_code = %s", (day, ONE))
    assert ground.judge("universe", day).holds


# C19


OLD, NEW = "832000.BJ", "920000.BJ"


@pytest.mark.parametrize(
    ("known", "columns", "holds"),
    [
        (True, {"vol": 5, "amount": 6}, False),
        (False, {}, False),
        (False, {"vol": 5, "amount": 6}, True),
    ],
    ids=["one company", "the very same bar", "two companies"],
)
def test_a_company_with_bars_under_two_codes_is_found(
    ground: Ground, columns: dict[str, int], *, known: bool, holds: bool
) -> None:
    day = ground.lay()[-1]
    listed = {"list_date": date(2021, 11, 15)}
    ground.put("stock_basic", {"ts_code": NEW, "name": "甲", **listed})
    ground.put("stock_basic", {"ts_code": OLD, "name": "甲" if known else "乙", **listed})
    ground.put("daily", bar(NEW, day), bar(OLD, day, **columns))
    verdict = ground.judge("codes", day)
    assert verdict.holds is holds
    if not holds:
        assert verdict.examples[0]["told"] == f"a bar as {OLD} too"


def test_two_codes_on_different_days_are_a_change_of_code(ground: Ground) -> None:
    _, eve, day = ground.lay()
    for code in (OLD, NEW):
        ground.put("stock_basic", {"ts_code": code, "name": "甲", "list_date": date(2021, 11, 15)})
    ground.put("daily", bar(OLD, eve))
    ground.put("daily", bar(NEW, day))
    assert ground.judge("codes", eve, day).holds


# What is judged


@pytest.mark.parametrize("api", LAWS["pre_close"].reads)
@pytest.mark.parametrize("status", ["partial", "late", "failed", "closed"])
def test_days_on_which_something_is_not_complete_are_skipped_and_counted(ground: Ground, api: str, status: str) -> None:
    _, eve, day = ground.lay()
    ground.change("daily", ONE, day, pre_close=99)
    ground.book(api, eve.isoformat(), status)
    verdict = ground.judge("pre_close", day)
    assert (verdict.checked, verdict.skipped, verdict.holds) == (0, (day,), True)


def test_nothing_is_judged_by_a_snapshot_that_is_not_complete(ground: Ground) -> None:
    day = ground.lay()[-1]
    ground.book("stock_basic", "all", "partial")
    assert ground.judge("limits", day).skipped == (day,)


def test_the_day_after_one_that_lands_late_is_judged_with_it(ground: Ground) -> None:
    _, eve, day = ground.lay()
    ground.change("daily", ONE, day, pre_close=99)
    verdict = ground.judge("pre_close", eve)
    assert (verdict.checked, verdict.broken) == (2, {day: 1})


def test_days_on_which_the_market_was_closed_are_neither_judged_nor_skipped(ground: Ground) -> None:
    ground.lay()
    saturday = SESSIONS[-1] - timedelta(days=6)
    assert saturday.weekday() == 5
    verdict = ground.judge("limits", saturday)
    assert (verdict.checked, verdict.skipped) == (0, ())


def test_what_is_exempt_is_not_found_and_nothing_else_is_exempt(ground: Ground) -> None:
    (exempt,) = LAWS["factors"].exemptions
    assert exempt.subject == "600018.SH"
    first, last = date(2006, 9, 25), date(2006, 9, 26)
    ground.put("trade_cal", *({"exchange": "SSE", "cal_date": day, "is_open": 1} for day in (first, last)))
    for day in (first, last):
        ground.put("daily", bar("600018.SH", day), bar("600019.SH", day))
        for api in ("daily", "adj_factor"):
            ground.book(api, day.isoformat())
    assert ground.judge("factors", first, last).broken == {first: 1, last: 2}


# Declarations


def test_every_law_reads_what_exists_and_what_blocks_names_whom_it_blames() -> None:
    for law in laws.LAWS:
        assert all(CATALOG[api].partitioned for api in law.reads)
        assert not any(CATALOG[api].partitioned for api in law.snapshots)
        assert (law.blames in law.reads) == (law.severity is Severity.BLOCK)
        assert law.back >= law.before or law.name == "nulls"


def test_a_law_is_judged_when_any_dataset_that_it_reads_lands() -> None:
    judged = {api: {law.id for law in laws.of(dataset)} for api, dataset in CATALOG.items()}
    assert judged["daily"] == {"C05", "C07", "C08", "C10", "C11", "C15", "C19"}
    assert judged["adj_factor"] == {"C07", "C08", "C15", "C16"}
    assert judged["stk_limit"] == {"C05", "C15"}
    assert judged["suspend_d"] == {"C10"}
    assert judged["index_daily"] == judged["stock_basic"] == set()


def test_every_statement_reads_the_days_of_the_run_only() -> None:
    for name in LAWS:
        assert "any(:days)" in sql(f"laws/{name}")
