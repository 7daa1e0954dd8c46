"""Documents: what is told beside the rows of a table, and what writes both, block by block."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.types import TypeEngine

BLOCK = 256 * 1024
"""Bytes of COPY that are encoded at a time."""


@dataclass(frozen=True, slots=True)
class Document:
    """What is told beside the rows."""

    dataset: str
    fields: tuple[str, ...]
    types: tuple[TypeEngine[Any], ...]
    meta: Mapping[str, Any]


class Encoder(Protocol):
    """Writes a document: the head, blocks of whole rows, the end."""

    block: int
    """How many bytes of COPY it likes at a time."""

    def head(self) -> bytes:
        """What comes before the rows."""

    def rows(self, copied: bytes) -> bytes:
        """A block of rows, as COPY wrote them; not an empty one."""

    def end(self) -> bytes:
        """What comes after the rows."""
