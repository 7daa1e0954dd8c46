"""A folder of CSV files as a source of rows: one sub-folder per dataset, Tushare's own column names, days `YYYYMMDD`.

Nothing is invented: a dataset without files has no rows, a column that the files lack is null, and a number keeps the
digits of its file.
"""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass
from functools import reduce
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
import pandas as pd

from stock_assistant_pipelines.catalog.columns import Type
from stock_assistant_pipelines.protocol.interfaces import home
from stock_assistant_pipelines.protocol.query import CODE, day_columns
from stock_assistant_pipelines.sandbox.table import Table, texts

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from numpy.typing import NDArray

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.protocol.query import Query

DATE_IN_NAME = re.compile(r"(?<!\d)((?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:\d{2})?)(?!\d)")
JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
ALIASES = {"status": "list_status"}
"""Columns that published files name differently."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A dataset's rows in the order of an answer, as text; empty is null."""

    frame: pd.DataFrame
    by_day: dict[str, slice]
    """Where each trading day's rows stand; empty without a time axis."""
    by_code: dict[str, NDArray[np.intp]]


class Folder:
    """Serves what the files hold, whatever the clock says. Each dataset is read when it is first asked for."""

    label = "folder"

    def __init__(self, directory: Path) -> None:
        if not directory.is_dir():
            raise ValueError(f"{directory} is no folder: --data takes one with a sub-folder of CSV files per dataset")
        self._directory = directory
        self._read: dict[str, Rows] = {}
        self._lock = threading.Lock()

    def days(self, dataset: Dataset, now: datetime) -> Sequence[str]:
        """The trading days that the files hold."""
        return sorted(self._rows(dataset).by_day)

    def edition(self, dataset: Dataset, now: datetime) -> str:
        """Files do not change while they are served."""
        return ""

    def tables(self, dataset: Dataset, query: Query, now: datetime) -> Iterator[Table]:
        """The rows of a query, newest day first, by code within a day."""
        rows = self._rows(dataset)
        frame = self._selected(rows, dataset, query)
        for column, allowed in query.filters:
            if column in frame:
                frame = frame[frame[column].isin(allowed)]
        yield Table({name: values(frame[name], dataset.by_name[name].type) for name in frame.columns})

    def _selected(self, rows: Rows, dataset: Dataset, query: Query) -> pd.DataFrame:
        frame = rows.frame
        if query.codes is not None and CODE in frame:
            found = [rows.by_code[code] for code in query.codes if code in rows.by_code]
            frame = frame.iloc[np.sort(np.concatenate(found)) if found else []]
        elif dataset.partitioned and query.first == query.last:
            return frame.iloc[rows.by_day.get(query.first, slice(0))]
        if query.dated:
            known = [frame[name] for name in day_columns(dataset) if name in frame]
            if known:
                days = reduce(lambda first, second: first.where(first != "", second), known)
                frame = frame[(days >= query.first) & (days <= query.last)]
        return frame

    def _rows(self, dataset: Dataset) -> Rows:
        with self._lock:
            if dataset.api not in self._read:
                self._read[dataset.api] = read(self._directory / home(dataset), dataset)
            return self._read[dataset.api]


def read(directory: Path, dataset: Dataset) -> Rows:
    """Read a dataset's files: united where there is a time axis, otherwise the newest one, completed by the others.

    Of rows by trading day the newest file's stands; by report period, rows with one key are versions, and all of them stand.
    """
    frames = [read_file(path, dataset) for path in sorted(directory.glob("*.csv"), key=newness, reverse=True)]
    if not frames:
        frame = pd.DataFrame({name: pd.Series(dtype=str) for name in dataset.fields})
    elif dataset.partitioned:
        frame = pd.concat(frames, ignore_index=True).fillna("")
        frame = frame.drop_duplicates([name for name in dataset.key if name in frame], ignore_index=True)
    elif dataset.by_period:
        frame = pd.concat(frames, ignore_index=True).fillna("")
    else:
        frame = reduce(lambda newer, older: completed(newer, older, dataset), frames)
    newest = (dataset.grain.value,) if dataset.by_period else day_columns(dataset)
    order = [name for name in (*newest[:1], *dataset.key) if name in frame]
    if order:
        descending = [name not in newest for name in order]
        frame = frame.sort_values(order, ascending=descending, kind="stable", ignore_index=True)
    by_day = {}
    if dataset.partitioned and len(frame):
        days = frame[dataset.grain.value]
        starts = np.flatnonzero((days != days.shift()).to_numpy())
        ends = np.append(starts[1:], len(frame))
        by_day = {str(days.iloc[start]): slice(int(start), int(end)) for start, end in zip(starts, ends, strict=True)}
    by_code = {str(code): np.asarray(at) for code, at in frame.groupby(CODE).indices.items()} if CODE in frame else {}
    return Rows(frame, by_day, by_code)


def read_file(path: Path, dataset: Dataset) -> pd.DataFrame:
    """Read one file as text, columns of the dataset only."""
    frame = pd.read_csv(path, dtype=str, keep_default_na=False, encoding="utf-8-sig").rename(columns=ALIASES)
    return frame[[name for name in dataset.fields if name in frame]]


def newness(path: Path) -> tuple[str, str]:
    """The date in a file's name, read as YYYYMM or YYYYMMDD, then the name; a name without a date is the oldest."""
    dates = DATE_IN_NAME.findall(path.stem)
    return max((date.ljust(8, "0") for date in dates), default=""), path.name


def completed(newer: pd.DataFrame, older: pd.DataFrame, dataset: Dataset) -> pd.DataFrame:
    """The newer file's rows, with columns that it lacks taken from the older one by key."""
    lacking = [name for name in older if name not in newer]
    key = [name for name in dataset.key if name in newer and name in older]
    if not lacking or not key:
        return newer
    return newer.merge(older[key + lacking].drop_duplicates(key), on=key, how="left").fillna("")


def values(column: pd.Series[str], kind: Type) -> NDArray[Any]:
    """Text as an answer holds it: numbers with the digits of the file, whole numbers as such, empty as null."""
    raw = column.tolist()
    match kind:
        case Type.INTEGER:
            return texts([int(float(text)) if text else None for text in raw])  # type: ignore[misc]
        case Type.NUMBER:
            return texts([number(text) for text in raw])
        case _:
            return texts([text or None for text in raw])


def number(text: str) -> Any:
    """A number as JSON, digit by digit; what is no number is null."""
    if JSON_NUMBER.fullmatch(text):
        return orjson.Fragment(text)
    try:
        value = float(text)
    except ValueError:
        return None
    return orjson.Fragment(json.dumps(value)) if np.isfinite(value) else None
