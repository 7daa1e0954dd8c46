"""Answers: tables in Tushare's own form, `fields` and `items`, made of the bytes that PostgreSQL copies out.

No row becomes a Python object on the way. PostgreSQL writes each value as JSON, COPY joins them with commas, and the line
ends become `],[`. Numbers are the exact decimals that are stored, days `YYYYMMDD`, absent values null.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson
from fastapi import Response
from pydantic import BaseModel, Field
from sqlalchemy import Date, Numeric, Text, cast, func, literal_column, select
from sqlalchemy.types import Integer

from api import standing
from api.database import driver_of
from api.written import written
from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.settings import SHANGHAI

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import ColumnElement, Select
    from sqlalchemy.ext.asyncio import AsyncConnection

    from api.standing import Standing
    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.catalog.derived import Derived

NUMBERS = (Numeric, Integer)
QUOTE: ColumnElement[str] = literal_column("'\"'", Text)
DASH: ColumnElement[str] = literal_column("'-'", Text)
NOTHING: ColumnElement[str] = literal_column("''", Text)


class Meta(BaseModel):
    """Where the answer stands: what to know before trusting it."""

    as_of: str = Field(
        description="When the answer was made, in Asia/Shanghai.", examples=["2024-02-01T09:30:00+08:00"]
    )
    source: str | None = Field(
        description="Who told us: `tushare`, or the sandbox (`sandbox: synthetic`, `sandbox: folder`), whose figures are "
        "made up or a sample; `; ` between several; null when nothing has landed. Also in the header X-Data-Source.",
        examples=["tushare"],
    )
    rows: int = Field(description="Rows in `items`.", examples=[22])
    complete: bool = Field(
        description="Whether every partition that the answer was taken from holds all that is expected of it."
    )
    partitions: dict[str, dict[str, int | None]] = Field(
        description="Partitions by dataset and status. `not_landed`: published trading days, or report periods that have "
        "ended, of which nothing is known; null where the calendar does not reach over the range.",
        examples=[{"daily": {"complete": 22, "not_landed": 0}}],
    )
    landed_at: str | None = Field(description="When the newest of those partitions was last landed or tried.")
    units: dict[str, str] = Field(
        description="Units of the columns that have one.", examples=[{"vol": "lot of 100 shares"}]
    )


class TableAnswer(BaseModel):
    """A table, as Tushare itself answers: the names of the columns, and the rows."""

    dataset: str = Field(description="Tushare's name of the interface.", examples=["daily"])
    meta: Meta
    fields: list[str] = Field(description="Names of the columns.", examples=[["ts_code", "trade_date", "close"]])
    items: list[list[Any]] = Field(
        description="Rows. Numbers are exact decimals, days are `YYYYMMDD`, absent values are null.",
        examples=[[["600519.SH", "20240102", 1685.01]]],
    )


SOURCE_HEADER = {
    "X-Data-Source": {
        "description": "Who told us: `tushare`, `sandbox: …`; `none` when nothing has landed.",
        "schema": {"type": "string"},
    }
}


@dataclass(frozen=True, slots=True)
class Items:
    """Rows, as the text that COPY wrote, not yet JSON."""

    rows: int
    copied: bytes

    @property
    def json(self) -> bytes:
        """The rows as a JSON array of arrays.

        COPY doubles each backslash and puts one before a comma inside a value. A value never ends with a backslash (texts
        end with a quotation mark), so that a backslash before a comma is always COPY's own.
        """
        text = self.copied
        if b"\\" in text:
            text = text.replace(b"\\,", b",").replace(b"\\\\", b"\\")
        return b"[[" + text[:-1].replace(b"\n", b"],[") + b"]]" if text else b"[]"

    def first(self, limit: int) -> Items:
        """At most the first `limit` rows. A text's line ends are escaped, so that each line end is that of a row."""
        if self.rows <= limit:
            return self
        return Items(limit, b"".join(self.copied.splitlines(keepends=True)[:limit]))

    @property
    def without_last(self) -> int:
        """Rows whose last column is null. A text's line ends are escaped, so that each line end is that of a row."""
        return self.copied.count(b",null\n")


def as_json(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """Let PostgreSQL write a column as JSON: numbers are JSON as they are, days `YYYYMMDD`, everything else is quoted."""
    if isinstance(column.type, NUMBERS):
        return column
    if isinstance(column.type, Date):
        # Written as ISO by each of our sessions; to_char and to_json take longer than all the rest of a row of prices.
        return QUOTE + func.replace(cast(column, Text), DASH, NOTHING) + QUOTE
    return cast(func.to_json(column), Text)


def once_as_json(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """Let PostgreSQL write a value as JSON once, which is the same in all rows."""
    return select(as_json(value)).scalar_subquery()


async def copy(connection: AsyncConnection, statement: Select[Any], values: Mapping[str, Any] | None = None) -> Items:
    """Run a query whose columns are `as_json` and take its rows as COPY writes them, inside the connection's snapshot."""
    chunks: list[bytes] = []

    async def take(chunk: bytes) -> None:
        chunks.append(chunk)

    done = await driver_of(connection).copy_from_query(
        written(statement).filled(values), output=take, delimiter=",", null="null"
    )
    return Items(int(done.rpartition(" ")[2]), b"".join(chunks))


def describe(dataset: Dataset | Derived, rows: int, standings: Mapping[str, Standing], **more: Any) -> dict[str, Any]:
    """Say where an answer stands; `more` are members that only some answers have."""
    landed = [one.landed_at for one in standings.values() if one.landed_at]
    return {
        "as_of": moment(calendar.now()),
        "source": standing.source(standings.values()),
        "rows": rows,
        "complete": all(one.complete for one in standings.values()),
        "partitions": {name: one.counts for name, one in standings.items()},
        "landed_at": moment(max(landed)) if landed else None,
        "units": {column.name: column.unit for column in dataset.columns if column.unit},
        **more,
    }


def table(dataset: str, fields: tuple[str, ...], items: Items, meta: Mapping[str, Any]) -> Response:
    """Put a table's answer together."""
    head = orjson.dumps({"dataset": dataset, "meta": meta, "fields": fields})
    body = head[:-1] + b',"items":' + items.json + b"}"
    return Response(body, headers=marked(meta["source"]), media_type="application/json")


def marked(source: str | None) -> dict[str, str]:
    """Mark an answer with its source, in a header."""
    return {"X-Data-Source": (source or "none").encode("ascii", "replace").decode()}


def moment(time: datetime) -> str:
    """Write a moment in Shanghai's time, to the second."""
    return time.astimezone(SHANGHAI).isoformat(timespec="seconds")
