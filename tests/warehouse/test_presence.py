"""A worker is seen as long as it lives, whatever happens to its connection, and no longer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import psycopg
import pytest

from stock_assistant_pipelines.warehouse.embedded import conninfo
from stock_assistant_pipelines.warehouse.presence import is_present, present

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.engine import URL

WORKER = """
import sys, time
from stock_assistant_pipelines.warehouse.presence import present
with present(sys.argv[1], sys.argv[2]):
    print("here", flush=True)
    time.sleep(600)
"""


@pytest.fixture
def address(postgres: URL) -> str:
    return conninfo(postgres.set(database="template1"))


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def cut(address: str) -> None:
    """End the connections of all holders, as a server that is started again does."""
    with psycopg.connect(address) as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'stock-assistant run'"
        )


def test_a_name_is_present_while_somebody_holds_it(address: str) -> None:
    with present(address, "one"):
        assert is_present(address, "one")
        assert not is_present(address, "another")
        with present(address, "one"):
            pass
        assert is_present(address, "one"), "the first holder is still there"
    until(lambda: not is_present(address, "one"))  # the server ends a connection after the client has closed it


@pytest.mark.parametrize("name", [f"run {number:08x}" for number in range(0, 1 << 32, 1 << 29)])
def test_every_name_is_found_whatever_its_number(address: str, name: str) -> None:
    with present(address, name):
        assert is_present(address, name)


def test_a_lost_connection_is_opened_again(address: str) -> None:
    with present(address, "tenacious", every=0.05):
        cut(address)
        until(lambda: is_present(address, "tenacious"))
    until(lambda: not is_present(address, "tenacious"))


def test_who_is_killed_is_gone_at_once(address: str) -> None:
    command = [sys.executable, "-c", WORKER, address, "victim"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "here\n"
        assert is_present(address, "victim")
        os.kill(worker.pid, signal.SIGKILL)
    until(lambda: not is_present(address, "victim"))
