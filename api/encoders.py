"""Encoders: they turn the bytes that COPY wrote into a document, block by block, so that it can be sent while it is read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from api import texts
from api.formats import Format

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from api.documents import Document, Encoder


PLAIN: Mapping[Format, Callable[[Document], Encoder]] = {
    Format.JSON: texts.Arrays,
    Format.ROWS: texts.Objects,
    Format.COLUMNS: texts.Columns,
    Format.CSV: texts.Csv,
}


def encoder(document: Document, form: Format) -> Encoder:
    """The encoder of a format. What Arrow and Parquet need is loaded when they are first asked for."""
    if form in PLAIN:
        return PLAIN[form](document)
    from api import arrow

    return arrow.stream(document) if form is Format.ARROW else arrow.file(document)


def encoded(document: Document, copied: bytes, form: Format) -> bytes:
    """A whole document."""
    writer = encoder(document, form)
    return b"".join((writer.head(), writer.rows(copied) if copied else b"", writer.end()))
