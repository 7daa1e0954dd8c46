"""The statements and what is told beside them: every column as Tushare documents it, and the words that their versions need."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.calls import PerPeriod
from stock_assistant_pipelines.catalog.columns import Column, Type
from stock_assistant_pipelines.catalog.expected import Answered, Companies, Disclosed
from stock_assistant_pipelines.catalog.finance import FINANCE
from stock_assistant_pipelines.catalog.finance.items import items

SHARED = Path(__file__).parents[3] / "shared"
ENDPOINTS = SHARED / "reference" / "tushare_endpoints.json"
INDICATORS = SHARED / "data" / "tushare" / "fina_indicator" / "three_stocks.csv"
DECLARED = {dataset.api: dataset for dataset in FINANCE}
STATEMENTS = ("income", "balancesheet", "cashflow")
every_dataset = pytest.mark.parametrize("dataset", FINANCE, ids=DECLARED)


@pytest.fixture(scope="module")
def endpoints() -> Any:
    if not ENDPOINTS.is_file():
        pytest.skip("Tushare's field lists (shared/reference/tushare_endpoints.json beside the project) are not here")
    return json.loads(ENDPOINTS.read_text(encoding="utf-8"))


def calls(api: str) -> PerPeriod:
    declared = DECLARED[api].calls
    assert isinstance(declared, PerPeriod)
    return declared


# --- as Tushare documents them


@pytest.mark.parametrize(
    ("api", "columns"), [("income", 94), ("balancesheet", 158), ("cashflow", 97), ("fina_indicator", 167)]
)
def test_every_documented_column_is_declared_not_only_the_default_ones(api: str, columns: int) -> None:
    assert len(DECLARED[api].asked) == columns


@every_dataset
def test_the_chinese_titles_are_tushares(dataset: Any, endpoints: Any) -> None:
    meanings = {output["name"]: output["meaning"] for output in endpoints[dataset.api]["outputs"]}
    assert {name: dataset.by_name[name].title_zh for name in meanings} == meanings


@every_dataset
def test_the_points_are_the_documented_ones(dataset: Any, endpoints: Any) -> None:
    assert f"至少{dataset.points}积分" in endpoints[dataset.api]["limits"]


@every_dataset
def test_the_words_for_a_range_are_used_where_they_mean_report_periods(dataset: Any, endpoints: Any) -> None:
    meanings = {each["name"]: each["meaning"] for each in endpoints[dataset.api]["inputs"]}
    if calls(dataset.api).periods_per_call:
        assert "报告期" in meanings["start_date"]


# --- the words


def test_the_ten_datasets_are_in_the_catalog() -> None:
    assert set(CATALOG) >= {
        "income",
        "balancesheet",
        "cashflow",
        "fina_indicator",
        "forecast",
        "express",
        "dividend",
        "disclosure_date",
        "fina_audit",
        "fina_mainbz",
    }


@every_dataset
def test_every_dataset_is_kept_by_report_period_and_in_versions(dataset: Any) -> None:
    assert dataset.by_period
    assert dataset.versions is not None
    assert dataset.key[:2] == ("ts_code", "end_date")


@pytest.mark.parametrize(
    ("api", "known"),
    [
        *((api, ("f_ann_date", "ann_date")) for api in STATEMENTS),
        *((api, ("ann_date",)) for api in ("fina_indicator", "forecast", "express", "fina_audit")),
        ("disclosure_date", ("actual_date", "ann_date")),
        ("dividend", ("imp_ann_date", "ann_date")),
        ("fina_mainbz", ()),
    ],
)
def test_a_version_is_known_by_the_days_that_the_source_tells(api: str, known: tuple[str, ...]) -> None:
    versions = DECLARED[api].versions
    assert versions is not None
    assert versions.known == known


@every_dataset
def test_the_latest_flag_stands_where_there_is_one(dataset: Any) -> None:
    flag = ("update_flag",) if "update_flag" in dataset.by_name else ()
    assert dataset.versions.prefer == (("base_date",) if dataset.api == "dividend" else flag)


def test_what_is_told_ahead_may_be_known_before_the_period_is_over() -> None:
    ahead = [each.api for each in FINANCE if each.versions and not each.versions.after_period]
    assert ahead == ["disclosure_date", "forecast"]


@pytest.mark.parametrize("api", STATEMENTS)
def test_statements_are_asked_for_as_reported_as_restated_and_as_they_were(api: str) -> None:
    assert [variant["report_type"] for variant in calls(api).variants] == ["1", "4", "5"]


def test_the_whole_market_is_asked_of_an_interface_of_its_own_where_there_is_one() -> None:
    vip = {"income", "balancesheet", "cashflow", "fina_indicator", "forecast", "express", "fina_mainbz"}
    assert {each.api: calls(each.api).whole for each in FINANCE if calls(each.api).whole} == {
        api: f"{api}_vip" for api in vip
    }
    assert {each.api for each in FINANCE if calls(each.api).period is None} == {"dividend", "fina_audit"}


def test_the_plan_says_which_statements_are_due_and_the_stocks_which_plans() -> None:
    expected = {each.api: type(each.expected) for each in FINANCE}
    assert [api for api, kind in expected.items() if kind is Disclosed] == [*STATEMENTS, "fina_indicator"]
    assert [api for api, kind in expected.items() if kind is Companies] == ["disclosure_date"]
    assert sum(kind is Answered for kind in expected.values()) == 5


# --- columns


@pytest.mark.parametrize("api", ["income", "cashflow"])
def test_money_counts_from_the_start_of_the_year_but_for_what_stands_at_a_moment_or_is_per_share(api: str) -> None:
    dataset = DECLARED[api]
    money = {column.name for column in dataset.columns if column.type is Type.NUMBER}
    assert (
        money - set(dataset.flows)
        == {
            "income": {"basic_eps", "diluted_eps", "undist_profit", "distable_profit", "distr_profit_shrhder"},
            "cashflow": {
                "c_cash_equ_beg_period",
                "c_cash_equ_end_period",
                "conv_copbonds_due_within_1y",
                "end_bal_cash",
                "beg_bal_cash",
                "end_bal_cash_equ",
                "beg_bal_cash_equ",
            },
        }[api]
    )


def test_quarters_are_derived_of_income_and_cash_flow_only() -> None:
    assert [each.api for each in FINANCE if each.flows] == ["income", "cashflow"]


def test_parts_of_a_key_that_the_source_leaves_out_may_be_null() -> None:
    optional = {each.api: tuple(name for name in each.key if each.by_name[name].optional) for each in FINANCE}
    assert {api: names for api, names in optional.items() if names} == {
        "forecast": ("ann_date",),
        "dividend": ("ann_date", "div_proc", "ex_date"),
        "fina_audit": ("audit_agency",),
        "fina_mainbz": ("curr_type",),
    }


def test_the_way_a_business_is_divided_is_ours_since_no_answer_tells_it() -> None:
    assert [column.name for column in DECLARED["fina_mainbz"].columns if column.ours] == ["type"]
    assert "type" not in DECLARED["fina_mainbz"].asked


@every_dataset
def test_every_figure_of_a_statement_has_a_unit(dataset: Any) -> None:
    if dataset.api in {*STATEMENTS, "forecast", "express", "dividend", "fina_audit", "fina_mainbz"}:
        assert [each.name for each in dataset.columns if each.type is Type.NUMBER and not each.unit] == []


def test_ratios_and_percentages_are_told_apart_as_real_rows_have_them() -> None:
    if not INDICATORS.is_file():
        pytest.skip("real rows (shared/data/tushare/fina_indicator beside the project) are not here")
    units = {column.name: column.unit for column in DECLARED["fina_indicator"].columns}
    with INDICATORS.open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            multiplier, liabilities = float(row["assets_to_eqt"]), float(row["debt_to_assets"])
            assert 1 - 1 / multiplier == pytest.approx(liabilities / 100, abs=0.001)
            assert float(row["debt_to_eqt"]) == pytest.approx(multiplier - 1, abs=0.001)
    assert (units["assets_to_eqt"], units["debt_to_eqt"], units["debt_to_assets"]) == (None, None, "%")


# --- line items


def test_a_line_item_is_a_name_and_two_titles_in_the_unit_of_its_statement() -> None:
    assert items("revenue | Operating revenue | 营业收入", flow=True) == (
        Column("revenue", Type.NUMBER, "Operating revenue", "营业收入", "CNY", flow=True),
    )


def test_a_line_item_may_have_a_unit_of_its_own_or_none_and_a_star_where_it_is_left_out_by_default() -> None:
    lines = """
        roe* | Return on equity | 净资产收益率 | %

        profit_to_gr | Net profit / revenue | 净利润/营业总收入 | -
    """
    assert items(lines) == (
        Column("roe", Type.NUMBER, "Return on equity", "净资产收益率", "%", default=False),
        Column("profit_to_gr", Type.NUMBER, "Net profit / revenue", "净利润/营业总收入"),
    )


def test_a_line_that_is_no_item_is_refused() -> None:
    with pytest.raises(ValueError, match="unpack"):
        items("revenue | Operating revenue")
