"""A server that gives the answers it was told to give, and keeps what it was asked: for what the sandbox never answers."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


SECRET = "0a1b2c3d4e5f-the-token-of-this-test"
"""The token of those who ask it."""


@dataclass(frozen=True)
class Reply:
    """An HTTP answer; or, with `raw`, bytes on the connection, which is closed after them."""

    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    raw: bytes | None = None


def envelope(code: int = 0, msg: str | None = "", data: Any = None) -> Reply:
    """Tushare's envelope."""
    return Reply(json.dumps({"request_id": "1", "code": code, "data": data, "msg": msg}).encode())


def page(fields: Sequence[str], items: Any, *, has_more: bool | None = None) -> Reply:
    """An envelope with rows. `has_more` is left out when it is None."""
    data: dict[str, Any] = {"fields": list(fields), "items": items, "count": -1}
    return envelope(data=data if has_more is None else {**data, "has_more": has_more})


@dataclass
class Scripted:
    """The server: its answers, one after the other, the last one for ever; and the calls it got."""

    url: str = ""
    replies: list[Reply] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    connections: set[int] = field(default_factory=set)
    """The ports of those who asked: one for each connection."""
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def answer(self, *replies: Reply) -> None:
        """Give these answers from now on."""
        self.replies = list(replies)

    @property
    def offsets(self) -> list[int | None]:
        """The offset of each call."""
        return [call["params"].get("offset") for call in self.calls]

    def take(self, path: str, port: int, body: bytes) -> Reply:
        """Note a request, and say what it is answered."""
        with self.lock:
            self.paths.append(path)
            self.connections.add(port)
            if body:
                self.calls.append(json.loads(body))
            return self.replies.pop(0) if len(self.replies) > 1 else self.replies[0]


@contextmanager
def scripted() -> Iterator[Scripted]:
    """A scripted server on loopback for as long as the block lasts."""
    script = Scripted()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # an answer in one piece, at once

        def do_POST(self) -> None:
            reply = script.take(self.path, self.client_address[1], self.rfile.read(int(self.headers["Content-Length"])))
            if reply.raw is not None:
                self.wfile.write(reply.raw)
                self.close_connection = True
                return
            self.send_response(reply.status)
            for name, value in reply.headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(reply.body)))
            self.end_headers()
            self.wfile.write(reply.body)

        def do_CONNECT(self) -> None:
            script.take(self.path, self.client_address[1], b"")
            self.send_error(503)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_address[1]}/dataapi"
    try:
        yield script
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
