"""Dumps: both databases, ours and Dagster's, each with what it holds, counted in the dump's own snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from psycopg import sql

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.backup.contents import Contents, contents, differences
from stock_assistant_pipelines.backup.programs import BackupFailed, Programs
from stock_assistant_pipelines.settings.database import dagsters
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.backup.sealing import Seal
    from stock_assistant_pipelines.backup.store import Backup, Store

JOBS = "2"
"""How many tables are restored at once."""


def dump(url: URL, store: Store, seal: Seal, programs: Programs) -> Backup:
    """Dump the database of the URL and Dagster's beside it. Raises `BackupFailed` when there is none of ours."""
    held: dict[str, Contents] = {}
    moment = calendar.now()
    with store.making("dumps", moment, held) as directory:
        for name in (str(url.database), dagsters(url.database)):
            if _exists(url, name):
                held[name] = _dump(url.set(database=name), directory / seal.name(f"{name}.dump"), seal, programs)
        if url.database not in held:
            raise BackupFailed(f"there is no database {url.database}")
    return store.backup("dumps")


def _dump(url: URL, path: Path, seal: Seal, programs: Programs) -> Contents:
    with psycopg.connect(conninfo(url)) as connection:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        (snapshot,) = connection.execute("SELECT pg_export_snapshot()").fetchone() or ("",)
        with (
            programs.reading("pg_dump", "-Fc", "-Z1", f"--snapshot={snapshot}", url=url) as output,
            path.open("wb") as target,
        ):
            seal.write(output, target)
        return contents(connection)


def restore(backup: Backup, url: URL, seal: Seal, programs: Programs) -> list[str]:
    """Restore a dump into databases of the same names, which must not exist; say what differs from what was dumped.

    Rights and owners are not restored: the migrations give them (`stock-assistant db upgrade`).
    Raises `BackupFailed` when a database is there already.
    """
    for name in backup.label:
        if _exists(url, name):
            raise BackupFailed(f"the database {name} exists: a dump is restored beside what there is, never over it")
    said = []
    for name, wanted in backup.label.items():
        target = url.set(database=name)
        with psycopg.connect(conninfo(url.set(database="postgres")), autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(sql.Identifier(name)))
        (file,) = backup.path.glob(f"{name}.dump*")
        with backup.store.room() as room, seal.opened(file, room) as plain:
            words = ("--no-owner", "--no-privileges", "--exit-on-error", "-j", JOBS, str(plain))
            programs.run("pg_restore", *words, url=target)
        with psycopg.connect(conninfo(target)) as connection:
            said += [f"{name}: {line}" for line in differences(wanted, contents(connection))]
    return said


def _exists(url: URL, name: str) -> bool:
    with psycopg.connect(conninfo(url.set(database="postgres"))) as connection:
        return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is not None
