"""Every request of a load has an outcome, however it failed, and a client that ends early is told."""

from __future__ import annotations

import socket
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from deploy.native.client import Client
from drill.load import Load, Outcome, anew, in_turn, kept
from drill.waiting import Stuck, until

if TYPE_CHECKING:
    from collections.abc import Iterator

BODIES = {
    "/whole": b'{"msg":"","code":0}',
    "/cut-off": b'{"msg":',
    "/another": b'[{"msg":""}]',
    "/no": b'{"msg":"","code":1}',
}


@contextmanager
def answering(status: int = 200, short: int = 0) -> Iterator[tuple[str, int]]:
    """A server that promises so many bytes more than it sends; its address."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = BODIES[self.path]
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) + short))
            self.end_headers()
            self.wfile.write(body)
            self.close_connection |= bool(short)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield "127.0.0.1", server.server_port
        server.shutdown()


class Near(Client):
    """A client of a server on this machine."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.headers, self._address, self._connection = {}, address, None
        self.connected = 0

    def connect(self, port: int = 0, name: str = "") -> socket.socket:
        self.connected += 1
        return socket.create_connection(self._address)


@pytest.mark.parametrize(
    ("status", "short", "why"), [(200, 1, "IncompleteRead"), (503, 0, "HTTP Error 503"), (203, 0, "status 203")]
)
def test_what_is_not_answered_whole_is_counted(status: int, short: int, why: str) -> None:
    with answering(status, short) as (host, port):
        url = f"http://{host}:{port}/whole"
        with Load(in_turn([url]), [anew] * 2, pause=0.01) as load:
            until(lambda: len(load.outcomes) > 4, "clients go on after a failure", seconds=30)
    assert len(load.failures) == len(load.outcomes)
    assert all(failure.startswith(f"{url}: ") and why in failure for failure in load.failures)
    assert load.back(0) is None


@pytest.mark.parametrize("path", ["/cut-off", "/another", "/no"])
def test_a_body_that_tells_of_a_failure_or_cannot_be_read_is_one_and_the_client_goes_on(path: str) -> None:
    with answering() as address, Load(in_turn([path, "/whole"]), [kept(Near(address), {})]) as load:
        until(lambda: load.answered >= 2, "the client goes on", seconds=30)
    assert len(load.failures) >= 2
    assert all(failure.startswith(f"{path}: ") for failure in load.failures)


def test_a_connection_is_kept_where_it_is_meant_to_be() -> None:
    with answering() as address:
        client = Near(address)
        with Load(in_turn(["/whole"]), [kept(client, {})]) as load:
            until(lambda: load.answered >= 3, "the client asks again", seconds=30)
    assert load.failures == []
    assert client.connected == 1


def test_answers_are_back_with_the_first_after_the_last_failure() -> None:
    load = Load(in_turn(["/"]), [])
    told = [(1.0, "no"), (2.0, None), (3.0, "no"), (4.5, None), (5.0, None)]
    load.outcomes = [Outcome(at, 0.1, failure) for at, failure in told]
    assert load.back(2.5) == 2.0
    assert load.back(4.0) == 0.5
    assert load.back(5.0) is None


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_client_that_ends_early_is_told() -> None:
    asking: list[threading.Thread] = []

    def ending(_: str) -> None:
        asking.append(threading.current_thread())
        raise SystemExit

    def asked() -> None:
        with Load(in_turn(["/"]), [ending]):
            until(lambda: asking, "the client asks", seconds=30)
            asking[0].join()

    with pytest.raises(Stuck, match="1 of 1 clients"):
        asked()
