"""From an answer to the rows of a partition: the declared types, one row per key, and only days that were asked for."""

from __future__ import annotations

import hashlib
import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from operator import itemgetter
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from stock_assistant_pipelines.catalog.columns import Type
from stock_assistant_pipelines.tushare.errors import ConflictingRows, SchemaDrift, WrongDay

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from stock_assistant_pipelines.catalog.dataset import Dataset

FEW = 0.01
"""The share of an answer's rows, one at least, that may lack a part of their key. More of them are a change at the source."""

NAMED = 3

Row = tuple[Any, ...]
"""Values in the order of `Dataset.columns`: text, `YYYYMMDD`, float, int or None."""

WIRE: dict[Type, Any] = {
    Type.TEXT: str | None,
    Type.DATE: Annotated[str, msgspec.Meta(pattern=r"^([0-9]{8})?\Z")] | None,
    Type.NUMBER: Annotated[float, msgspec.Meta(ge=-sys.float_info.max, le=sys.float_info.max)] | None,
    Type.INTEGER: int | None,
}


@lru_cache(maxsize=256)
def wire_types(dataset: Dataset) -> Mapping[str, Any]:
    """The types of a dataset's columns on the wire, in their order: of all but ours, which no answer holds."""
    return {name: WIRE[dataset.by_name[name].type] for name in dataset.asked}


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of one partition, one per key, sorted by it, with a checksum of what they say, whatever day they are of."""

    rows: list[Row]
    revision: str


def compact(day: date) -> str:
    """A day as Tushare writes it: `YYYYMMDD`."""
    return day.isoformat().replace("-", "")


@lru_cache(maxsize=1 << 15)  # the days of a calendar, which stand in the rows of all datasets
def parse_day(text: str) -> date:
    """Read a day as Tushare writes it. Raises `ValueError` when there is no such day."""
    if not re.fullmatch(r"[0-9]{8}", text):
        raise ValueError(f"{text!r} is not a day as YYYYMMDD")
    return date(int(text[:4]), int(text[4:6]), int(text[6:]))


def complete_rows(dataset: Dataset, rows: list[Row], params: Mapping[str, Any]) -> list[Row]:
    """Check that dates exist, read an empty date as none, and fill columns that the call's parameters determine.

    Rows come as `wire_types` has them, and go with columns of ours in their place.
    """
    for at, column in enumerate(dataset.columns):
        if column.ours:
            rows = [(*row[:at], None, *row[at:]) for row in rows]
        if column.type is Type.DATE:
            days = {row[at] for row in rows}
            for text in days:
                if text:
                    _existing_day(dataset.api, column.name, text)
            if "" in days:
                rows = [(*row[:at], row[at] or None, *row[at + 1 :]) for row in rows]
        if column.name in dataset.fills and column.name in params:
            value = params[column.name]
            rows = [row if row[at] is not None else (*row[:at], value, *row[at + 1 :]) for row in rows]
    return rows


def _existing_day(api: str, column: str, text: str) -> None:
    try:
        parse_day(text)
    except ValueError:
        raise SchemaDrift(api, f"{column} holds {text!r}, which is not a day") from None


def by_day(dataset: Dataset, rows: list[Row], first: date, last: date) -> dict[date, list[Row]]:
    """Split rows by trading day. Raises `WrongDay` when one lies outside the days asked for, `SchemaDrift` without a day."""
    at = dataset.fields.index(dataset.grain.value)
    split: dict[str | None, list[Row]] = defaultdict(list)
    for row in rows:
        split[row[at]].append(row)
    if None in split:
        raise SchemaDrift(dataset.api, f"a row lacks {dataset.grain.value}, which is part of its key")
    days = {parse_day(text): part for text, part in split.items() if text}
    if strangers := [day for day in days if not first <= day <= last]:
        raise WrongDay(
            dataset.api,
            f"asked for {first} to {last}, and got {sum(len(days[day]) for day in strangers)} rows of "
            f"{', '.join(map(str, sorted(strangers)[:3]))}",
        )
    return days


def require_keys(dataset: Dataset, rows: Sequence[Row]) -> None:
    """Check that no row lacks a part of its key. Raises `SchemaDrift`: no table could hold it."""
    for name in dataset.key:
        at = dataset.fields.index(name)
        if not dataset.by_name[name].optional and any(row[at] is None for row in rows):
            raise SchemaDrift(dataset.api, f"a row lacks {name}, which is part of its key")


def with_keys(dataset: Dataset, rows: list[Row]) -> tuple[list[Row], str | None]:
    """Leave out the few rows that lack a part of their key, and say which; None when there is none.

    Raises `SchemaDrift` when they are more than a few, or all.
    """
    columns = [(name, dataset.fields.index(name)) for name in dataset.key if not dataset.by_name[name].optional]
    absent = [name for name, at in columns if any(row[at] is None for row in rows)]
    if not absent:
        return rows, None
    sound = [row for row in rows if all(row[at] is not None for _, at in columns)]
    broken = [row for row in rows if any(row[at] is None for _, at in columns)]
    if not sound or len(broken) > max(1, FEW * len(rows)):
        require_keys(dataset, rows)
    shown = [_named(dataset, row) for row in broken[:NAMED]]
    what = f"{len(broken)} rows were" if len(broken) > 1 else "one row was"
    return sound, f"{what} left out for lack of {', '.join(absent)}, a part of the key: {', '.join(shown)}"


def _named(dataset: Dataset, row: Row) -> str:
    """Whose row it is, and of which period, as far as it says."""
    code, day = (row[dataset.fields.index(name)] for name in (dataset.key[0], dataset.grain.value))
    return f"{code or 'nobody'} {parse_day(day) if day else 'without a period'}"


def unique(dataset: Dataset, rows: Sequence[Row]) -> Rows:
    """One row per key, whatever the order they came in. Of rows where one only fills the others' gaps, the fullest stays.

    Raises `ConflictingRows` when they contradict each other, and `SchemaDrift` when a part of the key is absent.
    """
    positions = [dataset.fields.index(name) for name in dataset.key]
    key = itemgetter(*positions)
    required = [at for at in positions if not dataset.columns[at].optional]
    kept: dict[Any, Row] = {}
    versions: dict[Any, list[Row]] = {}
    for row in rows:
        before = kept.setdefault(key(row), row)
        if before is not row and before != row:
            versions.setdefault(key(row), [before]).append(row)
    require_keys(dataset, [*kept.values()])
    kept |= {each: _fullest(dataset, told) for each, told in versions.items()}
    if len(required) == len(positions):
        result = sorted(kept.values(), key=key)
    else:
        result = sorted(kept.values(), key=lambda row: [(row[at] is not None, row[at]) for at in positions])
    return Rows(result, _revision(dataset, result))


def _revision(dataset: Dataset, rows: list[Row]) -> str:
    """SHA-256 of rows without their day, so that two days with the same rows have the same one."""
    if dataset.partitioned:
        at = dataset.fields.index(dataset.grain.value)
        rows = [(*row[:at], *row[at + 1 :]) for row in rows]
    return hashlib.sha256(msgspec.json.encode(rows)).hexdigest()


def _fullest(dataset: Dataset, versions: Sequence[Row]) -> Row:
    """The row of one key that says all that the others say. Raises `ConflictingRows` when there is none."""
    fullest = min(versions, key=lambda row: row.count(None))
    for row in versions:
        differing = [at for at, value in enumerate(row) if value is not None and value != fullest[at]]
        if differing:
            key = {name: row[dataset.fields.index(name)] for name in dataset.key}
            names = ", ".join(dataset.fields[at] for at in differing)
            raise ConflictingRows(dataset.api, f"two rows for {key} differ in {names}")
    return fullest
