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
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import ARRAY, array, distinct_on

from stock_assistant_pipelines.catalog.columns import Type
from stock_assistant_pipelines.catalog.expected import Disclosed
from stock_assistant_pipelines.catalog.rules import Severity
from stock_assistant_pipelines.warehouse.holes import LOSSES
from stock_assistant_pipelines.warehouse.tables import COVERAGE, METADATA

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy import CTE, ColumnElement, Select, Subquery, Table

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

    Of versions: that none is there twice, and none is gone; of what everybody files, that its columns are filled as usual, and
    that of figures of the year so far those that only grow do.
    """
    table = METADATA.tables[dataset.api]
    key = [table.c[name] for name in dataset.key]
    of_run = _of_run(dataset)
    checks = [_versions(dataset, table), _gone(dataset)] if dataset.versions else [_keys(dataset, table)]
    if isinstance(dataset.expected, Disclosed):
        checks.append(_nulls(dataset, table))
    if dataset.grows:
        checks.append(_year_to_date(dataset, table))
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


def _year_to_date(dataset: Dataset, table: Table) -> RowCheck:
    """The figures of the year so far that fell since the last report of the year, and cannot: one of the two is wrong, or they
    are not told on one basis. Judged of a report that has landed, and of the one after it.
    """
    told = _since_last_report(dataset, table)
    now, before = told.c.now, told.c.before
    fallen = (
        select(told.c.end_date, told.c.ts_code, told.c.report_type, told.c.column, now, told.c.since, before)
        .where(or_(told.c.end_date == func.any(_DAYS), told.c.since == func.any(_DAYS)))
        .where(told.c.column == func.any(told.c.growing), before - now > func.greatest(TICK, FALL * func.abs(before)))
    )
    told_as = f"No figure of the year so far that only grows is {FALL:.0%} lower than in the report before."
    return RowCheck(None, "year_to_date", told_as, Severity.WARN, fallen)


def _since_last_report(dataset: Dataset, table: Table) -> Subquery:
    """The growing figures of each report that stands in the years of the run, and what the one before it in its year told."""
    latest = _standing_in_years(dataset, table)
    of_year = [latest.c.ts_code, latest.c.report_type, func.date_trunc("year", latest.c.end_date)]

    def before(column: ColumnElement[Any]) -> ColumnElement[Any]:
        return func.lag(column).over(partition_by=of_year, order_by=latest.c.end_date)

    kinds = [(latest.c.comp_type == kind, _texts(names)) for kind, names in dataset.grows.items()]
    figures = [latest.c[name] for name in dataset.growing]
    return select(
        *(latest.c[name] for name in dataset.key),
        before(latest.c.end_date).label("since"),
        case(*kinds, else_=_texts(())).label("growing"),
        func.unnest(_texts(dataset.growing)).label("column"),
        func.unnest(array(figures)).label("now"),
        func.unnest(array([before(figure) for figure in figures])).label("before"),
    ).subquery("told")


def _standing_in_years(dataset: Dataset, table: Table) -> Subquery:
    """Of each key the version that stands, of all report periods of the years of the run."""
    assert dataset.versions
    days = func.unnest(_DAYS).table_valued("day").render_derived()
    quarters = func.generate_series(1, 4).table_valued("number").render_derived()
    start = func.date_trunc("year", days.c.day)
    end = start + quarters.c.number * func.make_interval(0, 3) - func.make_interval(0, 0, 0, 1)
    ends = select(cast(end, Date)).select_from(days.join(quarters, true())).scalar_subquery()
    key = [table.c[name] for name in dataset.key]
    best = [table.c.known_at, *(table.c[name] for name in dataset.versions.prefer), table.c.ingested_at, table.c.filled]
    return (
        select(*key, table.c.comp_type, *(table.c[name] for name in dataset.growing))
        .ext(distinct_on(*key))
        .where(
            table.c.end_date == func.any(func.array(ends)),
            table.c.replaced_at.is_(None),
            table.c.flaw.is_(None),
        )
        .order_by(*key, *(column.desc().nulls_last() for column in best), table.c.digest)
        .subquery("latest")
    )


def _texts(names: Iterable[str]) -> ColumnElement[Any]:
    return cast(array([literal(name, String) for name in names]), ARRAY(Text))


FALL = 0.01
"""By which share of what was told before a figure may fall that only grows: reports round, and little things are corrected."""

TICK = 10_000
"""CNY that it may fall in any case: some companies report in units of it."""

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
