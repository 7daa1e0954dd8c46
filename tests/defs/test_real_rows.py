"""Real rows, from the files through Dagster to the API: nothing added, nothing lost, and coverage that tells the truth."""

from __future__ import annotations

import asyncio
import csv
import itertools
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import dagster as dg
import httpx2
import pytest
from code_location import CodeLocation
from sqlalchemy import func, select

from api.app import create_app
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.sandbox.server import TOKEN, running
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.warehouse import laws, rules, verdicts
from stock_assistant_pipelines.warehouse.tables import COVERAGE, METADATA

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.warehouse.database import Database

pytestmark = pytest.mark.timeout(900)

NAMES = ("daily", "adj_factor", "daily_basic")
SPANS = (("2023-09-25", "2025-10-23"), ("2025-12-18", "2025-12-18"), ("2026-04-15", "2026-04-15"))
LAWS = {law.name: law for law in laws.LAWS}
STOCKS = ("600519.SH", "600036.SH", "002594.SZ")


def read(folder: Path, name: str) -> dict[tuple[str, str], dict[str, str]]:
    """The rows of a dataset's files, by code and day."""
    rows = {}
    for path in sorted((folder / name).glob("*.csv")):
        with path.open(encoding="utf-8") as file:
            rows |= {(row["ts_code"], row["trade_date"]): row for row in csv.DictReader(file)}
    return rows


@pytest.fixture(scope="module")
def files(real_rows: Path) -> dict[str, dict[tuple[str, str], dict[str, str]]]:
    return {name: read(real_rows, name) for name in NAMES}


@pytest.fixture(scope="module")
def database(postgres: URL) -> Iterator[Database]:
    """One database for the module: landing takes most of a minute."""
    import psycopg

    from stock_assistant_pipelines.warehouse.database import Database
    from stock_assistant_pipelines.warehouse.embedded import conninfo

    database = Database(postgres.set(database="real_rows"))
    with psycopg.connect(conninfo(postgres), autocommit=True) as connection:
        connection.execute("CREATE DATABASE real_rows TEMPLATE template")
    yield database
    database.drop()


@pytest.fixture(scope="module")
def engine(database: Database) -> Iterator[Engine]:
    engine = database.engine()
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def landed(database: Database, real_rows: Path) -> Settings:
    """The installation after Dagster has materialised every day that the files hold."""
    with running(data=real_rows, quota=False) as sandbox, dg.DagsterInstance.ephemeral() as instance:
        settings = Settings(
            database_url=database.url.render_as_string(hide_password=False),
            tushare_token=TOKEN,
            tushare_base_url=sandbox.url,
            tushare_calls_per_minute=0,
            api_open_on_loopback=True,
        )
        location = CodeLocation(settings, instance)
        for first, last in SPANS:
            location.run(*NAMES, first=first, last=last)
    return settings


def ask(settings: Settings, path: str, **parameters: str) -> Any:
    """GET a route of the API."""

    async def request() -> bytes:
        app = create_app(settings)
        async with app.router.lifespan_context(app):
            transport = httpx2.ASGITransport(app=app)
            async with httpx2.AsyncClient(transport=transport, base_url="http://localhost/api/v1") as client:
                response = await client.get(path, params=parameters)
                assert response.status_code == 200, response.text
                return response.content

    import json

    return json.loads(asyncio.run(request()), parse_float=Decimal)


@pytest.mark.parametrize("name", NAMES)
def test_the_tables_hold_exactly_the_files_rows(
    landed: Settings, engine: Engine, files: dict[str, dict[tuple[str, str], dict[str, str]]], name: str
) -> None:
    table = METADATA.tables[name]
    with engine.connect() as connection:
        stored = {(row.ts_code, f"{row.trade_date:%Y%m%d}"): row for row in connection.execute(select(table)).all()}
    assert stored.keys() == files[name].keys()
    numbers = CATALOG[name].values
    for key, row in files[name].items():
        for column in numbers:
            told = Decimal(row[column]) if row[column] else None
            assert getattr(stored[key], column) == told, (key, column)


