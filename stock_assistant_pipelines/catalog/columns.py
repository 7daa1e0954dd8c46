"""The columns of a dataset: Tushare's own names, each with type, meaning and unit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Type(StrEnum):
    """What a column holds. Numbers are exact decimals, dates arrive as `YYYYMMDD`, absent values stay NULL."""

    TEXT = "text"
    DATE = "date"
    NUMBER = "number"
    INTEGER = "integer"


@dataclass(frozen=True, slots=True)
class Column:
    """One of Tushare's columns, under Tushare's own name."""

    name: str
    type: Type
    title: str
    """Meaning, in English."""
    title_zh: str
    """Meaning, as Tushare documents it."""
    unit: str | None = None
    default: bool = True
    """Whether Tushare returns it when `fields` is empty."""
    optional: bool = False
    """Whether it may be null although it is part of the key."""
    flow: bool = False
    """Whether quarters and trailing twelve months are derived from it, since it counts from the start of the year."""
    ours: bool = False
    """Whether no answer holds it, so that it is not asked for: it takes the value of the call's parameter (`fills`)."""
