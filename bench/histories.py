"""What companies filed since 1990, landed with the points of a tier: the whole of it, the last periods again, and one evening.

Everything is asked of one sandbox, whose clock stands still, and so does the clock of who lands.
"""

from __future__ import annotations

import os
import threading
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr
from sqlalchemy import text

from bench.measure import stopwatch
from bench.processes import peaks
from stock_assistant_pipelines.backfill import look_ahead
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.clock import last_periods
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.ingest.increment import Limits as Reach
from stock_assistant_pipelines.settings import SHANGHAI, Settings
from stock_assistant_pipelines.settings.tushare import SANDBOX_TOKEN
from stock_assistant_pipelines.tushare.periods import WHOLE_ROWS, answers_whole, calls_of, parts
from stock_assistant_pipelines.tushare.plan import DEFAULT_CAP
from stock_assistant_pipelines.tushare.quota import Limits
from stock_assistant_pipelines.tushare.transport import Answer, Transport
from stock_assistant_pipelines.warehouse.disclosure import plan_of, stocks_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from sqlalchemy import Engine

    from bench.ground import Server
    from stock_assistant_pipelines.backfill import Target
    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.warehouse.coverage import Coverage

EVER = datetime.min.replace(tzinfo=SHANGHAI)
SPAN = ("start_date", "end_date")

WRITTEN = """
select count(*) filter (where ingested_at >= :since), count(*) filter (where replaced_at >= :since) from {table}
"""
CONTENT = """
select
    count(*) filter (where plan.ts_code is not null),
    sum(hashtextextended(version.digest, 0)::numeric) filter (where plan.ts_code is not null),
    count(*) filter (where plan.ts_code is null)
from {table} as version
left join (
    select distinct ts_code, end_date from disclosure_date where actual_date is not null and replaced_at is null
) as plan on plan.ts_code = version.ts_code and plan.end_date = version.end_date
where version.end_date between :first and :last
"""
FILINGS = "select ts_code, end_date from disclosure_date where actual_date = :day and replaced_at is null"
REPORTS = "select count(*) from (select distinct ts_code, end_date from {table}) as reports"


class Counted(Transport):
    """A connection to the sandbox that counts its answers, and the rows that each of its questions has got."""

    def __init__(self, url: str, connections: int) -> None:
        super().__init__(SecretStr(SANDBOX_TOKEN), url, connections=connections)
        self._counting = threading.Lock()
        self.forget()

    def forget(self) -> None:
        """Count anew."""
        self.calls: Counter[str] = Counter()
        self.rows: Counter[tuple[Any, ...]] = Counter()

    def fetch(
        self, api: str, params: Mapping[str, Any], types: Mapping[str, Any], *, row_cap: int | None = None
    ) -> Answer:
        """Fetch, and count. What is asked in several spans of time is one question."""
        answer = super().fetch(api, params, types, row_cap=row_cap)
        left_out = SPAN if SPAN[0] in params else ()
        question = (api, *sorted(item for item in params.items() if item[0] not in left_out))
        with self._counting:
            self.calls[api] += answer.calls
            self.rows[question] += len(answer.rows)
        return answer


@dataclass(frozen=True, slots=True)
class Taken:
    """What it took to land some of a dataset."""

    calls: int
    least: int
    """The answers that hold what was told, one at the least of each period, or stock, and variant."""
    rows: int
    """As the answers told them: of versions that are known, too."""
    added: int
    replaced: int
    seconds: float
    unsettled: tuple[str, ...]
    """What is not complete, and why."""


def total(taken: Mapping[str, Taken]) -> Taken:
    """What all of it took together."""
    each = taken.values()
    return Taken(
        sum(one.calls for one in each),
        sum(one.least for one in each),
        sum(one.rows for one in each),
        sum(one.added for one in each),
        sum(one.replaced for one in each),
        sum(one.seconds for one in each),
        tuple(unsettled for one in each for unsettled in one.unsettled),
    )


@dataclass(frozen=True, slots=True)
class Content:
    """What a table holds."""

    planned: int
    """Versions of reports that were disclosed, by the plan."""
    digests: int
    """What those say, in short."""
    beside: int
    """Versions of which the plan says nothing: of years before a listing, told by a prospectus."""


