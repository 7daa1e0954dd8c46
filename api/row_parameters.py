"""Parameters of rows: a closed model for each dataset, made of its declaration."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, create_model, model_validator

from api.parameters import Columns, Day, Period, Range, Tabular, readable
from stock_assistant_pipelines.catalog.columns import Type

if TYPE_CHECKING:
    from stock_assistant_pipelines.catalog.dataset import Dataset

MOST = 1_000_000
"""Rows in one answer at the most."""

Words = Annotated[str, StringConstraints(min_length=1, max_length=2000), AfterValidator(readable)]
Cursor = Annotated[str, StringConstraints(min_length=1, max_length=1500, pattern=r"^[A-Za-z0-9_-]+$")]

EXAMPLES = {"ts_code": "600519.SH,000001.SZ", "exchange": "SSE", "suspend_type": "S", "report_type": "1"}


class Rows(Tabular):
    """Which rows of a dataset, which columns, in which order."""

    fields: Columns | None = Field(
        None,
        description="Columns, separated by commas, in this order; all of them when absent.",
        examples=["ts_code,trade_date,close"],
    )
    order: Literal["asc", "desc"] = Field("asc", description="Oldest or smallest first, or last.", examples=["desc"])
    limit: int = Field(10_000, ge=1, le=MOST, description="Rows in the answer at the most.", examples=[6000])
    cursor: Cursor | None = Field(
        None,
        description="Where the next page begins: `meta.next_cursor` of the page before, with the same question.",
    )


class Snapshot(Rows):
    """Which rows of a dataset without a time axis."""


class Days(Rows, Range):
    """Which rows of a dataset with a time axis."""

    @model_validator(mode="after")
    def _one_or_many(self) -> Self:
        for name in ("trade_date", "period"):
            if getattr(self, name, None) and (self.start or self.end):
                raise ValueError(f"{name} is one partition, start and end are a range: leave one of them out")
        return self


def axis(dataset: Dataset) -> str | None:
    """The column that `start` and `end` are about: that of its partitions, or the only day in its key; None without one."""
    if dataset.dated:
        return dataset.grain.value
    days = [name for name in dataset.key if dataset.by_name[name].type is Type.DATE]
    return days[0] if len(days) == 1 else None


def filters(dataset: Dataset) -> dict[str, str]:
    """The parameters that name values of a key's column, and the column of each."""
    names = {name: name for name in dataset.key if dataset.by_name[name].type in {Type.TEXT, Type.DATE}}
    if dataset.by_period:
        names = {"period": names.pop(dataset.grain.value), **names}
    return names


def model(dataset: Dataset) -> type[Rows]:
    """The model of what the rows of a dataset can be asked for."""
    asked: dict[str, Any] = {name: _filter(dataset, name, column) for name, column in filters(dataset).items()}
    name = "".join(word.title() for word in dataset.api.split("_")) + "Rows"
    base = Days if axis(dataset) else Snapshot
    return create_model(name, __base__=base, __doc__=f"Which rows of {dataset.api}.", **asked)


def _filter(dataset: Dataset, name: str, column: str) -> tuple[Any, Any]:
    """What a parameter takes, and how it is described."""
    title = dataset.by_name[column].title
    if name == "period":
        text = "A report period, the last day of a quarter, `YYYYMMDD` or `YYYY-MM-DD`."
        return Period | None, Field(None, description=text, examples=["20231231"])
    if dataset.by_name[column].type is Type.DATE:
        text = f"{title}: a day, `YYYYMMDD` or `YYYY-MM-DD`."
        return Day | None, Field(None, description=text, examples=["20240102"])
    examples = [EXAMPLES[name]] if name in EXAMPLES else None
    return Words | None, Field(None, description=f"{title}: one, or several with commas.", examples=examples)


def wanted(dataset: Dataset, asked: Rows) -> dict[str, date | list[str]]:
    """The values that are asked for, by column."""
    found = {column: getattr(asked, name) for name, column in filters(dataset).items()}
    return {
        column: value if isinstance(value, date) else sorted(set(value.split(",")))
        for column, value in found.items()
        if value is not None
    }
