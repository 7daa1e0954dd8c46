"""Servers under load: our API and others over one database, the rows that they serve, and what a request costs."""

from __future__ import annotations

import json
import os
import sys
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

from bench import ground
from bench.ground import ADJ_FACTOR, DAILY
from bench.load import Load, under_load
from bench.processes import cpu_seconds, family
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.cli import services

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from sqlalchemy import Engine

    from bench.ground import Market, Server
    from stock_assistant_pipelines.warehouse.database import Database


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


@dataclass(frozen=True)
class Serving:
    """A server that answers."""

    root: str
    pid: int

    def get(self, path: str) -> Any:
        """One answer, read."""
        with urllib.request.urlopen(self.root + path, timeout=60) as response:
            return json.load(response)

    def get_exactly(self, path: str) -> Any:
        """One answer, with every figure as the decimal that is written there."""
        with urllib.request.urlopen(self.root + path, timeout=60) as response:
            return json.load(response, parse_float=Decimal, parse_int=Decimal)


@contextmanager
def ours(directory: Path, database: Database) -> Iterator[Serving]:
    """Our API, started as `stock-assistant up` starts it."""
    port = services.free_port()
    service = services.api(directory, port, "/api/v1")
    with _serving(service, database, f"http://{services.LOOPBACK}:{port}/api/v1") as server:
        yield server


@contextmanager
def twin(directory: Path, database: Database) -> Iterator[Serving]:
    """The plain twin, started in the same way."""
    port = services.free_port()
    command = [str(Path(sys.executable).with_name("uvicorn")), "--factory", "bench.twin:create_app"]
    command += ["--host", services.LOOPBACK, "--port", str(port)]
    root = f"http://{services.LOOPBACK}:{port}"
    with _serving(services.Service("twin", command, directory / "twin.log", f"{root}/live"), database, root) as server:
        yield server


@contextmanager
def _serving(service: services.Service, database: Database, root: str) -> Iterator[Serving]:
    values = {
        **os.environ,
        "DATABASE_URL": database.url.render_as_string(False),
        "API_OPEN_ON_LOOPBACK": "true",
        "API_CALLS_PER_MINUTE": "0",
        "PYTHONPATH": str(Path(__file__).parents[1]),
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


def measure(server: Server, serving: Serving, path: str, connections: int, seconds: float) -> Cost:
    """Put a server under load, and read what it and PostgreSQL computed meanwhile."""
    app, postgres = family(serving.pid), family(server.pid)
    before = cpu_seconds(app), cpu_seconds(postgres)
    load = under_load(serving.root + path, connections, seconds)
    postgres = family(server.pid)
    after = cpu_seconds(app), cpu_seconds(postgres)
    answered = load.requests + load.warm_up
    return Cost(load, (after[0] - before[0]) / answered, (after[1] - before[1]) / answered)


def same_rows(items: Sequence[Sequence[Any]], objects: Sequence[dict[str, Any]], fields: Sequence[str]) -> bool:
    """Whether a table in Tushare's form and a list of objects hold the same rows."""
    told = [[row[name] for name in fields] for row in objects]
    at = fields.index("trade_date")
    for row in told:
        row[at] = row[at].replace("-", "")
    return told == [list(item) for item in items]