@dataclass
class Side:
    """A database that is filled with the points of a tier."""

    points: int
    engine: Engine
    transport: Counted
    now: datetime

    @property
    def ingest(self) -> Ingest:
        """Who lands, by the clock of this side."""
        workers = Settings(_env_file=None).tushare_concurrency
        return Ingest(self.engine, self.transport, concurrency=workers, points=self.points, now=lambda: self.now)

    def prepare(self) -> None:
        """Land what all reports rest on, the calendar and the stocks."""
        for name in ("trade_cal", "stock_basic"):
            list(self.ingest.land(CATALOG[name]))

    def foresee(self, target: Target) -> dict[str, int]:
        """Ask the planner what a backfill takes, in calls by dataset."""
        with self.engine.connect() as connection:
            outlook = look_ahead(connection, target, self.now, Limits(self.points))
        return {part.dataset.api: part.estimate.calls for part in outlook.parts}

    def measured(self, dataset: Dataset, landing: Iterable[Coverage], since: datetime) -> Taken:
        """Let a landing run, and tell what it took. What it wrote is younger than `since`."""
        self.transport.forget()
        with stopwatch() as watch:
            entries = list(landing)
        with self.engine.connect() as connection:
            query = text(WRITTEN.format(table=dataset.api))
            added, replaced = connection.execute(query, {"since": since}).one()
        names = {dataset.api, calls_of(dataset).whole}
        asked = {question: rows for question, rows in self.transport.rows.items() if question[0] in names}
        return Taken(
            sum(calls for api, calls in self.transport.calls.items() if api in names),
            sum(max(1, -(-rows // _held(dataset, question[0]))) for question, rows in asked.items()),
            sum(asked.values()),
            added,
            replaced,
            watch.seconds,
            tuple(f"{each.dataset} {each.partition}: {each.reason}" for each in entries if not each.settled),
        )

    def land(self, dataset: Dataset, periods: Sequence[date]) -> Taken:
        """Land what is left of these periods, as a backfill does."""
        return self.measured(dataset, self.ingest.land(dataset, periods, since=EVER, whole=False), EVER)

    def again(self, dataset: Dataset) -> Taken:
        """Fetch the last periods again, as is done each week."""
        self.now += timedelta(minutes=1)
        periods = last_periods(self.now.date())
        return self.measured(dataset, self.ingest.land(dataset, periods, since=self.now, begun=self.now), self.now)

    def evening(self, datasets: Sequence[Dataset]) -> dict[str, Taken]:
        """Land what is new of the open periods, the plan first, as is done each evening."""
        plan = plan_of(datasets)
        periods = self.ingest.open_periods(plan, stocks_of(datasets[0]))
        return {
            dataset.api: self.measured(dataset, self._new(dataset, periods, plan), self.now) for dataset in datasets
        }

    def _new(self, dataset: Dataset, periods: Sequence[date], plan: str | None) -> Iterator[Coverage]:
        self.ingest.prepare_periods(dataset, periods)
        judged_by = None if dataset.api == plan else plan
        yield from self.ingest.increment(dataset, periods, judged_by, Reach(), begun=self.now)

    def filings(self) -> list[tuple[str, date]]:
        """Who has disclosed which period today, by the plan."""
        with self.engine.connect() as connection:
            found = connection.execute(text(FILINGS), {"day": self.now.date()})
            return [(code, period) for code, period in found]

    def least(self, dataset: Dataset, filings: Iterable[tuple[str, date]], taken: Taken) -> int:
        """The fewest calls that bring what was disclosed today, by the way that these points leave."""
        if answers_whole(dataset, self.points):
            return taken.least
        return len({(code, part) for code, period in filings for part in parts(dataset, period)})

    def one_by_one(self, dataset: Dataset) -> int:
        """The calls of who asks for each report of each company by itself."""
        with self.engine.connect() as connection:
            reports = int(connection.execute(text(REPORTS.format(table=dataset.api))).scalar_one())
        return reports * len(calls_of(dataset).variants)

    def content(self, dataset: Dataset, target: Target) -> Content:
        """What a table holds of these periods."""
        values = {"first": target.first, "last": target.last}
        with self.engine.connect() as connection:
            count, digests, beside = connection.execute(text(CONTENT.format(table=dataset.api)), values).one()
        return Content(int(count), int(digests or 0), int(beside))

    def size(self) -> float:
        """What the database takes on disk, in GB."""
        with self.engine.connect() as connection:
            return int(connection.execute(text("select pg_database_size(current_database())")).scalar_one()) / 1e9


@dataclass(frozen=True, slots=True)
class History:
    """A side that is filled."""

    landed: Mapping[str, Taken]
    """By dataset."""
    estimates: Mapping[str, int]
    """The calls that were foreseen when nothing but the calendar and the stocks was there."""
    one_by_one: Mapping[str, int]
    """The calls of who asks for each report by itself."""
    gigabytes: float
    memory: Mapping[str, float]
    """In MB, at its highest, by process."""


def fill(side: Side, server: Server, datasets: Sequence[Dataset], target: Target) -> History:
    """Land all periods of these datasets into a database that holds none."""
    side.prepare()
    estimates = side.foresee(target)
    roots = {"ours": os.getpid(), "PostgreSQL": server.pid}
    with peaks(roots, every=0.5, line="VmRSS") as memory:
        landed = {each.api: side.land(each, target.days(each, side.now)) for each in datasets}
    return History(landed, estimates, {each.api: side.one_by_one(each) for each in datasets}, side.size(), memory)


def _held(dataset: Dataset, api: str) -> int:
    """The rows that one answer of an interface holds at the most."""
    return WHOLE_ROWS if api != dataset.api else dataset.row_cap or DEFAULT_CAP
