"""A host that is cut off, and closes nothing, loses within a minute what it held in PostgreSQL: locks and transactions."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy.engine import URL

from bench.ground import place
from drill.hosts import DATABASE_PORT, listen
from drill.network import NoNetwork, network
from stock_assistant_pipelines.warehouse import embedded
from stock_assistant_pipelines.warehouse.embedded import conninfo
from stock_assistant_pipelines.warehouse.presence import is_present

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drill.network import Host

pytestmark = pytest.mark.slow

WORKER = """
import sys, time
import psycopg
from stock_assistant_pipelines.warehouse.presence import present
with present(sys.argv[1], "run"), psycopg.connect(sys.argv[1], application_name="at work") as connection:
    connection.execute("create table half_done ()")
    print("here", flush=True)
    connection.execute("select pg_sleep(600)")
"""


@pytest.fixture
def lost_soon() -> Iterator[tuple[Host, URL, URL]]:
    """A host beside this one; the database as that host reaches it, and as this one does."""
    with ExitStack() as stack:
        try:
            net = stack.enter_context(network(("x",)))
        except NoNetwork as error:
            pytest.skip(str(error))
        directory = stack.enter_context(place())
        with embedded.running(directory / "pg"):
            pass
        listen(directory / "pg", net)
        here = stack.enter_context(embedded.running(directory / "pg"))
        far = URL.create("postgresql", "postgres", host=net.address, port=DATABASE_PORT, database="postgres")
        yield net.hosts[0], far, here


def sessions(here: URL) -> int:
    """How many sessions of the worker there are: that which holds the lock, and that in which a statement runs."""
    with psycopg.connect(conninfo(here)) as connection:
        query = "select count(*) from pg_stat_activity where application_name in ('at work', 'stock-assistant run')"
        row = connection.execute(query).fetchone()
    assert row is not None
    return int(row[0])


def test_what_a_lost_host_held_is_free_within_a_minute(lost_soon: tuple[Host, URL, URL]) -> None:
    host, far, here = lost_soon
    command = host.command(sys.executable, "-c", WORKER, conninfo(far))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "here\n"
        assert is_present(conninfo(here), "run")
        assert sessions(here) == 2
        host.cut()
        worker.kill()
    assert sessions(here) == 2, "nobody has told the server"
    deadline = time.monotonic() + 60
    while sessions(here):
        assert time.monotonic() < deadline, "the server holds on to a lost host"
        time.sleep(1)
    assert not is_present(conninfo(here), "run")
