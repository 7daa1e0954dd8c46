"""Servers under load: our API and others over one database, the rows that they serve, and what a request costs."""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from bench import ground, sqlite
from bench.ground import ADJ_FACTOR, DAILY
from bench.load import Load, under_load
from bench.processes import cpu_seconds, family
from bench.records import fetched
from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.cli import services
from stock_assistant_pipelines.ingest import Ingest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from contextlib import AbstractContextManager

    from sqlalchemy import Engine

    from bench.ground import Market, Server
    from stock_assistant_pipelines.warehouse.database import Database

POINTS = 5000
"""With which reports are asked for by period."""


@dataclass(frozen=True)
class History:
    """What is served: the whole market on some days, and one stock from its beginning."""

    code: str
    bars: int
    """Rows of that stock."""
    first: date
    last: date
    market: int
    """Rows of the last day."""
    rows: int
    """Rows of `daily`."""
    reports: int = 0
    """Report periods of that stock, which `income` holds."""

    @property
    def year_ago(self) -> date:
        """The day a year before the last."""
        return self.last - timedelta(days=365)


def fill(engine: Engine, market: Market, days: int, stocks: int) -> History:
    """Fill `daily` and `adj_factor` with the last days of the whole market, and the whole past of the oldest stocks."""
    oldest = "select ts_code from stock_basic where list_status = 'L' order by list_date, ts_code limit :stocks"
    with engine.connect() as connection:
        codes = list(connection.execute(text(oldest), {"stocks": stocks}).scalars())
    for dataset in (DAILY, ADJ_FACTOR):
        ground.fill(engine, market, dataset, market.days[-days:], codes)
    ground.book_history(engine, [each for each in CATALOG.values() if not each.by_period], market.days[-1])
    ground.vacuum(engine)
    query = """
        select ts_code, count(*), min(trade_date), max(trade_date), sum(count(*)) over (),
            (select count(*) from daily where trade_date = (select max(trade_date) from daily))
        from daily group by ts_code order by max(trade_date) desc, count(*) desc limit 1"""
    with engine.connect() as connection:
        code, bars, first, last, rows, whole = connection.execute(text(query)).one()
    return History(code, bars, first, last, whole, int(rows))


def report(engine: Engine, market: Market, history: History, years: int) -> History:
    """Land the income statements of the whole market of the last years, all periods by now."""
    ingest = Ingest(engine, market.transport, points=POINTS)
    periods = list(calendar.periods(date(history.last.year - years, 3, 31), history.last))
    for name in ("disclosure_date", "income"):
        list(ingest.land(CATALOG[name], periods))
    ground.vacuum(engine, "income")
    query = "select count(*) from income_as_of(:day) where ts_code = :code"
    with engine.connect() as connection:
        found = connection.execute(text(query), {"day": history.last, "code": history.code}).scalar_one()
    return replace(history, reports=int(found))


@dataclass(frozen=True)
class Serving:
    """A server that answers."""

    root: str
    pid: int

    def get(self, path: str) -> Any:
        """One answer, read."""
        return json.loads(self.fetch(path)[0])

    def fetch(self, path: str) -> tuple[bytes, str | None]:
        """One answer, as it is sent, and its tag."""
        with urllib.request.urlopen(self.root + path, timeout=60) as response:
            return response.read(), response.headers["ETag"]

    def get_exactly(self, path: str) -> Any:
        """One answer, with every figure as the decimal that is written there."""
        with urllib.request.urlopen(self.root + path, timeout=60) as response:
            return json.load(response, parse_float=Decimal, parse_int=Decimal)


@contextmanager
def ours(directory: Path, database: Database, **settings: str) -> Iterator[Serving]:
    """Our API, started as `stock-assistant up` starts it."""
    port = services.free_port()
    service = services.api(directory, port, "/api/v1")
    with _serving(service, database, f"http://{services.LOOPBACK}:{port}/api/v1", settings) as server:
        yield server


def twin(directory: Path, database: Database) -> AbstractContextManager[Serving]:
    """The plain twin, started in the same way."""
    return _uvicorn("twin", directory, database, {})


