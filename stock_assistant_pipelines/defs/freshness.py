"""The check `fresh`: whether the newest trading day that is due is complete, or the last evening of reports was answered.

It is evaluated at the end of each run that lands rows, and by a sensor, without a run: it goes red when nothing runs at all.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg
from sqlalchemy import Connection

from stock_assistant_pipelines import calendar, lateness
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.dataset import Dataset
from stock_assistant_pipelines.defs.resources import Platform
from stock_assistant_pipelines.warehouse.freshness import Age, Freshness

FRESH = "fresh"

GRACE = timedelta(hours=1)
"""How long after its hour a day that is the only one not complete is a warning only: it is asked for again meanwhile."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the check says of a dataset."""

    passed: bool
    severity: dg.AssetCheckSeverity
    description: str
    metadata: dict[str, str | int]

    @property
    def said(self) -> tuple[bool, str, str | None]:
        """What two verdicts are compared by."""
        return self.passed, self.severity.value, self.description


def specs(dataset: Dataset) -> list[dg.AssetCheckSpec]:
    """The check, of a dataset with a time axis. It blocks nothing: what has landed is as good as before."""
    described = "The newest trading day that should be whole by now is complete."
    if dataset.by_period:
        described = (
            "The last evening that should be over was answered, and no company is missing that disclosed before."
        )
    return [dg.AssetCheckSpec(FRESH, asset=dataset.api, description=described)] if dataset.dated else []


def evaluate(connection: Connection, dataset: Dataset) -> Iterator[dg.AssetCheckResult]:
    """Evaluate the check at the end of a run."""
    if dataset.dated:
        now = calendar.now()
        found = verdict(dataset, lateness.tell(connection, [dataset], now)[dataset.api], now)
        yield dg.AssetCheckResult(
            check_name=FRESH,
            passed=found.passed,
            severity=found.severity,
            description=found.description,
            metadata=found.metadata,
        )


def verdict(dataset: Dataset, found: Freshness, now: datetime) -> Verdict:
    """Say in a sentence how new a dataset is, and how bad that is."""
    names = ("due", "status", "last_complete", "behind", "missing")
    shown = {name: getattr(found, name) for name in names}
    metadata: dict[str, str | int] = {"freshness": found.age.value}
    metadata |= {name: told if isinstance(told, int) else str(told) for name, told in shown.items() if told is not None}
    severity = dg.AssetCheckSeverity.WARN
    if found.age is Age.STALE and found.due:
        by = dataset.due_at(found.due) if dataset.partitioned else lateness.due_at(found.due)
        only_just = by and now < by + GRACE and (found.behind or 0) <= 1
        severity = severity if only_just else dg.AssetCheckSeverity.ERROR
    return Verdict(found.age is Age.FRESH, severity, _sentence(dataset, found), metadata)


def _sentence(dataset: Dataset, found: Freshness) -> str:
    if found.said:
        return found.said
    match found.age:
        case Age.FRESH:
            return f"{found.due} is due, and complete" if found.due else "no day is due yet"
        case Age.UNKNOWN:
            return f"{dataset.calendar} does not reach today: nobody can tell which day is due"
        case Age.UNUSED:
            return "nothing was ever complete"
    by = f" by {dataset.due:%H:%M}" if dataset.due else ""
    state = f"is {found.status}" if found.status else "was never asked for"
    return (
        f"{found.due} should be complete{by}, and {state}; the last complete day is {found.last_complete}, "
        f"trading days behind: {found.behind}"
    )


def build_sensor(platform: Platform, now: Callable[[], datetime] = calendar.now) -> dg.SensorDefinition:
    """Judge the datasets by the clock, and say it when the verdict is another one. What nobody landed is not judged."""
    judged = [dataset for dataset in CATALOG.values() if dataset.dated]

    @dg.sensor(
        name="freshness",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Evaluates the check `fresh` of every dataset, without a run, when what it says has changed.",
    )
    def freshness(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        moment = now()
        with platform.look() as connection:
            told = lateness.tell(connection, judged, moment)
        used = [dataset for dataset in judged if told[dataset.api].age is not Age.UNUSED]
        verdicts = {dataset.api: verdict(dataset, told[dataset.api], moment) for dataset in used}
        news = {name: said for name, said in verdicts.items() if said.said != _last_said(context.instance, name)}
        for name, said in news.items():
            _report(context.instance, name, said)
        return dg.SkipReason("; ".join(f"{name}: {said.description}" for name, said in news.items()) or "as before")

    return freshness


def _last_said(instance: dg.DagsterInstance, name: str) -> tuple[bool, str, str | None] | None:
    """What the check said last; None when it said nothing yet, or is being evaluated."""
    record = instance.get_latest_asset_check_evaluation_record(dg.AssetCheckKey(dg.AssetKey(name), FRESH))
    event = record.event.dagster_event if record and record.event else None
    if event is None or event.event_type is not dg.DagsterEventType.ASSET_CHECK_EVALUATION:
        return None
    said = event.asset_check_evaluation_data
    return said.passed, said.severity.value, said.description


def _report(instance: dg.DagsterInstance, name: str, said: Verdict) -> None:
    instance.report_runless_asset_event(
        dg.AssetCheckEvaluation(
            asset_key=dg.AssetKey(name),
            check_name=FRESH,
            passed=said.passed,
            severity=said.severity,
            description=said.description,
            metadata=said.metadata,
        )
    )
