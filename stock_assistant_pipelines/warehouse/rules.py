"""Rules: what every single row meets, unique keys, trading days, and the predicates of the catalog. As queries for the rows
that do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Date, bindparam, cast, func, literal_column, not_, select
from sqlalchemy.dialects.postgresql import ARRAY

from stock_assistant_pipelines.catalog.dataset import Severity
from stock_assistant_pipelines.warehouse.holes import GONE
from stock_assistant_pipelines.warehouse.tables import COVERAGE, METADATA

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, Select, Table

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

    Of versions: that none is there twice, and none is gone.
    """
    table = METADATA.tables[dataset.api]
    key = [table.c[name] for name in dataset.key]
    of_run = _of_run(dataset)
    checks = [_versions(dataset, table), _gone(dataset)] if dataset.versions else [_keys(dataset, table)]
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
        COVERAGE.c.dataset == dataset.api, COVERAGE.c.reason == GONE, period == func.any(_DAYS)
    )
    return RowCheck("C14", "versions", "A report period never holds fewer versions than before.", Severity.BLOCK, fewer)


_DAYS = bindparam("days", type_=ARRAY(Date))


def _of_run(dataset: Dataset) -> list[ColumnElement[bool]]:
    return [METADATA.tables[dataset.api].c[dataset.grain.value] == func.any(_DAYS)] if dataset.dated else []


def _predicate(text: str) -> ColumnElement[bool]:
    """A rule's predicate: a constant of the catalog, over the dataset's own columns."""
    return literal_column(f"({text})")
