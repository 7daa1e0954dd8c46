"""What is checked of the rows that a run has landed: completeness, keys, calendar, and the rules of the catalog."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg
from sqlalchemy import bindparam, func, literal_column, not_, select

from stock_assistant_pipelines.catalog.dataset import Dataset, Severity
from stock_assistant_pipelines.warehouse.tables import METADATA

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from sqlalchemy import ColumnElement, Connection, Select

    from stock_assistant_pipelines.warehouse.coverage import Coverage

EXAMPLES = 5

SEVERITY = {Severity.BLOCK: dg.AssetCheckSeverity.ERROR, Severity.WARN: dg.AssetCheckSeverity.WARN}


@dataclass(frozen=True, slots=True)
class Check:
    """A query that counts the rows breaking a condition, and names a few of them."""

    name: str
    title: str
    severity: Severity
    broken: Select[Any]
    """The offending rows' keys; `:days` are the trading days of the run."""


COMPLETE = "complete"


def specs(dataset: Dataset) -> list[dg.AssetCheckSpec]:
    """The checks of a dataset, as Dagster declares them. What blocks, blocks downstream assets of the same run."""
    complete = dg.AssetCheckSpec(
        COMPLETE,
        asset=dataset.api,
        description="Every partition holds everything that is expected of it.",
        blocking=True,
    )
    return [complete] + [
        dg.AssetCheckSpec(
            check.name, asset=dataset.api, description=check.title, blocking=check.severity is Severity.BLOCK
        )
        for check in row_checks(dataset)
    ]


def row_checks(dataset: Dataset) -> list[Check]:
    """The checks that look at rows: unique keys, days on which the market was open, and the dataset's own rules."""
    table = METADATA.tables[dataset.api]
    key = [table.c[name] for name in dataset.key]
    of_run = _of_run(dataset)
    repeated = select(*key).where(*of_run).group_by(*key).having(func.count() > 1)
    checks = [Check("keys", f"No two rows have the same {', '.join(dataset.key)}.", Severity.BLOCK, repeated)]
    if dataset.calendar:
        calendar = METADATA.tables[dataset.calendar]
        closed = select(calendar.c.cal_date).where(calendar.c.is_open == 0)
        outside = select(*key).where(*of_run, table.c[dataset.grain.value].in_(closed))
        checks.append(Check("calendar", "Every row is of a trading day.", Severity.BLOCK, outside))
    for rule in dataset.rules:
        broken = select(*key).select_from(table).where(*of_run, not_(func.coalesce(_predicate(rule.predicate), True)))
        checks.append(Check(rule.name, f"In every row, {rule.title}.", rule.severity, broken))
    return checks


def _of_run(dataset: Dataset) -> list[ColumnElement[bool]]:
    table = METADATA.tables[dataset.api]
    return [table.c[dataset.grain.value] == func.any(bindparam("days"))] if dataset.partitioned else []


def _predicate(text: str) -> ColumnElement[bool]:
    """A rule's predicate: a constant of the catalog, over the dataset's own columns."""
    return literal_column(f"({text})")


def evaluate(
    connection: Connection, dataset: Dataset, days: Sequence[date], landed: Sequence[Coverage]
) -> Iterator[dg.AssetCheckResult]:
    """Evaluate every check of a dataset on the partitions of a run."""
    open_ends = {entry.partition: entry.reason or entry.status.value for entry in landed if not entry.settled}
    yield dg.AssetCheckResult(
        check_name=COMPLETE,
        passed=not open_ends,
        metadata={"partitions": len(landed), "incomplete": len(open_ends), "why": dg.MetadataValue.json(open_ends)},
    )
    for check in row_checks(dataset):
        broken = check.broken.subquery()
        values = {"days": list(days)} if dataset.partitioned else {}
        count = connection.execute(select(func.count()).select_from(broken), values).scalar_one()
        examples = connection.execute(select(broken).limit(EXAMPLES), values).all() if count else []
        yield dg.AssetCheckResult(
            check_name=check.name,
            passed=count == 0,
            severity=SEVERITY[check.severity],
            metadata={
                "rows": count,
                "examples": dg.MetadataValue.json([[str(value) for value in row] for row in examples]),
            },
        )
