"""Landing: the rows of one partition enter their table in one transaction, and a second time nothing is written.

The rows are staged by COPY and merged: changed rows are updated, new ones inserted, and nothing else is touched. What a
changed or withdrawn row said before is kept in `superseded`.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
from psycopg import sql
from sqlalchemy import (
    Column,
    MetaData,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    false,
    func,
    insert,
    literal_column,
    not_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import JSONB

from stock_assistant_pipelines.tushare.errors import SchemaDrift
from stock_assistant_pipelines.warehouse import expectation
from stock_assistant_pipelines.warehouse.space import explained
from stock_assistant_pipelines.warehouse.tables import METADATA, SNAPSHOT, SUPERSEDED

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, datetime

    from sqlalchemy import ColumnElement, Connection, Delete, FromClause, Insert, Select, Update

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.tushare.decode import Row


@dataclass(frozen=True, slots=True)
class Written:
    """How many rows a landing added, changed and took out."""

    inserted: int = 0
    updated: int = 0
    deleted: int = 0


@dataclass(frozen=True, slots=True)
class _Statements:
    """The statements that merge one dataset's stage into its table."""

    changed: Insert
    update: Update
    insert: Insert
    withdrawn: Insert
    delete: Delete


def stage_name(dataset: Dataset) -> str:
    """The temporary table that a dataset's rows are copied into."""
    return f"stage_{dataset.api}"


@lru_cache(maxsize=256)
def stage_table(dataset: Dataset) -> Table:
    """The stage, as SQLAlchemy sees it: Tushare's columns, and nothing else."""
    table = METADATA.tables[dataset.api]
    return Table(stage_name(dataset), MetaData(), *(Column(name, table.c[name].type) for name in dataset.fields))


def partition_key(day: date | None) -> str:
    """The key under which a partition is booked: the ISO day, or `all` for a snapshot."""
    return day.isoformat() if day else SNAPSHOT


def lock(connection: Connection, dataset: Dataset, day: date | None) -> None:
    """Keep others from landing the same day, of whatever dataset, at the same time: they judge each other. Or a snapshot."""
    hold(connection, f"landing {partition_key(day) if day else dataset.api}")


def hold(connection: Connection, name: str) -> None:
    """Hold a lock of this name until the end of the transaction."""
    connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), {"name": name})


def stage(connection: Connection, dataset: Dataset, rows: Sequence[Row]) -> None:
    """Copy rows into the dataset's stage, which is emptied at the end of the transaction.

    Nothing is known of a stage's rows, nor of a day that has only just landed, and a plan that takes them for few compares
    each with each: seconds instead of milliseconds. So the rest of the transaction joins by hashing or merging.

    Raises `SchemaDrift` when the table cannot hold a value, `DiskFull` when there is no space.
    """
    table = METADATA.tables[dataset.api]
    raw = connection.connection.driver_connection
    assert raw is not None
    names = sql.SQL(", ").join(map(sql.Identifier, dataset.fields))
    with explained(), raw.cursor() as cursor:
        cursor.execute(
            sql.SQL(
                "CREATE TEMPORARY TABLE IF NOT EXISTS {} ON COMMIT DELETE ROWS AS SELECT {} FROM {} WITH NO DATA"
            ).format(sql.Identifier(stage_name(dataset)), names, sql.Identifier(table.name))
        )
        cursor.execute("SET LOCAL enable_nestloop = off")
        if not rows:
            return
        copy = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT csv, NULL 'null')")
        try:
            with cursor.copy(copy.format(sql.Identifier(stage_name(dataset)), names)) as target:
                target.write(csv_lines(rows))
        except psycopg.DataError as error:
            raise SchemaDrift(dataset.api, f"a value cannot be stored: {str(error).splitlines()[0]}") from None


def csv_lines(rows: Sequence[Row]) -> bytes:
    """Write rows as CSV in which an unquoted `null` is NULL.

    JSON without escapes differs from such CSV by its brackets only, and is encoded in C; numbers keep the shortest text
    that means them. Rows whose text needs escaping, or looks like a row's end, are written by the csv module.
    """
    encoded = msgspec.json.encode(rows)
    if b"\\" not in encoded and encoded.count(b"],[") == len(rows) - 1:
        return encoded[2:-2].replace(b"],[", b"\n") + b"\n"
    lines = io.StringIO()
    writer = csv.writer(lines, quoting=csv.QUOTE_NONNUMERIC)
    for row in rows:
        writer.writerow([_Null() if value is None else value for value in row])
    return lines.getvalue().encode()


