"""The catalog says of each dataset what Tushare's documentation says of it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.calls import PerCode, PerDay, PerPeriod, PerRange, Whole
from stock_assistant_pipelines.catalog.columns import Type
from stock_assistant_pipelines.catalog.finance import FINANCE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stock_assistant_pipelines.catalog.dataset import Dataset

ENDPOINTS = Path(__file__).parents[3] / "shared" / "reference" / "tushare_endpoints.json"
TYPES = {"str": {Type.TEXT, Type.DATE}, "float": {Type.NUMBER}, "int": {Type.INTEGER}}
UNITS = {
    "%": "%",
    "手": "lot of 100 shares",
    "千元": "1000 CNY",
    "万元": "10,000 CNY",
    "万股": "10,000 shares",
    "万": "10,000 shares",
    "元": "CNY",
}
UNDOCUMENTED = {("forecast", "update_flag"), ("express", "update_flag")}
"""Columns that Tushare returns, and does not document."""

DECLARED = {**CATALOG, **{dataset.api: dataset for dataset in FINANCE}}
every_dataset = pytest.mark.parametrize("dataset", DECLARED.values(), ids=DECLARED)


@pytest.fixture(scope="module")
def endpoints() -> Any:
    if not ENDPOINTS.is_file():
        pytest.skip("Tushare's field lists (shared/reference/tushare_endpoints.json beside the project) are not here")
    return json.loads(ENDPOINTS.read_text(encoding="utf-8"))


def test_the_twenty_datasets_are_declared() -> None:
    assert set(CATALOG) == {
        "trade_cal",
        "stock_basic",
        "namechange",
        "daily",
        "adj_factor",
        "daily_basic",
        "suspend_d",
        "stk_limit",
        "index_basic",
        "index_daily",
        "disclosure_date",
        "income",
        "balancesheet",
        "cashflow",
        "fina_indicator",
        "forecast",
        "express",
        "dividend",
        "fina_audit",
        "fina_mainbz",
    }


@every_dataset
def test_the_columns_are_tushares_in_tushares_order(dataset: Dataset, endpoints: Any) -> None:
    documented = [name for name in dataset.asked if (dataset.api, name) not in UNDOCUMENTED]
    assert documented == [output["name"] for output in endpoints[dataset.api]["outputs"]]


@every_dataset
def test_the_types_are_tushares(dataset: Dataset, endpoints: Any) -> None:
    outputs = endpoints[dataset.api]["outputs"]
    wrong = [each["name"] for each in outputs if dataset.by_name[each["name"]].type not in TYPES[each["type"]]]
    assert wrong == []


@every_dataset
def test_the_columns_that_tushare_leaves_out_by_default_are_marked(dataset: Dataset, endpoints: Any) -> None:
    told = {each["name"]: each["default"] for each in endpoints[dataset.api]["outputs"] if "default" in each}
    assert {name: dataset.by_name[name].default for name in told} == told


@every_dataset
def test_the_units_are_tushares(dataset: Dataset, endpoints: Any) -> None:
    for output in endpoints[dataset.api]["outputs"]:
        for unit in re.findall(r"[（(]\s*([^（()）]+?)\s*[）)]", output["meaning"]):
            if unit in UNITS:
                assert dataset.by_name[output["name"]].unit == UNITS[unit], output["name"]


@every_dataset
def test_the_row_cap_is_the_documented_one_where_there_is_one(dataset: Dataset, endpoints: Any) -> None:
    documented = endpoints[dataset.api]["row_cap"]
    assert documented in {None, dataset.row_cap}


@every_dataset
def test_the_calls_use_parameters_that_tushare_takes_and_leave_out_none_it_needs(
    dataset: Dataset, endpoints: Any
) -> None:
    inputs = endpoints[dataset.api]["inputs"]
    # Tushare's page on daily_basic asks for ts_code or trade_date, and marks the first as needed.
    needed = {each["name"] for each in inputs if each["required"]} - (
        {"ts_code"} if dataset.api == "daily_basic" else set()
    )
    for used in parameters(dataset):
        assert needed <= used <= {each["name"] for each in inputs}
    if isinstance(dataset.calls, PerPeriod) and dataset.calls.period:
        assert dataset.calls.period in {each["name"] for each in inputs}


def parameters(dataset: Dataset) -> Iterator[set[str]]:
    """The names of the parameters of a dataset's calls."""
    match dataset.calls:
        case PerDay(day=day):
            yield {day}
        case PerRange(start=start, end=end):
            yield {start, end}
        case PerCode(code=code, start=start, end=end):
            yield {code, start, end}
        case Whole(variants=variants):
            yield from map(set, variants)
        case PerPeriod(code=code, start=start, end=end, variants=variants, periods_per_call=periods):
            yield from ({code, *variant, *((start, end) if periods else ())} for variant in variants)


@every_dataset
def test_every_column_says_what_it_means_in_both_languages(dataset: Dataset) -> None:
    assert [column.name for column in dataset.columns if not (column.title and column.title_zh)] == []


@every_dataset
def test_dates_are_typed_as_dates(dataset: Dataset) -> None:
    # The days in modify_date are several, separated by commas.
    named = [column for column in dataset.columns if column.name.endswith("date") and column.name != "modify_date"]
    assert {column.type for column in named} <= {Type.DATE}


@every_dataset
def test_a_rule_speaks_of_the_datasets_columns_only(dataset: Dataset) -> None:
    functions = {"abs", "least", "greatest", "and", "or"}
    for rule in dataset.rules:
        assert set(re.findall(r"[a-z_]+", rule.predicate)) - functions <= set(dataset.fields), rule.name


@pytest.mark.parametrize("dataset", [each for each in CATALOG.values() if each.partitioned], ids=lambda each: each.api)
def test_a_trading_days_rows_have_an_hour_of_publication(dataset: Dataset) -> None:
    assert dataset.published is not None


def test_delisted_stocks_are_asked_for_so_that_survivors_are_not_all_there_is() -> None:
    calls = CATALOG["stock_basic"].calls
    assert isinstance(calls, Whole)
    assert {variant["list_status"] for variant in calls.variants} == {"L", "D", "P"}
