"""The stage: an installation with what `stock-assistant up` starts but the UI, a sandbox beside it, and the truth.

Every fault has a stage of its own, so that none finds what another left behind. Its trading days are older than a year, so
that nothing else asks for them: what the sensor catches up by itself is the last year.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections import Counter
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dagster as dg
import psutil
from pydantic import SecretStr
from sqlalchemy import text

from bench.dagster import surroundings
from drill.waiting import Stuck
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.cli import services
from stock_assistant_pipelines.defs.backfills import Backfill, instance
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.sandbox.server import TOKEN, running
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.tushare.transport import Transport
from stock_assistant_pipelines.warehouse import embedded
from stock_assistant_pipelines.warehouse.database import Database
from stock_assistant_pipelines.warehouse.tables import Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy import Connection, Engine

    from drill.finding import Finding
    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.sandbox.server import Running

DATASETS = tuple(CATALOG[name] for name in ("suspend_d", "daily", "adj_factor"))
"""One whose days come many in a call, and two whose days come one in a call; suspensions and bars prove each other."""

WHOLE, BY_STOCK = 5000, 2000
"""Points with which the whole market is answered for, and those with which reports are asked for stock by stock."""

CALLS = 20_000
"""How many calls the sandbox remembers."""

BY_DAY = """
select {grain}::text as day, md5(string_agg(t::text, '|' order by t::text)) as rows from {api} as t
where {grain} between :first and :last group by 1
"""


@dataclass
class Stage:
    """What a fault is played on."""

    server: Path
    """The directory of the PostgreSQL server."""
    machine: services.Machine
    sandbox: Running
    engine: Engine
    truth: Engine
    """The database of an undisturbed landing."""
    dagster: dg.DagsterInstance
    api: str
    held: ExitStack
    """What is to be let go at the end."""

    @property
    def code(self) -> services.Service:
        """Dagster's code server, whose children are the runs."""
        return next(each for each in self.machine.first if each.name == "code location")

    def days(self, first: date, count: int) -> list[date]:
        """So many trading days from a day on."""
        with Transport(SecretStr(TOKEN), self.sandbox.url) as transport:
            calendar = Ingest(self.truth, transport).calendar(CATALOG["daily"], [first])
        return calendar.between(first, date.max)[:count]

    def learn(self, days: Sequence[date]) -> None:
        """Land these days undisturbed, into the other database."""
        for dataset in DATASETS:
            land(self.truth, self.sandbox, dataset, days)
            if not _by_day(self.truth, dataset, days):
                raise Stuck(f"{dataset.api} has no row on these days: nothing could be lost")
        self.sandbox.forget()

    def know(self, day: date) -> None:
        """Land a day undisturbed, and with it the calendar and the stocks, into the installation that is to be broken."""
        land(self.engine, self.sandbox, CATALOG["trade_cal"], [])
        for dataset in DATASETS:
            land(self.engine, self.sandbox, dataset, [day])
        self.sandbox.forget()

    def backfill(self, days: Sequence[date], datasets: Sequence[Dataset] = DATASETS) -> Backfill:
        """Ask Dagster for these days, as its UI does."""
        from stock_assistant_pipelines.definitions import defs

        return Backfill.launch(self.dagster, defs, list(datasets), days[0], days[-1], "drill")

    def statuses(self, days: Sequence[date]) -> Counter[tuple[str, str]]:
        """How many of these trading days of each dataset have which status, as the API says it."""
        counted: Counter[tuple[str, str]] = Counter()
        for dataset in DATASETS:
            for row in self.coverage(dataset, days):
                counted[dataset.api, row["status"]] += 1
        return counted

    def coverage(self, dataset: Dataset, days: Sequence[date]) -> list[dict[str, Any]]:
        """The coverage of these trading days, as the API says it."""
        span = f"start={days[0].isoformat()}&end={days[-1].isoformat()}&limit=1000&keys=20"
        wanted = {day.isoformat() for day in days}
        answer = self.get(f"/datasets/{dataset.api}/coverage?{span}")
        if "items" not in answer:
            raise Stuck(f"the API does not tell the coverage: {answer}")
        rows = [dict(zip(answer["fields"], item, strict=True)) for item in answer["items"]]
        return [row for row in rows if row["partition"] in wanted]

    def get(self, path: str) -> Any:
        """An answer of the API, a problem too. Raises `Stuck` when there is none."""
        try:
            with urllib.request.urlopen(self.api + path, timeout=30) as response:
                return json.load(response)
        except urllib.error.HTTPError as problem:
            return json.load(problem)
        except OSError as error:
            raise Stuck(f"the API does not answer {path}: {error}") from error

    def told(self, days: Sequence[date]) -> list[str]:
        """What the API and the runs' log say of these days."""
        said = [
            f"API: {api} {status}: {count} of {len(days)} days"
            for (api, status), count in sorted(self.statuses(days).items())
        ]
        reasons = Counter(
            row["reason"] for dataset in DATASETS for row in self.coverage(dataset, days) if row["reason"]
        )
        return said + [f"API, a reason: {reason}" for reason, _ in reasons.most_common(2)]

    def failures(self, backfill: Backfill) -> list[str]:
        """How the runs of a backfill ended, in Dagster's words and ours."""
        said = []
        for run in backfill.runs:
            logged = self.dagster.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
            errors = [entry.dagster_event.step_failure_data.error for entry in logged if entry.dagster_event]
            messages = [(error.cause or error).message.splitlines()[0] for error in errors if error]
            said.append(f"Dagster: run {run.status.value}" + (f": {messages[0]}" if messages else ""))
        return said

    def lost(self, days: Sequence[date]) -> list[str]:
        """The days whose rows are not those of the undisturbed landing, or which are not booked as complete."""
        return [
            f"{dataset.api} {day}"
            for dataset in DATASETS
            for day in sorted({*differing(dataset, days, self.engine, self.truth), *self.open(dataset, days)})
        ]

    def whole(self, days: Sequence[date]) -> bool:
        """Whether every one of these days is booked as complete."""
        return not any(self.open(dataset, days) for dataset in DATASETS)

    def open(self, dataset: Dataset, days: Sequence[date]) -> set[str]:
        """The days that are not booked as complete."""
        with self.engine.connect() as connection:
            return {day.isoformat() for day in days} - _complete(connection, dataset)

    def claimed(self, days: Sequence[date]) -> list[str]:
        """The days that are booked as complete and do not hold what the undisturbed landing holds: there may be none, ever.

        Books and rows are read of one moment: between two, a day may land.
        """
        lies = []
        with self.engine.connect() as connection:
            connection.execution_options(isolation_level="REPEATABLE READ")
            for dataset in DATASETS:
                true = _by_day(self.truth, dataset, days)
                held = _rows_by_day(connection, dataset, days)
                booked = _complete(connection, dataset)
                wrong = [day for day in map(date.isoformat, days) if day in booked and held.get(day) != true.get(day)]
                lies += [f"{dataset.api} {day} is booked as complete and is not" for day in wrong]
        return lies

    def asked(self, dataset: Dataset, days: Sequence[date]) -> list[dict[str, Any]]:
        """The calls for these days, one day a call, oldest first."""
        wanted = {f"{day:%Y%m%d}" for day in days}
        calls = [call for call in self.sandbox.calls(CALLS) if call["api"] == dataset.api]
        return [call for call in calls if call["params"].get("trade_date") in wanted]

    def run_processes(self) -> list[psutil.Process]:
        """The processes of the runs that are under way."""
        assert self.code.process is not None
        children = psutil.Process(self.code.process.pid).children(recursive=True)
        return [child for child in children if "spawn_main" in _words(child)]

    def command(self, *words: str, about: str = "") -> list[str]:
        """Run `stock-assistant` as a user does, with the environment of the services; its last lines, or those about a word."""
        name = str(Path(sys.executable).with_name("stock-assistant"))
        done = subprocess.run([name, *words], env=self.machine.environment, capture_output=True, text=True, check=False)
        lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        shown = [line for line in lines if about in line]
        return [f"$ stock-assistant {' '.join(words)}", *shown[-3:]]

    def pass_time(self, hours: float) -> None:
        """Let all that was tried have been tried so many hours earlier: the clock of the machine itself is not moved."""
        values = {"span": f"{hours} hours"}
        with self.engine.begin() as connection:
            connection.execute(text("update coverage set landed_at = landed_at - cast(:span as interval)"), values)
            connection.execute(
                text(
                    "update quota set paused_until = paused_until - cast(:span as interval),"
                    " day = ((day + time '12:00') - cast(:span as interval))::date"
                ),
                values,
            )


