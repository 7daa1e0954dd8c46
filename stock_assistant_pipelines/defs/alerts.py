"""The sensor `alerts`: each minute it looks what is wrong, and tells it. What that is and how it is told: `alerts`."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import dagster as dg
from dagster import DagsterEventType, DagsterRunStatus

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.alerts import emergency
from stock_assistant_pipelines.alerts.causes import Crash
from stock_assistant_pipelines.alerts.delivery import deliver
from stock_assistant_pipelines.defs.fill import asked
from stock_assistant_pipelines.defs.research import waits
from stock_assistant_pipelines.defs.resources import Platform
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.settings.errors import SettingsError
from stock_assistant_pipelines.warehouse import space
from stock_assistant_pipelines.warehouse.database import available
from stock_assistant_pipelines.warehouse.space import DiskFull
from stock_assistant_pipelines.warehouse.tables import SNAPSHOT

LASTS = timedelta(days=1)
"""How long a run that crashed is told, when no later one does its work."""

MOST = 100
"""How many crashes are kept, the newest: of a job that crashes all day there is one alert."""

AT_ONCE = 50
"""How many ended runs are looked at in one tick."""

BACK = timedelta(minutes=1)
"""How far back is looked each time: what ended earlier may be written later."""

LINE = 300
"""Characters of an error that are told."""

ROOT = "dagster/root_run_id"
PARTITION = "dagster/partition"
RANGE_START, RANGE_END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"
"""The tags by which Dagster says in whose place a run is, and which partitions it is for."""

WILL_RETRY = "dagster/will_retry"
"""The tag by which Dagster says, when a run fails, whether it starts another in its place."""

MOMENTS = ("at", "until")
"""What of a crash is a moment."""

ENDED = [DagsterRunStatus.FAILURE, DagsterRunStatus.SUCCESS]


def build_sensor(platform: Platform, now: Callable[[], datetime] = calendar.now) -> dg.SensorDefinition:
    """Keep the alerts in step with the coverage and the runs, and tell them."""

    @dg.sensor(
        name="alerts",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks what failed, is partial, late, out of quota or not permitted, and tells it, once per cause.",
    )
    def alerts(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        moment = now()
        runs = Runs.read(context.cursor, moment).follow(context.instance, moment, platform.settings)
        with available(platform.settings) as database, database.connected() as engine:
            try:
                space.require(engine)
                told = str(deliver(engine, platform.settings, moment, runs.final(context.instance)))
            except SettingsError as wrong:  # an address, of which the other channels must not suffer
                if context.cursor == runs.written():
                    raise
                told = str(wrong)  # a tick that fails keeps no cursor: the next one fails
            except DiskFull as full:
                told = f"channels told past the table: {emergency.tell(platform.settings, moment, full)}. {full}"
        context.update_cursor(runs.written())
        return dg.SkipReason(told)

    return alerts


@dataclass(frozen=True)
class Runs:
    """The runs that have ended, as far as they were looked at, and those that crashed and still count: the sensor's cursor."""

    until: datetime
    """When the last of them changed."""
    seen: Mapping[str, float] = field(default_factory=dict)
    """Those that changed shortly before that, and when: another may be written only now."""
    crashes: Sequence[Crash] = ()

    @classmethod
    def read(cls, cursor: str | None, now: datetime) -> Self:
        """Read the cursor; without one, nothing that has ended is told."""
        if cursor is None:
            return cls(now.astimezone(UTC) + BACK)  # Dagster compares without the zone
        known = json.loads(cursor)
        crashes = [
            Crash(**crash | {name: datetime.fromisoformat(crash[name]) for name in MOMENTS if crash.get(name)})
            for crash in known["crashes"]
        ]
        return cls(datetime.fromisoformat(known["until"]), known["seen"], crashes)

    def written(self) -> str:
        """The cursor."""
        crashes = [
            asdict(crash) | {name: at.isoformat() for name in MOMENTS if (at := getattr(crash, name))}
            for crash in self.crashes
        ]
        return json.dumps({"until": self.until.isoformat(), "seen": dict(self.seen), "crashes": crashes})

    def follow(self, instance: dg.DagsterInstance, now: datetime, settings: Settings) -> Self:
        """Look at the runs that have ended since. One that does its work ends what is told of those that were to do it."""
        crashes = [crash for crash in self.crashes if now - max(crash.at, crash.until or crash.at) < LASTS]
        until, seen = self.until, dict(self.seen)
        for record in self._ended(instance):
            run, changed = record.dagster_run, record.update_timestamp.astimezone(UTC)
            until = max(until, changed)
            seen[run.run_id] = changed.timestamp()
            root, work = run.tags.get(ROOT, run.run_id), _work(run)
            error = None if run.status is DagsterRunStatus.SUCCESS else _error(instance, run.run_id)
            if error is None:
                crashes = [left for crash in crashes if (left := _left(crash, run.job_name, root, work))]
            elif now - changed < LASTS:
                line = settings.hide(error)[:LINE]
                wait = waits.of_budget(run)
                undone = wait.work(run) if wait else _work(run, _reported(instance, run.run_id))
                crashes.append(
                    Crash(run.run_id, run.job_name, line, changed, root, undone, wait.again if wait else None)
                )
        kept = {run_id: at for run_id, at in seen.items() if at >= (until - BACK).timestamp()}
        return type(self)(until, kept, crashes[-MOST:])

    def final(self, instance: dg.DagsterInstance) -> list[Crash]:
        """The crashes in whose place Dagster starts no other run: it may still find that it cannot, so each is asked for."""
        runs = {crash.run_id: instance.get_run_by_id(crash.run_id) for crash in self.crashes}
        return [crash for crash in self.crashes if not _retried(runs[crash.run_id])]

    def _ended(self, instance: dg.DagsterInstance) -> Iterator[dg.RunRecord]:
        """The runs that ended after those looked at, in the order in which they did."""
        filters = dg.RunsFilter(statuses=ENDED, updated_after=self.until - BACK)
        limit = AT_ONCE + len(self.seen)
        records = instance.get_run_records(filters, limit=limit, order_by="update_timestamp", ascending=True)
        return (record for record in records if record.dagster_run.run_id not in self.seen)


