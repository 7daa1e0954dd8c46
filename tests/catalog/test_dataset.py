"""A declaration that contradicts itself, or another one, is refused with the dataset's name and what to change."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from datetime import date
from typing import Any

import pytest

from stock_assistant_pipelines.catalog.dataset import (
    CatalogError,
    Column,
    Dataset,
    EveryDay,
    Grain,
    Listed,
    NeverFewer,
    PerCode,
    PerDay,
    PerRange,
    Rule,
    Type,
    Whole,
    catalog,
)

CODE = Column("ts_code", Type.TEXT, "Code", "代码")
DAY = Column("trade_date", Type.DATE, "Day", "日期")
PRICE = Column("price", Type.NUMBER, "Price", "价", "CNY", default=False)


def stocks(**words: Any) -> Dataset:
    """A snapshot that is sound, with these words in place of its own."""
    sound: dict[str, Any] = {
        "api": "stocks",
        "title": "Stocks",
        "title_zh": "股票",
        "row": "one row per stock",
        "family": "test",
        "grain": Grain.SNAPSHOT,
        "key": ("ts_code",),
        "columns": (CODE, PRICE),
        "calls": Whole(),
        "expected": NeverFewer("ts_code"),
    }
    return Dataset(**(sound | words))


def prices(**words: Any) -> Dataset:
    """A dataset by trading day that is sound, with these words in place of its own."""
    sound: dict[str, Any] = {
        "api": "prices",
        "grain": Grain.TRADE_DATE,
        "key": ("trade_date", "ts_code"),
        "columns": (CODE, DAY, PRICE),
        "calls": PerDay(),
        "expected": Listed("stocks"),
        "calendar": "days",
    }
    return stocks(**(sound | words))


DAYS = stocks(api="days", expected=EveryDay("cal_date"), key=("cal_date",), columns=(replace(DAY, name="cal_date"),))
RULE = Rule("positive", "price > 0", "the price is above zero")

CONTRADICTIONS: list[tuple[Any, dict[str, Any], str]] = [
    (stocks, {"api": "Stocks"}, "`api` is lower-case"),
    (stocks, {"api": "1stocks"}, "`api` is lower-case"),
    (stocks, {"api": "my stocks"}, "`api` is lower-case"),
    (stocks, {"api": ""}, "`api` is lower-case"),
    (stocks, {"columns": (CODE, PRICE, CODE)}, "two columns have the same name"),
    (stocks, {"rules": (RULE, RULE)}, "two rules have the same name"),
    (stocks, {"key": ()}, "`key` is empty"),
    (stocks, {"key": ("ts_code", "ts_code")}, "`key` names a column twice"),
    (stocks, {"key": ("code",)}, "`code` in `key` is not a column"),
    (stocks, {"fills": ("market",)}, "`market` in `fills` is not a column"),
    (stocks, {"expected": NeverFewer("code")}, "`code` in `expected` is not a column"),
    (stocks, {"expected": EveryDay("cal_date")}, "`cal_date` in `expected` is not a column"),
    (stocks, {"columns": (CODE, replace(PRICE, optional=True))}, "`price` is `optional`"),
    (stocks, {"calendar": "days"}, "`calendar` goes with the grain"),
    (prices, {"calendar": None}, "`calendar` goes with the grain"),
    (prices, {"key": ("ts_code",)}, "`key` lacks the partition column `trade_date`"),
    (stocks, {"calls": PerDay()}, "`calls` does not fit the grain"),
    (prices, {"calls": Whole()}, "`calls` does not fit the grain"),
    (stocks, {"expected": Listed("stocks")}, "`expected` does not fit the grain"),
    (prices, {"expected": NeverFewer("ts_code")}, "`expected` does not fit the grain"),
    (prices, {"row_cap": 0}, "`row_cap` is above zero"),
    (prices, {"calls": PerRange(rows_per_day=0)}, "`rows_per_day` is above zero"),
    (prices, {"calls": PerRange(rows_per_day=41), "row_cap": 40}, "a day fits under the row cap"),
    (prices, {"calls": PerCode(codes=())}, "`codes` names at least one code"),
    (prices, {"calls": PerCode(codes=("a", "a"))}, "none twice"),
    (stocks, {"calls": Whole(may_be_empty=frozenset({1}))}, "`may_be_empty` holds positions"),
]


@pytest.mark.parametrize(("declare", "words", "problem"), CONTRADICTIONS)
def test_a_contradiction_is_refused_with_the_datasets_name(declare: Any, words: dict[str, Any], problem: str) -> None:
    with pytest.raises(CatalogError) as caught:
        declare(**words)
    name = words.get("api", declare().api)
    assert str(caught.value).startswith(f"{name}: ")
    assert problem in str(caught.value)


def test_all_contradictions_are_told_at_once() -> None:
    with pytest.raises(CatalogError, match=r"`key` is empty.*`market` in `fills`"):
        stocks(key=(), fills=("market",))


@pytest.mark.parametrize(
    "words",
    [
        {"calls": PerRange(rows_per_day=40), "row_cap": 40},
        {"calls": PerRange(rows_per_day=40), "row_cap": None},
        {"calls": PerCode(codes=("a", "b"))},
        {"columns": (replace(CODE, optional=True), DAY)},
        {"rules": (RULE, replace(RULE, name="another"))},
    ],
)
def test_a_sound_declaration_is_taken(words: dict[str, Any]) -> None:
    assert prices(**words).api == "prices"


def test_a_declaration_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        prices().row_cap = 1  # type: ignore[misc]


def test_fields_are_all_columns_since_a_call_asks_for_those_that_are_left_out_by_default() -> None:
    assert prices().fields == ("ts_code", "trade_date", "price")


def test_values_are_what_the_key_leaves() -> None:
    assert prices().values == ("price",)


def test_it_reads_its_calendar_and_what_its_completeness_rests_on() -> None:
    assert prices(expected=Listed("stocks", suspensions="halts")).reads == ("days", "stocks", "halts")


def test_a_snapshot_reads_nothing() -> None:
    assert (stocks().reads, DAYS.reads) == ((), ())


def test_every_day_is_counted_from_the_first_session_unless_the_declaration_says_otherwise() -> None:
    assert (EveryDay("x").since, EveryDay("x", date(2000, 1, 1)).since) == (date(1990, 12, 19), date(2000, 1, 1))


# --- declarations together


def test_datasets_are_found_by_their_name_in_the_order_declared() -> None:
    assert list(catalog(DAYS, stocks(), prices())) == ["days", "stocks", "prices"]


def test_a_catalog_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        catalog(DAYS)["other"] = DAYS  # type: ignore[index]


def test_two_declarations_of_one_name_are_refused() -> None:
    with pytest.raises(CatalogError, match=r"^stocks: is declared twice"):
        catalog(stocks(), stocks())


@pytest.mark.parametrize(
    ("datasets", "name"),
    [
        ((stocks(), prices()), "days"),
        ((DAYS, prices()), "stocks"),
        ((DAYS, stocks(), prices(expected=Listed("stocks", suspensions="halts"))), "halts"),
    ],
)
def test_a_dataset_that_is_read_and_not_declared_is_named(datasets: tuple[Dataset, ...], name: str) -> None:
    with pytest.raises(CatalogError, match=f"^prices: `{name}`.* is not in the catalog"):
        catalog(*datasets)


def test_a_dataset_whose_codes_prove_a_snapshot_must_be_declared() -> None:
    with pytest.raises(CatalogError, match=r"^stocks: `prices`"):
        catalog(DAYS, stocks(expected=NeverFewer("ts_code", named_by=("prices",))))
