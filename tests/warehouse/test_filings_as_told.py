"""Filings that Tushare really told: pairs, flags, impossible days and two dividends on one day."""

from __future__ import annotations

import csv
from datetime import date, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from filings import AT, BY_API, as_of, held, query, statement, tell

from stock_assistant_pipelines.catalog.columns import Type
from stock_assistant_pipelines.tushare.decode import parse_day
from stock_assistant_pipelines.warehouse.versions import BEFORE_PERIOD, Appended

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection, Engine


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """A transaction that is taken back."""
    with engine.connect() as connection:
        yield connection
        connection.rollback()


@pytest.fixture
def indicators(real_rows: Path) -> list[dict[str, Any]]:
    """Rows of fina_indicator as Tushare returned them, without update_flag, which it does not return by default."""
    columns = BY_API["fina_indicator"].by_name
    with (real_rows / "fina_indicator" / "three_stocks.csv").open(encoding="utf-8-sig", newline="") as lines:
        return [
            {
                name: None if text == "" else float(text) if columns[name].type is Type.NUMBER else text
                for name, text in row.items()
            }
            for row in csv.DictReader(lines)
        ]


def test_every_real_row_is_a_version_and_every_report_has_one_that_stands(
    connection: Connection, indicators: list[dict[str, Any]]
) -> None:
    reports = {(row["ts_code"], row["end_date"]) for row in indicators}
    assert (len(indicators), len(reports)) == (39, 30)
    # One pair differs in its flag only, which is not among the columns here.
    assert tell(connection, "fina_indicator", *indicators) == Appended(inserted=38)
    assert len(as_of(connection, "fina_indicator", date(2025, 12, 31), "ts_code", "end_date")) == 30
    assert tell(connection, "fina_indicator", *reversed(indicators), at=AT + timedelta(days=1)).unchanged == 38


def test_real_figures_are_known_from_the_end_of_their_day_on(
    connection: Connection, indicators: list[dict[str, Any]]
) -> None:
    tell(connection, "fina_indicator", *indicators)
    # Of a pair that nothing else tells apart, the row that says more stands.
    fullest = sorted(indicators, key=lambda row: sum(value is not None for value in row.values()))
    for row in {(row["ts_code"], row["end_date"]): row for row in fullest}.values():
        announced = parse_day(row["ann_date"])
        eve, day = (
            query(
                connection,
                "SELECT eps FROM fina_indicator_as_of(:day) WHERE ts_code = :code AND end_date = :period",
                day=each,
                code=row["ts_code"],
                period=parse_day(row["end_date"]),
            )
            for each in (announced - timedelta(days=1), announced)
        )
        assert (eve, day) == ([], [(Decimal(str(row["eps"])),)])


def test_a_pair_that_differs_in_its_flag_only_is_one_figure(connection: Connection) -> None:
    figures = {"revenue": 106190154843.76, "n_income_attr_p": 52460144378.16, "basic_eps": 41.76}
    pair = [statement("20211231", "20220331", flag=flag, **figures) for flag in ("0", "1")]
    assert tell(connection, "income", *pair) == Appended(inserted=2)
    assert as_of(connection, "income", date(2022, 3, 31), "end_date", "update_flag", "basic_eps") == [
        (date(2021, 12, 31), "1", Decimal("41.76"))
    ]
    history = "SELECT value FROM restatements('income', '600519.SH', '2021-12-31', 'basic_eps')"
    assert query(connection, history) == [(Decimal("41.76"),)]


VANKE = [
    {"ts_code": "000002.SZ", "end_date": "20220930", "ann_date": "20221029", "update_flag": flag, "eps": eps}
    for flag, eps in (("0", 0.4178), ("1", 1.4697))
]
"""A single quarter's earnings, and beside them, on the same day, those of the year so far."""


