"""A client of the whole: from outside, through nginx, with TLS that our own authority vouches for."""

from __future__ import annotations

import http.client
import json
import ssl
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
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


ANSWERED = "answered"


def _outcome(answer: Answer) -> str:
    """What an answer comes to. Tushare's protocol tells of a failure with the status 200."""
    if answer.status != 200:
        return f"status {answer.status}"
    if b'"msg":' in answer.body[:200] and answer.json()["code"] != 0:
        return answer.body[:200].decode(errors="replace")
    return ANSWERED


class Load:
    """Clients that ask without a break, and what became of each request: whatever goes wrong is counted too."""

    def __init__(self, clients: Sequence[Client], paths: Sequence[tuple[str, Any]], pause: float) -> None:
        self.outcomes: Counter[str] = Counter()
        self._over = threading.Event()
        self._pause = pause
        self._threads = [threading.Thread(target=self._work, args=(client, paths)) for client in clients]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        dead = sum(not thread.is_alive() for thread in self._threads)
        self._over.set()
        for thread in self._threads:
            thread.join()
        if dead and kind is None:
            raise RuntimeError(
                f"{dead} of {len(self._threads)} clients no longer asked: what was counted says too little"
            )

    def _work(self, client: Client, paths: Sequence[tuple[str, Any]]) -> None:
        while not self._over.is_set():
            for path, body in paths:
                try:
                    self.outcomes[_outcome(client.ask(path, body))] += 1
                except Exception as error:  # noqa: BLE001 - whatever it is, this request was not answered
                    self.outcomes[f"{type(error).__name__}: {error}"] += 1
                time.sleep(self._pause)

    @property
    def failed(self) -> int:
        """How many requests were not answered as they should be."""
        return sum(self.outcomes.values()) - self.outcomes[ANSWERED]