def staged(fault: Callable[[Stage], Finding], *, points: int = WHOLE, served: bool = True) -> Callable[[], Finding]:
    """Give a fault a stage of its own whenever it is played."""

    @wraps(fault)
    def play() -> Finding:
        with stage(points=points, served=served) as ground:
            return fault(ground)

    return play


@contextmanager
def stage(stocks: int = 60, points: int = WHOLE, *, served: bool = True) -> Iterator[Stage]:
    """Start an installation of its own in the temporary directory, with a token of so many points.

    One that is not `served` has databases, the sandbox and the services' environment, and none of the services.
    """
    with tempfile.TemporaryDirectory(prefix="sa-drill-", dir="/tmp") as name:
        directory = Path(name)
        directory.chmod(0o755)
        with (
            embedded.running(directory / "pg") as url,
            running(process=True, stocks=stocks, quota=False, latency=0.05) as sandbox,
        ):
            database, undisturbed = (Database(url.set(database=each)) for each in ("drill", "truth"))
            database.prepare()
            undisturbed.prepare()
            with (
                _services(directory, database, sandbox, points, served=served) as (machine, api),
                surroundings(machine.environment),
                instance() as dagster,
                ExitStack() as held,
            ):
                engine, truth = (each.engine() for each in (database, undisturbed))
                for each in (engine, truth):
                    held.callback(each.dispose)
                yield Stage(directory / "pg", machine, sandbox, engine, truth, dagster, api, held)


