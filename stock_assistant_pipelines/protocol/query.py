"""A call's parameters, read as Tushare reads them: codes, days, filters, page.

Nearly all of it follows from the catalog; `WORDS` holds what the catalog has no reason to say.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from stock_assistant_pipelines.catalog.calls import PerCode, PerDay, PerPeriod, PerRange, Whole
from stock_assistant_pipelines.catalog.expected import EveryDay
from stock_assistant_pipelines.protocol.interfaces import for_the_market, home
from stock_assistant_pipelines.protocol.refusals import MISSING, OFFSET, PARAMETERS, Refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stock_assistant_pipelines.catalog.dataset import Dataset

CODE = "ts_code"
DAY, TIME = re.compile(r"[0-9]{8}"), re.compile(r"[0-9]{2}:[0-9]{2}:[0-9]{2}")
BEGINNING, END = "00000000", "99999999"
MAX_OFFSET = 100_000
DIGITS = 18
"""Of a number of rows; one with more fits nowhere."""


@dataclass(frozen=True, slots=True)
class Words:
    """What Tushare's protocol says of one interface and the catalog does not."""

    defaults: Mapping[str, str] = field(default_factory=dict)
    """Filters that hold unless the call sets them."""
    days: tuple[str, ...] = ()
    """The columns that `start_date` and `end_date` bound: the first that is not null."""
    needs: tuple[str, ...] = ()
    """The parameters of which a call needs at least one, where they are other ones than the code."""


WORDS: Mapping[str, Words] = MappingProxyType(
    {
        "stock_basic": Words(defaults={"list_status": "L"}),
        "trade_cal": Words(defaults={"exchange": "SSE"}),
        "index_basic": Words(defaults={"market": "SSE"}),
        "namechange": Words(days=("ann_date", "start_date")),
        "income": Words(defaults={"report_type": "1"}, days=("ann_date",)),
        "balancesheet": Words(defaults={"report_type": "1"}, days=("ann_date",)),
        "cashflow": Words(defaults={"report_type": "1"}, days=("ann_date",)),
        "forecast": Words(days=("ann_date",), needs=("ts_code", "ann_date")),
        "express": Words(days=("ann_date",)),
        "fina_audit": Words(days=("ann_date",)),
        "dividend": Words(needs=("ts_code", "ann_date", "record_date", "ex_date", "imp_ann_date")),
    }
)
PERIOD = "period"
"""The parameter that takes a report period, in most interfaces."""
ORDINARY = Words()


@dataclass(frozen=True, slots=True)
class Query:
    """What a call asks for."""

    codes: tuple[str, ...] | None = None
    """Codes, or None for all."""
    first: str = BEGINNING
    last: str = END
    """The days asked for, `YYYYMMDD`, both included."""
    dated: bool = False
    """Whether the days mean anything to the dataset."""
    filters: tuple[tuple[str, frozenset[str]], ...] = ()
    """Columns and the values they may have."""
    limit: int | None = None
    offset: int = 0

    def covers(self, day: str) -> bool:
        """Whether that day, or the report period that ends on it, is among those asked for."""
        return (self.dated and self.first <= day <= self.last) or any(day in allowed for _, allowed in self.filters)

    def between(self, first: str, last: str) -> Query:
        """The same question about other days."""
        return replace(self, first=first, last=last)


def words(dataset: Dataset) -> Words:
    """What the protocol says of this interface beyond the catalog."""
    return WORDS.get(home(dataset), ORDINARY)


def day_columns(dataset: Dataset) -> tuple[str, ...]:
    """The columns that a call's days bound; none where the dataset has no time axis."""
    if dataset.partitioned:
        return (dataset.grain.value,)
    if isinstance(dataset.expected, EveryDay):
        return (dataset.expected.column,)
    if isinstance(dataset.calls, PerPeriod) and dataset.calls.periods_per_call:
        return (dataset.grain.value,)
    return words(dataset).days


def required(dataset: Dataset) -> tuple[str, ...]:
    """The parameters of which a call needs at least one; none where it needs nothing. The first is named in the refusal."""
    match dataset.calls:
        case PerCode(code=code):
            return (code,)
        case PerDay(day=day):
            return (day, CODE, "start_date", "end_date")
        case PerRange(start=start, end=end):
            return (dataset.grain.value, CODE, start, end)
        case PerPeriod(whole=None, period=str()):
            return ()
        case PerPeriod(code=code):
            return () if for_the_market(dataset) else words(dataset).needs or (code,)
        case Whole():
            return ()


def parse(dataset: Dataset, params: Mapping[str, Any]) -> Query:
    """Read a call's parameters. Unknown ones and empty ones are ignored, as by Tushare. Raises `Refusal`."""
    given = {name: str(value).strip() for name, value in params.items() if value is not None and str(value).strip()}
    needed = required(dataset)
    if needed and not any(name in given for name in needed):
        raise Refusal.of(MISSING, name=needed[0])
    limit, offset = _count(given.pop("limit", None)), _count(given.pop("offset", None)) or 0
    if offset > MAX_OFFSET:
        raise Refusal.of(OFFSET)
    days = day_columns(dataset)
    first, last = (
        (_day(given.pop("start_date", BEGINNING)), _day(given.pop("end_date", END))) if days else (BEGINNING, END)
    )
    if dataset.partitioned and (day := given.pop(days[0], None)):
        first = last = _day(day)
    if dataset.by_period and (period := given.pop(PERIOD, None)):
        given[dataset.grain.value] = period
    codes = given.pop(CODE, None) if CODE in dataset.by_name else None
    given = {**words(dataset).defaults, **given}
    return Query(
        codes=tuple(sorted(_values(codes))) if codes else None,
        first=first,
        last=last,
        dated=bool(days),
        filters=tuple((name, _values(given[name])) for name in sorted(given) if name in dataset.by_name),
        limit=limit,
        offset=offset,
    )


def parse_fields(dataset: Dataset, fields: Any) -> tuple[str, ...]:
    """The columns an answer holds: those asked for, in that order, unknown ones left out; by default the default ones."""
    asked = [name.strip() for name in str(fields or "").split(",") if name.strip()]
    if not asked:
        return tuple(name for name in dataset.asked if dataset.by_name[name].default)
    known = frozenset(dataset.asked)
    return tuple(dict.fromkeys(name for name in asked if name in known))


def _values(text: str) -> frozenset[str]:
    return frozenset(value.strip() for value in text.split(",") if value.strip())


def _count(text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or len(text) > DIGITS:
        raise Refusal.of(PARAMETERS)
    return int(text)


def _day(text: str) -> str:
    """A day. Programs written for bars of minutes put a time behind it, which a day does not have."""
    day, _, time = text.partition(" ")
    if not (DAY.fullmatch(day) and (not time or TIME.fullmatch(time))):
        raise Refusal.of(PARAMETERS)
    return day