@pytest.mark.parametrize("rows", [VANKE, VANKE[::-1]], ids=["0 before 1", "1 before 0"])
def test_of_two_figures_told_on_one_day_the_corrected_one_stands(
    connection: Connection, rows: list[dict[str, Any]]
) -> None:
    for told in (1, 2):
        tell(connection, "fina_indicator", *rows[:told], at=AT + timedelta(days=told))
    assert as_of(connection, "fina_indicator", date(2022, 10, 29), "eps") == [(Decimal("1.4697"),)]
    history = "SELECT value, update_flag FROM restatements('fina_indicator', '000002.SZ', '2022-09-30', 'eps')"
    assert query(connection, history) == [(Decimal("0.4178"), "0"), (Decimal("1.4697"), "1")]


def test_a_period_that_is_told_with_flag_0_only_is_there(connection: Connection) -> None:
    row = {"ts_code": "000002.SZ", "end_date": "19941231", "ann_date": "19950401", "update_flag": "0", "eps": 0.5}
    tell(connection, "fina_indicator", row)
    assert as_of(connection, "fina_indicator", date(1995, 4, 1), "eps", "update_flag") == [(Decimal("0.5"), "0")]


def test_a_report_that_claims_to_be_from_before_its_period_ended_tells_nothing(connection: Connection) -> None:
    figures = {"code": "603400.SH", "revenue": 1.25}
    rows = [statement("20260630", announced, **figures) for announced in ("20260422", "20260803")]
    assert tell(connection, "income", *rows) == Appended(inserted=2, flawed=1)
    assert as_of(connection, "income", date(2026, 8, 2), "ts_code") == []
    assert as_of(connection, "income", date(2026, 8, 3), "ts_code", "ann_date") == [("603400.SH", date(2026, 8, 3))]
    listed = query(connection, "SELECT dataset, ts_code, flaw, told ->> 'ann_date' FROM quarantine")
    assert listed == [("income", "603400.SH", BEFORE_PERIOD, "2026-04-22")]


MOUTAI = [
    {"end_date": "20251231", "ann_date": "20260417", "cash_div_tax": 28.02423, "base_date": "20260603"},
    {"end_date": "20251231", "ann_date": "20260417", "cash_div_tax": 27.993, "base_date": "20260417"},
    {"end_date": "20250930", "ann_date": "20251106", "cash_div_tax": 23.957, "base_date": "20251106"},
]
CARRIED_OUT = {"imp_ann_date": "20251211", "record_date": "20251218", "ex_date": "20251219", "cash_div": 23.957}


@pytest.fixture
def moutai(connection: Connection) -> Connection:
    """Plans of 600519.SH: one that was adjusted when there were fewer shares, and one that was carried out."""
    plans: list[dict[str, Any]] = [{"ts_code": "600519.SH", "div_proc": "预案", **plan} for plan in MOUTAI]
    approved = {**plans[2], "div_proc": "股东大会通过"}
    paid = {**plans[2], **CARRIED_OUT, "div_proc": "实施", "base_date": "20251211"}
    assert tell(connection, "dividend", *plans, approved, paid) == Appended(inserted=5)
    return connection


def test_a_plan_that_was_adjusted_later_is_known_later(moutai: Connection) -> None:
    plan = "SELECT cash_div_tax FROM dividends_as_of(:day) WHERE end_date = '2025-12-31'"
    days = [date(2026, 4, 16), date(2026, 4, 17), date(2026, 6, 2), date(2026, 6, 3)]
    told = [query(moutai, plan, day=day) for day in days]
    assert told == [[], [(Decimal("27.993"),)], [(Decimal("27.993"),)], [(Decimal("28.02423"),)]]


def test_of_two_forms_of_a_plan_the_later_one_stands(moutai: Connection) -> None:
    plan = "SELECT cash_div_tax FROM dividend_as_of('2026-06-03') WHERE end_date = '2025-12-31'"
    assert query(moutai, plan) == [(Decimal("28.02423"),)]


