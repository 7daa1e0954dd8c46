"""Formats: in which a table is written, and how a client asks for one: by the parameter `format`, or by the header Accept."""

from __future__ import annotations

import asyncio
import sys
from enum import StrEnum
from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import Depends, Request

from api import problems
from api.problems import Problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence


class Format(StrEnum):
    """How a table is written."""

    JSON = "json"
    """`items` is an array of rows, each an array of values, as Tushare itself answers."""
    ROWS = "rows"
    """`items` is an array of rows, each an object."""
    COLUMNS = "columns"
    """`items` is an object of columns, each an array."""
    CSV = "csv"
    PARQUET = "parquet"
    ARROW = "arrow"
    """An Arrow IPC stream."""


Name = Literal["json", "rows", "columns", "csv", "parquet", "arrow"]

ACCEPTED: Mapping[str, Format] = {
    "application/json": Format.JSON,
    "text/csv": Format.CSV,
    "application/vnd.apache.parquet": Format.PARQUET,
    "application/vnd.apache.arrow.stream": Format.ARROW,
}
"""What Accept can ask for; of those that are equally welcome, the first is taken."""

MEDIA_TYPES: Mapping[Format, str] = {
    **{form: media for media, form in ACCEPTED.items()},
    Format.ROWS: "application/json",
    Format.COLUMNS: "application/json",
    Format.CSV: "text/csv; charset=utf-8; header=present",
}

BARE = frozenset({Format.CSV, Format.PARQUET, Format.ARROW})
"""Those that are not a JSON document, so that headers say where the answer stands."""

ARROWS = frozenset({Format.PARQUET, Format.ARROW})
ARROW_MODULE = "api.arrow"
"""Those that need Arrow, and what loads it, at the first of them."""

DOCUMENTED: Mapping[str, Any] = {
    "text/csv": {"schema": {"type": "string"}},
    "application/vnd.apache.parquet": {"schema": {"type": "string", "format": "binary"}},
    "application/vnd.apache.arrow.stream": {"schema": {"type": "string", "format": "binary"}},
}
"""What the OpenAPI document says of them; the JSON document is each route's own."""


async def wanted(request: Request) -> Format:
    """The format that a request asks for; JSON when it does not say. Raises a problem when Accept allows none of ours.

    A parameter that names no format is refused with the other parameters, by the route's model.
    """
    named, accept = request.query_params.get("format"), request.headers.get("accept")
    if named is not None:
        form = next((form for form in Format if form == named), Format.JSON)
    else:
        form = accepted(accept) if accept else Format.JSON
    if form in ARROWS and ARROW_MODULE not in sys.modules:
        await asyncio.to_thread(import_module, ARROW_MODULE)  # takes a while, in which others are answered
    return form


Wanted = Annotated[Format, Depends(wanted)]


def accepted(accept: str) -> Format:
    """The format that this header likes best. Raises a problem when it is none of ours."""
    media = liked(accept, tuple(ACCEPTED))
    if media is None:
        detail = (
            f"Accept: {accept[:100]} allows none of {', '.join(ACCEPTED)}. Ask for one of these, or with ?format=csv."
        )
        raise Problem(problems.NOT_ACCEPTABLE, detail)
    return ACCEPTED[media]


def liked(accept: str, offered: Sequence[str]) -> str | None:
    """Which of these media types the header likes best, of equals the first; None: it allows none of them."""
    ranges = dict(weighed(accept))
    liking = {media: _liking(media, ranges) for media in offered}
    best = max(liking, key=lambda media: liking[media])
    return best if liking[best][0] > 0 else None


def weighed(header: str) -> Iterator[tuple[str, float]]:
    """The values of an Accept header, each with its weight `q`."""
    for part in header.split(","):
        value, *parameters = (word.strip().lower() for word in part.split(";"))
        weight = next((word[2:] for word in parameters if word.startswith("q=")), "1")
        try:
            yield value, float(weight)
        except ValueError:
            yield value, 0.0


def _liking(media: str, ranges: Mapping[str, float]) -> tuple[float, int]:
    """How much a media type is liked, and how exactly it is named."""
    names = ("*/*", f"{media.partition('/')[0]}/*", media)
    return next(((ranges[name], place) for place, name in reversed(list(enumerate(names))) if name in ranges), (0.0, 0))
