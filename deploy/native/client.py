"""A client of the whole: from outside, through nginx, with TLS that our own authority vouches for."""

from __future__ import annotations

import http.client
import json
import ssl
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from socket import socket

    from deploy.native.machine import Machine

HTTP, HTTPS = 8080, 8443


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The document."""
        return json.loads(self.body)


class Client:
    """Asks nginx, with these headers."""

    def __init__(self, machine: Machine, headers: Mapping[str, str] | None = None) -> None:
        self.machine = machine
        self.headers = dict(headers or {})
        self.address = machine.networks.addresses["nginx"]["public"]
        self._connection: http.client.HTTPConnection | None = None

    def connect(self, port: int = HTTPS, name: str = "localhost") -> socket:
        """Connect, and look whether it is who it should be. Raises `ssl.SSLCertVerificationError`."""
        plain = self.machine.networks.connect(self.address, port)
        if port == HTTP:
            return plain
        trusted = ssl.create_default_context(cafile=str(self.machine.directory / "secrets/ca_certificate"))
        return trusted.wrap_socket(plain, server_hostname=name)

    def ask(self, path: str, body: Any = None, *, port: int = HTTPS, **headers: str) -> Answer:
        """Ask over a connection that is kept; POST where there is a body, else GET."""
        if self._connection is None or port != HTTPS:
            self._connection = http.client.HTTPConnection("localhost")
            self._connection.sock = self.connect(port)
        sent = self.headers | {name.replace("_", "-"): value for name, value in headers.items()}
        text = None if body is None else json.dumps(body)
        if text is not None:
            sent["Content-Type"] = "application/json"
        try:
            self._connection.request("GET" if text is None else "POST", path, text, sent)
            answer = self._connection.getresponse()
            found = Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        except BaseException:
            self._connection = None
            raise
        if answer.will_close or port != HTTPS:
            self._connection = None
        return found
