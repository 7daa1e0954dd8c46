"""Every request of the drill's readers has an outcome, and a reader that ends early is told."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import pytest

from drill.load import Load
from drill.waiting import Stuck, until

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def answering(status: int, promised: int) -> Iterator[str]:
    """A server that answers with two bytes, of so many that it promises; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(promised))
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "promised", "why"), [(200, 3, "IncompleteRead"), (503, 2, "HTTP Error 503"), (204, 2, "status 204")]
)
def test_what_is_not_answered_whole_is_counted(status: int, promised: int, why: str) -> None:
    with answering(status, promised) as url:
        load = Load(lambda _: url, pause=0.01)
        with load.running(2):
            until(lambda: len(load.outcomes) > 4, "readers go on after a failure", seconds=30)
    assert len(load.failures) == len(load.outcomes)
    assert all(why in failure for failure in load.failures)
    assert load.back(0) == float("inf")


def test_what_is_answered_is_no_failure() -> None:
    with answering(200, 2) as url:
        load = Load(lambda _: url, pause=0.01)
        with load.running(1):
            until(lambda: load.outcomes, "a reader asks", seconds=30)
    assert load.failures == []
    assert load.back(0) == load.outcomes[0].at


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_reader_that_ends_early_is_told() -> None:
    over = threading.Event()

    reading: list[threading.Thread] = []

    def question(turn: int) -> str:
        reading.append(threading.current_thread())
        over.set()
        raise LookupError(turn)

    def asked() -> None:
        with Load(question).running(1):
            over.wait()
            reading[0].join()

    with pytest.raises(Stuck, match="1 of 1 readers"):
        asked()