def test_a_plan_that_was_carried_out_is_one_row(moutai: Connection) -> None:
    plan = "SELECT div_proc, cash_div FROM dividends_as_of(:day) WHERE end_date = '2025-09-30'"
    told = [query(moutai, plan, day=day) for day in (date(2025, 12, 10), date(2025, 12, 11))]
    assert told == [[("预案", None)], [("实施", Decimal("23.957"))]]


YANKUANG = [
    {
        "ts_code": "600188.SH",
        "ex_date": "20230717",
        "record_date": "20230714",
        "imp_ann_date": "20230710",
        "div_proc": "实施",
        **plan,
    }
    for plan in (
        {
            "end_date": "20221231",
            "ann_date": "20230325",
            "stk_div": 0.5,
            "stk_bo_rate": 0.5,
            "cash_div": 3.07,
            "cash_div_tax": 3.07,
        },
        {"end_date": "20221230", "ann_date": "20230325", "stk_div": 0.0, "cash_div": 1.23, "cash_div_tax": 1.23},
    )
]
"""A regular dividend with bonus shares and a special one, of different periods, on one ex-date."""


def test_two_dividends_on_one_ex_date_are_added_up(connection: Connection) -> None:
    tell(connection, "dividend", *YANKUANG)
    names = "ts_code, ex_date, plans, stk_div, cash_div_tax"
    paid = query(connection, f"SELECT {names} FROM dividend_sums_as_of('2023-07-17')")
    assert paid == [("600188.SH", date(2023, 7, 17), 2, Decimal("0.5"), Decimal("4.30"))]
    assert len(held(connection, "dividend", "end_date")) == 2


SAME_DAY = [plan | {"end_date": "20221231"} for plan in YANKUANG]
"""Both for one period, announced on one day."""


def paid(connection: Connection) -> list[tuple[Any, ...]]:
    return query(connection, "SELECT ex_date, plans, cash_div_tax FROM dividend_sums_as_of('2023-07-17') ORDER BY 1")


def test_two_dividends_that_were_announced_on_one_day_are_both_paid(connection: Connection) -> None:
    tell(connection, "dividend", *SAME_DAY)
    assert paid(connection) == [(date(2023, 7, 17), 2, Decimal("4.30"))]
    tell(connection, "dividend", *({**plan, "div_proc": "预案", "imp_ann_date": None} for plan in SAME_DAY), *SAME_DAY)
    assert paid(connection) == [(date(2023, 7, 17), 2, Decimal("4.30"))]


def test_what_is_paid_on_two_days_is_paid_twice(connection: Connection) -> None:
    later = SAME_DAY[0] | {"ex_date": "20230817", "record_date": "20230816"}
    tell(connection, "dividend", SAME_DAY[0], later)
    assert paid(connection) == [(date(2023, month, 17), 1, Decimal("3.07")) for month in (7, 8)]


def test_a_payment_that_is_told_twice_is_one(connection: Connection) -> None:
    less = SAME_DAY[0] | {"cash_div": None}
    undated = SAME_DAY[0] | {"ex_date": None, "record_date": None}
    tell(connection, "dividend", SAME_DAY[0], less, undated)
    assert paid(connection) == [(date(2023, 7, 17), 1, Decimal("3.07"))]


def test_a_payment_that_is_adjusted_to_the_shares_of_a_later_day_is_one(connection: Connection) -> None:
    rows = [
        SAME_DAY[0] | {"base_date": base, "cash_div_tax": cash} for base, cash in (("20230325", 3), ("20230710", 4))
    ]
    tell(connection, "dividend", *rows)
    assert paid(connection) == [(date(2023, 7, 17), 1, Decimal(4))]


def test_a_dividend_is_paid_once_its_carrying_out_is_announced(connection: Connection) -> None:
    tell(connection, "dividend", *YANKUANG)
    assert query(connection, "SELECT * FROM dividend_sums_as_of('2023-07-09')") == []
