"""The load of a test: no request that failed is lost, however it failed."""

from __future__ import annotations

import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from deploy.native.client import ANSWERED, Client, Load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BODIES = {"/whole": b'{"msg":"","code":0}', "/cut-off": b'{"msg":', "/another": b'[{"msg":""}]'}


class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = BODIES[self.path]
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class Near(Client):
    """A client of a server on this machine."""

    def __init__(self, address: tuple[str, int]) -> None:
        self.headers, self._address, self._connection = {}, address, None

    def connect(self, port: int = 0, name: str = "") -> socket.socket:
        return socket.create_connection(self._address)


class Ending(Near):
    """A client that ends its thread."""

    def connect(self, port: int = 0, name: str = "") -> socket.socket:
        raise SystemExit


@pytest.fixture
def address() -> Iterator[tuple[str, int]]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield "127.0.0.1", server.server_port
        server.shutdown()


@pytest.mark.parametrize("path", ["/cut-off", "/another"])
def test_a_body_that_cannot_be_read_is_a_failure_and_the_client_goes_on(address: tuple[str, int], path: str) -> None:
    with Load([Near(address)], [(path, None), ("/whole", None)], pause=0) as load:
        until(lambda: load.outcomes[ANSWERED] >= 2)
    assert load.failed >= 2, load.outcomes


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_load_of_which_a_client_has_ended_is_none(address: tuple[str, int]) -> None:
    clients = [Near(address), Ending(address)]
    with pytest.raises(RuntimeError, match="1 of 2 clients"), Load(clients, [("/whole", None)], pause=0) as load:
        until(lambda: load.outcomes[ANSWERED] and not load._threads[1].is_alive())


def until(ready: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.01)
