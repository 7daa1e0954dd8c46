"""A dataset as it is declared. Its words: `columns`, `grain`, `calls`, `expected`, `versions`, `rules`, each in a module here.

A declaration is data: frozen, validated when it is made, and free of behaviour. The table, its migration, the calls, the
Dagster asset, the checks, the API resource and the sandbox's answer are derived from it elsewhere. What differs between
datasets belongs in its declaration as a word; an `if dataset == …` in code is a word that is missing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, time
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from stock_assistant_pipelines.catalog.calls import Calls, PerCode, PerDay, PerPeriod, PerRange, Whole, contradictions
from stock_assistant_pipelines.catalog.columns import Column, Type
from stock_assistant_pipelines.catalog.expected import (
    Answered,
    Companies,
    Disclosed,
    EveryDay,
    Expected,
    Followed,
    Listed,
    NeverFewer,
    Unexplained,
)
from stock_assistant_pipelines.catalog.grain import Grain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stock_assistant_pipelines.catalog.rules import Rule
    from stock_assistant_pipelines.catalog.versions import Versions

SHANGHAI = ZoneInfo("Asia/Shanghai")
"""The market's time zone: every day and time of day of a declaration is meant in it."""

NAME = re.compile(r"[a-z][a-z0-9_]*")

GRAINS: Mapping[type[Calls] | type[Expected], Grain] = MappingProxyType(
    {
        Whole: Grain.SNAPSHOT,
        EveryDay: Grain.SNAPSHOT,
        NeverFewer: Grain.SNAPSHOT,
        PerDay: Grain.TRADE_DATE,
        PerRange: Grain.TRADE_DATE,
        PerCode: Grain.TRADE_DATE,
        Listed: Grain.TRADE_DATE,
        Unexplained: Grain.TRADE_DATE,
        Followed: Grain.TRADE_DATE,
        PerPeriod: Grain.REPORT_PERIOD,
        Disclosed: Grain.REPORT_PERIOD,
        Companies: Grain.REPORT_PERIOD,
        Answered: Grain.REPORT_PERIOD,
    }
)
"""The grain that each way of calling, and of telling what is complete, goes with."""


