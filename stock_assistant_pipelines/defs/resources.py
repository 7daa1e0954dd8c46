"""What an asset works with: the database, and for one run a connection to Tushare, or a session at the research desk."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from dagster import DagsterRunStatus, RetryRequested

from stock_assistant_pipelines.alerts import emergency
from stock_assistant_pipelines.calendar import now
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.tushare.quota import SharedQuota
from stock_assistant_pipelines.tushare.transport import Transport
from stock_assistant_pipelines.warehouse import space
from stock_assistant_pipelines.warehouse.database import available, migrated
from stock_assistant_pipelines.warehouse.embedded import conninfo
from stock_assistant_pipelines.warehouse.migrator import require
from stock_assistant_pipelines.warehouse.space import DiskFull

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sqlalchemy import Connection, Engine

    from stock_assistant_pipelines.research.render import Language
    from stock_assistant_pipelines.research.session import Session
    from stock_assistant_pipelines.settings import Settings

PRIORITY, BACKFILL = "dagster/priority", "dagster/backfill"
"""Tags of a run: its place in the queue, and the backfill that it is a part of."""

AHEAD = {PRIORITY: "10"}
"""The runs of the day's clock: before all others in the queue, and where calls are scarce."""

UNDER_WAY = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
"""The states of a run that has not ended."""


TRIES = 100
"""How often a step is tried again that found no space on PostgreSQL's disk, and waited for it."""


def urgent(tags: Mapping[str, str]) -> bool:
    """Whether a run with these tags goes before others where calls are scarce. A backfill never does."""
    try:
        ahead = int(tags.get(PRIORITY, "0")) > 0
    except ValueError:
        return False  # Dagster's queue, too, takes what is no number for nothing
    return ahead and BACKFILL not in tags


class Platform:
    """The installation that the settings describe.

    A plain object and not a configurable resource: what Dagster can configure it also shows, and the settings hold secrets.
    """

    def __init__(self, settings: Settings) -> None:
        """Keep the settings; connect to nothing yet."""
        self.settings = settings

    @contextmanager
    def ingest(self, run_id: str, *, urgent: bool = False) -> Iterator[Ingest]:
        """Connect to the database and to Tushare for one run. Others let an `urgent` one go first where calls are scarce."""
        workers = self.settings.tushare_concurrency
        with (
            available(self.settings) as database,
            SharedQuota.from_settings(self.settings, conninfo(database.url), urgent=urgent) or nullcontext() as quota,
            Transport.from_settings(self.settings, quota) as transport,
            database.connected(pool_size=workers + 2) as engine,
        ):
            try:
                with migrated():
                    _require(engine)
                    yield Ingest(
                        engine,
                        transport,
                        concurrency=workers,
                        points=self.settings.tushare_points,
                        run_id=run_id,
                        when_full=self._tell,
                    )
            except DiskFull as full:
                self._tell(full)
                space.wait(engine)  # before Dagster, whose tables are on the same disk, has to write that a step ended
                raise RetryRequested(max_retries=TRIES) from full

    def _tell(self, full: DiskFull) -> None:
        """Tell the channels at once: where no session can be opened any more, the sensor of the alerts is not asked."""
        if self.settings.alert_urls:
            emergency.tell(self.settings, now(), full)

    @contextmanager
    def look(self) -> Iterator[Connection]:
        """Connect to the database, for one look at what is there."""
        with self._engine() as engine, engine.connect() as connection:
            yield connection

    @contextmanager
    def change(self) -> Iterator[Connection]:
        """Connect to the database, for one transaction."""
        with self._engine() as engine, engine.begin() as connection:
            yield connection

    @contextmanager
    def research(self, run_id: str | None = None, language: Language | None = None) -> Iterator[Session]:
        """Connect to the database for a session at the desk; it asks the configured models, in their order."""
        # Brings pandas and the SDK of the models, which every run and every sensor would otherwise wait for.
        from stock_assistant_pipelines.research.session import CONNECTIONS, Session

        with self._engine(CONNECTIONS) as engine:
            yield Session(engine, self.settings, language, run_id)

    @contextmanager
    def _engine(self, pool_size: int = 1) -> Iterator[Engine]:
        with available(self.settings) as database, database.connected(pool_size) as engine, migrated():
            _require(engine)
            yield engine


def _require(engine: Engine) -> None:
    """Raise `MigrationError` when this version cannot work with the tables."""
    with engine.connect() as connection:
        require(connection)
