"""As of: what companies told, as it was known at the end of a day, and nothing that became known later.

The SQL functions choose the versions; here stands which of them is asked, and what is said of its answer.
"""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import Field
from sqlalchemy import ARRAY, Date, DateTime, Text, and_, any_, bindparam, case, column, func, literal, or_, select

from api import answers, problems
from api.answers import Meta
from api.problems import Problem
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.tables import CODE, METADATA

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement, FromClause

    from api.report_parameters import Basis, Known
    from api.standing import Standing
    from stock_assistant_pipelines.catalog.dataset import Dataset

DAY = bindparam("day", type_=Date)
MOMENT = bindparam("moment", type_=DateTime(timezone=True))
STOCK = bindparam("code", type_=Text)

SINCE = "known_at"
"""What every answer holds beside Tushare's columns."""
VERSION = (SINCE, "ingested_at", "replaced_at", "flaw")
"""What is told of each version where all of them are."""

OWN, RESTATED = ("1", "5"), "4"
"""Report types: a company's own report, now and before it was adjusted; and as the next year's report restates it."""


class KnownMeta(Meta):
    """Where an answer stands that is made as of a day."""

    known_as_of: str = Field(
        description="The day (ISO) at whose end in Shanghai all that is told was known.", examples=["2024-04-30"]
    )


def end_of(day: date) -> datetime:
    """The end of a day in Shanghai."""
    return datetime.combine(day + timedelta(days=1), time(), SHANGHAI)


def values(day: date, **more: Any) -> dict[str, Any]:
    """The values of a query as of this day."""
    return {"day": day, "moment": end_of(day), **more}


def restatable(dataset: Dataset) -> bool:
    """Whether a later report may restate it, under a report type of its own."""
    return "report_type" in dataset.key


def stood(dataset: Dataset, basis: Basis = "ytd", known: Known = "announced", *, restated: bool = False) -> FromClause:
    """What stood on the day, of each key one version; or what is derived from that."""
    table = METADATA.tables[dataset.api]
    at, name = (MOMENT, "as_read") if known == "read" else (DAY, "as_of")
    choice = [literal(restated)] if restatable(dataset) else []
    names = table.c.keys() if basis == "ytd" else derived_fields(dataset)
    function = getattr(func, f"{dataset.api}_{name}" if basis == "ytd" else f"{dataset.api}_{basis}_{name}")
    return function(at, *choice).table_valued(*(column(one, table.c[one].type) for one in names))  # type: ignore[no-any-return]


def versions(dataset: Dataset, known: Known, *, restated: bool = False) -> FromClause:
    """Every version that was known on the day, or that the database had read, with those that are quarantined.

    What happened to a version later is not told.
    """
    table = METADATA.tables[dataset.api]
    had = table.c.ingested_at <= MOMENT
    where = [had if known == "read" else or_(table.c.known_at <= MOMENT, and_(table.c.flaw.is_not(None), had))]
    if restatable(dataset):
        types = [*OWN, RESTATED] if restated else [*OWN]
        where.append(table.c.report_type == any_(literal(types, ARRAY(Text))))
    replaced = case((table.c.replaced_at <= MOMENT, table.c.replaced_at)).label("replaced_at")
    names = (*dataset.fields, *VERSION, "filled", "digest")
    return select(*(replaced if name == replaced.name else table.c[name] for name in names)).where(*where).subquery()


def in_time(dataset: Dataset, rows: FromClause) -> list[ColumnElement[Any]]:
    """The order in which versions became known; of those known at the same time, the one that stands comes last."""
    types = [
        case({kind: place for place, kind in enumerate(("5", "1", RESTATED))}, value=rows.c.report_type)
        for _ in range(restatable(dataset))
    ]
    prefer = dataset.versions.prefer if dataset.versions else ()
    return [
        rows.c[SINCE].asc().nulls_last(),
        *types,
        *(rows.c[name].asc().nulls_first() for name in prefer),
        rows.c.ingested_at,
        rows.c.filled,
        rows.c.digest.desc(),
    ]


def derived_fields(dataset: Dataset) -> tuple[str, ...]:
    """The columns of what is derived: quarters and trailing twelve months."""
    return (CODE, "end_date", "comp_type", *dataset.flows, SINCE)


def chosen(fields: Sequence[str], names: str | None) -> tuple[str, ...]:
    """These of the columns, in the order in which they are named, or all. Raises a problem that lists what there is."""
    if names is None:
        return tuple(fields)
    wanted = tuple(names.split(","))
    unknown = [name for name in wanted if name not in fields]
    if unknown or len(set(wanted)) < len(wanted):
        wrong = f"there is no column {', '.join(unknown)[:200]}" if unknown else "a column is named twice"
        raise Problem(problems.INVALID_PARAMETER, f"fields: {wrong}. There are {', '.join(fields)}.")
    return wanted


def describe(
    dataset: Dataset, rows: int, standings: Mapping[str, Standing], *, fields: Sequence[str], day: date, **more: Any
) -> dict[str, Any]:
    """Say where an answer stands that is made as of a day."""
    units = {name: unit for name in fields if name in dataset.by_name and (unit := dataset.by_name[name].unit)}
    return answers.describe(dataset, rows, standings, units=units, known_as_of=day, **more)
