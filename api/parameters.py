"""Parameters: closed models of what a route takes. What a model does not name is refused, never ignored."""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated, Any, Literal, Self
from unicodedata import category

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from api.formats import Name as FormatName  # noqa: TC001 - Pydantic reads it
from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.catalog.grain import MARKET_OPENED

DAY = re.compile(r"([0-9]{4})(-?)([0-9]{2})\2([0-9]{2})")

Adjust = Literal["none", "qfq", "hfq"]


def last_day() -> date:
    """The last day that can be asked for: the end of next year, as far as a calendar is ever published."""
    return date(calendar.now().year + 1, 12, 31)


def read_day(value: object) -> date:
    """Read `YYYYMMDD` or `YYYY-MM-DD` as a day of the calendar that the market can have known."""
    match = DAY.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError("takes a day as YYYYMMDD or YYYY-MM-DD, such as 20240102")
    try:
        day = date(int(match[1]), int(match[3]), int(match[4]))
    except ValueError:
        raise ValueError(f"{value} is not a day of the calendar") from None
    if not MARKET_OPENED <= day <= last_day():
        raise ValueError(
            f"{day} is out of reach: days from {MARKET_OPENED} (the first session) to {last_day()} are served"
        )
    return day


def past(day: date) -> date:
    """Refuse a day that is still to come: what will be known then, nobody knows."""
    today = calendar.now().date()
    if day > today:
        raise ValueError(f"{day} is still to come: what is known until today ({today}) can be asked for")
    return day


def ended(day: date) -> date:
    """Refuse a day on which no report period ends."""
    if not calendar.is_period(day):
        raise ValueError(f"no report period ends on {day}: take the last day of a quarter, such as 20231231")
    return day


def readable(value: str) -> str:
    """Refuse control characters, which no name or code holds (and PostgreSQL's texts cannot hold NUL)."""
    if any(category(character) in {"Cc", "Cs"} for character in value):
        raise ValueError("takes a text without control characters")
    return value


Day = Annotated[
    date,
    BeforeValidator(read_day),
    WithJsonSchema({"type": "string", "pattern": "^([0-9]{8}|[0-9]{4}-[0-9]{2}-[0-9]{2})$"}),
]
PastDay = Annotated[Day, AfterValidator(past)]
Period = Annotated[Day, AfterValidator(ended)]
Columns = Annotated[str, StringConstraints(max_length=3000, pattern=r"^[a-z0-9_]+(,[a-z0-9_]+)*$")]
Word = Annotated[str, StringConstraints(min_length=1, max_length=50), AfterValidator(readable)]


class Parameters(BaseModel):
    """The query parameters of a route. A parameter that it does not name is an error that says which there are."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _closed(cls, values: dict[str, Any]) -> dict[str, Any]:
        unknown = [name for name in values if name not in cls.model_fields]
        if unknown:
            own_first = sorted(cls.model_fields, key=lambda name: name in Tabular.model_fields)
            takes = ", ".join(own_first) or "no parameters"
            raise PydanticCustomError(
                "unknown_parameter",
                "{unknown} is no parameter of this route, which takes {takes}",
                {"unknown": ", ".join(repr(name) for name in unknown), "takes": takes},
            )
        return values


class Tabular(Parameters):
    """In which format a table is written."""

    format: FormatName | None = Field(
        None,
        description="`json`: `items` holds a row as an array; `rows`: as an object; `columns`: `items` holds arrays by column. "
        "`csv`, `parquet`, `arrow` (an IPC stream): headers (`X-…`) say what `meta` does. When absent, the header Accept "
        "decides: `application/json`, `text/csv`, `application/vnd.apache.parquet`, `application/vnd.apache.arrow.stream`.",
        examples=["csv"],
    )


class Range(Parameters):
    """A range of days, both ends included."""

    start: Day | None = Field(
        None,
        description="First day, `YYYYMMDD` or `YYYY-MM-DD`; the first there is when absent.",
        examples=["20240102"],
    )
    end: Day | None = Field(
        None, description="Last day, included; the last there is when absent.", examples=["20240131"]
    )

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.start and self.end and self.start > self.end:
            raise ValueError(f"start ({self.start}) is after end ({self.end}): exchange them")
        return self

    @property
    def first(self) -> date:
        """The first day, or the market's first."""
        return self.start or MARKET_OPENED

    @property
    def last(self) -> date:
        """The last day, or the last that can be asked for."""
        return self.end or last_day()


