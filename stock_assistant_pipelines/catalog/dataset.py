"""The vocabulary in which a dataset is declared.

A declaration is data: frozen, validated when it is made, and free of behaviour. The table, its migration, the calls, the
Dagster asset, the checks, the API resource and the sandbox's answer are derived from it elsewhere. What differs between
datasets belongs here as a word; an `if dataset == …` in code is a word that is missing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

SHANGHAI = ZoneInfo("Asia/Shanghai")
"""The market's time zone: every day and time of day of a declaration is meant in it."""

NAME = re.compile(r"[a-z][a-z0-9_]*")

MARKET_OPENED = date(1990, 12, 19)
"""The first session of the Shanghai Stock Exchange, and so the first day any dataset can hold."""

FIRST_PERIOD = date(1990, 12, 31)
"""The first report period that is kept: the end of the first quarter in which companies were listed."""


class CatalogError(ValueError):
    """A declaration contradicts itself. The message names the dataset and says what to change."""


class Type(StrEnum):
    """What a column holds. Numbers are exact decimals, dates arrive as `YYYYMMDD`, absent values stay NULL."""

    TEXT = "text"
    DATE = "date"
    NUMBER = "number"
    INTEGER = "integer"


class Grain(StrEnum):
    """How a dataset is cut into partitions."""

    TRADE_DATE = "trade_date"
    """One partition per trading day; it holds the whole market."""
    REPORT_PERIOD = "end_date"
    """One partition per report period, the end of a quarter; it holds all companies."""
    SNAPSHOT = "snapshot"
    """No time axis: one partition, `all`, which is what the source says now."""


class Severity(StrEnum):
    """What a broken rule means for those who read the rows."""

    BLOCK = "block"
    """The rows are wrong: their day is not complete, and nothing downstream is built on it."""
    WARN = "warn"
    """The rows are odd: look at them."""


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


@dataclass(frozen=True, slots=True)
class PerDay:
    """One call holds one day, the whole market; or, where `code` is taken, some codes over a range of days."""

    day: str = "trade_date"
    code: str | None = None
    """The parameter that takes codes; None where the interface takes none."""
    several: int = 1
    """How many codes it takes at once, separated by commas."""
    start: str = "start_date"
    end: str = "end_date"


@dataclass(frozen=True, slots=True)
class PerRange:
    """One call holds several days. `rows_per_day` bounds how many, so that an answer stays under the row cap."""

    rows_per_day: int
    start: str = "start_date"
    end: str = "end_date"


@dataclass(frozen=True, slots=True)
class PerCode:
    """One call holds one code over a range of days."""

    codes: tuple[str, ...]
    code: str = "ts_code"
    start: str = "start_date"
    end: str = "end_date"


@dataclass(frozen=True, slots=True)
class Whole:
    """A snapshot: the union of these calls is the dataset. `may_be_empty` are positions of calls that can lack rows."""

    variants: tuple[Mapping[str, str], ...] = ({},)
    may_be_empty: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class PerPeriod:
    """One call holds one report period of the whole market, given the points; otherwise one stock over all its periods."""

    period: str | None = "period"
    """The parameter that takes the period of the whole market; None where the interface answers by stock only."""
    whole: str | None = None
    """The interface that answers for the whole market; None where it is the dataset's own. `row_cap` is not about it."""
    whole_points: int = 5000
    """Tushare points from which on the whole market is answered."""
    code: str = "ts_code"
    variants: tuple[Mapping[str, str], ...] = ({},)
    """The dataset is the union of these: each is a call of its own."""
    rows: tuple[float, ...] = (1.0,)
    """About how many rows a company has in a period, variant by variant; the last holds for those that follow.

    By them it is told beforehand how many answers the whole market takes.
    """
    periods_per_call: int | None = None
    """How many periods of one stock fit in an answer, where they are asked for by range; None where all of them fit."""
    start: str = "start_date"
    end: str = "end_date"
    """The range, where there is one. It must mean report periods: with some interfaces it means days of announcement."""
    announced: tuple[str, ...] = ()
    """The days of a row by which the interface also answers for the whole market, each a parameter of the same name.

    Such an answer is of whichever companies and periods announce something on a day, and whole for none of them.
    """
    restated: frozenset[int] = frozenset()
    """Positions in `variants` of what a company tells of a period with its report of the year after."""


Calls = PerDay | PerRange | PerCode | Whole | PerPeriod


@dataclass(frozen=True, slots=True)
class EveryDay:
    """Complete = every calendar day since `since`, to the end of this year."""

    column: str
    since: date = MARKET_OPENED

    @property
    def reads(self) -> tuple[str, ...]:
        """The datasets that this is computed from."""
        return ()


@dataclass(frozen=True, slots=True)
class NeverFewer:
    """Complete = every key that is already held; the first time, an answer that a second one confirms.

    A source may withdraw keys: when a second answer confirms it, up to the share `withdrawn` of what is held. `named_by`
    are datasets whose codes are known here: a day of theirs with more than the share `strangers` of codes that are not
    shows that the snapshot was cut short.
    """

    column: str
    named_by: tuple[str, ...] = ()
    withdrawn: float = 0.05
    strangers: float = 0.01

    @property
    def reads(self) -> tuple[str, ...]:
        """The datasets that this is computed from."""
        return ()


