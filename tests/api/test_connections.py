"""Clients that are slow, large, many, or do not speak HTTP: each comes to an end, and nobody else notices."""

from __future__ import annotations

import json
import socket
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import pytest
from small_market import application, served

from api import connections, server
from api.connections import LARGEST_HEAD

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2

LIVE = "/api/v1/health/live"
HEAD = b"GET /api/v1/health/live HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture(scope="module")
def client() -> Iterator[httpx2.Client]:
    """A client of the API without a database: nothing here is asked that needs one."""
    server.open_files()
    app = application("postgresql://postgres@/absent?host=/nowhere")

    @app.get("/large")
    async def large() -> bytes:
        from starlette.responses import Response

        return Response(b"x" * 50_000_000)  # type: ignore[return-value]

    with served(app) as client:
        yield client


@contextmanager
def connected(client: httpx2.Client) -> Iterator[socket.socket]:
    with closing(socket.socket()) as raw:
        # Else the kernel takes up to 32 MB (tcp_rmem) for a client that does not read.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_000_000)
        raw.settimeout(20)
        raw.connect((client.base_url.host, client.base_url.port or 0))
        yield raw


def rest(raw: socket.socket) -> bytes:
    """All that comes until the server hangs up."""
    parts = []
    try:
        while part := raw.recv(65_536):
            parts.append(part)
    except ConnectionResetError:
        pass
    return b"".join(parts)


def problem(answer: bytes) -> tuple[int, str]:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/problem+json" in head
    document = json.loads(body)
    assert head.split()[1] == str(document["status"]).encode()
    return document["status"], document["type"]


# --- slow


@pytest.mark.parametrize("begun", [HEAD, b"G", HEAD + b"X-Slow: "])
def test_a_request_that_does_not_end_is_not_waited_for(
    client: httpx2.Client, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.2)
    with connected(client) as raw:
        raw.sendall(begun)
        assert problem(rest(raw)) == (408, "/problems/too-slow")


def test_drops_do_not_put_it_off(client: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.3)
    with connected(client) as raw:
        raw.settimeout(0.02)
        raw.sendall(HEAD)
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline:
            try:
                raw.sendall(b"X-A: b\r\n")
                answer = raw.recv(65_536)
            except TimeoutError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                return
            assert not answer or answer.startswith(b"HTTP/1.1 408")
            return
    raise AssertionError("the server went on listening")


def test_the_next_request_of_a_connection_is_not_waited_for_either(
    client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.2)
    with connected(client) as raw:
        raw.sendall(HEAD + b"\r\n")
        assert raw.recv(65_536).startswith(b"HTTP/1.1 200")
        raw.sendall(HEAD)
        assert problem(rest(raw)) == (408, "/problems/too-slow")


def test_a_body_that_does_not_end_is_not_waited_for(client: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.2)
    with connected(client) as raw:
        raw.sendall(b"POST /tushare HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{")
        rest(raw)


def test_a_connection_on_which_nothing_is_said_is_closed(
    client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.2)
    with connected(client) as raw:
        assert rest(raw) == b""


def test_a_request_that_comes_in_pieces_is_answered(client: httpx2.Client) -> None:
    with connected(client) as raw:
        for at in range(0, len(HEAD), 7):
            raw.sendall(HEAD[at : at + 7])
            time.sleep(0.001)
        raw.sendall(b"Connection: close\r\n\r\n")
        assert rest(raw).startswith(b"HTTP/1.1 200")


def test_a_connection_outlives_its_first_deadline_once_it_was_used(
    client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "REQUEST_SECONDS", 0.2)
    with connected(client) as raw:
        for _ in range(2):
            raw.sendall(HEAD + b"\r\n")
            assert raw.recv(65_536).startswith(b"HTTP/1.1 200")
            time.sleep(0.4)


def test_an_answer_that_nobody_reads_any_more_is_given_up(
    client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "LOOK_SECONDS", 0.2)
    with connected(client) as raw:
        raw.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n")
        read = 0
        while read < 20_000_000:
            read += len(raw.recv(1_000_000))
        time.sleep(1)
        assert read + len(rest(raw)) < 50_000_000


def test_one_that_is_read_slowly_is_not(client: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "LOOK_SECONDS", 0.5)
    read = 0
    with connected(client) as raw:
        raw.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        for _ in range(30):
            read += len(raw.recv(300_000))
            time.sleep(0.05)
        read += len(rest(raw))
    assert read > 50_000_000


# --- large


@pytest.mark.parametrize(
    "sent",
    [
        HEAD + b"X-Large: " + b"a" * LARGEST_HEAD,
        HEAD + b"X-Large: " + b"a" * LARGEST_HEAD + b"\r\n\r\n",
        HEAD + b"".join(b"X-%d: a\r\n" % at for at in range(LARGEST_HEAD // 6)) + b"\r\n",
        b"GET /" + b"a" * LARGEST_HEAD,
    ],
)
def test_a_large_head_is_refused_before_it_is_whole(client: httpx2.Client, sent: bytes) -> None:
    with connected(client) as raw:
        raw.sendall(sent)
        assert problem(rest(raw)) == (431, "/problems/headers-too-large")


def test_headers_of_a_browsers_size_are_not(client: httpx2.Client) -> None:
    assert client.get(LIVE, headers={"Cookie": "a" * 16_000}).status_code == 200


# --- no HTTP


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 50,
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n",
        HEAD + b"Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        HEAD + b"X: a\x00b\r\n\r\n",
    ],
)
def test_what_is_not_http_is_told_so(client: httpx2.Client, sent: bytes) -> None:
    with connected(client) as raw:
        raw.sendall(sent)
        assert problem(rest(raw)) == (400, "/problems/bad-request")


def test_a_websocket_is_not_opened(client: httpx2.Client) -> None:
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAAA",
    }
    assert client.get(LIVE, headers=upgrade).status_code == 200


# --- many


def test_a_thousand_idle_connections_keep_nobody_from_being_answered(client: httpx2.Client) -> None:
    idle = [socket.create_connection((client.base_url.host, client.base_url.port or 0)) for _ in range(1_000)]
    try:
        for raw in idle[:500]:
            raw.sendall(HEAD)  # half of them have begun to speak
        assert [client.get(LIVE).status_code for _ in range(20)] == [200] * 20
        for raw in idle[:500]:
            raw.sendall(b"\r\n")
        assert all(raw.recv(12).startswith(b"HTTP/1.1 200") for raw in idle[:500])
    finally:
        for raw in idle:
            raw.close()


def test_one_too_many_is_hung_up_on(client: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with connected(client) as first:
        first.sendall(HEAD + b"\r\n")
        assert first.recv(65_536)
        monkeypatch.setattr(connections, "MOST", 0)
        with connected(client) as raw:
            assert rest(raw) == b""
        first.sendall(HEAD + b"\r\n")
        assert first.recv(12).startswith(b"HTTP/1.1 200")
