"""One PostgreSQL for all processes of a machine: started by the first, stopped by the last, whatever becomes of the others."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import psycopg
import pytest
from databases import place
from psycopg.conninfo import conninfo_to_dict
from sqlalchemy import create_engine, text
from sqlalchemy.engine import URL, make_url

from stock_assistant_pipelines.warehouse import embedded

if TYPE_CHECKING:
    from collections.abc import Iterator

USER = """
import sys
from pathlib import Path
from stock_assistant_pipelines.warehouse import embedded
with embedded.running(Path(sys.argv[1])):
    print("running", flush=True)
    sys.stdin.readline()
print("left", flush=True)
"""


class User:
    """Another process that uses the server of a directory until it is told to leave."""

    def __init__(self, directory: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", USER, str(directory)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()

    def ready(self) -> Self:
        """Wait until the server runs."""
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "running\n"
        return self

    def leave(self) -> None:
        """Leave in good order."""
        assert self.process.communicate("\n", timeout=60)[0] == "left\n"

    def kill(self) -> None:
        """Die without another word."""
        self.process.kill()
        self.process.wait()


@pytest.fixture(scope="module")
def machine() -> Iterator[Path]:
    """A directory that the server's user can reach."""
    with place() as directory:
        yield directory


@pytest.fixture
def empty(machine: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A data directory that is not there yet."""
    directory = machine / f"{request.node.name[:40]}" / "pg"
    yield directory
    end(directory)


@pytest.fixture(scope="module")
def known(machine: Path) -> Path:
    """A data directory with a server that has run before."""
    with embedded.running(machine / "pg"):
        pass
    return machine / "pg"


@pytest.fixture
def directory(known: Path) -> Iterator[Path]:
    """A data directory whose server stands still."""
    assert not is_running(known)
    yield known
    end(known)


def end(directory: Path) -> None:
    """End a server that a failed test left behind."""
    if is_running(directory):
        os.kill(postmaster(directory), signal.SIGKILL)
        (directory / "postmaster.pid").unlink()


def is_running(directory: Path) -> bool:
    """Whether a server runs, or died without taking its file away."""
    return (directory / "postmaster.pid").exists()


def postmaster(directory: Path) -> int:
    """The server's process."""
    return int((directory / "postmaster.pid").read_text().split("\n")[0])


def ask(url: URL, query: str) -> Any:
    with psycopg.connect(embedded.conninfo(url)) as connection:
        row = connection.execute(query).fetchone()  # type: ignore[call-overload]
        return row and row[0]


# Starting and leaving


def test_the_first_process_starts_the_server_and_the_last_stops_it(directory: Path) -> None:
    with embedded.running(directory) as url:
        assert ask(url, "SELECT 1") == 1
    assert not is_running(directory)


def test_rows_outlive_the_server(directory: Path) -> None:
    with embedded.running(directory) as url, psycopg.connect(embedded.conninfo(url)) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS kept AS SELECT 7 AS number")
    with embedded.running(directory) as url:
        assert ask(url, "SELECT number FROM kept") == 7


def test_two_processes_that_start_at_once_in_an_empty_directory_share_one_server(empty: Path) -> None:
    with User(empty) as one, User(empty) as other:
        one.ready()
        server = postmaster(empty)
        other.ready()
        assert postmaster(empty) == server
        one.leave()
        assert is_running(empty)
        other.leave()
        assert not is_running(empty)


def test_threads_that_start_at_once_share_one_server(directory: Path) -> None:
    def use(_: int) -> int:
        with embedded.running(directory) as url:
            return int(ask(url, "SELECT 1"))

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(use, range(8))) == [1] * 8
    assert not is_running(directory)


def test_one_process_may_use_the_server_twice(directory: Path) -> None:
    with embedded.running(directory) as url:
        with embedded.running(directory):
            pass
        assert ask(url, "SELECT 1") == 1
    assert not is_running(directory)


def test_connections_closed_a_moment_ago_do_not_keep_the_server(directory: Path) -> None:
    with embedded.running(directory) as url:
        connections = [psycopg.connect(embedded.conninfo(url)) for _ in range(20)]
        for connection in connections:
            connection.close()
    assert not is_running(directory)


def test_a_client_that_is_still_connected_keeps_the_server_and_the_next_to_leave_stops_it(directory: Path) -> None:
    with embedded.running(directory) as url:
        client = psycopg.connect(embedded.conninfo(url))
    assert client.execute("SELECT 1").fetchone() == (1,)
    client.close()
    with embedded.running(directory):
        pass
    assert not is_running(directory)


# Processes that die


def test_a_killed_process_does_not_stop_the_server_under_another(directory: Path) -> None:
    with User(directory) as dying, embedded.running(directory) as url:
        dying.ready().kill()
        assert ask(url, "SELECT 1") == 1


def test_a_killed_process_does_not_keep_the_server_running(directory: Path) -> None:
    with User(directory) as dying, embedded.running(directory) as url:
        dying.ready().kill()
        gone(url)
    assert not is_running(directory)


def gone(url: URL) -> None:
    """Wait until PostgreSQL has noticed that the other holder is gone."""
    while ask(url, f"SELECT count(*) FROM pg_stat_activity WHERE application_name = '{embedded.HOLDER}'") > 1:
        time.sleep(0.01)