@dataclass(frozen=True, slots=True)
class Listed:
    """Complete = every stock listed on that day, minus those suspended for the whole of it."""

    stocks: str
    suspensions: str | None = None

    @property
    def reads(self) -> tuple[str, ...]:
        """The datasets that this is computed from."""
        return (self.stocks, self.suspensions) if self.suspensions else (self.stocks,)


@dataclass(frozen=True, slots=True)
class Unexplained:
    """Complete = every listed stock that has no bar that day. Nothing is proven before the bars are there."""

    stocks: str
    bars: str

    @property
    def reads(self) -> tuple[str, ...]:
        """The datasets that this is computed from."""
        return (self.stocks, self.bars)


@dataclass(frozen=True, slots=True)
class Followed:
    """Complete = every code that is called for and was published (`listed`) by that day according to `indices`."""

    indices: str
    since: str = "list_date"
    until: str = "exp_date"

    @property
    def reads(self) -> tuple[str, ...]:
        """The datasets that this is computed from."""
        return (self.indices,)


@dataclass(frozen=True, slots=True)
class Disclosed:
    """Complete = every company that has disclosed the period by now, according to `plan`.

    Of a period that the plan says nothing of, complete = every stock was asked.
    """

    plan: str = "disclosure_date"
    stocks: str = "stock_basic"

    @property
    def reads(self) -> tuple[str, ...]:
        """The datasets that this is computed from."""
        return (self.plan, self.stocks)


@dataclass(frozen=True, slots=True)
class Companies:
    """Complete = every stock that was listed on the last day of the period."""

    stocks: str = "stock_basic"

    @property
    def reads(self) -> tuple[str, ...]:
        """The datasets that this is computed from."""
        return (self.stocks,)


@dataclass(frozen=True, slots=True)
class Answered:
    """Complete = every stock was asked: nothing says which companies have rows."""

    stocks: str = "stock_basic"

    @property
    def reads(self) -> tuple[str, ...]:
        """The datasets that this is computed from."""
        return (self.stocks,)


Expected = EveryDay | NeverFewer | Listed | Unexplained | Followed | Disclosed | Companies | Answered


@dataclass(frozen=True, slots=True)
class Stages:
    """Rows are stages of one thing, and the day that they share is that of the first: when was each known?"""

    column: str
    """What stage a row is of."""
    days: Mapping[str, tuple[str, ...]]
    """By stage: of these days the first that is not null is the one by which it was known, if it was not read earlier.

    Stages that are not here, and those without such a day, are known since they were read.
    """


@dataclass(frozen=True, slots=True)
class Versions:
    """Rows are never overwritten: an answer that differs is a new version of its key, and each is known from a moment on."""

    known: tuple[str, ...]
    """Of these days the first that is not null is the one on which a version became known, at its end in Asia/Shanghai.

    Empty: a version is known since it was read.
    """
    prefer: tuple[str, ...] = ("update_flag",)
    """Of versions that became known at the same time, the highest in these columns stands."""
    after_period: bool = True
    """Whether nothing can be known before the period is over."""
    stages: Stages | None = None
    """Where the days in `known` do not tell when a row was known: never before them, and not before its stage was."""

    @property
    def days(self) -> tuple[str, ...]:
        """All columns that say when a version became known."""
        staged = chain.from_iterable(self.stages.days.values()) if self.stages else ()
        return tuple(dict.fromkeys((*self.known, *staged)))


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


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition each row meets, as an SQL predicate over the dataset's columns; NULL counts as met."""

    name: str
    predicate: str
    title: str
    severity: Severity = Severity.BLOCK
    id: str | None = None
    """Its number in the catalogue of checks (`docs/checks.md`), where it has one."""


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
            *self._calls(),
            *self._tidings(),
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

    def _calls(self) -> Iterator[str]:
        """What is impossible in the words that its calls are declared in."""
        match self.calls:
            case PerDay(code=code, several=several) if several < 1 or (several > 1 and code is None):
                yield "`several` is above zero, and goes with `code`"
            case PerRange(rows_per_day=rows) if not 1 <= rows <= (self.row_cap or rows):
                yield "`rows_per_day` is above zero, and a day fits under the row cap"
            case PerCode(codes=codes) if not codes or len(set(codes)) != len(codes):
                yield "`codes` names at least one code, and none twice"
            case Whole(variants=variants, may_be_empty=empty) if not empty <= set(range(len(variants))):
                yield "`may_be_empty` holds positions in `variants`"
            case PerPeriod(period=None, whole=str()):
                yield "`whole` goes with `period`: the whole market is asked for by period"
            case PerPeriod(variants=variants) if not variants or any(variants.count(each) > 1 for each in variants):
                yield "`variants` holds at least one call, and none twice"
            case PerPeriod(rows=rows) if not rows or min(rows) <= 0:
                yield "`rows` is above zero"
            case PerPeriod(periods_per_call=int(periods)) if not 1 <= periods <= (self.row_cap or periods):
                yield "`periods_per_call` is above zero, and so many fit under the row cap"

    def _tidings(self) -> Iterator[str]:
        """What is impossible in the words by which report periods are also asked for out of season."""
        if not isinstance(self.calls, PerPeriod):
            return
        days = self.versions.days if self.versions else ()
        yield from (
            f"`{name}` in `announced` is no day of `versions`" for name in self.calls.announced if name not in days
        )
        if self.calls.announced and len(self.calls.variants) > 1:
            yield "`announced` goes with one variant"
        if not self.calls.restated <= {*range(len(self.calls.variants))}:
            yield "`restated` holds positions in `variants`"


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
