"""Parameters of what companies report: as of which day, of which report periods, on which basis."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from api.parameters import DAY, AsOf, Columns, Period, ended, read_day

if TYPE_CHECKING:
    from datetime import date

Basis = Literal["ytd", "quarter", "ttm"]
Known = Literal["announced", "read"]


@dataclass(frozen=True, slots=True)
class Span:
    """Report periods: so many of the newest, or from one to another, both included."""

    newest: int | None = None
    first: date | None = None
    last: date | None = None

    @classmethod
    def read(cls, value: str) -> Span:
        """Read a count, a period, or two with `..` between them, of which one may be absent. Raises `ValueError`."""
        if re.fullmatch(r"[1-9][0-9]{0,2}", value):
            return cls(newest=int(value))
        start, dots, end = value.partition("..")
        if not dots and DAY.fullmatch(start):
            period = ended(read_day(start))
            return cls(first=period, last=period)
        if not dots or not (start or end):
            raise ValueError(
                "takes how many of the newest, a period, or two: 8, 20231231, 20200331..20231231, 20200331.."
            )
        first, last = read_day(start) if start else None, read_day(end) if end else None
        if first and last and first > last:
            raise ValueError(f"{first} is after {last}: exchange them")
        return cls(first=first, last=last)


def spans(value: str) -> str:
    """Refuse what names no report periods."""
    Span.read(value)
    return value


Spans = Annotated[str, StringConstraints(max_length=24), AfterValidator(spans)]


class Dividends(AsOf):
    """Which dividends."""

    by: Literal["plan", "ex_date"] = Field(
        "plan",
        description="`plan`: one row per plan, at the stage that it had reached. `ex_date`: what is paid on each ex-date, the "
        "sum of all plans that are carried out on it.",
        examples=["ex_date"],
    )


class Statement(AsOf):
    """Which figures of a statement."""

    basis: Basis = Field(
        "ytd",
        description="`ytd`: as reported, from the start of the year. `quarter`: the quarter by itself. `ttm`: the trailing "
        "twelve months. The last two are derived from the first, of `income` and `cashflow`.",
        examples=["ttm"],
    )
    restated: bool = Field(
        False,
        description="Take the figures that the next year's report gives for comparison (report type 4) as well, once they "
        "are known.",
        examples=[True],
    )
    known: Known = Field(
        "announced",
        description="`announced`: known since the day of announcement that Tushare tells. `read`: what this database held at "
        "the end of the day, whatever days Tushare tells.",
        examples=["announced"],
    )
    fields: Columns | None = Field(
        None,
        description="Columns, separated by commas, in this order; all of them when absent.",
        examples=["ts_code,end_date,known_at"],
    )


class Statements(Statement):
    """Which statements of a company."""

    periods: Spans | None = Field(
        None,
        description="Report periods: how many of the newest that were known (`8`), one (`20231231`), or a range "
        "(`20200331..20231231`, `20200331..`, `..20231231`). All of them when absent.",
        examples=["8", "20200331..20231231"],
    )
    versions: Literal["latest", "all"] = Field(
        "latest",
        description="`latest`: of each period what stood. `all`: every version, those that are quarantined too, in the order "
        "in which they became known, with `ingested_at`, `replaced_at` and `flaw`; with `basis=ytd`.",
        examples=["all"],
    )

    @property
    def span(self) -> Span:
        """The report periods."""
        return Span.read(self.periods) if self.periods else Span()

    @model_validator(mode="after")
    def _all(self) -> Self:
        if self.basis != "ytd" and self.versions == "all":
            raise ValueError(
                f"versions=all goes with basis=ytd: basis={self.basis} is derived from the latest versions"
            )
        return self


class MarketStatements(Statement):
    """Which statement of all companies."""

    period: Period = Field(
        description="A report period, the last day of a quarter, `YYYYMMDD` or `YYYY-MM-DD`.", examples=["20231231"]
    )
    limit: int = Field(10_000, ge=1, le=20_000, description="Rows in the answer at the most.", examples=[6000])
    offset: int = Field(0, ge=0, le=1_000_000, description="Rows to leave out before the first.", examples=[0])
