"""Real rows, from the files through Dagster to the API: nothing added, nothing lost, and coverage that tells the truth."""

from __future__ import annotations

import asyncio
import csv
import itertools
import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import dagster as dg
import httpx2
import pytest
from code_location import CodeLocation
from databases import copied
from sqlalchemy import func, select

from api.app import create_app
from stock_assistant_pipelines.calendar import weekdays
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.defs.fill import fill_config
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
EVENTFUL = (
    ("2023-12-19", "2023-12-20"),
    ("2024-06-18", "2024-06-19"),
    ("2024-06-24", "2024-06-26"),  # a glitch of the source's
    ("2024-07-10", "2024-07-11"),
    ("2024-07-26", "2024-07-29"),
    ("2024-12-19", "2024-12-20"),
    ("2025-06-25", "2025-06-26"),
    ("2025-07-10", "2025-07-11"),
    ("2025-07-28", "2025-07-29"),
)
"""Every ex-date of the three stocks, and the day before it."""
WHOLE = (("2025-12-18", "2025-12-18"), ("2026-04-15", "2026-04-15"))
"""Two days of the whole market."""
SPANS = [
    pytest.param((EVENTFUL, 19, WHOLE[:1]), id="19 days"),
    pytest.param(((("2023-09-25", "2025-10-23"),), 500, WHOLE), id="500 days", marks=pytest.mark.slow),
]
LAWS = {law.name: law for law in laws.LAWS}
STOCKS = ("600519.SH", "600036.SH", "002594.SZ")


@dataclass(frozen=True)
class Spans:
    """What is landed."""

    first_and_last: tuple[tuple[str, str], ...]
    days: int
    """The trading days of the three stocks that lie in them."""
    whole: int
    """The days of the whole market."""


@pytest.fixture(scope="module", params=SPANS)
def spans(request: pytest.FixtureRequest) -> Spans:
    of_three, days, whole = request.param
    return Spans((*of_three, *whole), days, len(whole))


def read(folder: Path, name: str, spans: Spans) -> dict[tuple[str, str], dict[str, str]]:
    """The rows of a dataset's files that lie in the spans, by code and day."""
    between = [(first.replace("-", ""), last.replace("-", "")) for first, last in spans.first_and_last]
    rows = {}
    for path in sorted((folder / name).glob("*.csv")):
        with path.open(encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if any(first <= row["trade_date"] <= last for first, last in between):
                    rows[row["ts_code"], row["trade_date"]] = row
    return rows


@pytest.fixture(scope="module")
def files(real_rows: Path, spans: Spans) -> dict[str, dict[tuple[str, str], dict[str, str]]]:
    return {name: read(real_rows, name, spans) for name in NAMES}


@pytest.fixture(scope="module")
def database(postgres: URL, spans: Spans) -> Iterator[Database]:
    """One database for the module: landing takes most of its time."""
    with copied(postgres) as database:
        yield database


@pytest.fixture(scope="module")
def engine(database: Database) -> Iterator[Engine]:
    engine = database.engine()
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def landed(database: Database, real_rows: Path, spans: Spans) -> Settings:
    """The installation after Dagster has materialised every day of the spans."""
    with running(data=real_rows, quota=False) as sandbox, dg.DagsterInstance.ephemeral() as instance:
        settings = Settings(
            database_url=database.url.render_as_string(hide_password=False),
            tushare_token=TOKEN,
            tushare_base_url=sandbox.url,
            tushare_calls_per_minute=0,
            api_open_on_loopback=True,
        )
        location = CodeLocation(settings, instance)
        wanted = [
            day
            for first, last in spans.first_and_last
            for day in weekdays(date.fromisoformat(first), date.fromisoformat(last))
        ]
        config = fill_config(dict.fromkeys(NAMES, wanted))
        location.repository.get_job("fill").execute_in_process(
            instance=instance, run_config=config, raise_on_error=False
        )
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
    landed: Settings, files: dict[str, dict[tuple[str, str], dict[str, str]]], spans: Spans, code: str
) -> None:
    answer = ask(landed, f"/stocks/{code}/daily", start="20230925", end="20251023")
    told = {item[1]: dict(zip(answer["fields"], item, strict=True)) for item in answer["items"]}
    expected = {day: row for (stock, day), row in files["daily"].items() if stock == code and day <= "20251023"}
    assert told.keys() == expected.keys()
    assert len(told) == spans.days
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
    landed: Settings, engine: Engine, files: dict[str, dict[tuple[str, str], dict[str, str]]], spans: Spans
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
    assert statuses["daily", "partial"] == statuses["daily_basic", "partial"] >= spans.days + spans.whole
    assert statuses["adj_factor", "complete"] == 1, "the factors of 2025-12-18 are all there, of no other day"
    assert (whole.expected, whole.landed, whole.missing) == (5460, 5449, 11)
    traded = {code for code, day in files["daily"] if day == "20251218"}
    assert not traded & set(whole.missing_keys)
    assert few.landed == 3
    assert few.expected - few.missing == 3
    assert not set(STOCKS) & set(few.missing_keys)


def test_real_rows_break_no_law_but_where_it_is_said_that_they_do(
    landed: Settings, engine: Engine, spans: Spans
) -> None:
    (glitch,) = LAWS["pre_close"].exemptions
    bar, factor = METADATA.tables["daily"], METADATA.tables["adj_factor"]
    with engine.connect() as connection:
        days = sorted(connection.execute(select(bar.c.trade_date).distinct()).scalars())
        assert set(days) == set(connection.execute(select(factor.c.trade_date).distinct()).scalars())
        assert len(days) == spans.days + spans.whole
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
