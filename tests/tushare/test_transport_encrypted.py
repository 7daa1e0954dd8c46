"""The token is told to nobody who cannot prove to be the server that is asked."""

from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from certificates import certified
from pydantic import SecretStr

from stock_assistant_pipelines.tushare import transport
from stock_assistant_pipelines.tushare.errors import TransportError
from stock_assistant_pipelines.tushare.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@dataclass(frozen=True, slots=True)
class Server:
    """A server of the name localhost."""

    address: str
    authority: Path
    """The authority that has signed its certificate."""
    told: list[bytes]
    """What it was told."""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = certified(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(made.server, made.key)
    told: list[bytes] = []
    with socket.create_server(("localhost", 0)) as listener:
        threading.Thread(target=_serve, args=(listener, context, told), daemon=True).start()
        yield Server(f"https://localhost:{listener.getsockname()[1]}/dataapi", made.authority, told)


def _serve(listener: socket.socket, context: ssl.SSLContext, told: list[bytes]) -> None:
    with suppress(OSError):  # until the listener is closed
        while True:
            line, _ = listener.accept()
            with suppress(ssl.SSLError, ConnectionError), context.wrap_socket(line, server_side=True) as safe:
                while block := safe.recv(65_536):
                    told.append(block)
                    if b"hush" in b"".join(told):
                        break


def ask(server: Server) -> None:
    """Ask with a token. There is no answer, whoever hears it."""
    with (
        Transport(SecretStr("hush"), server.address, timeout=5, sleep=lambda _: None) as connection,
        pytest.raises(TransportError),
    ):
        connection.page("daily", {}, ())


@pytest.fixture
def far(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The same, taken for one elsewhere: on loopback nothing of the environment is heeded, authorities neither."""
    monkeypatch.setattr(transport, "on_loopback", lambda _: False)
    monkeypatch.setenv("NO_PROXY", "localhost")
    return server


def test_a_server_that_cannot_prove_who_it_is_gets_no_token(server: Server) -> None:
    ask(server)
    assert server.told == []


def test_one_that_can_gets_it(far: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(far)
    assert far.told == []
    monkeypatch.setenv("SSL_CERT_FILE", str(far.authority))
    ask(far)
    assert b"hush" in b"".join(far.told)
