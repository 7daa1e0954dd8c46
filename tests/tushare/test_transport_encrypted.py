"""The token is told to nobody who cannot prove to be the server that is asked."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from stock_assistant_pipelines.tushare.errors import TransportError
from stock_assistant_pipelines.tushare.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[tuple[int, list[bytes]]]:
    """A server with a certificate that it has signed itself: its port, and what it was told."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not here, which makes the certificate")
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    who = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
    command = ["openssl", "req", "-x509", *curve, "-keyout", key, "-out", certificate, *who]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    told: list[bytes] = []
    with socket.create_server(("localhost", 0)) as listener:
        threading.Thread(target=_serve, args=(listener, context, told), daemon=True).start()
        yield listener.getsockname()[1], told


def _serve(listener: socket.socket, context: ssl.SSLContext, told: list[bytes]) -> None:
    with suppress(OSError):  # until the listener is closed
        while True:
            line, _ = listener.accept()
            with suppress(ssl.SSLError, ConnectionError), context.wrap_socket(line, server_side=True) as safe:
                told.append(safe.recv(65_536))


def test_a_server_that_cannot_prove_who_it_is_gets_no_token(stranger: tuple[int, list[bytes]]) -> None:
    port, told = stranger
    address = f"https://localhost:{port}/dataapi"
    with (
        Transport(SecretStr("hush"), address, timeout=5, sleep=lambda _: None) as transport,
        pytest.raises(TransportError),
    ):
        transport.page("daily", {}, ())
    assert told == []
