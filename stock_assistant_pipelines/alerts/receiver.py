"""The receiver: where Alertmanager posts its notifications. It asks for no key: loopback, or a network of one's own."""

from __future__ import annotations

import logging
import socket
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from stock_assistant_pipelines.alerts.forwarding import Forwarder, NotANotification

LOG = logging.getLogger(__name__)

PATH = "/alerts"
"""Where notifications are posted."""

LIVE = "/live"
"""Where it is asked whether it lives."""

MOST_BYTES = 1_000_000
"""Alertmanager's notifications are a few kilobytes an alert."""

SECONDS = 30.0
"""How long a caller may take to say what it wants."""


class Receiver(ThreadingHTTPServer):
    """Takes notifications and hands them on."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], forwarder: Forwarder) -> None:
        self.forwarder = forwarder
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        super().__init__(address, _Request)


class _Request(BaseHTTPRequestHandler):
    server: Receiver
    timeout = SECONDS

    def do_GET(self) -> None:
        """Say that it lives."""
        self._answer(200 if self.path == LIVE else 404, "")

    def do_POST(self) -> None:
        """Hand a notification on: 200 when every channel accepted it, 502 when it is to be posted again."""
        if self.path != PATH:
            self._answer(404, f"there is {PATH}, and nothing else")
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MOST_BYTES:
            self._answer(413 if length.isdigit() else 411, "")
            return
        try:
            refused = self.server.forwarder.forward(self.rfile.read(int(length)))
        except NotANotification as error:
            self._answer(400, str(error))  # Alertmanager does not post it again
            return
        for name, text in refused.items():
            LOG.warning("%s refused an alert of Prometheus: %s", name, text)
        self._answer(502 if refused else 200, f"refused by {', '.join(refused)}" if refused else "")

    def _answer(self, status: int, text: str) -> None:
        body = f"{text}\n".encode() if text else b""
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - as it is declared there
        """Nothing: what is worth it is logged above."""
