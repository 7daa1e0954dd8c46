"""A process that is told to stop answers all that reaches it, says that it goes, and ends with 0."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest
from test_server import ABSENT, COMMAND, LIVE, free_port, status

from api.drain import Drain, DrainingServer
from api.server import configured

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

READY = "/api/v1/health/ready"


@contextmanager
def serving(cwd: Path, seconds: float) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The API as a process of its own, without a database."""
    port = free_port()
    environment = {**os.environ, "DATABASE_URL": ABSENT, "API_DRAIN_SECONDS": str(seconds)}
    with subprocess.Popen(
        [*COMMAND, "--port", str(port)], cwd=cwd, env=environment, stdout=subprocess.DEVNULL
    ) as process:
        try:
            while status(f"http://127.0.0.1:{port}{LIVE}") != 200:
                assert process.poll() is None
                time.sleep(0.05)
            yield process, port
        finally:
            process.kill()


class Caller(threading.Thread):
    """Asks over and over again, on one connection for as long as it is left open."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.port = port
        self.enough = threading.Event()
        self.answers: list[tuple[int, str | None]] = []
        self.failure: Exception | None = None

    def run(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            while not self.enough.is_set():
                connection.request("GET", LIVE)
                answer = connection.getresponse()
                answer.read()
                self.answers.append((answer.status, answer.headers["Connection"]))
        except (OSError, http.client.HTTPException) as error:
            self.failure = error


def asked(port: int, path: str) -> tuple[int, dict[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, json.loads(answer.read())


def test_nothing_is_refused_while_those_who_ask_move_on(tmp_path: Path) -> None:
    with serving(tmp_path, 600) as (process, port):
        callers = [Caller(port) for _ in range(4)]
        for caller in callers:
            caller.start()
        process.send_signal(signal.SIGTERM)
        while (found := asked(port, READY))[1]["type"] != "/problems/draining":
            assert found[0] == 503  # there is no database
        before = [len(caller.answers) for caller in callers]
        while any(len(caller.answers) < count + 50 for caller, count in zip(callers, before, strict=True)):
            assert [caller.failure for caller in callers] == [None] * 4
        for caller in callers:
            caller.enough.set()
            caller.join()
        late = socket.create_connection(("127.0.0.1", port))
        late.sendall(b"POST /tushare HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{")
        asked(port, LIVE)  # after which the head of the other has been read
        process.send_signal(signal.SIGTERM)  # enough of waiting
        while status(f"http://127.0.0.1:{port}{LIVE}"):
            pass
        assert process.poll() is None
        late.sendall(b"}")
        assert late.makefile("rb").readline().startswith(b"HTTP/1.1 ")
        assert process.wait(60) == 0
    answers = [answer for caller in callers for answer in caller.answers]
    assert {code for code, _ in answers} == {200}
    assert {caller.answers[-1][1] for caller in callers} == {"close"}
    assert [caller.failure for caller in callers] == [None] * 4


def test_it_ends_by_itself_when_the_time_is_over(tmp_path: Path) -> None:
    with serving(tmp_path, 0.2) as (process, _):
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


@pytest.fixture
def server() -> DrainingServer:
    return DrainingServer(configured(lambda *_: None), Drain(3600))


def test_a_second_signal_ends_the_waiting_and_a_third_everything(server: DrainingServer) -> None:
    told = []
    for _ in range(3):
        server.handle_exit(signal.SIGTERM, None)
        told.append((server.drain.under_way, server.should_exit, server.force_exit))
    assert told == [(True, False, False), (True, True, False), (True, True, True)]


def test_ctrl_c_is_not_waited_for(server: DrainingServer) -> None:
    server.handle_exit(signal.SIGINT, None)
    assert (server.drain.under_way, server.should_exit) == (False, True)