class CatalogError(ValueError):
    """A declaration contradicts itself. The message names the dataset and says what to change."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dataset:
    """One of Tushare's interfaces, declared. `api` is Tushare's name for it, and ours for asset, table and API path."""

    api: str
    title: str
    title_zh: str
    row: str
    """What one row is."""
    family: str
    """The group it is shown in."""
    grain: Grain
    key: tuple[str, ...]
    """The natural key, in storage order."""
    columns: tuple[Column, ...]
    calls: Calls
    expected: Expected
    calendar: str | None = None
    """The dataset that says which days are trading days; None where there is no time axis."""
    points: int = 0
    """Tushare points that the interface asks for."""
    row_cap: int | None = None
    """Rows in one answer at the most, where Tushare says; None where it does not."""
    calls_per_minute: int | None = None
    """Where the interface has a limit of its own, whatever the points; None where the points decide."""
    published: time | None = None
    """When a trading day's rows are there, in Asia/Shanghai; None where it does not matter."""
    due: time | None = None
    """By when they should all be there: what is missing then is late. None where it does not matter."""
    window: int = 5
    """How many trading days up to now are asked for again, since the source completes and corrects them."""
    repeats: bool = False
    """Whether a day may hold the very rows of another. Where it may not, such an answer is yesterday's, relabelled."""
    confirm: bool = False
    """Whether a trading day is asked for twice and both answers must agree: not all that it holds is proven otherwise."""
    fills: tuple[str, ...] = ()
    """Columns that take the value of the call's parameter where the answer leaves them null."""
    versions: Versions | None = None
    """How versions of a row are told apart; None where what the source says now replaces what it said before."""
    rules: tuple[Rule, ...] = ()
    grows: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))
    """By kind of company (`comp_type`), the flows that cannot fall within a year: sums to which nothing negative is added."""
    quirks: tuple[str, ...] = ()
    """What is worth knowing before trusting a number."""
    by_name: Mapping[str, Column] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "by_name", {column.name: column for column in self.columns})
        self._validate()

    @property
    def fields(self) -> tuple[str, ...]:
        """Every column, in the order of the table's."""
        return tuple(column.name for column in self.columns)

    @property
    def asked(self) -> tuple[str, ...]:
        """What a call asks for: every column of Tushare's, since the default answer leaves some out."""
        return tuple(column.name for column in self.columns if not column.ours)

    @property
    def partitioned(self) -> bool:
        """Whether there is a partition per trading day."""
        return self.grain is Grain.TRADE_DATE

    @property
    def by_period(self) -> bool:
        """Whether there is a partition per report period."""
        return self.grain is Grain.REPORT_PERIOD

    @property
    def dated(self) -> bool:
        """Whether there is a partition per day of some kind: a trading day, or the last one of a report period."""
        return self.grain is not Grain.SNAPSHOT

    @property
    def flows(self) -> tuple[str, ...]:
        """The columns that quarters and trailing twelve months are derived from."""
        return tuple(column.name for column in self.columns if column.flow)

    @property
    def growing(self) -> tuple[str, ...]:
        """The flows that cannot fall within a year, of one kind of company or another."""
        named = set(chain.from_iterable(self.grows.values()))
        return tuple(name for name in self.fields if name in named)

    @property
    def values(self) -> tuple[str, ...]:
        """The columns that are not in the key."""
        return tuple(name for name in self.fields if name not in self.key)

    def published_at(self, day: date) -> datetime | None:
        """When a trading day's rows are there; None where it does not matter."""
        return datetime.combine(day, self.published, SHANGHAI) if self.published else None

    def due_at(self, day: date) -> datetime | None:
        """By when a trading day's rows should all be there; None where it does not matter."""
        return datetime.combine(day, self.due, SHANGHAI) if self.due else None

    @property
    def reads(self) -> tuple[str, ...]:
        """The datasets that say what a complete partition of this one holds."""
        calendar = (self.calendar,) if self.calendar else ()
        return calendar + self.expected.reads

    def _validate(self) -> None:
        problems = [
            *self._names(),
            *self._columns(),
            *self._grain(),
            *self._answers(),
            *contradictions(self.calls, self.row_cap, self.versions.days if self.versions else ()),
        ]
        if problems:
            raise CatalogError(f"{self.api}: " + "; ".join(problems))

    def _names(self) -> Iterator[str]:
        """What is wrong with the names, and with what refers to them."""
        if not NAME.fullmatch(self.api):
            yield "`api` is lower-case letters, digits and underscores"
        if len(self.by_name) != len(self.columns):
            yield "two columns have the same name"
        if len({rule.name for rule in self.rules}) != len(self.rules):
            yield "two rules have the same name"
        if not self.key:
            yield "`key` is empty"
        if len(set(self.key)) != len(self.key):
            yield "`key` names a column twice"
        counted = (self.expected.column,) if isinstance(self.expected, EveryDay | NeverFewer) else ()
        dated = (*self.versions.days, *self.versions.prefer) if self.versions else ()
        if self.versions and self.versions.stages:
            dated = (*dated, self.versions.stages.column)
        for word, names in (("key", self.key), ("fills", self.fills), ("expected", counted), ("versions", dated)):
            yield from (f"`{name}` in `{word}` is not a column" for name in names if name not in self.by_name)

    def _columns(self) -> Iterator[str]:
        """What columns say that cannot be said of them."""
        for column in self.columns:
            if column.optional and (column.name not in self.key or column.name == self.grain.value):
                yield f"`{column.name}` is `optional`, which is said of a part of the key only, and not of the partition"
            if column.flow and not (self.by_period and column.type is Type.NUMBER and column.name not in self.key):
                yield f"`{column.name}` is a `flow`, which is said of figures by report period only"
            if column.ours and column.name not in self.fills:
                yield f"`{column.name}` is `ours`, and not in `fills`: nothing gives it a value"
        for name in sorted({*chain.from_iterable(self.grows.values())} - {*self.flows}):
            yield f"`{name}` in `grows` is not a `flow`: it does not count from the start of the year"
        for name in self.versions.days if self.versions else ():
            if name in self.by_name and self.by_name[name].type is not Type.DATE:
                where = "known" if self.versions and name in self.versions.known else "stages"
                yield f"`{name}` in `{where}` is not a day"

    def _grain(self) -> Iterator[str]:
        """What does not fit the way it is partitioned."""
        if self.partitioned != (self.calendar is not None):
            yield "`calendar` goes with the grain `trade_date`, and only with it"
        if self.by_period != (self.versions is not None):
            yield "`versions` goes with the grain `end_date`, and only with it"
        if self.grain is not Grain.SNAPSHOT and self.grain.value not in self.key:
            yield f"`key` lacks the partition column `{self.grain.value}`"
        if GRAINS[type(self.calls)] is not self.grain:
            yield f"`calls` does not fit the grain: `{type(self.calls).__name__}` is not for `{self.grain}`"
        if GRAINS[type(self.expected)] is not self.grain:
            yield f"`expected` does not fit the grain: `{type(self.expected).__name__}` is not for `{self.grain}`"

    def _answers(self) -> Iterator[str]:
        """What is impossible in its answers."""
        if self.row_cap is not None and self.row_cap < 1:
            yield "`row_cap` is above zero"
        if self.calls_per_minute is not None and self.calls_per_minute < 1:
            yield "`calls_per_minute` is above zero"
        if self.window < 1:
            yield "`window` holds at least today"
        if self.due and (self.published is None or self.due < self.published):
            yield "`due` is after `published`"


def catalog(*datasets: Dataset) -> Mapping[str, Dataset]:
    """Datasets by `api`. Raises `CatalogError` when two have one name, or one refers to a dataset that is not there."""
    by_api = {dataset.api: dataset for dataset in datasets}
    for dataset in datasets:
        if by_api[dataset.api] is not dataset:
            raise CatalogError(f"{dataset.api}: is declared twice")
        named_by = dataset.expected.named_by if isinstance(dataset.expected, NeverFewer) else ()
        for name in (*dataset.reads, *named_by):
            if name not in by_api:
                raise CatalogError(f"{dataset.api}: `{name}`, which its completeness rests on, is not in the catalog")
    return MappingProxyType(by_api)
