"""Texts: the formats that are made of COPY's bytes by replacing and joining them: JSON in three forms, and CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from api.copying import arrays
from api.documents import BLOCK

if TYPE_CHECKING:
    from api.documents import Document


class Arrays:
    """JSON, a row an array."""

    block = BLOCK

    def __init__(self, document: Document) -> None:
        self.document = document
        self.between = b""

    def head(self) -> bytes:
        """All but the rows."""
        return _head(self.document) + b"["

    def rows(self, copied: bytes) -> bytes:
        """Rows, with commas between them."""
        before, self.between = self.between, b","
        return before + arrays(copied)

    def end(self) -> bytes:
        """The end of the rows and of the document."""
        return b"]}"


class Objects:
    """JSON, a row an object."""

    block = BLOCK

    def __init__(self, document: Document) -> None:
        self.document = document
        first, *rest = (orjson.dumps(name) + b":" for name in document.fields)
        self.names = [b"},{" + first, *(b"," + name for name in rest)]
        self.begun = False

    def head(self) -> bytes:
        """All but the rows."""
        return _head(self.document) + b"["

    def rows(self, copied: bytes) -> bytes:
        """Rows; the last is left open, and closed by what follows."""
        values = cells(copied)
        width = len(self.names)
        parts = self.names * (len(values) // width) * 2
        parts[1::2] = values
        for place, name in enumerate(self.names):
            parts[2 * place :: 2 * width] = [name] * (len(values) // width)
        text = b"".join(parts)
        begun, self.begun = self.begun, True
        return text if begun else text[2:]

    def end(self) -> bytes:
        """The end of the last row, of the rows, and of the document."""
        return b"}]}" if self.begun else b"]}"


class Columns:
    """JSON, a column an array. It cannot be sent before the last row is read."""

    block = BLOCK

    def __init__(self, document: Document) -> None:
        self.document = document
        self.values: list[bytes] = []

    def head(self) -> bytes:
        """All but the columns."""
        return _head(self.document) + b"{"

    def rows(self, copied: bytes) -> bytes:
        """Nothing yet."""
        self.values += cells(copied)
        return b""

    def end(self) -> bytes:
        """The columns."""
        width = len(self.document.fields)
        columns = (
            orjson.dumps(name) + b":[" + b",".join(self.values[place::width]) + b"]"
            for place, name in enumerate(self.document.fields)
        )
        return b",".join(columns) + b"}}"


class Csv:
    """CSV, with the names of the columns in the first line. PostgreSQL writes it, and nothing is left to do."""

    block = BLOCK

    def __init__(self, document: Document) -> None:
        self.document = document

    def head(self) -> bytes:
        """The names."""
        return ",".join(self.document.fields).encode() + b"\n"

    def rows(self, copied: bytes) -> bytes:
        """Rows, as they are."""
        return copied

    def end(self) -> bytes:
        """Nothing."""
        return b""


def cells(copied: bytes) -> list[bytes]:
    """The values of rows that were copied as cells, row after row. COPY has doubled each backslash of theirs."""
    if b"\\" in copied:
        copied = copied.replace(b"\\\\", b"\\")
    return copied[:-1].replace(b"\n", b"\t").split(b"\t")


def _head(document: Document) -> bytes:
    told = {"dataset": document.dataset, "meta": document.meta, "fields": document.fields}
    return orjson.dumps(told)[:-1] + b',"items":'
