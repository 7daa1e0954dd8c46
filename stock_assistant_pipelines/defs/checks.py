"""The checks of a dataset, as Dagster declares and reports them: completeness, the rules of its rows, and the laws that it is
read by. What they are and how they are judged is told in `warehouse`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import dagster as dg

from stock_assistant_pipelines.catalog.dataset import Dataset
from stock_assistant_pipelines.catalog.rules import Severity
from stock_assistant_pipelines.warehouse import laws, rules
from stock_assistant_pipelines.warehouse.verdicts import EXAMPLES, Verdict, judge

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import date

    from sqlalchemy import Engine

    from stock_assistant_pipelines.warehouse.coverage import Coverage
    from stock_assistant_pipelines.warehouse.laws import Law
    from stock_assistant_pipelines.warehouse.rules import RowCheck

SEVERITY = {Severity.BLOCK: dg.AssetCheckSeverity.ERROR, Severity.WARN: dg.AssetCheckSeverity.WARN}

COMPLETE = "complete"


def specs(dataset: Dataset) -> list[dg.AssetCheckSpec]:
    """The checks of a dataset, as Dagster declares them. What blocks, blocks downstream assets of the same run."""
    complete = dg.AssetCheckSpec(
        COMPLETE,
        asset=dataset.api,
        description="Every partition holds everything that is expected of it.",
        blocking=True,
        metadata={"id": "C01"},
    )
    checks: list[RowCheck | Law] = [*rules.of(dataset), *laws.of(dataset)]
    return [complete] + [
        dg.AssetCheckSpec(
            check.name,
            asset=dataset.api,
            description=check.title,
            blocking=check.severity is Severity.BLOCK,
            metadata={"id": check.id} if check.id else None,
        )
        for check in checks
    ]


def evaluate(
    engine: Engine, dataset: Dataset, days: Sequence[date], landed: Sequence[Coverage]
) -> Iterator[dg.AssetCheckResult]:
    """Evaluate every check of a dataset on the partitions of a run. Days that break what blocks are not complete afterwards."""
    open_ends = {entry.partition: entry.reason or entry.status.value for entry in landed if not entry.settled}
    yield dg.AssetCheckResult(
        check_name=COMPLETE,
        passed=not open_ends,
        metadata={
            "id": "C01",
            "partitions": len(landed),
            "incomplete": len(open_ends),
            "why": dg.MetadataValue.json(open_ends),
        },
    )
    for verdict in judge(engine, dataset, days):
        yield _result(verdict)


def _result(verdict: Verdict) -> dg.AssetCheckResult:
    metadata: dict[str, dg.MetadataValue | str | int] = {
        "rows": verdict.rows,
        "examples": dg.MetadataValue.json(list(verdict.examples)),
        "days_checked": verdict.checked,
        "days_skipped": len(verdict.skipped),
    }
    if verdict.id:
        metadata["id"] = verdict.id
    if verdict.skipped:
        metadata["skipped"] = dg.MetadataValue.json([day.isoformat() for day in verdict.skipped[:EXAMPLES]])
    if verdict.unknown:
        metadata["unknown"] = verdict.unknown
    if verdict.look and not verdict.holds:
        metadata["look"] = verdict.look
    return dg.AssetCheckResult(
        check_name=verdict.name,
        passed=verdict.holds,
        severity=SEVERITY[verdict.severity],
        description=_description(verdict),
        metadata=metadata,
    )


def _description(verdict: Verdict) -> str:
    """What was judged, in a sentence: a day that was skipped has not passed."""
    found = f"{verdict.rows} rows break it" if verdict.broken else "it holds"
    told = f"{found} on {verdict.checked} days" if verdict.checked else "nothing was judged"
    if verdict.skipped:
        told += f"; {len(verdict.skipped)} days were skipped, since something that it reads is not complete there"
    return told