@pytest.mark.parametrize("code", STOCKS)
def test_the_api_tells_the_files_figures(
    landed: Settings, files: dict[str, dict[tuple[str, str], dict[str, str]]], code: str
) -> None:
    answer = ask(landed, f"/stocks/{code}/daily", start="20230925", end="20251023")
    told = {item[1]: dict(zip(answer["fields"], item, strict=True)) for item in answer["items"]}
    expected = {day: row for (stock, day), row in files["daily"].items() if stock == code and day <= "20251023"}
    assert told.keys() == expected.keys()
    assert len(told) == 500
    for day, row in expected.items():
        for column in CATALOG["daily"].values:
            assert Decimal(told[day][column]) == Decimal(row[column]), (day, column)
    assert not answer["meta"]["complete"]
    assert answer["meta"]["source"] == "sandbox: folder"


def test_hfq_is_close_times_factor_around_every_ex_dividend_event(
    landed: Settings, files: dict[str, dict[tuple[str, str], dict[str, str]]]
) -> None:
    events = 0
    for code in STOCKS:
        answer = ask(landed, f"/stocks/{code}/daily", start="20230925", end="20251023", adjust="hfq")
        told = {item[1]: dict(zip(answer["fields"], item, strict=True)) for item in answer["items"]}
        days = sorted(told)
        factors = {day: Decimal(files["adj_factor"][code, day]["adj_factor"]) for day in days}
        for before, after in itertools.pairwise(days):
            if abs(factors[after] / factors[before] - 1) < Decimal("0.001"):
                continue
            events += 1
            for day in (before, after):
                close = Decimal(files["daily"][code, day]["close"])
                assert told[day]["close"] == close * factors[day]
    assert events == 8


def test_coverage_names_what_the_folder_lacks(
    landed: Settings, engine: Engine, files: dict[str, dict[tuple[str, str], dict[str, str]]]
) -> None:
    query = select(COVERAGE.c.dataset, COVERAGE.c.status, func.count()).where(COVERAGE.c.dataset.in_(NAMES))
    with engine.connect() as connection:
        statuses = {
            (row[0], row[1]): row[2]
            for row in connection.execute(query.group_by(COVERAGE.c.dataset, COVERAGE.c.status))
        }
        whole = connection.execute(
            select(COVERAGE).where(COVERAGE.c.dataset == "daily", COVERAGE.c.partition == "2025-12-18")
        ).one()
        few = connection.execute(
            select(COVERAGE).where(COVERAGE.c.dataset == "daily", COVERAGE.c.partition == "2024-06-25")
        ).one()
    assert ("daily", "complete") not in statuses
    assert statuses["daily", "partial"] == statuses["daily_basic", "partial"] >= 502
    assert statuses["adj_factor", "complete"] == 1, "the factors of 2025-12-18 are all there, of no other day"
    assert (whole.expected, whole.landed, whole.missing) == (5460, 5449, 11)
    traded = {code for code, day in files["daily"] if day == "20251218"}
    assert not traded & set(whole.missing_keys)
    assert few.landed == 3
    assert few.expected - few.missing == 3
    assert not set(STOCKS) & set(few.missing_keys)


def test_real_rows_break_no_law_but_where_it_is_said_that_they_do(landed: Settings, engine: Engine) -> None:
    (glitch,) = LAWS["pre_close"].exemptions
    bar, factor = METADATA.tables["daily"], METADATA.tables["adj_factor"]
    with engine.connect() as connection:
        days = sorted(connection.execute(select(bar.c.trade_date).distinct()).scalars())
        assert set(days) == set(connection.execute(select(factor.c.trade_date).distinct()).scalars())
        assert len(days) == 502
        for name in ("pre_close", "factors", "codes"):
            assert verdicts.findings(connection, LAWS[name], days, days)[0] == {}, name
        every = LAWS["pre_close"].statement.subquery()
        found = connection.execute(select(every).where(every.c.expected.is_not(None)), {"days": days, "window": days})
        exempt = {(row.trade_date, row.subject) for row in found}
    assert exempt == {
        (glitch.first, "002594.SZ"),
        (glitch.last, "002594.SZ"),
        (glitch.last, "600519.SH"),
    }


@pytest.mark.parametrize("name", NAMES)
def test_real_rows_break_no_rule(landed: Settings, engine: Engine, name: str) -> None:
    table = METADATA.tables[name]
    with engine.connect() as connection:
        days = sorted(connection.execute(select(table.c.trade_date).distinct()).scalars())
        for rule in rules.of(CATALOG[name]):
            verdict = verdicts.judge_rows(connection, CATALOG[name], rule, days)
            assert verdict.holds, (rule.name, verdict.examples)
