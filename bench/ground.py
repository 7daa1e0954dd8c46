"""The ground to measure on: an embedded PostgreSQL in a directory of its own, the sandbox's market, and a history of it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import sql
from pydantic import SecretStr
from sqlalchemy import text

from stock_assistant_pipelines.backup.programs import Programs
from stock_assistant_pipelines.calendar import now
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.grain import MARKET_OPENED
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.sandbox.server import TOKEN, running
from stock_assistant_pipelines.tushare.decode import compact, wire_types
from stock_assistant_pipelines.tushare.transport import Transport
from stock_assistant_pipelines.warehouse import embedded
from stock_assistant_pipelines.warehouse.database import Database
from stock_assistant_pipelines.warehouse.landing import csv_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.tushare.decode import Row

DAILY, ADJ_FACTOR = CATALOG["daily"], CATALOG["adj_factor"]

BOOKED = """
insert into coverage (dataset, partition, status, expected, landed, missing, missing_keys, source, calls, inserted, updated,
    deleted, landed_at, complete_at)
select dataset, day::date::text, 'complete', 1, 1, 0, '{}', (select min(source) from coverage), 1, 1, 0, 0, now(), now()
from unnest(cast(:datasets as text[])) as dataset, (select cal_date as day from trade_cal where is_open = 1) as days
where day <= :until
on conflict do nothing
"""
"""Every trading day so far, booked for these datasets: coverage is as large as after a whole backfill."""


@dataclass(frozen=True)
class Server:
    """A PostgreSQL of this benchmark alone, and the directory it lives in."""

    url: URL
    directory: Path

    @property
    def pid(self) -> int:
        """The postmaster's process."""
        return int((self.directory / "pg" / "postmaster.pid").read_text().splitlines()[0])

    def made(self, name: str) -> Database:
        """A database of that name, with all tables where it was not there."""
        database = Database(self.url.set(database=name))
        database.prepare()
        return database

    @contextmanager
    def database(self, name: str) -> Iterator[tuple[Database, Engine]]:
        """A database with all tables, for as long as a block lasts."""
        database = self.made(name)
        try:
            with database.connected() as engine:
                yield database, engine
        finally:
            database.drop()

    @contextmanager
    def copy_of(self, database: Database, name: str) -> Iterator[Database]:
        """A copy of a database that nobody is connected to, for as long as a block lasts."""
        made = Database(self.url.set(database=name))
        with psycopg.connect(embedded.conninfo(self.url), autocommit=True) as connection:
            names = sql.Identifier(name), sql.Identifier(str(database.url.database))
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(*names))
        try:
            yield made
        finally:
            made.drop()


@contextmanager
def place() -> Iterator[Path]:
    """A directory for a PostgreSQL: short, for the socket's sake, and open to the user that it runs as."""
    with tempfile.TemporaryDirectory(prefix="sa-bench-", dir="/tmp") as name:
        directory = Path(name)
        directory.chmod(0o755)
        yield directory


@contextmanager
def server(directory: Path | None = None) -> Iterator[Server]:
    """Start a PostgreSQL, in a directory that it may have been stopped in before, or in one of its own."""
    with ExitStack() as stack:
        directory = directory or stack.enter_context(place())
        yield Server(stack.enter_context(embedded.running(directory / "pg")), directory)


@dataclass(frozen=True)
class Market:
    """The sandbox's market: who answers, and its trading days up to yesterday."""

    url: str
    transport: Transport
    days: Sequence[date]

    def rows(self, dataset: Dataset, **params: str) -> list[Row]:
        """The rows of a call, as the sandbox answers it."""
        return self.transport.fetch(dataset.api, params, wire_types(dataset), row_cap=dataset.row_cap).rows

    def of_day(self, dataset: Dataset, day: date) -> list[Row]:
        """The whole market on one day."""
        return self.rows(dataset, trade_date=compact(day))

    def of_stock(self, dataset: Dataset, code: str, last: date) -> list[Row]:
        """One stock from the beginning to a day."""
        return self.rows(dataset, ts_code=code, start_date=compact(MARKET_OPENED), end_date=compact(last))


@contextmanager
def market(engine: Engine, stocks: int) -> Iterator[Market]:
    """Start the sandbox in a process of its own, and land what completeness rests on: the calendar and the stocks."""
    with (
        running(process=True, stocks=stocks, quota=False) as sandbox,
        Transport(SecretStr(TOKEN), sandbox.url) as transport,
    ):
        ingest = Ingest(engine, transport)
        yesterday = now().date() - timedelta(days=1)
        days = ingest.calendar(DAILY, [yesterday]).between(MARKET_OPENED, yesterday)
        list(ingest.land(CATALOG["stock_basic"]))
        yield Market(sandbox.url, transport, days)


def fill(engine: Engine, market: Market, dataset: Dataset, days: Sequence[date], codes: Sequence[str] = ()) -> int:
    """Copy these days of the whole market into the empty table, and before them the whole history of a few stocks.

    Rows come in the order in which a backfill brings them, day by day. Returns how many there are.
    """
    earlier = [row for code in codes for row in market.of_stock(dataset, code, days[0] - timedelta(days=1))]
    at = dataset.fields.index("trade_date")
    earlier.sort(key=lambda row: str(row[at]))
    count = copy(engine, dataset, dataset.api, earlier) if earlier else 0
    for day in days:
        count += copy(engine, dataset, dataset.api, market.of_day(dataset, day))
    return count


def copy(engine: Engine, dataset: Dataset, table: str, rows: Sequence[Row]) -> int:
    """Copy rows into a table that has the dataset's columns."""
    names = sql.SQL(", ").join(map(sql.Identifier, dataset.fields))
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, NULL 'null')").format(sql.Identifier(table), names)
    with engine.begin() as connection:
        raw = connection.connection.driver_connection
        assert isinstance(raw, psycopg.Connection)
        with raw.cursor() as cursor, cursor.copy(statement) as target:
            target.write(csv_lines(rows))
    return len(rows)


def book_history(engine: Engine, datasets: Sequence[Dataset], until: date) -> None:
    """Book every trading day of these datasets as complete."""
    with engine.begin() as connection:
        connection.execute(text(BOOKED), {"datasets": [dataset.api for dataset in datasets], "until": until})


def vacuum(engine: Engine, *tables: str, full: bool = False) -> None:
    """Vacuum and analyse tables, all of them by default, so that covering indexes are read without their tables."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text(f"vacuum ({'full, ' if full else ''}analyze) {', '.join(tables)}"))


def checkpoint(engine: Engine) -> None:
    """Write everything out, so that what is measured next does not pay for what came before."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("checkpoint"))


def psql() -> str:
    """The psql of the embedded server."""
    return Programs().path("psql")


def stop_postgres(directory: Path, mode: str) -> None:
    """Stop the server of this directory with its own `pg_ctl`, as the user that owns it: `fast`, or `immediate` as a crash."""
    command = [Programs().path("pg_ctl"), "-D", str(directory), "-m", mode, "-w", "stop"]
    owner = directory.stat().st_uid if os.getuid() == 0 else None
    subprocess.run(command, check=True, user=owner, stdout=subprocess.DEVNULL)
