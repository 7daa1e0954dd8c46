"""A declaration that contradicts itself, or another one, is refused with the dataset's name and what to change."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from datetime import date
from typing import Any

import pytest

from stock_assistant_pipelines.catalog.calls import PerCode, PerDay, PerPeriod, PerRange, Whole
from stock_assistant_pipelines.catalog.columns import Column, Type
from stock_assistant_pipelines.catalog.dataset import CatalogError, Dataset, catalog
from stock_assistant_pipelines.catalog.expected import Answered, Companies, Disclosed, EveryDay, Listed, NeverFewer
from stock_assistant_pipelines.catalog.grain import Grain
from stock_assistant_pipelines.catalog.rules import Rule
from stock_assistant_pipelines.catalog.versions import Stages, Versions

CODE = Column("ts_code", Type.TEXT, "Code", "代码")
DAY = Column("trade_date", Type.DATE, "Day", "日期")
PRICE = Column("price", Type.NUMBER, "Price", "价", "CNY", default=False)
PERIOD = Column("end_date", Type.DATE, "Report period", "报告期")
ANNOUNCED = Column("ann_date", Type.DATE, "Announced on", "公告日期")
FLAG = Column("update_flag", Type.TEXT, "1 the latest", "更新标识")
KIND = Column("type", Type.TEXT, "Kind", "类型", ours=True)
SALES = Column("sales", Type.NUMBER, "Sales", "收入", "CNY", flow=True)


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


def filings(**words: Any) -> Dataset:
    """A dataset by report period that is sound, with these words in place of its own."""
    sound: dict[str, Any] = {
        "api": "filings",
        "grain": Grain.REPORT_PERIOD,
        "key": ("ts_code", "end_date", "type"),
        "columns": (CODE, PERIOD, ANNOUNCED, KIND, SALES, FLAG),
        "calls": PerPeriod(variants=({"type": "P"}, {"type": "D"})),
        "fills": ("type",),
        "expected": Answered(),
        "versions": Versions(("ann_date",)),
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
    (filings, {"calendar": "days"}, "`calendar` goes with the grain"),
    (filings, {"key": ("ts_code", "type")}, "`key` lacks the partition column `end_date`"),
    (filings, {"columns": (CODE, replace(PERIOD, optional=True), ANNOUNCED, KIND, FLAG)}, "`end_date` is `optional`"),
    (filings, {"calls": PerDay(day="end_date")}, "`calls` does not fit the grain: `PerDay` is not for `end_date`"),
    (filings, {"expected": Listed("stocks")}, "`expected` does not fit the grain: `Listed` is not for `end_date`"),
    (prices, {"calls": PerPeriod()}, "`calls` does not fit the grain: `PerPeriod` is not for `trade_date`"),
    (prices, {"expected": Disclosed()}, "`expected` does not fit the grain"),
    (prices, {"expected": Companies()}, "`expected` does not fit the grain"),
    (stocks, {"expected": Answered()}, "`expected` does not fit the grain"),
    (filings, {"versions": None}, "`versions` goes with the grain"),
    (prices, {"versions": Versions(("trade_date",), prefer=())}, "`versions` goes with the grain"),
    (filings, {"versions": Versions(("f_ann_date",))}, "`f_ann_date` in `versions` is not a column"),
    (filings, {"versions": Versions((), prefer=("flag",))}, "`flag` in `versions` is not a column"),
    (filings, {"versions": Versions(("update_flag",))}, "`update_flag` in `known` is not a day"),
    (filings, {"versions": Versions((), (), stages=Stages("stage", {}))}, "`stage` in `versions` is not a column"),
    (filings, {"versions": Versions((), (), stages=Stages("type", {"P": ("day",)}))}, "`day` in `versions` is not"),
    (
        filings,
        {"versions": Versions((), (), stages=Stages("type", {"P": ("type",)}))},
        "`type` in `stages` is not a day",
    ),
    (filings, {"fills": ()}, "`type` is `ours`, and not in `fills`"),
    (prices, {"columns": (CODE, DAY, replace(PRICE, flow=True))}, "`price` is a `flow`"),
    (filings, {"columns": (CODE, PERIOD, ANNOUNCED, KIND, replace(FLAG, flow=True))}, "`update_flag` is a `flow`"),
    (filings, {"grows": {"1": ("sales", "update_flag")}}, "`update_flag` in `grows` is not a `flow`"),
    (filings, {"grows": {"1": ("costs",)}}, "`costs` in `grows` is not a `flow`"),
    (filings, {"calls": PerPeriod(period=None, whole="filings_vip")}, "`whole` goes with `period`"),
    (filings, {"calls": PerPeriod(variants=())}, "`variants` holds at least one call"),
    (filings, {"calls": PerPeriod(variants=({}, {}))}, "none twice"),
    (filings, {"calls": PerPeriod(announced=("paid_on",))}, "`paid_on` in `announced` is no day of `versions`"),
    (
        filings,
        {"calls": PerPeriod(announced=("ann_date",), variants=({"type": "P"}, {"type": "D"}))},
        "`announced` goes with one variant",
    ),
    (filings, {"calls": PerPeriod(restated=frozenset({1}))}, "`restated` holds positions in `variants`"),
    (filings, {"calls": PerPeriod(rows=())}, "`rows` is above zero"),
    (filings, {"calls": PerPeriod(rows=(1.0, 0.0))}, "`rows` is above zero"),
    (filings, {"calls": PerPeriod(periods_per_call=0)}, "`periods_per_call` is above zero"),
    (filings, {"calls": PerPeriod(periods_per_call=101), "row_cap": 100}, "so many fit under the row cap"),
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


@pytest.mark.parametrize(
    "words",
    [
        {"calls": PerPeriod(whole="filings_vip", variants=({"report_type": "1"}, {"report_type": "5"}))},
        {"calls": PerPeriod(period=None)},
        {"calls": PerPeriod(announced=("ann_date",))},
        {"calls": PerPeriod(variants=({"report_type": "1"}, {"report_type": "4"}), restated=frozenset({1}))},
        {"calls": PerPeriod(periods_per_call=100), "row_cap": 100},
        {"calls": PerPeriod(periods_per_call=100), "row_cap": None},
        {"versions": Versions(())},
        {"versions": Versions(("ann_date",), prefer=(), after_period=False)},
        {"expected": Disclosed("plan", "stocks")},
        {"expected": Companies("stocks")},
    ],
)
def test_a_sound_declaration_by_report_period_is_taken(words: dict[str, Any]) -> None:
    assert filings(**words).api == "filings"


def test_a_declaration_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        prices().row_cap = 1  # type: ignore[misc]


def test_a_call_asks_for_all_of_tushares_columns_those_that_are_left_out_by_default_too() -> None:
    assert prices().fields == prices().asked == ("ts_code", "trade_date", "price")


def test_a_column_of_ours_is_in_the_table_and_not_asked_for() -> None:
    assert filings().fields == ("ts_code", "end_date", "ann_date", "type", "sales", "update_flag")
    assert filings().asked == ("ts_code", "end_date", "ann_date", "sales", "update_flag")


def test_flows_are_the_figures_that_quarters_can_be_derived_from() -> None:
    assert (filings().flows, prices().flows) == (("sales",), ())


def test_growing_are_the_flows_that_cannot_fall_of_some_kind_of_company() -> None:
    assert (filings(grows={"1": ("sales",), "2": ()}).growing, filings().growing) == (("sales",), ())


def test_partitions_are_trading_days_or_report_periods_or_all_there_is() -> None:
    kinds = [(dataset.partitioned, dataset.by_period) for dataset in (stocks(), prices(), filings())]
    assert kinds == [(False, False), (True, False), (False, True)]


def test_values_are_what_the_key_leaves() -> None:
    assert prices().values == ("price",)


def test_it_reads_its_calendar_and_what_its_completeness_rests_on() -> None:
    assert prices(expected=Listed("stocks", suspensions="halts")).reads == ("days", "stocks", "halts")


def test_a_snapshot_reads_nothing() -> None:
    assert (stocks().reads, DAYS.reads) == ((), ())


def test_what_a_report_period_holds_is_computed_from_the_disclosure_plan_and_the_stocks() -> None:
    assert filings(expected=Disclosed()).reads == ("disclosure_date", "stock_basic")
    assert filings(expected=Companies()).reads == ("stock_basic",)
    assert filings().reads == ("stock_basic",)


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
        ((stocks(), filings(expected=Disclosed("plan", "stocks"))), "plan"),
        ((filings(expected=Companies("stocks")),), "stocks"),
    ],
)
def test_a_dataset_that_is_read_and_not_declared_is_named(datasets: tuple[Dataset, ...], name: str) -> None:
    with pytest.raises(CatalogError, match=f"^{datasets[-1].api}: `{name}`.* is not in the catalog"):
        catalog(*datasets)


def test_a_dataset_whose_codes_prove_a_snapshot_must_be_declared() -> None:
    with pytest.raises(CatalogError, match=r"^stocks: `prices`"):
        catalog(DAYS, stocks(expected=NeverFewer("ts_code", named_by=("prices",))))
