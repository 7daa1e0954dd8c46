"""Figures of the year so far that only grow: what fell is found, and what may fall is not."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from filings import AT, BY_API, CODE, statement, tell

from stock_assistant_pipelines.warehouse import rules
from stock_assistant_pipelines.warehouse.verdicts import judge_rows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    from stock_assistant_pipelines.warehouse.rules import RowCheck
    from stock_assistant_pipelines.warehouse.verdicts import Verdict

QUARTERS = ("20250331", "20250630", "20250930", "20251231")
MILLION = 1_000_000


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A transaction that is taken back."""
    with engine.connect() as connection:
        yield connection
        connection.rollback()


def check(api: str = "income") -> RowCheck:
    return next(each for each in rules.of(BY_API[api]) if each.name == "year_to_date")


def judge(connection: Connection, *periods: str) -> Verdict:
    return judge_rows(connection, BY_API["income"], check(), [date.fromisoformat(each) for each in periods or QUARTERS])


def fallen(connection: Connection, api: str) -> set[str]:
    """The companies of which a figure fell in the second quarter."""
    found = connection.execute(check(api).broken, {"days": [date(2025, 6, 30)]})
    return {row.ts_code for row in found}


def report(
    period: str, million: float | None, kind: str = "1", comp_type: str | None = "1", **more: Any
) -> dict[str, Any]:
    """A report of so many million of revenue."""
    revenue = None if million is None else million * MILLION
    return statement(period, "20260402", kind=kind) | {"comp_type": comp_type, "revenue": revenue, **more}


def year(*millions: float | None, **more: Any) -> list[dict[str, Any]]:
    """The reports of a year; a quarter of which nothing is told has none."""
    told = zip(QUARTERS, millions, strict=True)
    return [report(period, million, **more) for period, million in told if million is not None]


def test_what_grows_through_the_year_breaks_nothing(connection: Connection) -> None:
    tell(connection, "income", *year(10, 20, 20, 45), report("20260331", 5))
    assert judge(connection, *QUARTERS, "20260331").holds, "a new year begins with nothing"


def test_what_fell_is_named_with_both_figures(connection: Connection) -> None:
    tell(connection, "income", *year(10, 20, 15, 45))
    verdict = judge(connection)
    assert verdict.broken == {date(2025, 9, 30): 1}
    assert verdict.examples == (["2025-09-30", CODE, "1", "revenue", "15000000", "2025-06-30", "20000000"],)


LESS = [(100, 99), (100, 98.99), (0.5, 0.49), (0.5, 0.4899), (-2, -2.01), (2, -2)]
"""What was told of a company, in million, and a quarter later."""


def test_a_little_less_is_allowed(connection: Connection) -> None:
    told = [(f"{before} to {now}", pair) for before, now in LESS for pair in zip(QUARTERS, (before, now), strict=False)]
    tell(connection, "income", *(report(*pair, ts_code=code) for code, pair in told))
    assert fallen(connection, "income") == {"100 to 98.99", "0.5 to 0.4899", "2 to -2"}


def test_a_report_is_compared_with_the_last_one_of_its_year(connection: Connection) -> None:
    tell(connection, "income", *year(None, 20, None, 15))
    assert judge(connection).broken == {date(2025, 12, 31): 1}


def test_a_figure_that_one_of_the_two_does_not_name_is_not_compared(connection: Connection) -> None:
    tell(connection, "income", report("20250331", 20), report("20250630", None), report("20250930", 15))
    assert judge(connection).holds


def test_the_report_after_one_that_lands_late_is_judged_with_it(connection: Connection) -> None:
    tell(connection, "income", *year(10, 20, 15, 45))
    assert [judge(connection, period).holds for period in QUARTERS] == [True, False, False, True]


def test_only_versions_that_stand_are_compared(connection: Connection) -> None:
    tell(connection, "income", *year(10, None, 20, 45), report("20250630", 50, f_ann_date="20260410"))
    assert not judge(connection).holds
    tell(connection, "income", report("20250630", 15), at=AT + timedelta(days=1))
    assert judge(connection).holds
    tell(
        connection, "income", report("20250630", 60, update_flag="0"), report("20250630", 15), at=AT + timedelta(days=2)
    )
    assert judge(connection).holds, "of two that stand the corrected one counts"


