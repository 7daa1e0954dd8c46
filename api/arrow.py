"""Arrow: IPC streams and Parquet files, read by Arrow itself from the CSV that COPY writes.

Numbers are float64, which holds every decimal of up to 15 digits, as Tushare sends them; integers int64; days date32; moments
timestamps in Shanghai's time; everything else is text. What is said of the answer stands in the schema's metadata under
`answer`, the unit of a column in the column's under `unit`.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
import pyarrow as pa
from pyarrow import csv, ipc
from pyarrow.parquet import ParquetWriter
from sqlalchemy import Date, DateTime, Numeric
from sqlalchemy.types import Integer

from api.documents import BLOCK

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.types import TypeEngine

    from api.documents import Document

KINDS = (
    (Integer, pa.int64()),
    (Numeric, pa.float64()),
    (Date, pa.date32()),
    (DateTime, pa.timestamp("us", "Asia/Shanghai")),
)
"""Arrow's types by those of the columns; all others are text."""

ROW_GROUP = 8 * 1024 * 1024
"""Bytes of CSV that become one row group of a Parquet file."""


class Drain:
    """A file that only grows, of which what is written is taken away piece by piece."""

    closed = False

    def __init__(self) -> None:
        self.pieces: list[bytes] = []
        self.place = 0

    def write(self, piece: Any) -> int:
        """Keep a piece until it is taken."""
        data = bytes(piece)
        self.pieces.append(data)
        self.place += len(data)
        return len(data)

    def tell(self) -> int:
        """How much was written, what is taken included."""
        return self.place

    def flush(self) -> None:
        """Nothing is kept back."""

    def take(self) -> bytes:
        """What was written since the last time."""
        pieces, self.pieces = self.pieces, []
        return b"".join(pieces)


class Written:
    """A document that one of Arrow's writers makes, of the CSV that COPY writes. Only what is empty and not quoted is null."""

    def __init__(self, document: Document, writer: Callable[[pa.NativeFile, pa.Schema], Any], block: int) -> None:
        self.block = block
        self.names = document.fields
        self.schema = schema(document)
        self.parse = csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)
        self.convert = csv.ConvertOptions(
            column_types=self.schema,
            null_values=[""],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        )
        self.drain = Drain()
        self.writer = writer(pa.PythonFile(self.drain, "w"), self.schema)

    def head(self) -> bytes:
        """The mark of a Parquet file; nothing of a stream, whose schema comes with the first block."""
        return self.drain.take()

    def rows(self, copied: bytes) -> bytes:
        """A record batch, or a row group."""
        self.writer.write_table(self._table(copied))
        return self.drain.take()

    def end(self) -> bytes:
        """The end of a stream, without which readers complain; the footer of a file, without which there is none."""
        self.writer.close()
        return self.drain.take()

    def _table(self, copied: bytes) -> pa.Table:
        options = csv.ReadOptions(column_names=self.names, block_size=len(copied) + 1, use_threads=False)
        rows = csv.read_csv(pa.BufferReader(copied), options, self.parse, self.convert)
        return rows.cast(self.schema)


def stream(document: Document) -> Written:
    """An Arrow IPC stream, a record batch per block."""
    return Written(document, ipc.new_stream, BLOCK)


def file(document: Document) -> Written:
    """A Parquet file, a row group per block."""
    return Written(document, partial(ParquetWriter, compression="zstd", compression_level=1), ROW_GROUP)


def schema(document: Document) -> pa.Schema:
    """The columns with their units, and what is said of the answer."""
    units = document.meta.get("units", {})
    columns = [
        pa.field(name, kind(one), metadata={"unit": units[name]} if name in units else None)
        for name, one in zip(document.fields, document.types, strict=True)
    ]
    told = {"dataset": document.dataset, "meta": document.meta}
    return pa.schema(columns, metadata={"answer": orjson.dumps(told)})


def kind(column: TypeEngine[Any]) -> pa.DataType:
    """Arrow's type for a column."""
    return next((ours for theirs, ours in KINDS if isinstance(column, theirs)), pa.string())
