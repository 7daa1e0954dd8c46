"""The tables that follow from the catalog, and all else that follows from a declaration alone."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from moneyflow import MONEYFLOW
from sqlalchemy import BigInteger, Date, Numeric, PrimaryKeyConstraint, Text, UniqueConstraint

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.columns import Type
from stock_assistant_pipelines.catalog.finance import FINANCE
from stock_assistant_pipelines.warehouse.tables import METADATA, SETTLED, Status, build

if TYPE_CHECKING:
    from sqlalchemy import Constraint
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.catalog.dataset import Dataset

datasets = pytest.mark.parametrize("dataset", CATALOG.values(), ids=CATALOG)
VERSION = ("known_at", "flaw", "digest", "filled", "ingested_at", "replaced_at", "known_until", "run_id")
"""What is kept of a version beside Tushare's columns."""


def constraint(api: str, kind: type[Constraint]) -> list[Any]:
    return [found for found in METADATA.tables[api].constraints if isinstance(found, kind)]


@datasets
def test_a_table_has_tushares_columns_in_tushares_order(dataset: Dataset) -> None:
    ours = VERSION if dataset.versions else ()
    assert tuple(METADATA.tables[dataset.api].columns.keys()) == (*dataset.fields, *ours)


@datasets
def test_a_column_has_the_type_of_its_declaration(dataset: Dataset) -> None:
    types = {Type.TEXT: Text, Type.DATE: Date, Type.NUMBER: Numeric, Type.INTEGER: BigInteger}
    for column in dataset.columns:
        assert isinstance(METADATA.tables[dataset.api].c[column.name].type, types[column.type])


@datasets
def test_only_what_identifies_a_row_must_be_there(dataset: Dataset) -> None:
    required = {name for name in dataset.key if not dataset.by_name[name].optional}
    required |= {"digest", "filled", "ingested_at"} if dataset.versions else set()
    table = METADATA.tables[dataset.api]
    assert {column.name for column in table.c if not column.nullable} == required


@datasets
def test_a_key_identifies_one_row_and_starts_with_the_day(dataset: Dataset) -> None:
    optional = any(dataset.by_name[name].optional for name in dataset.key)
    found = constraint(dataset.api, UniqueConstraint if optional else PrimaryKeyConstraint)
    version = ("digest", "ingested_at") if dataset.versions else ()
    assert [tuple(key.columns.keys()) for key in found if key.columns] == [(*dataset.key, *version)]
    assert not dataset.partitioned or dataset.key[0] == "trade_date"
    assert not dataset.by_period or dataset.key[:2] == ("ts_code", "end_date")


@datasets
def test_a_day_is_read_by_stock_from_an_index_that_holds_the_whole_row(dataset: Dataset) -> None:
    indexes = METADATA.tables[dataset.api].indexes
    if not dataset.partitioned:
        assert not indexes or dataset.versions
        return
    (found,) = indexes
    names = [*found.columns.keys(), *found.dialect_options["postgresql"]["include"]]
    assert names[:2] == ["ts_code", "trade_date"]
    assert sorted(names) == sorted(dataset.fields)


@pytest.mark.parametrize("dataset", FINANCE, ids=lambda dataset: dataset.api)
def test_report_periods_and_announcements_are_found_by_index_and_what_is_quarantined_too(dataset: Dataset) -> None:
    assert dataset.versions
    found = {str(index.name): [*index.columns.keys()] for index in METADATA.tables[dataset.api].indexes}
    announced = {f"{dataset.api}_by_announcement": ["ann_date"]} if dataset.versions.known else {}
    periods = {f"{dataset.api}_{name}": ["end_date", "ts_code"] for name in ("by_period", "quarantined")}
    assert found == periods | announced


@datasets
def test_a_column_is_described_with_its_unit(dataset: Dataset) -> None:
    for column in dataset.columns:
        comment = METADATA.tables[dataset.api].c[column.name].comment
        assert comment == (f"{column.title}, {column.unit}" if column.unit else column.title)


def test_nothing_is_left_to_do_for_complete_and_closed_days() -> None:
    assert {Status.COMPLETE, Status.CLOSED} == SETTLED


# A dataset that is added to the catalog


def test_a_declaration_makes_a_table() -> None:
    table = build([MONEYFLOW]).tables["moneyflow_x"]
    assert tuple(table.columns.keys()) == MONEYFLOW.fields
    assert tuple(table.primary_key.columns.keys()) == MONEYFLOW.key


LAND_IT = """
import json, sys
from datetime import date, datetime
from types import MappingProxyType
from pydantic import SecretStr
from sqlalchemy import create_engine, select
from stock_assistant_pipelines import catalog
from moneyflow import MONEYFLOW

catalog.CATALOG = MappingProxyType({**catalog.CATALOG, MONEYFLOW.api: MONEYFLOW})

from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.sandbox.server import TOKEN, running
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.tushare.transport import Transport
from stock_assistant_pipelines.warehouse.tables import METADATA

engine = create_engine(sys.argv[1])
METADATA.tables["moneyflow_x"].create(engine)
with running(stocks=50, quota=False, now=datetime(2026, 3, 4, 20, tzinfo=SHANGHAI)) as sandbox:
    with Transport(SecretStr(TOKEN), sandbox.url) as transport:
        (entry,) = Ingest(engine, transport).land(MONEYFLOW, [date(2026, 3, 4)])
with engine.connect() as connection:
    rows = connection.execute(select(METADATA.tables["moneyflow_x"])).all()
print(json.dumps({"status": entry.status, "expected": entry.expected, "landed": entry.landed, "rows": len(rows)}))
"""


@pytest.fixture(scope="module")
def added(postgres: URL) -> dict[str, Any]:
    """What comes of a dataset that is in the catalog of another interpreter, and nowhere else."""
    from pathlib import Path
    from uuid import uuid4

    import psycopg

    from stock_assistant_pipelines.warehouse.embedded import conninfo

    name = f"test_{uuid4().hex[:12]}"
    with psycopg.connect(conninfo(postgres), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE template")  # type: ignore[call-overload]
        url = postgres.set(drivername="postgresql+psycopg", database=name).render_as_string(hide_password=False)
        done = subprocess.run(
            [sys.executable, "-c", LAND_IT, url], cwd=Path(__file__).parent, capture_output=True, text=True, check=False
        )
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[call-overload]
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def test_a_dataset_added_to_the_catalog_is_answered_by_the_sandbox_and_landed(added: dict[str, Any]) -> None:
    assert added["rows"] == added["landed"] > 40


def test_a_dataset_added_to_the_catalog_is_judged_by_its_expectation(added: dict[str, Any]) -> None:
    assert (added["status"], added["expected"]) == ("complete", added["landed"])
