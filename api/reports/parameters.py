"""Parameters: which reports, and which items of a sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from api.parameters import Day, Parameters, Range, Word
from api.row_parameters import Cursor  # noqa: TC001 - Pydantic reads it

if TYPE_CHECKING:
    from typing import Any

Status = Literal["published", "degraded", "abstained", "failed"]
Stance = Literal["outperform", "neutral", "underperform"]
Ids = Annotated[str, StringConstraints(max_length=4000, pattern=r"^[a-z][a-z0-9_.]*(,[a-z][a-z0-9_.]*)*$")]

FILTERS = ("ts_code", "trade_date", "status", "stance", "model", "language", "forward")
"""Parameters that name what a column of a report holds."""


class Reports(Range):
    """Which reports. Filters are joined by and."""

    ts_code: Word | None = Field(None, description="Tushare code of one stock.", examples=["600519.SH"])
    trade_date: Day | None = Field(
        None, description="The trading day it was written of, `YYYYMMDD` or `YYYY-MM-DD`.", examples=["20240103"]
    )
    status: Status | None = Field(
        None,
        description="`published`: every claim held. `degraded`: some were dropped. `abstained`: no stance can be held. "
        "`failed`: nothing was written, the next run tries again.",
        examples=["published"],
    )
    stance: Stance | None = Field(None, description="Against CSI 300.", examples=["outperform"])
    model: Word | None = Field(None, description="The model that was to be asked first.", examples=["sandbox-rules"])
    language: Literal["zh", "en"] | None = Field(None, description="What it is written in.", examples=["zh"])
    forward: bool | None = Field(
        None,
        description="`true`: made before the next trading day opened. `false`: made afterwards, of what was known then.",
        examples=[True],
    )
    order: Literal["asc", "desc"] = Field("desc", description="Oldest day first, or newest.", examples=["asc"])
    limit: int = Field(100, ge=1, le=1000, description="Reports in the answer at the most.", examples=[20])
    cursor: Cursor | None = Field(
        None, description="Where the next page begins: `meta.next_cursor` of the page before, with the same question."
    )

    @model_validator(mode="after")
    def _one_or_many(self) -> Self:
        if self.trade_date and (self.start or self.end):
            raise ValueError("trade_date is one day, start and end are a range: leave one of them out")
        return self

    @property
    def chosen(self) -> dict[str, Any]:
        """What is asked for, by column."""
        return {name: value for name in FILTERS if (value := getattr(self, name)) is not None}

    @property
    def identity(self) -> list[Any]:
        """What a cursor belongs to."""
        return ["reports", self.chosen, self.start, self.end, self.order]


class Evidence(Parameters):
    """Which items of a sheet."""

    id: Ids | None = Field(
        None, description="Ids of items, separated by commas; all of them when absent.", examples=["close"]
    )

    @property
    def ids(self) -> tuple[str, ...]:
        """Which, in this order; none: all."""
        return tuple(dict.fromkeys(self.id.split(","))) if self.id else ()
