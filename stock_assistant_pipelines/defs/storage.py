"""Where Dagster keeps runs, events and ticks: in PostgreSQL as always, and no secret among them.

Whatever the UI shows of a failure, somebody has written down here: a step its traceback, a sensor its error, the daemon that of
a backfill. So secrets are taken out here, for all of them, whoever raised the error. What Dagster finds things by stays: else
a password such as `daily` would take the runs from the asset of that name.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Self, TypeVar

from dagster._core.events.log import EventLogEntry
from dagster._core.execution.backfill import PartitionBackfill
from dagster._core.scheduler.instigation import InstigatorTick, TickData
from dagster._core.storage.dagster_run import DagsterRun
from dagster._daemon.types import DaemonHeartbeat
from dagster._serdes import ConfigurableClassData, deserialize_value, serialize_value
from dagster_postgres.event_log import PostgresEventLogStorage
from dagster_postgres.run_storage import PostgresRunStorage
from dagster_postgres.schedule_storage import PostgresScheduleStorage
from dagster_postgres.storage import DagsterPostgresStorage
from dagster_postgres.utils import pg_url_from_config

from stock_assistant_pipelines.defs import logged
from stock_assistant_pipelines.redaction import Redactor
from stock_assistant_pipelines.settings import settings

T = TypeVar("T", DagsterRun, EventLogEntry, InstigatorTick, TickData, DaemonHeartbeat, PartitionBackfill)


IDENTITIES = re.compile(
    r"__class__|\w+_(names?|keys?|ids?|handle|selection|subset|type|value|to_execute|backfill_data)"
    r"|partition|reexecution_steps"
)
"""Fields of Dagster's objects by which it finds what it loads, runs and shows."""

OF_ORIGINS = re.compile(r"(?!container_context$|\w+_origin$)\w+")
"""The same of where code stands: all but the environment that it has there. An origin within is looked at for itself."""

TAGS = re.compile(r"\.?dagster/.*|stock_assistant/.*")
"""Those by which it or we decide."""


class Events(PostgresEventLogStorage):
    """The events of runs."""

    def store_event(self, event: EventLogEntry) -> None:
        """Keep an event."""
        super().store_event(hidden(event))

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Keep events."""
        super().store_event_batch([hidden(event) for event in events])


class Ticks(PostgresScheduleStorage):
    """What schedules and sensors did."""

    def create_tick(self, tick_data: TickData) -> InstigatorTick:
        """Keep a tick that begins."""
        return super().create_tick(hidden(tick_data))

    def update_tick(self, tick: InstigatorTick) -> InstigatorTick:
        """Keep what came of a tick."""
        return super().update_tick(hidden(tick))


class Runs(PostgresRunStorage):
    """Runs, backfills, and how the daemon is."""

    def add_daemon_heartbeat(self, daemon_heartbeat: DaemonHeartbeat) -> None:
        """Keep how the daemon is, and its errors."""
        super().add_daemon_heartbeat(hidden(daemon_heartbeat))

    def add_run(self, dagster_run: DagsterRun) -> DagsterRun:
        """Keep a run that begins, with its configuration and tags."""
        return super().add_run(hidden(dagster_run))

    def add_run_tags(self, run_id: str, new_tags: Mapping[str, str]) -> None:
        """Keep tags of a run."""
        redactor = _redactor()
        tags = {name: value if _identity(new_tags, name) else redactor(value) for name, value in new_tags.items()}
        super().add_run_tags(run_id, tags)

    def add_backfill(self, partition_backfill: PartitionBackfill) -> None:
        """Keep a backfill that begins."""
        super().add_backfill(hidden(partition_backfill))

    def update_backfill(self, partition_backfill: PartitionBackfill) -> None:
        """Keep how far a backfill is, and what stopped it."""
        super().update_backfill(hidden(partition_backfill))


class Storage(DagsterPostgresStorage):
    """Dagster's own storage, with these in place of its parts."""

    def __init__(
        self, postgres_url: str, should_autocreate_tables: bool = True, inst_data: ConfigurableClassData | None = None
    ) -> None:
        super().__init__(postgres_url, should_autocreate_tables, inst_data)
        self._event_log_storage = Events(postgres_url, should_autocreate_tables)
        self._schedule_storage = Ticks(postgres_url, should_autocreate_tables)
        self._run_storage = Runs(postgres_url, should_autocreate_tables)

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData | None, config_value: Any) -> Self:
        """Make it from what dagster.yaml says; the log of the process that does so is ours from then on."""
        logged.begin(settings())
        return cls(pg_url_from_config(config_value), config_value.get("should_autocreate_tables", True), inst_data)


def hidden(told: T) -> T:
    """The same without secrets, and what it is found by as it was."""
    text = serialize_value(told)
    line = _redactor().line(text, kept=_identity)
    return told if line is text else deserialize_value(line, type(told))


def _identity(thing: Mapping[str, Any], name: str) -> bool:
    """Whether it is found by this field: of one of Dagster's objects or states, else of tags, a configuration or the like."""
    if "__class__" not in thing:
        return name == "__enum__" or bool(TAGS.fullmatch(name))
    origin = str(thing["__class__"]).endswith("Origin")
    return bool((OF_ORIGINS if origin else IDENTITIES).fullmatch(name))


@lru_cache(maxsize=1)
def _redactor() -> Redactor:
    return Redactor(settings().secrets)
