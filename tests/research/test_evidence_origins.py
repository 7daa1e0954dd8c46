"""Every figure of a sheet is that of the rows it names, by a query of the test's own; derived ones follow from theirs."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from evidence_market import MAIN, PEERS, sheet

from stock_assistant_pipelines.calendar import periods
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.columns import Type
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.research.collect import build_many
from stock_assistant_pipelines.research.evidence import Kind, Topic, Unit

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

    from stock_assistant_pipelines.research.evidence import Item, Origin, Sheet
    from stock_assistant_pipelines.tushare.transport import Transport

DAYS = [date(2026, 3, 2), date(2026, 3, 3), date(2026, 3, 4)]
PERIODS = periods(date(2024, 9, 30), date(2025, 9, 30))[::-1]
LANDED = ("disclosure_date", "income", "cashflow", "balancesheet", "fina_indicator", "forecast", "dividend")

SCALES = {"lot of 100 shares": 100, "1000 CNY": 1000, "10,000 CNY": 10_000}
"""What a column counts in, as its declaration says, in plain units."""
FORMULAS = {
    "change": lambda new, old: (new / old - 1) * 100,
    "yoy": lambda new, old: (new / old - 1) * 100,
    "difference": lambda a, b: a - b,
    "ratio": lambda a, b: a / b,
    "share": lambda part, whole: part / whole * 100,
}


def stored(connection: Connection, origin: Origin) -> set[Decimal | str]:
    """What the rows of an origin say, in plain units: of reports all versions that bear its key."""
    columns = CATALOG[origin.dataset].by_name
    where = " AND ".join(f"{name}::text = '{value}'" for name, value in origin.key.items())
    rows = connection.exec_driver_sql(f"SELECT {origin.column} FROM {origin.dataset} WHERE {where}").scalars()
    column = columns[origin.column]
    scale = SCALES.get(column.unit or "", 1)
    return {row * scale if column.type is Type.NUMBER else str(row) for row in rows if row is not None}


def assert_true_to_its_rows(connection: Connection, told: Sheet) -> None:
    for item in told.items:
        if item.id == "status":
            continue  # says in a word what the days of listing and delisting mean
        if item.id == "index":
            continue  # a name of ours
        if item.kind is Kind.ROW:
            (origin,) = item.origins
            assert (item.text if item.value is None else item.value) in stored(connection, origin), item
        elif item.derivation in FORMULAS:
            inputs = [figure(told.by_id[name]) for name in item.inputs]
            assert abs(figure(item) - FORMULAS[item.derivation](*inputs)) < Decimal("1e-9"), item


def figure(item: Item) -> Decimal:
    assert item.value is not None
    return item.value


def test_figures_of_a_market_made_by_hand_are_those_of_their_rows(market: Connection) -> None:
    for code in (MAIN, PEERS[1]):
        assert_true_to_its_rows(market, sheet(market, code))


@pytest.fixture
def landed(engine: Engine, transport: Transport) -> Engine:
    """Three trading days and five report periods of the sandbox."""
    ingest = Ingest(engine, transport, points=5000)
    for api in ("trade_cal", "stock_basic", "namechange", "index_basic"):
        assert all(entry.settled for entry in ingest.land(CATALOG[api], ()))
    for api in ("suspend_d", "daily", "adj_factor", "daily_basic", "index_daily"):
        list(ingest.land(CATALOG[api], DAYS))
    for api in LANDED:
        list(ingest.land(CATALOG[api], PERIODS, whole=True))
    return engine


def test_figures_of_a_landed_market_are_those_of_their_rows(landed: Engine) -> None:
    with landed.connect() as connection:
        codes = list(connection.exec_driver_sql("SELECT ts_code FROM stock_basic ORDER BY 1").scalars())
        sheets = list(build_many(connection, codes, DAYS[-1]))
        assert [each.ts_code for each in sheets] == codes
        for told in sheets[::6]:
            assert_true_to_its_rows(connection, told)
    whole = [each for each in sheets if {"close", "total_mv", "revenue.2025q3.ttm"} <= set(each.by_id)]
    assert len(whole) > 30
    for each in whole:
        assert each.by_id["total_mv"].unit is Unit.CNY
        assert each.missing["return.20d"].endswith("21 trading days needed")
        assert {item.topic for item in each.items} >= set(Topic) - {Topic.NEWS, Topic.EXPECTATIONS}
