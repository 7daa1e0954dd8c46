"""Datasette over the same rows in SQLite, installed into an environment of its own: no dependency of this project.

The tables are `daily`, laid out so that both ways of asking read one range, and `income`.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import psycopg

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from pathlib import Path

    from bench.serving import History
    from stock_assistant_pipelines.warehouse.database import Database

RELEASE = "datasette==0.65.5"
NAME = "market"
OURS = ("known_at", "known_until", "ingested_at", "filled", "digest")

AS_OF = """
select {columns} from (
    select *, row_number() over (
        partition by end_date
        order by known_at desc, report_type, update_flag desc nulls last, ingested_at desc, filled desc, digest
    ) as place
    from income
    where ts_code = :code and known_at <= :moment and (known_until is null or known_until > :moment)
        and report_type in ('1', '5')
)
where place = 1
order by end_date
"""
"""What the function `income_as_of` does."""


def install(directory: Path) -> Path | None:
    """Install Datasette and return its program; None where it cannot be fetched."""
    place = directory / "datasette"
    if not place.exists():
        subprocess.run([sys.executable, "-m", "venv", place], check=True)
    command = [place / "bin" / "python", "-m", "pip", "install", "-q", "--disable-pip-version-check", RELEASE]
    done = subprocess.run(command, capture_output=True, check=False)
    return place / "bin" / "datasette" if done.returncode == 0 else None


def fill(path: Path, database: Database) -> None:
    """Copy the rows into a file of SQLite: numbers as they are served, days `YYYYMMDD`, moments in seconds."""
    daily, income = CATALOG["daily"].fields, (*CATALOG["income"].fields, *OURS)
    with psycopg.connect(conninfo(database.url)) as source, sqlite3.connect(path) as target:
        _copy(source, target, "daily", daily, "ts_code, trade_date")
        rest = [name for name in daily if name not in {"ts_code", "trade_date"}]
        target.execute(f"create index by_day on daily (trade_date, ts_code, {', '.join(map(_quoted, rest))})")
        _copy(source, target, "income", income, "ts_code, end_date, report_type, digest, ingested_at")
        target.execute("analyze")


def _copy(
    source: psycopg.Connection[Any], target: sqlite3.Connection, table: str, names: tuple[str, ...], key: str
) -> None:
    types = dict(
        source.execute(
            "select attname, format_type(atttypid, null) from pg_attribute where attrelid = %s::regclass and attnum > 0",
            [table],
        ).fetchall()
    )
    words = {
        "date": "to_char({0}, 'YYYYMMDD')",
        "numeric": "{0}::float8",
        "timestamp with time zone": "extract(epoch from {0})::float8",
    }
    chosen = ", ".join(words.get(types[name], "{0}").format(_quoted(name)) for name in names)
    columns = ", ".join(f"{_quoted(name)} {'text' if types[name] in {'text', 'date'} else 'real'}" for name in names)
    target.execute(f"create table {table} ({columns}, primary key ({key})) without rowid")
    places = ", ".join("?" for _ in names)
    with source.cursor(f"copy_{table}") as cursor:
        cursor.itersize = 20_000
        cursor.execute(f"select {chosen} from {table}")
        target.executemany(f"insert into {table} values ({places})", cursor)
    target.commit()


def _quoted(name: str) -> str:
    return f'"{name}"'


def paths(history: History, moment: float) -> dict[str, str]:
    """What is asked, as paths."""

    def daily(**filters: str) -> str:
        return f"/{NAME}/daily.json?" + urlencode({**filters, "_shape": "arrays", "_size": "max", "_nocount": "1"})

    code, last = history.code, f"{history.last:%Y%m%d}"
    columns = ", ".join(map(_quoted, CATALOG["income"].fields))
    statement = {"sql": AS_OF.format(columns=columns), "code": code, "moment": moment, "_shape": "arrays"}
    return {
        "history": daily(ts_code=code, _sort="trade_date"),
        "year": daily(ts_code=code, trade_date__gte=f"{history.year_ago:%Y%m%d}", _sort="trade_date"),
        "latest": daily(ts_code=code, trade_date=last),
        "day": daily(trade_date=last, _sort="ts_code"),
        "statement": f"/{NAME}.json?" + urlencode(statement),
    }