class Bars(Range, Tabular):
    """A range of bars, adjusted or not."""

    adjust: Adjust = Field(
        "none",
        description="`none`: as traded. `hfq` (后复权): price × factor of the day. "
        "`qfq` (前复权): price × factor of the day ÷ newest factor, rounded to 4 decimals.",
        examples=["hfq"],
    )
    adjust_as_of: PastDay | None = Field(
        None,
        description="qfq: divide by the newest factor of this day or before, instead of the newest there is, so that the "
        "prices are those that were seen then. There are no bars of later days.",
        examples=["20240102"],
    )

    @model_validator(mode="after")
    def _divided(self) -> Self:
        if self.adjust_as_of and self.adjust != "qfq":
            raise ValueError("adjust_as_of goes with adjust=qfq, which alone divides by a factor of a day")
        if self.adjust_as_of and self.start and self.start > self.adjust_as_of:
            raise ValueError(
                f"start ({self.start}) is after adjust_as_of ({self.adjust_as_of}), when no such bar was seen"
            )
        return self

    @property
    def last(self) -> date:
        """The last day, and none after the day as of which prices are adjusted."""
        last = super().last
        return min(last, self.adjust_as_of) if self.adjust_as_of else last


class AsOf(Tabular):
    """On which day something was known."""

    as_of: PastDay | None = Field(
        None,
        description="Answer with what was known at the end of this day in Shanghai, `YYYYMMDD` or `YYYY-MM-DD`; today "
        "when absent.",
        examples=["20240430"],
    )

    @property
    def day(self) -> date:
        """The day, or today."""
        return self.as_of or calendar.now().date()


class MarketDay(Tabular):
    """One trading day."""

    trade_date: Day = Field(description="A trading day, `YYYYMMDD` or `YYYY-MM-DD`.", examples=["20240102"])


class MarketDays(Range, Tabular):
    """A range of trading days."""


class CalendarDays(Range, Tabular):
    """A range of calendar days."""

    is_open: Literal["0", "1"] | None = Field(
        None, description="`1`: trading days only; `0`: the others only.", examples=["1"]
    )


class StockThen(Parameters):
    """On which day a stock is looked at."""

    as_of: PastDay | None = Field(
        None,
        description="Answer with the name and the status of this day, `YYYYMMDD` or `YYYY-MM-DD`; the row as the source tells "
        "it now when absent.",
        examples=["20240102"],
    )


class Stocks(StockThen, Tabular):
    """Which stocks. Filters are joined by and."""

    list_status: Literal["L", "D", "P"] | None = Field(
        None, description="`L` listed, `D` delisted, `P` suspended from listing. All three when absent.", examples=["L"]
    )
    exchange: Literal["SSE", "SZSE", "BSE"] | None = Field(
        None, description="Shanghai, Shenzhen or Beijing.", examples=["SSE"]
    )
    market: Word | None = Field(None, description="Board, as Tushare names it, such as 创业板.", examples=["主板"])
    industry: Word | None = Field(None, description="Industry, as Tushare names it.", examples=["白酒"])
    q: Word | None = Field(
        None, description="Part of a name, of its pinyin initials, or the beginning of a code.", examples=["茅台"]
    )
    limit: int = Field(1000, ge=1, le=10_000, description="Rows in the answer at the most.", examples=[100])
    offset: int = Field(0, ge=0, le=1_000_000, description="Rows to leave out before the first.", examples=[0])


class Partitions(Range):
    """Which partitions of a dataset, and how much of them."""

    limit: int = Field(250, ge=1, le=1000, description="Partitions in the answer at the most.", examples=[60])
    offset: int = Field(0, ge=0, le=1_000_000, description="Partitions to leave out before the first.", examples=[0])
    keys: int = Field(
        100,
        ge=0,
        le=10_000,
        description="Missing keys named per partition at the most; `missing` counts them all.",
        examples=[20],
    )

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if self.limit * self.keys > 500_000:
            raise ValueError("limit × keys is above 500,000: ask for fewer partitions or fewer missing keys at a time")
        return self


class Coverage(Partitions, Tabular):
    """Which partitions of a dataset, as a table."""