def test_what_is_quarantined_is_compared_with_nothing(connection: Connection) -> None:
    impossible = report("20250331", 90) | {"ann_date": "20250102", "f_ann_date": "20250102"}
    tell(connection, "income", impossible, *year(None, 20, 30, 45))
    assert judge(connection).holds


def test_restated_figures_are_compared_among_themselves(connection: Connection) -> None:
    tell(connection, "income", *year(10, 20, 30, 45), *year(None, 15, 12, 40, kind="4"))
    verdict = judge(connection)
    assert [each[:3] for each in verdict.examples] == [["2025-09-30", CODE, "4"]]


FALLING = {
    "income": (
        {"1": ["revenue", "oper_cost"], "2": ["int_income"], "3": ["prem_income"], "4": ["int_exp"]},
        {
            "1": ["n_income", "sell_exp", "int_income"],
            "2": ["revenue"],
            "4": ["revenue"],
            "7": ["revenue"],
            "": ["revenue"],
        },
    ),
    "cashflow": (
        {"1": ["c_fr_sale_sg", "c_paid_goods_s"], "2": ["c_paid_for_taxes"]},
        {"1": ["c_paid_invest", "n_cashflow_act"], "2": ["c_inf_fr_operate_a"]},
    ),
}
"""By kind of company, figures that cannot fall within a year, and some that may."""


@pytest.mark.parametrize("api", FALLING)
def test_what_cannot_fall_depends_on_the_figure_and_the_kind_of_company(connection: Connection, api: str) -> None:
    companies = [
        {f"{kind} {column}": (kind or None, column) for kind, columns in part.items() for column in columns}
        for part in FALLING[api]
    ]
    rows = [
        report(period, None, ts_code=code, comp_type=kind) | {column: figure * MILLION}
        for part in companies
        for code, (kind, column) in part.items()
        for period, figure in zip(QUARTERS, (10, 5), strict=False)
    ]
    tell(connection, api, *rows)
    assert fallen(connection, api) == set(companies[0])


# What companies really told


@pytest.fixture
def told(real_rows: Path) -> list[dict[str, Any]]:
    """Revenue and costs of real companies, year by year so far, as their margins tell them."""
    with (real_rows / "fina_indicator" / "three_stocks.csv").open(encoding="utf-8-sig", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["gross_margin"]]
    reports = {}
    for row in rows:
        margin = float(row["gross_margin"])
        revenue = round(margin / float(row["grossprofit_margin"]) * 100)
        figures: dict[str, Any] = {"revenue": revenue, "oper_cost": revenue - margin, "comp_type": "1"}
        reports[row["ts_code"], row["end_date"]] = statement(
            row["end_date"], row["ann_date"], row["ts_code"], **figures
        )
    return [*reports.values()]


def test_real_companies_break_nothing(connection: Connection, told: list[dict[str, Any]]) -> None:
    tell(connection, "income", *told)
    assert {row["ts_code"] for row in told} == {"002594.SZ", "600519.SH"}
    assert len(told) == 20
    assert judge(connection, *{row["end_date"] for row in told}).holds


def test_a_single_quarter_told_as_the_year_so_far_is_found_in_all_of_them(
    connection: Connection, told: list[dict[str, Any]]
) -> None:
    by_report = {(row["ts_code"], row["end_date"]): row for row in told}
    alone = [  # as Tushare told eps of 000002.SZ for 2022-09-30
        row | {name: row[name] - by_report[code, "20240630"][name] for name in ("revenue", "oper_cost")}
        for (code, period), row in by_report.items()
        if period == "20240930"
    ]
    tell(connection, "income", *({**by_report, **{(row["ts_code"], row["end_date"]): row for row in alone}}.values()))
    verdict = judge(connection, *{row["end_date"] for row in told})
    assert verdict.broken == {date(2024, 9, 30): 4}
    assert {(each[1], each[3]) for each in verdict.examples} == {
        (code, name) for code in ("002594.SZ", "600519.SH") for name in ("revenue", "oper_cost")
    }