def _retried(run: dg.DagsterRun | None) -> bool:
    return run is not None and run.tags.get(WILL_RETRY) == "true"


def _work(run: dg.DagsterRun, done: Container[tuple[str, str]] = ()) -> dict[str, list[str]]:
    """What a run is for, but for what is done: by dataset, the first and the last of its partitions."""
    if days := asked(run.run_config):
        left = {name: [key for key in keys or [SNAPSHOT] if (name, key) not in done] for name, keys in days.items()}
        return {name: [min(keys), max(keys)] for name, keys in left.items() if keys}
    one = run.tags.get(PARTITION, SNAPSHOT)
    span = [run.tags.get(RANGE_START, one), run.tags.get(RANGE_END, one)]
    return {key.to_user_string(): span for key in sorted(run.asset_selection or ())}


def _reported(instance: dg.DagsterInstance, run_id: str) -> set[tuple[str, str]]:
    """The partitions that a run reported before it crashed: nobody asks for them again."""
    events = [each.dagster_event for each in instance.all_logs(run_id, of_type=DagsterEventType.ASSET_MATERIALIZATION)]
    return {
        (event.asset_key.to_user_string(), event.partition or SNAPSHOT)
        for event in events
        if event is not None and event.asset_key
    }


def _left(crash: Crash, job: str, root: str, work: Mapping[str, Sequence[str]]) -> Crash | None:
    """What is left of a crash when a run has ended well: what that did, or stands in its place for, is done."""
    if crash.root_run_id == root or (not crash.work and crash.job == job):
        return None
    left = {name: span for name, span in crash.work.items() if not _within(span, work.get(name))}
    return replace(crash, work=left) if left or not crash.work else None


def _within(span: Sequence[str], other: Sequence[str] | None) -> bool:
    return other is not None and other[0] <= span[0] and span[1] <= other[1]


def _error(instance: dg.DagsterInstance, run_id: str) -> str | None:
    """The first line of what ended a run; None when it said which partitions are not whole, which the coverage knows too."""
    ends = {DagsterEventType.STEP_FAILURE, DagsterEventType.RUN_FAILURE}
    events = [entry.dagster_event for entry in instance.all_logs(run_id, of_type=ends) if entry.dagster_event]
    steps = [event for event in events if event.event_type is DagsterEventType.STEP_FAILURE]
    blameless = [event for event in steps if not _blames(event.step_failure_data.user_failure_data)]
    if steps and not blameless:
        return None
    event = next(iter(blameless or events), None)
    data: Any = event.event_specific_data if event else None
    told = getattr(getattr(data, "user_failure_data", None), "description", None)
    line = told or _first_line(getattr(data, "error", None)) or (event.message if event else None)
    return line or "it ended without a word: see its log"


def _blames(failure: Any) -> bool:
    """Whether a failure is ours, and names partitions."""
    metadata: Mapping[str, Any] = getattr(failure, "metadata", None) or {}
    return "incomplete" in metadata


def _first_line(error: Any) -> str | None:
    """The first line of the innermost error: what Dagster wraps around it says no more than in which step."""
    while getattr(error, "cause", None):
        error = error.cause
    text = str(getattr(error, "message", "") or "").strip()
    return text.splitlines()[0] if text else None
