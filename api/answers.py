"""Answers: tables in Tushare's own form, `fields` and `items`, or in another format, and what is said of them."""

from __future__ import annotations

import json
from datetime import date
from typing import TYPE_CHECKING, Any

from fastapi import Response
from pydantic import BaseModel, Field

from api import formats, problems, standing
from api.copying import Items, as_json, copy
from api.documents import Document
from api.encoders import encoded
from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.settings import SHANGHAI

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from api.formats import Format
    from api.problems import Kind
    from api.standing import Standing
    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.catalog.derived import Derived

__all__ = ["Items", "as_json", "copy"]  # with `describe` and `table`, all that a table's route needs


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
    """A table, as Tushare itself answers: the names of the columns, and the rows. `format` gives `items` another form."""

    dataset: str = Field(description="Tushare's name of the interface.", examples=["daily"])
    meta: Meta
    fields: list[str] = Field(description="Names of the columns.", examples=[["ts_code", "trade_date", "close"]])
    items: list[list[Any]] | list[dict[str, Any]] | dict[str, list[Any]] = Field(
        description="Rows, each an array; with `format=rows` each an object; with `format=columns` an object of columns. "
        "Numbers are exact decimals, days are `YYYYMMDD`, absent values are null.",
        examples=[[["600519.SH", "20240102", 1685.01]]],
    )


SOURCE_HEADER = {
    "X-Data-Source": {
        "description": "Who told us: `tushare`, `sandbox: …`; `none` when nothing has landed.",
        "schema": {"type": "string"},
    }
}


NOT_MODIFIED: dict[int | str, dict[str, Any]] = {
    304: {"description": "What the client has, by the tag that it sent in If-None-Match. Without a body."}
}
"""The answer to who has it already, of every route that reads the database, health apart."""


def documented(*kinds: Kind) -> dict[int | str, dict[str, Any]]:
    """Describe the answers of a table's route for the OpenAPI document: every format, and these kinds of problem."""
    told = {"headers": SOURCE_HEADER, "content": formats.DOCUMENTED}
    return {200: told, **NOT_MODIFIED, **problems.documented(*problems.READING, problems.NOT_ACCEPTABLE, *kinds)}


def describe(dataset: Dataset | Derived, rows: int, standings: Mapping[str, Standing], **more: Any) -> dict[str, Any]:
    """Say where an answer stands; `more` are members that only some answers have."""
    landed = [one.landed_at for one in standings.values() if one.landed_at]
    return {
        "as_of": moment(calendar.now()),
        "source": standing.source(standings.values()),
        "rows": rows,
        **wholeness(standings),
        "landed_at": moment(max(landed)) if landed else None,
        "units": {column.name: column.unit for column in dataset.columns if column.unit},
        **more,
    }


def wholeness(standings: Mapping[str, Standing]) -> dict[str, Any]:
    """Say whether an answer's partitions hold all that is expected of them, and how many are in which state."""
    return {
        "complete": all(one.complete for one in standings.values()),
        "partitions": {name: one.counts for name, one in standings.items()},
    }


def table(
    dataset: str,
    fields: tuple[str, ...],
    items: Items,
    meta: Mapping[str, Any],
    links: Mapping[str, str] | None = None,
) -> Response:
    """Put a table's answer together, in the format that its rows were copied for."""
    body = encoded(Document(dataset, fields, items.types, meta), items.copied, items.form)
    return Response(body, headers=headers(dataset, meta, items.form) | dict(links or {}))


def headers(dataset: str, meta: Mapping[str, Any], form: Format) -> dict[str, str]:
    """The headers of a table's answer. Where it is not a JSON document, they say all of `meta` but the units."""
    told = {**marked(meta["source"]), "Content-Type": formats.MEDIA_TYPES[form], "Vary": "Accept"}
    if form not in formats.BARE:
        return told
    told |= in_headers({name: value for name, value in meta.items() if name not in {"source", "units"}})
    return {**told, "Content-Disposition": f'inline; filename="{dataset}.{form}"'}


def in_headers(meta: Mapping[str, Any]) -> dict[str, str]:
    """Say in headers what is said of an answer: each member that is not null under its own name."""
    return {
        "X-" + name.replace("_", "-").title(): _in_header(value) for name, value in meta.items() if value is not None
    }


def _in_header(value: Any) -> str:
    """Write a value so that a header can hold it: days and texts as they are, where they are ASCII, all else as JSON."""
    if isinstance(value, str | date) and (text := str(value)).isascii() and text.isprintable():
        return text
    return json.dumps(value, default=str)


def marked(source: str | None) -> dict[str, str]:
    """Mark an answer with its source, in a header."""
    return {"X-Data-Source": (source or "none").encode("ascii", "replace").decode()}


def moment(time: datetime) -> str:
    """Write a moment in Shanghai's time, to the second."""
    return time.astimezone(SHANGHAI).isoformat(timespec="seconds")
