"""Evidence: what was known of a stock on a trading day, item by item, each with where it comes from. Pure values.

An item is one figure or one text. A report cites items by their ids, and prints nothing but what stands in them. A sheet holds
all items of one stock on one day; its hash is part of what makes a report the same report.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import orjson

from stock_assistant_pipelines.settings import SHANGHAI

if TYPE_CHECKING:
    from collections.abc import Mapping


DATASETS = (
    *("daily", "adj_factor", "daily_basic", "suspend_d", "index_daily"),
    *("income", "balancesheet", "cashflow", "fina_indicator", "forecast", "express", "dividend"),
)
"""The datasets that a sheet is made of, and of which it may have to say that they are not there."""


class Kind(StrEnum):
    """What an item is made of."""

    ROW = "row"
    """A value of one row, as it is stored."""
    DERIVED = "derived"
    """Made of rows or of other items by a registered derivation."""
    NEWS = "news"
    """A dated page that a search found."""


class Topic(StrEnum):
    """Which part of the sheet an item belongs to; each expert is given the topics it writes about."""

    COMPANY = "company"
    PRICES = "prices"
    VALUATION = "valuation"
    STATEMENTS = "statements"
    EXPECTATIONS = "expectations"
    """Forecasts, express reports, dividends: what the company says of itself beside its statements."""
    NEWS = "news"


class Unit(StrEnum):
    """What a value is counted in. The renderer knows how each is printed."""

    NONE = ""
    PERCENT = "%"
    POINTS = "pp"
    """Percentage points: the difference of two percentages."""
    TIMES = "x"
    CNY = "CNY"
    CNY_PER_SHARE = "CNY/share"
    INDEX_POINTS = "points"
    SHARES = "shares"
    DAYS = "days"
    COUNT = "count"
    DATE = "date"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Origin:
    """A row that an item was taken from: table, natural key, column."""

    dataset: str
    key: Mapping[str, str]
    """Key columns and their values, days in ISO form."""
    column: str

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {"dataset": self.dataset, "key": dict(self.key), "column": self.column}


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One figure or one text, known by the end of the sheet's day."""

    id: str
    """Stable and telling: `close`, `return.20d`, `revenue.2024q3.ttm.yoy`; matches `ID` of the grammar."""
    kind: Kind
    topic: Topic
    label: str
    label_zh: str
    value: Decimal | None = None
    """The figure, exact, in `unit`; None where the item is a text or nothing is known."""
    text: str | None = None
    unit: Unit = Unit.NONE
    period: str | None = None
    """What the value speaks of: a day (`2024-09-30`), a report period (`2024q3`), a span (`20d`); None: the company."""
    known_at: datetime
    """Since when it is known: never after the end of the sheet's day in Shanghai."""
    origins: tuple[Origin, ...] = ()
    """The rows it was taken from; of a long span the first and the last."""
    derivation: str | None = None
    """The registered derivation that made it (`derivations.REGISTERED`); None for a value as it is stored."""
    inputs: tuple[str, ...] = ()
    """The items that the derivation took, in its order."""
    signed: bool = False
    """Whether the sign tells a direction: a change, a growth, a return. Words of direction are held against it."""
    url: str | None = None
    """Of news: the page."""

    @property
    def direction(self) -> int:
        """-1, 0 or 1 for a signed value; 0 for what has no direction."""
        if not self.signed or self.value is None:
            return 0
        return (self.value > 0) - (self.value < 0)

    def plain(self) -> dict[str, Any]:
        """As JSON holds it: values as decimal text, moments with their offset."""
        return {
            "id": self.id,
            "kind": self.kind,
            "topic": self.topic,
            "label": self.label,
            "label_zh": self.label_zh,
            "value": None if self.value is None else format(self.value, "f"),
            "text": self.text,
            "unit": self.unit,
            "period": self.period,
            "known_at": self.known_at.isoformat(),
            "origins": [origin.plain() for origin in self.origins],
            "derivation": self.derivation,
            "inputs": list(self.inputs),
            "signed": self.signed,
            "url": self.url,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Item:
        """What `plain` made of an item, as the item again."""
        return cls(
            id=plain["id"],
            kind=Kind(plain["kind"]),
            topic=Topic(plain["topic"]),
            label=plain["label"],
            label_zh=plain["label_zh"],
            value=None if plain["value"] is None else Decimal(plain["value"]),
            text=plain["text"],
            unit=Unit(plain["unit"]),
            period=plain["period"],
            known_at=datetime.fromisoformat(plain["known_at"]).astimezone(SHANGHAI),
            origins=tuple(Origin(**each) for each in plain["origins"]),
            derivation=plain["derivation"],
            inputs=tuple(plain["inputs"]),
            signed=plain["signed"],
            url=plain["url"],
        )


@dataclass(frozen=True, slots=True)
class Found:
    """What a search for news found of one stock."""

    items: tuple[Item, ...] = ()
    missing: str | None = None
    """What is not there, and why: no search, no page, pages that were left out; None: nothing is missing."""


@dataclass(frozen=True)
class Sheet:
    """All that was known of one stock on one trading day."""

    ts_code: str
    name: str
    """The name that the stock bore on the day."""
    day: date
    items: tuple[Item, ...]
    missing: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """What one would expect and there is not, by topic or item, with the reason: told to the experts, and in the report."""

    @cached_property
    def by_id(self) -> Mapping[str, Item]:
        """The items by their ids."""
        return MappingProxyType({item.id: item for item in self.items})

    def of(self, *topics: Topic) -> tuple[Item, ...]:
        """The items of some topics, in the sheet's order."""
        return tuple(item for item in self.items if item.topic in topics)

    @cached_property
    def canonical(self) -> bytes:
        """The sheet as JSON with sorted keys: equal sheets, and only they, have equal bytes."""
        document = {
            "ts_code": self.ts_code,
            "name": self.name,
            "day": self.day.isoformat(),
            "items": [item.plain() for item in self.items],
            "missing": dict(self.missing),
        }
        return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)

    @cached_property
    def sha256(self) -> str:
        """The hash of the canonical form."""
        return hashlib.sha256(self.canonical).hexdigest()

    @classmethod
    def from_canonical(cls, document: bytes) -> Sheet:
        """The sheet of a canonical form. Raises `ValueError` where the bytes are not one of a sheet as it is written now."""
        read = orjson.loads(document)
        sheet = cls(
            read["ts_code"],
            read["name"],
            date.fromisoformat(read["day"]),
            tuple(Item.from_plain(each) for each in read["items"]),
            read["missing"],
        )
        if sheet.canonical != document:
            raise ValueError(f"the stored evidence of {sheet.ts_code} on {sheet.day} is not in its canonical form")
        return sheet
