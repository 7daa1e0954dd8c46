"""Databases of the tests' own server."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import psutil
import psycopg
from psycopg import sql
from pydantic import SecretStr

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.sandbox.server import TOKEN
from stock_assistant_pipelines.tushare.transport import Transport
from stock_assistant_pipelines.warehouse.database import Database
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import date

    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.sandbox.server import Running

MEMORY = Path("/dev/shm")
ROOM = 6 << 30
"""Bytes that have to be free in memory before servers lie there: each of a few takes a few hundred MB."""


def roomy() -> bool:
    """Whether servers may lie in memory: its file system may have room where the memory has none."""
    return MEMORY.is_dir() and min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available) > ROOM


@contextmanager
def place() -> Iterator[Path]:
    """A directory for a server that nobody needs afterwards: in memory, or in /tmp where there is no room for it.

    The files of a new database are several hundred small ones, which a disk's file system takes long to make.
    """
    with tempfile.TemporaryDirectory(prefix="sa-", dir=MEMORY if roomy() else "/tmp") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


def copy(server: URL, template: str = "template") -> Database:
    """Make a database with all tables, empty, or with what this template holds."""
    database = Database(server.set(database=f"test_{uuid4().hex[:12]}"))
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy")
    with psycopg.connect(conninfo(server), autocommit=True) as connection:
        connection.execute(statement.format(sql.Identifier(str(database.url.database)), sql.Identifier(template)))
    return database


@contextmanager
def copied(server: URL, template: str = "template") -> Iterator[Database]:
    """A database with all tables, empty, or with what this template holds, for as long as the block lasts."""
    database = copy(server, template)
    try:
        yield database
    finally:
        database.drop()


@contextmanager
def landed(server: URL, sandbox: Running, days: Mapping[str, Sequence[date]]) -> Iterator[str]:
    """The name of a database in which these days of these datasets have landed, a template for as long as the block lasts."""
    with copied(server) as database, Transport(SecretStr(TOKEN), sandbox.url) as transport:
        engine = database.engine()
        for name, wanted in days.items():
            assert all(entry.settled for entry in Ingest(engine, transport).land(CATALOG[name], wanted))
        engine.dispose()
        yield str(database.url.database)


def working_as(database: Database, role: str) -> Database:
    """A database as a role sees it that has its rights there."""
    given = Database(database.url, {role: SecretStr("s3cret")})
    given.create()  # that of Dagster, too
    given.grant()
    return Database(database.url.set(username=role))