def test_a_server_whose_only_process_was_killed_is_found_by_the_next(directory: Path) -> None:
    with User(directory) as dying:
        dying.ready().kill()
    server = postmaster(directory)
    with embedded.running(directory):
        assert postmaster(directory) == server
    assert not is_running(directory)


def test_a_holder_whose_connection_is_lost_does_not_stop_the_server_under_another(directory: Path) -> None:
    with User(directory) as other:
        with embedded.running(directory) as url:
            other.ready()
            ask(
                url,
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                f" WHERE application_name = '{embedded.HOLDER}' ORDER BY backend_start LIMIT 1",
            )
        assert is_running(directory)
        other.kill()
    end(directory)


def crash(directory: Path) -> None:
    """Kill the server as a power cut would."""
    os.kill(postmaster(directory), signal.SIGKILL)


def test_a_server_that_was_killed_is_started_again(directory: Path) -> None:
    with embedded.running(directory):
        server = postmaster(directory)
        crash(directory)
        with embedded.running(directory) as url:
            assert ask(url, "SELECT 1") == 1
            assert postmaster(directory) != server
    assert not is_running(directory)


def test_a_process_that_outlived_a_crash_stops_the_new_server_when_it_is_the_last(directory: Path) -> None:
    with User(directory) as other, embedded.running(directory):
        other.ready()
        crash(directory)
        with User(directory) as later:
            later.ready().kill()
        other.kill()
    assert not is_running(directory)


def test_the_file_of_a_crashed_server_whose_number_is_another_process_s_now_is_no_hindrance(directory: Path) -> None:
    lines = [os.getpid(), directory, int(time.time()), 5432, directory, "", "1 1", "ready   "]
    (directory / "postmaster.pid").write_text("\n".join(map(str, lines)) + "\n")
    with embedded.running(directory) as url:
        assert ask(url, "SELECT 1") == 1


def test_a_directory_in_which_no_server_starts_is_named_with_its_log(empty: Path) -> None:
    empty.mkdir(parents=True)
    (empty / "PG_VERSION").write_text("18\n")
    with (
        pytest.raises(embedded.ServerError, match=f"PostgreSQL does not start in {empty}: see {empty / 'log'}"),
        embedded.running(empty),
    ):
        pass


# Where it can lie, and as whom it runs


@pytest.mark.parametrize(
    "name",
    ["with a space", "数据", "a+b", "50%25", "it's", "a&b;c", "long" * 30],
    ids=["space", "unicode", "plus", "percent", "quote", "shell", "too long for a socket"],
)
def test_the_directory_may_have_any_name(machine: Path, name: str) -> None:
    directory = machine / name / "pg"
    with embedded.running(directory) as url:
        assert ask(url, "SELECT current_setting('data_directory')") == str(directory)
        engine = create_engine(url.set(drivername="postgresql+psycopg"))
        with engine.connect() as connection:
            assert connection.execute(text("SELECT 1")).scalar_one() == 1
        engine.dispose()
    assert not is_running(directory)
    sockets = Path(str(url.query["host"]))
    if sockets != directory:
        sockets.rmdir()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another user for the server")
def test_root_s_server_does_not_run_as_root(directory: Path) -> None:
    with embedded.running(directory) as url:
        owner = Path(f"/proc/{postmaster(directory)}").stat().st_uid
        assert owner == directory.stat().st_uid != 0
        assert ask(url, "SELECT current_user") == "postgres"


def test_the_server_listens_to_no_network(directory: Path) -> None:
    with embedded.running(directory) as url:
        assert ask(url, "SHOW listen_addresses") == ""


def test_a_new_server_is_set_up_for_its_work(directory: Path) -> None:
    with embedded.running(directory) as url:
        assert {name: ask(url, f"SHOW {name}") for name in embedded.TUNING} == embedded.TUNING


def test_a_set_up_that_was_interrupted_is_made_up_for(empty: Path) -> None:
    with embedded.running(empty):
        pass
    (empty / "postgresql.auto.conf").write_text("")
    with embedded.running(empty) as url:
        assert ask(url, "SHOW max_connections") == embedded.TUNING["max_connections"]


# The URL


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql+psycopg://u:p@h:5432/d", "postgresql://u:p@h:5432/d"),
        ("postgresql://h/d?options=-c%20jit%3Doff", "postgresql://h/d?options=-c%20jit%3Doff"),
        ("postgresql://h/d?host=/a%2Bb", "postgresql://h/d?host=%2Fa%2Bb"),
        ("postgresql://u:a+b%40@h/d", "postgresql://u:a+b%40@h/d"),
    ],
    ids=["the driver is left out", "a space", "a plus", "a password"],
)
def test_libpq_reads_the_url_as_it_is_meant(monkeypatch: pytest.MonkeyPatch, url: str, shown: str) -> None:
    monkeypatch.setattr(embedded, "guarded", lambda url: url)  # which adds to each the same
    assert embedded.conninfo(make_url(url)) == shown


def test_options_in_the_url_reach_the_server(postgres: URL) -> None:
    url = postgres.update_query_dict({"options": "-c application_name=with\\ space"})
    with suppress(psycopg.OperationalError):
        assert ask(url, "SHOW application_name") == "with space"
        return
    pytest.fail("libpq did not understand the URL")


def test_a_password_may_hold_anything() -> None:
    url = make_url("postgresql://me@host/name").set(password="a b+c/d@é%")
    assert conninfo_to_dict(embedded.conninfo(url))["password"] == "a b+c/d@é%"
