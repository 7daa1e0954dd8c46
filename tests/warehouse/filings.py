"""Filings made by hand, added as the pipelines add what a source told."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import select, text

from stock_assistant_pipelines.catalog.finance import FINANCE
from stock_assistant_pipelines.warehouse import landing, versions
from stock_assistant_pipelines.warehouse.tables import METADATA

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from stock_assistant_pipelines.warehouse.versions import Appended

BY_API = {dataset.api: dataset for dataset in FINANCE}
AT = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
"""When an answer was read, unless a test says otherwise: after all that its filings tell."""
CODE = "600519.SH"


def tell(connection: Connection, api: str, *rows: dict[str, Any], at: datetime = AT, by: str | None = None) -> Appended:
    """Add one answer, which may be about a day that rows bear (`by`). Columns that are not given are null."""
    dataset = BY_API[api]
    landing.stage(connection, dataset, [tuple(row.get(name) for name in dataset.fields) for row in rows])
    added = versions.append(connection, dataset, at=at, run_id=None, by=by)
    connection.execute(text(f"TRUNCATE {landing.stage_name(dataset)}"))  # as the end of a transaction does
    return added


def statement(
    end_date: str, announced: str | None, code: str = CODE, kind: str = "1", flag: str = "1", **figures: Any
) -> dict[str, Any]:
    """A filing of a statement, of which `announced` is the day."""
    row = {"ts_code": code, "end_date": end_date, "report_type": kind, "update_flag": flag}
    return {**row, "ann_date": announced, "f_ann_date": announced, **figures}


def held(connection: Connection, api: str, *columns: str) -> list[Any]:
    """What a table holds, sorted: tuples of these columns, or bare values where it is one column."""
    table = METADATA.tables[api]
    rows = [tuple(row) for row in connection.execute(select(*(table.c[name] for name in columns)))]
    return sorted((row[0] for row in rows) if len(columns) == 1 else rows, key=repr)


def query(connection: Connection, statement: str, **values: Any) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in connection.execute(text(statement), values)]


def as_of(connection: Connection, api: str, day: date | str, *columns: str, **words: Any) -> list[tuple[Any, ...]]:
    """What was known on a day, in the order of the columns' values."""
    restated = ", p_restated => true" if words.get("restated") else ""
    names = ", ".join(columns)
    return query(connection, f"SELECT {names} FROM {api}_as_of(:day{restated}) ORDER BY {names}", day=day)