def static(directory: Path, database: Database, bodies: Mapping[str, bytes]) -> AbstractContextManager[Serving]:
    """Finished bytes, by name, served in the same way."""
    directory.mkdir(exist_ok=True)
    for name, body in bodies.items():
        (directory / f"{name}.json").write_bytes(body)
    return _uvicorn("static", directory, database, {"STATIC_BODIES": str(directory)})


@contextmanager
def datasette(directory: Path, database: Database, program: Path) -> Iterator[Serving]:
    """Datasette over the same rows in SQLite."""
    sqlite.fill(directory / f"{sqlite.NAME}.db", database)
    port = services.free_port()
    root = f"http://{services.LOOPBACK}:{port}"
    command = [str(program), "serve", "--immutable", str(directory / f"{sqlite.NAME}.db"), "--port", str(port)]
    command += ["--setting", "max_returned_rows", "20000", "--setting", "sql_time_limit_ms", "60000"]
    service = services.Service("Datasette", command, directory / "datasette.log", f"{root}/-/versions.json")
    with _serving(service, database, root, {}) as server:
        yield server


@contextmanager
def _uvicorn(name: str, directory: Path, database: Database, settings: Mapping[str, str]) -> Iterator[Serving]:
    port = services.free_port()
    command = [str(Path(sys.executable).with_name("uvicorn")), "--factory", f"bench.{name}:create_app"]
    command += ["--host", services.LOOPBACK, "--port", str(port)]
    root = f"http://{services.LOOPBACK}:{port}"
    service = services.Service(name, command, directory / f"{name}.log", f"{root}/live")
    with _serving(service, database, root, settings) as server:
        yield server


@contextmanager
def _serving(
    service: services.Service, database: Database, root: str, settings: Mapping[str, str]
) -> Iterator[Serving]:
    values = {
        **os.environ,
        "DATABASE_URL": database.url.render_as_string(False),
        "API_OPEN_ON_LOOPBACK": "true",
        "API_CALLS_PER_MINUTE": "0",
        "PYTHONPATH": str(Path(__file__).parents[1]),
        **settings,
    }
    with services.running([service], values):
        assert service.process is not None
        yield Serving(root, service.process.pid)


@dataclass(frozen=True, slots=True)
class Cost:
    """What a request took."""

    load: Load
    app: float
    """Processor seconds of the server, per request."""
    database: float
    """Processor seconds of PostgreSQL, per request."""


def measure(
    server: Server, serving: Serving, path: str, connections: int, seconds: float, tag: str | None = None
) -> Cost:
    """Put a server under load, and read what it and PostgreSQL computed meanwhile."""
    app, postgres = family(serving.pid), family(server.pid)
    before = cpu_seconds(app), cpu_seconds(postgres)
    load = under_load(serving.root + path, connections, seconds, tag)
    postgres = family(server.pid)
    after = cpu_seconds(app), cpu_seconds(postgres)
    answered = load.requests + load.warm_up
    return Cost(load, (after[0] - before[0]) / answered, (after[1] - before[1]) / answered)


def measure_records(server: Server, dsn: str, query: str, values: list[Any], connections: int, seconds: float) -> Cost:
    """Let the driver fetch the same rows for a while, and read what it and PostgreSQL computed meanwhile."""
    before = cpu_seconds(family(server.pid))
    done = fetched(dsn, query, values, connections, seconds)
    after = cpu_seconds(family(server.pid))
    return Cost(done.load, done.cpu, max(0.0, after - before) / (done.load.requests + done.load.warm_up))


def same_rows(items: Sequence[Sequence[Any]], objects: Sequence[dict[str, Any]], fields: Sequence[str]) -> bool:
    """Whether a table in Tushare's form and a list of objects hold the same rows."""
    days = {name for name in fields if name.endswith("_date")}
    told = [[_compact(row[name]) if name in days else row[name] for name in fields] for row in objects]
    return told == [list(item) for item in items]


def _compact(day: str | None) -> str | None:
    return day and day.replace("-", "")
