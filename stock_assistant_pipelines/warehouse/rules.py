"""Rules: what every single row meets, unique keys, trading days, and the predicates of the catalog. As queries for the rows
that do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Date,
    Float,
    Integer,
    Numeric,
    String,
    and_,
    bindparam,
    cast,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import ARRAY, array

from stock_assistant_pipelines.catalog.dataset import Disclosed, Severity, Type
from stock_assistant_pipelines.warehouse.coverage import LOSSES
from stock_assistant_pipelines.warehouse.tables import COVERAGE, METADATA

if TYPE_CHECKING:
    from sqlalchemy import CTE, ColumnElement, Select, Table

    from stock_assistant_pipelines.catalog.dataset import Dataset


@dataclass(frozen=True, slots=True)
class RowCheck:
    """A query for the keys of the rows that break a condition."""

    id: str | None
    """Its number in the catalogue of checks."""
    name: str
    title: str
    severity: Severity
    broken: Select[Any]
    """The offending rows' keys; `:days` are the trading days of the run."""


def of(dataset: Dataset) -> list[RowCheck]:
    """The checks that look at rows: unique keys, days on which the market was open, and the dataset's own rules.

    Of versions: that none is there twice, and none is gone; of what everybody files, that its columns are filled as usual.
    """
    table = METADATA.tables[dataset.api]
    key = [table.c[name] for name in dataset.key]
    of_run = _of_run(dataset)
    checks = [_versions(dataset, table), _gone(dataset)] if dataset.versions else [_keys(dataset, table)]
    if isinstance(dataset.expected, Disclosed):
        checks.append(_nulls(dataset, table))
    if dataset.calendar:
        calendar = METADATA.tables[dataset.calendar]
        closed = select(calendar.c.cal_date).where(calendar.c.is_open == 0)
        outside = select(*key).where(*of_run, table.c[dataset.grain.value].in_(closed))
        checks.append(RowCheck("C03", "calendar", "Every row is of a trading day.", Severity.BLOCK, outside))
    for rule in dataset.rules:
        broken = select(*key).select_from(table).where(*of_run, not_(func.coalesce(_predicate(rule.predicate), True)))
        checks.append(RowCheck(rule.id, rule.name, f"In every row, {rule.title}.", rule.severity, broken))
    return checks


def _keys(dataset: Dataset, table: Table) -> RowCheck:
    key = [table.c[name] for name in dataset.key]
    repeated = select(*key).where(*_of_run(dataset)).group_by(*key).having(func.count() > 1)
    return RowCheck("C02", "keys", f"No two rows have the same {', '.join(dataset.key)}.", Severity.BLOCK, repeated)


def _versions(dataset: Dataset, table: Table) -> RowCheck:
    key = [table.c[name] for name in (*dataset.key, "digest")]
    standing = select(*key).where(*_of_run(dataset), table.c.replaced_at.is_(None))
    told = f"No two versions of the same {', '.join(dataset.key)} that stand say the same."
    return RowCheck("C02", "keys", told, Severity.BLOCK, standing.group_by(*key).having(func.count() > 1))


def _gone(dataset: Dataset) -> RowCheck:
    """The periods that hold fewer versions than were booked: they are not believed, and were booked so."""
    period = cast(COVERAGE.c.partition, Date)
    fewer = select(period.label(dataset.grain.value), COVERAGE.c.landed).where(
        COVERAGE.c.dataset == dataset.api, COVERAGE.c.reason.in_(LOSSES), period == func.any(_DAYS)
    )
    return RowCheck("C14", "versions", "A report period never holds fewer versions than before.", Severity.BLOCK, fewer)


def _nulls(dataset: Dataset, table: Table) -> RowCheck:
    """The columns that are filled otherwise than a year before: quarters of a year fill other lines, by their rules.

    What chance explains is left out: six deviations of a share among as many rows.
    """
    counted = _filled(dataset, table)
    now, then = counted.alias("now"), counted.alias("then")
    share, before = (cast(each.c.filled, Float) / each.c.rows for each in (now, then))
    chance = func.sqrt(before * (1 - before) * (1.0 / now.c.rows + 1.0 / then.c.rows))
    others = (
        select(now.c.end_date, now.c.column, func.round(cast(share, Numeric), 3), func.round(cast(before, Numeric), 3))
        .join(then, and_(then.c.column == now.c.column, then.c.end_date == now.c.end_date - func.make_interval(1)))
        .where(now.c.end_date == func.any(_DAYS), now.c.rows >= FEW, then.c.rows >= FEW)
        .where(func.abs(share - before) > func.greatest(SHIFT, 6 * chance))
    )
    told = f"No column is filled in {SHIFT:.0%} more or fewer of the reports than a year before."
    return RowCheck("C15", "nulls", told, Severity.WARN, others)


def _filled(dataset: Dataset, table: Table) -> CTE:
    """In how many of the versions that stand each figure is filled, of the periods of the run and those a year before."""
    names = [name for name in dataset.values if dataset.by_name[name].type is Type.NUMBER]
    earlier = select(cast(func.unnest(_DAYS) - func.make_interval(1), Date)).scalar_subquery()  # which an index finds
    counts = (
        select(
            table.c.end_date,
            func.count().label("rows"),
            array([literal(name, String) for name in names]).label("names"),
            array([func.count(table.c[name], type_=Integer) for name in names]).label("counts"),
        )
        .where(
            or_(table.c.end_date == func.any(_DAYS), table.c.end_date == func.any(func.array(earlier))),
            table.c.replaced_at.is_(None),
        )
        .group_by(table.c.end_date)
        .subquery("counts")
    )
    return select(
        counts.c.end_date,
        counts.c.rows,
        func.unnest(counts.c.names).label("column"),
        func.unnest(counts.c.counts).label("filled"),
    ).cte("filled")


FEW = 30
"""Fewer reports tell nothing of what is usual."""

SHIFT = 0.2
"""By which share of the reports a column may be filled more or less often than a year before."""

_DAYS = bindparam("days", type_=ARRAY(Date))


def _of_run(dataset: Dataset) -> list[ColumnElement[bool]]:
    return [METADATA.tables[dataset.api].c[dataset.grain.value] == func.any(_DAYS)] if dataset.dated else []


def _predicate(text: str) -> ColumnElement[bool]:
    """A rule's predicate: a constant of the catalog, over the dataset's own columns."""
    return literal_column(f"({text})")
