"""A backfill from the command line, with the services that it starts itself: interrupted, taken up again, complete."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from pydantic import SecretStr

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.sandbox.server import TOKEN, running
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.tushare.decode import parse_day
from stock_assistant_pipelines.tushare.transport import Transport
from stock_assistant_pipelines.warehouse import embedded
from stock_assistant_pipelines.warehouse.database import Database

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.sandbox.server import Running

pytestmark = [pytest.mark.timeout(900), pytest.mark.slow]

STOCK_ASSISTANT = str(Path(sys.executable).with_name("stock-assistant"))
NOW = datetime(2026, 3, 4, 20, 0, tzinfo=SHANGHAI)
FIRST, LAST = date(2026, 1, 5), date(2026, 2, 13)
COMMAND = [STOCK_ASSISTANT, "backfill", "adj_factor", "--from", str(FIRST), "--to", str(LAST), "--yes"]


@pytest.fixture
def home() -> Iterator[Path]:
    """A directory with a short path: PostgreSQL's socket lies in it."""
    with tempfile.TemporaryDirectory(prefix="sa-bf-", dir="/tmp") as directory:
        os.chmod(directory, 0o755)
        yield Path(directory)


@contextmanager
def prepared(home: Path, sandbox: Running) -> Iterator[URL]:
    """The server of this directory; in its database are the calendar and the stocks of today."""
    with embedded.running(home / "data" / "postgres") as server:
        url = server.set(database="stock_assistant")
        database = Database(url)
        database.prepare()
        engine = database.engine()
        with Transport(SecretStr(TOKEN), sandbox.url) as transport:
            ingest = Ingest(engine, transport)
            assert all(entry.settled for name in ("trade_cal", "stock_basic") for entry in ingest.land(CATALOG[name]))
        engine.dispose()
        yield url


def landed(connection: psycopg.Connection[tuple[int]]) -> int:
    row = connection.execute("select count(*) from coverage where dataset = 'adj_factor'").fetchone()
    connection.rollback()
    assert row is not None
    return row[0]


def test_an_interrupted_backfill_goes_on_with_the_same_command_and_asks_for_nothing_twice(home: Path) -> None:
    with running(stocks=60, quota=False, now=NOW, latency=0.5) as sandbox:
        environment = {
            **os.environ,
            "DATA_DIR": str(home / "data"),
            "TUSHARE_TOKEN": TOKEN,
            "TUSHARE_BASE_URL": sandbox.url,
            "TUSHARE_CALLS_PER_MINUTE": "0",
        }
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        with (
            prepared(home, sandbox) as url,
            subprocess.Popen(COMMAND, cwd=home, env=environment, **pipes) as process,
        ):
            deadline = time.monotonic() + 120
            while sandbox.stats()["calls"].get("adj_factor", 0) < 12:
                assert process.poll() is None, process.stdout.read() if process.stdout else ""
                assert time.monotonic() < deadline, "it did not begin in time"
                time.sleep(0.1)
            # No answer comes any more: the runs do not end within the time that a stopped code server gives them.
            sandbox.inject("timeout:seconds=60")
            process.send_signal(signal.SIGINT)
            output, _ = process.communicate(timeout=120)
            assert process.returncode == 1, output
            assert "the same command goes on from there" in output
            foreseen = re.search(r"adj_factor +\d+ +\d+ +(\d+) ", output)
            assert foreseen, output

            sandbox.heal()
            with psycopg.connect(embedded.conninfo(url)) as connection:
                before = landed(connection)
            done = subprocess.run(COMMAND, cwd=home, env=environment, check=False, timeout=300, **pipes)
            assert done.returncode == 0, done.stdout
            assert "goes on" in done.stdout
            assert "partitions are complete." in done.stdout
            again = subprocess.run(COMMAND, cwd=home, env=environment, check=False, timeout=300, **pipes)
            assert (again.returncode, again.stdout.count("\n")) == (0, 1), again.stdout
        asked = [parse_day(call["params"]["trade_date"]) for call in sandbox.calls(5000) if call["api"] == "adj_factor"]
    days = [day for day in asked if FIRST <= day <= LAST]
    assert len(set(days)) == int(foreseen[1])
    assert 0 < before < len(set(days)), "it was not interrupted in the middle"
    assert len(days) <= len(set(days)) + 8, "what had landed was fetched again"
