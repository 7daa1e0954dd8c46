"""Real parts for the tests: one PostgreSQL per worker, a migrated database per test, and the sandbox over HTTP."""

from __future__ import annotations

import logging
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from databases import copied, place
from hypothesis import settings
from psycopg import sql
from pydantic import SecretStr

from stock_assistant_pipelines import logs
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.sandbox.server import TOKEN, Running, running
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.tushare.transport import Transport
from stock_assistant_pipelines.warehouse import embedded
from stock_assistant_pipelines.warehouse.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine
    from sqlalchemy.engine import URL

# How long an example takes tells how busy the machine is, and nothing of us.
settings.register_profile("without a stopwatch", deadline=None)
settings.load_profile("without a stopwatch")

REAL_ROWS = Path(__file__).parents[2] / "shared" / "data" / "tushare"
"""Real rows as Tushare returned them; they lie beside the project and are never copied into it."""

TOGETHER = {
    "tests/cli/test_services.py": "services",
    "tests/defs/test_daemon.py": "services",
    "tests/cli/test_backfill_services.py": "backfills",
    "tests/defs/test_downtime.py": "backfills",
    **dict.fromkeys(
        [
            f"tests/research/defs/test_research_{name}.py"
            for name in ("alerts", "assets", "clock", "digest", "goes_on", "on_demand", "outcomes")
        ],
        "research in dagster",
    ),
    **dict.fromkeys(
        [f"tests/exporter/test_exporter_{name}.py" for name in ("dagster", "parts", "promises")], "exporter"
    ),
    "tests/research/test_collect_prices.py": "evidence",
    "tests/research/test_collect_reports.py": "evidence",
    "tests/research/test_collect_valuation.py": "evidence",
    "tests/research/test_costs.py": "evidence",
    "tests/research/test_evidence_origins.py": "evidence",
    "tests/research/test_look_ahead.py": "evidence",
    "tests/research/test_outcome_laws.py": "evidence",
    "tests/research/test_outcomes.py": "evidence",
    "tests/research/test_scorecard.py": "evidence",
    "tests/research/test_written_by_rules.py": "evidence",
}
"""Files that one worker runs: they share what is dear to make, or start all services, and two sets at once are enough."""

APART = {"tests/defs/test_faults.py"}
"""Files whose tests several workers share: each of them is dear, and makes what it needs by itself."""

FIRST = (
    *TOGETHER,
    "tests/deploy/test_behind_nginx.py",
    "tests/defs/test_real_rows.py",
)
"""Files that are begun with, so that no worker is still at one of them when the others have nothing left to do."""


UNSAFE = ("fsync", "full_page_writes", "synchronous_commit")
"""What a server waits for the disk with: no test of this one outlives a loss of power."""

BY_CHANCE = "autovacuum"
"""It counts the rows of empty tables on a slow day, and plans of queries differ from then on."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes longest."""
    ranks = {name: rank for rank, name in enumerate(FIRST)}
    items.sort(key=lambda item: ranks.get(item.nodeid.partition("::")[0], len(ranks)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out whole files, in the order of the tests: a file's tests share what its fixtures make."""
    from xdist.scheduler import LoadScopeScheduling

    class Files(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return nodeid if file in APART else TOGETHER.get(file, file)

    config.option.loadscopereorder = False
    return Files(config, log)


# What is set on this machine must not decide a test.
for name in {*Settings.model_fields, "secrets_dir"}:
    os.environ.pop(name.upper(), None)
    os.environ.pop(f"{name.upper()}_FILE", None)
Settings.model_config["env_file"] = None


@pytest.fixture(autouse=True)
def log_as_it_was() -> Iterator[None]:
    """What a command or a server of ours does with the log of this process ends with the test."""
    loggers = [logging.getLogger(name) for name in (None, *logs.NOISY)]
    levels, handlers = [logger.level for logger in loggers], list(loggers[0].handlers)
    yield
    for logger, level in zip(loggers, levels, strict=True):
        logger.setLevel(level)
    loggers[0].handlers = handlers


@pytest.fixture(scope="session")
def postgres() -> Iterator[URL]:
    """A PostgreSQL server for this worker, and in it the database `template` with all migrations run."""
    with place() as directory, embedded.running(directory / "pg") as server:
        with psycopg.connect(embedded.conninfo(server), autocommit=True) as connection:
            for name in (*UNSAFE, BY_CHANCE):
                connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(name)))
            connection.execute("SELECT pg_reload_conf()")
        template = Database(server.set(database="template"))
        template.create()
        template.upgrade()
        yield server


@pytest.fixture
def database(postgres: URL) -> Iterator[Database]:
    """An empty database with all tables."""
    with copied(postgres) as database:
        yield database


@pytest.fixture
def engine(database: Database) -> Iterator[Engine]:
    """A connection pool to the test's database."""
    engine = database.engine()
    yield engine
    engine.dispose()


@pytest.fixture(scope="session")
def ipv6() -> None:
    """Passes over what this machine cannot do without IPv6."""
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")


@pytest.fixture(scope="session")
def sandbox_server() -> Iterator[Running]:
    """A sandbox of 60 stocks without a quota, on Wednesday 2026-03-04 in the evening."""
    from datetime import datetime

    from stock_assistant_pipelines.settings import SHANGHAI

    with running(stocks=60, quota=False, now=datetime(2026, 3, 4, 20, 0, tzinfo=SHANGHAI)) as server:
        yield server


@pytest.fixture
def sandbox(sandbox_server: Running) -> Iterator[Running]:
    """The session's sandbox, healthy and with nothing counted."""
    sandbox_server.heal()
    sandbox_server.forget()
    yield sandbox_server
    sandbox_server.heal()


@pytest.fixture
def transport(sandbox: Running) -> Iterator[Transport]:
    """A connection to the sandbox which does not sleep between attempts."""
    with Transport(SecretStr(TOKEN), sandbox.url, timeout=5, sleep=lambda _: None) as transport:
        yield transport


@pytest.fixture
def ingest(engine: Engine, transport: Transport) -> Ingest:
    """The walk from the sandbox into the test's database."""
    return Ingest(engine, transport)


@pytest.fixture(scope="session")
def real_rows() -> Path:
    """The folder of real Tushare rows; skips where it is absent."""
    if not REAL_ROWS.is_dir():
        pytest.skip("the real rows (shared/data/tushare beside the project) are not here")
    return REAL_ROWS