class _Null(float):
    """Written by the csv module as a number is: without quotes."""

    def __repr__(self) -> str:
        return "null"

    __str__ = __repr__


def merge(connection: Connection, dataset: Dataset, day: date | None, *, at: datetime, run_id: str | None) -> Written:
    """Merge the stage into the table: insert and update what differs, and keep what updated rows said before."""
    statements = _statements(dataset)
    values = _values(dataset, day, at, run_id)
    updated = 0
    if dataset.values and _rowcount(connection, statements.changed, values):
        updated = _rowcount(connection, statements.update, values)
    return Written(inserted=_rowcount(connection, statements.insert, values), updated=updated)


def _rowcount(connection: Connection, statement: Insert | Update | Delete, values: dict[str, Any]) -> int:
    result = connection.execute(statement, values, execution_options={"preserve_rowcount": True})
    return int(result.rowcount)


def withdraw(connection: Connection, dataset: Dataset, day: date | None, *, at: datetime, run_id: str | None) -> int:
    """Take out the rows that a complete answer, the stage, no longer tells, keeping what they said.

    Rows that completeness is not about stay: their absence from a complete answer proves nothing.
    """
    statements = _statements(dataset)
    values = _values(dataset, day, at, run_id)
    return _rowcount(connection, statements.withdrawn, values) and _rowcount(connection, statements.delete, values)


def _values(dataset: Dataset, day: date | None, at: datetime, run_id: str | None) -> dict[str, Any]:
    partition = {"day": day} if dataset.partitioned else {}
    return {**partition, "partition": partition_key(day), "at": at, "run_id": run_id}


@lru_cache(maxsize=256)
def _statements(dataset: Dataset) -> _Statements:
    """Build the statements from the dataset's columns, once."""
    table = METADATA.tables[dataset.api]
    staged = stage_table(dataset)
    same_key = and_(
        *(
            table.c[name].is_not_distinct_from(staged.c[name])
            if dataset.by_name[name].optional
            else table.c[name] == staged.c[name]
            for name in dataset.key
        ),
        *_in_partition(dataset, table),
    )
    values = dataset.values
    differs: ColumnElement[bool] = (
        tuple_(*(table.c[name] for name in values)).is_distinct_from(tuple_(*(staged.c[name] for name in values)))
        if values
        else false()
    )
    unknown = not_(exists(select(1).select_from(table).where(same_key)))
    told = exists(select(1).select_from(staged).where(same_key))
    gone = and_(*_in_partition(dataset, table), expectation.provable(dataset, table), not_(told))
    return _Statements(
        changed=_keep(dataset, table, select(*_kept(dataset, table)).join(staged, same_key).where(differs)),
        update=update(table).values({name: staged.c[name] for name in values}).where(same_key, differs),
        insert=insert(table).from_select(
            list(dataset.fields), select(*(staged.c[name] for name in dataset.fields)).where(unknown)
        ),
        withdrawn=_keep(dataset, table, select(*_kept(dataset, table)).select_from(table).where(gone)),
        delete=delete(table).where(gone),
    )


def _in_partition(dataset: Dataset, table: FromClause) -> list[ColumnElement[bool]]:
    return [table.c[dataset.grain.value] == bindparam("day")] if dataset.partitioned else []


def _kept(dataset: Dataset, table: Table) -> list[ColumnElement[Any]]:
    whole: ColumnElement[Any] = literal_column(f'"{table.name}".*')  # not the bare name, which may also be a column's
    row = func.to_jsonb(whole, type_=JSONB)
    return [
        bindparam("dataset_name", dataset.api, unique=True).label("dataset"),
        bindparam("partition").label("partition"),
        row.label("row"),
        bindparam("at").label("superseded_at"),
        bindparam("run_id").label("run_id"),
    ]


def _keep(dataset: Dataset, table: Table, rows: Select[Any]) -> Insert:
    return insert(SUPERSEDED).from_select(["dataset", "partition", "row", "superseded_at", "run_id"], rows)
