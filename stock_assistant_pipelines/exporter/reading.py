"""Reading: short, read-only transactions of the monitor's role, each on a connection of its own."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.pool import NullPool

from stock_assistant_pipelines.settings.database import MONITOR_ROLE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.settings import Settings
    from stock_assistant_pipelines.warehouse.database import Database

CONNECT_SECONDS = 3
STATEMENT_SECONDS = 4
"""Together less than the ten seconds that Prometheus waits for a page."""


@dataclass(frozen=True)
class Reader:
    """One database, as it is read here."""

    engine: Engine

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """A transaction in which nothing can be written and no statement takes long."""
        with self.engine.begin() as connection:
            connection.execute(text("set transaction isolation level repeatable read, read only"))
            connection.execute(text(f"set local statement_timeout = '{STATEMENT_SECONDS}s'"))
            yield connection


def of_tables(settings: Settings, database: Database) -> Reader:
    """The database of the tables."""
    return _reader(settings, database.url)


def of_dagster(settings: Settings, database: Database) -> Reader:
    """The database of Dagster's storages."""
    return _reader(settings, make_url(database.dagster_url))


def _reader(settings: Settings, url: URL) -> Reader:
    """Read as the monitor's role where its password is set, else as whoever the database is configured for."""
    if (password := settings.monitor_database_password) is not None:
        url = url.set(username=MONITOR_ROLE, password=password.get_secret_value())
    words = {"connect_timeout": CONNECT_SECONDS, "application_name": "stock-assistant exporter"}
    return Reader(create_engine(url.set(drivername="postgresql+psycopg"), poolclass=NullPool, connect_args=words))