@contextmanager
def _services(
    directory: Path, database: Database, sandbox: Running, points: int, *, served: bool
) -> Iterator[tuple[services.Machine, str]]:
    """Code server, API and daemon, started where they are asked for."""
    settings = Settings(_env_file=None, data_dir=directory / "data", tushare_token=None)
    port = services.free_port()
    machine = services.machine(settings, database, api_port=port, ui_port=None, sandbox_port=None, stocks=0)
    machine.environment.update(
        TUSHARE_BASE_URL=sandbox.url,
        TUSHARE_TOKEN=TOKEN,
        TUSHARE_POINTS=str(points),
        TUSHARE_CALLS_PER_MINUTE="6000",
    )
    with machine.running() if served else nullcontext():
        yield machine, f"http://{services.LOOPBACK}:{port}{settings.api_v1_str}"


def _words(process: psutil.Process) -> str:
    """The command line of a process; none of one that has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:
        return ""


def land(engine: Engine, sandbox: Running, dataset: Dataset, days: Sequence[date]) -> None:
    """Land days undisturbed. Raises `Stuck` when one is not complete."""
    with Transport(SecretStr(TOKEN), sandbox.url) as transport:
        for entry in Ingest(engine, transport).land(dataset, days):
            if entry.status is not Status.COMPLETE:
                raise Stuck(f"undisturbed, {dataset.api} {entry.partition} is {entry.status}: {entry.reason}")


def differing(dataset: Dataset, days: Sequence[date], engine: Engine, truth: Engine) -> list[str]:
    """The days whose rows are not the same in both databases."""
    here, there = _by_day(engine, dataset, days), _by_day(truth, dataset, days)
    return [day.isoformat() for day in days if here.get(day.isoformat()) != there.get(day.isoformat())]


def _by_day(engine: Engine, dataset: Dataset, days: Sequence[date]) -> dict[str, str]:
    with engine.connect() as connection:
        return _rows_by_day(connection, dataset, days)


def _rows_by_day(connection: Connection, dataset: Dataset, days: Sequence[date]) -> dict[str, str]:
    """A checksum of the rows of each day that has any."""
    query = text(BY_DAY.format(grain=dataset.grain.value, api=dataset.api))
    rows = connection.execute(query, {"first": days[0], "last": days[-1]})
    return {row.day: row.rows for row in rows}


def _complete(connection: Connection, dataset: Dataset) -> set[str]:
    query = "select partition from coverage where dataset = :api and status = 'complete'"
    return set(connection.execute(text(query), {"api": dataset.api}).scalars())
