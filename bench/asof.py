"""What it takes to read filings as of a day, by SQL: from a server that has just been started, and once everything is warm."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import tuple_row

from bench import ground
from bench.measure import Figures, stopwatch
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import date
    from pathlib import Path

QUESTIONS = {
    "income, one company's history": "select * from income_as_of(%(day)s) where ts_code = %(code)s order by end_date",
    "income, one period of the market": "select * from income_as_of(%(day)s) where end_date = %(period)s",
    "income of twelve months, one company's history": (
        "select * from income_ttm_as_of(%(day)s) where ts_code = %(code)s order by end_date"
    ),
    "income of twelve months, one period of the market": (
        "select * from income_ttm_as_of(%(day)s) where end_date = %(period)s"
    ),
    "latest period of one company": "select latest_period(%(code)s, %(day)s)",
    "latest report of every company": (
        "select distinct on (ts_code) ts_code, end_date, revenue, n_income_attr_p from income_as_of(%(day)s) "
        "where end_date > %(day)s::date - 400 order by ts_code, end_date desc"
    ),
    "history of one figure": "select * from restatements('income', %(code)s, %(period)s, 'n_income_attr_p')",
}
"""By what they ask for; all need `income` and nothing else."""

OLDEST = "select ts_code from income group by ts_code order by count(*) desc, ts_code limit 1"


@dataclass(frozen=True, slots=True)
class Read:
    """A question: how many rows answer it, and its seconds, a figure for each start of the server."""

    rows: int
    cold: Figures
    """The first time after the start of a server none of whose files is in memory."""
    fresh: Figures
    """The first time on a connection, when others have asked before."""
    warm: Figures


def read(
    directory: Path, name: str, questions: Iterable[str], values: Mapping[str, date], *, starts: int, rounds: int
) -> dict[str, Read]:
    """Ask each question after a start of its own, of the company with the most reports. No server runs before or after."""
    with ground.server(directory) as server, psycopg.connect(conninfo(server.url.set(database=name))) as connection:
        row = connection.execute(OLDEST).fetchone()
        assert row is not None
        given = {**values, "code": row[0]}
    found: dict[str, list[tuple[int, float, float, float]]] = {question: [] for question in questions}
    for _ in range(starts):
        for question, told in found.items():
            told.append(_after_a_start(directory, name, QUESTIONS[question], given, rounds))
    return {question: _read(told) for question, told in found.items()}


def _read(told: Sequence[tuple[int, float, float, float]]) -> Read:
    rows, cold, fresh, warm = zip(*told, strict=True)
    return Read(rows[0], Figures(cold), Figures(fresh), Figures(warm))


def _after_a_start(
    directory: Path, name: str, query: str, values: Mapping[str, Any], rounds: int
) -> tuple[int, float, float, float]:
    """Start the server and ask: how many rows, and seconds the first time, on a second connection, and in the end."""
    forget(directory)
    with ground.server(directory) as server:
        address = conninfo(server.url.set(database=name))
        with _connected(address) as connection:
            rows, cold = _ask(connection, query, values)
        with _connected(address) as connection:
            _, fresh = _ask(connection, query, values)
            warm = Figures(tuple(_ask(connection, query, values)[1] for _ in range(rounds)))
    return rows, cold, fresh, warm.median


def _connected(address: str) -> psycopg.Connection[tuple[Any, ...]]:
    return psycopg.connect(address, autocommit=True, prepare_threshold=None, row_factory=tuple_row)


def _ask(connection: psycopg.Connection[tuple[Any, ...]], query: str, values: Mapping[str, Any]) -> tuple[int, float]:
    """Ask until the last row has arrived; none is made a Python object."""
    with stopwatch() as watch:
        cursor = connection.execute(query, values)
    return cursor.rowcount, watch.seconds


def forget(directory: Path) -> None:
    """Let the system drop what it holds in memory of a directory's files, as far as it has been written out."""
    for file in directory.rglob("*"):
        if file.is_file():
            number = os.open(file, os.O_RDONLY)
            try:
                os.posix_fadvise(number, 0, 0, os.POSIX_FADV_DONTNEED)
            finally:
                os.close(number)
