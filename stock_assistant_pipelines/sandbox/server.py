"""Run the sandbox: in this process, or beside it in a thread or a process of its own, for as long as a block lasts."""

from __future__ import annotations

import http.client
import json
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from stock_assistant_pipelines.sandbox.app import create_app
from stock_assistant_pipelines.sandbox.clock import Clock
from stock_assistant_pipelines.sandbox.faults import Fault, Faults
from stock_assistant_pipelines.sandbox.quota import Quota
from stock_assistant_pipelines.sandbox.service import Service

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from starlette.applications import Starlette

    from stock_assistant_pipelines.sandbox.table import Source

PATH = "/dataapi"
"""Where a Tushare client is pointed."""
TOKEN = "sandbox"  # noqa: S105 - no secret: it opens nothing but this


class HostError(ValueError):
    """The sandbox was asked to listen where others could reach it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a sandbox is set up. The command line has the same words."""

    host: str = "127.0.0.1"
    port: int = 0
    data: Path | None = None
    """A folder of CSV files; without it the market is synthetic."""
    stocks: int = 300
    seed: int = 1
    token: str = TOKEN
    points: int = 5000
    window: float = 60.0
    quota: bool = True
    latency: float = 0.0
    faults: tuple[str, ...] = ()
    now: datetime | None = None
    """A moment to stand still at; without it the clock runs."""

    def arguments(self) -> list[str]:
        """The same set-up as words of the command line."""
        words = [f"--host={self.host}", f"--port={self.port}", f"--stocks={self.stocks}", f"--seed={self.seed}"]
        words += [
            f"--token={self.token}",
            f"--points={self.points}",
            f"--window={self.window}",
            f"--latency={self.latency}",
        ]
        words += [f"--fault={fault}" for fault in self.faults]
        words += [f"--data={self.data}"] if self.data else []
        words += [f"--now={self.now.isoformat()}"] if self.now else []
        return words if self.quota else [*words, "--no-quota"]


@dataclass(frozen=True)
class Door:
    """The back door of a server that answers at `url`, for those outside."""

    url: str
    """What a client takes as its base URL."""

    @property
    def root(self) -> str:
        """The address of the server itself."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{parts.netloc}"

    def inject(self, *faults: str) -> None:
        """Put faults in force. Raises `ValueError` with the reason when one cannot be read."""
        self._ask("POST", "faults", {"faults": faults})

    def heal(self) -> None:
        """End all faults."""
        self._ask("DELETE", "faults")

    def stats(self) -> dict[str, Any]:
        """What was asked so far, and what came of it."""
        return self._ask("GET", "stats")

    def calls(self, last: int = 1000) -> list[dict[str, Any]]:
        """The last calls, oldest first, each with its outcome and the fault if there was one."""
        calls: list[dict[str, Any]] = self._ask("GET", f"stats?log={last}")["log"]
        return calls

    def forget(self) -> None:
        """Start the statistics anew."""
        self._ask("DELETE", "stats")

    def _ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        connection = http.client.HTTPConnection(self.root.removeprefix("http://"), timeout=10)
        try:
            connection.request(method, f"/_sandbox/{path}", None if body is None else json.dumps(body))
            response = connection.getresponse()
            content: dict[str, Any] = json.loads(response.read())
        finally:
            connection.close()
        if response.status >= 400:
            raise ValueError(content["error"])
        return content


class Running(Door):
    """A sandbox of Tushare's protocol, and its back door."""

    def set_clock(self, now: datetime | None) -> None:
        """Move the clock to a moment and stop it there; None lets it run."""
        self._ask("PUT", "now", {"now": now and now.isoformat()})


class Protocol(HttpToolsProtocol):
    """uvicorn's protocol, which shows the application its connection so that a fault can close it."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Note the connection where requests find it."""
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


def build(options: Options) -> Service:
    """Put a service together. Raises `ValueError` with one line on what an option takes."""
    source: Source
    if options.data is not None:
        from stock_assistant_pipelines.sandbox.folder import Folder

        source = Folder(options.data)
    else:
        from stock_assistant_pipelines.sandbox.market.source import SyntheticMarket

        source = SyntheticMarket(seed=options.seed, stocks=options.stocks)
    quota = Quota(options.token, options.points, window=options.window, limited=options.quota)
    return Service(
        source, quota=quota, faults=Faults(Fault, options.faults), clock=Clock(options.now), latency=options.latency
    )


def serve(options: Options, announce: Callable[[str], None]) -> None:
    """Serve in this process until it is stopped; `announce` gets the base URL once it is reachable."""
    serve_app(create_app(build(options)), options.host, options.port, lambda root: announce(root + PATH))


def serve_app(app: Starlette, host: str, port: int, announce: Callable[[str], None]) -> None:
    """Serve an application in this process until it is stopped; `announce` gets its address once it is reachable."""
    with listening(host, port) as sock:
        server = uvicorn.Server(_config(app))
        announce(_root(host, sock))
        server.run(sockets=[sock])


@contextmanager
def running(options: Options | None = None, *, process: bool = False, **words: Any) -> Iterator[Running]:
    """A sandbox on a free port for as long as the block lasts, in a thread or in a process of its own.

    `words` are fields of `Options`. A process costs a second to start and leaves the caller's interpreter alone.
    """
    options = replace(options or Options(), **words)
    if process:
        with in_process("stock_assistant_pipelines.sandbox", options.arguments()) as url:
            yield Running(url)
        return
    with in_thread(lambda: create_app(build(options)), options.host, options.port) as root:
        yield Running(root + PATH)


@contextmanager
def listening(host: str, port: int = 0) -> Iterator[socket.socket]:
    """A socket on loopback. Raises `HostError` for any other address."""
    check_loopback(host)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, port), family=family, backlog=512) as sock:
        yield sock


def check_loopback(host: str) -> None:
    """Raise `HostError` unless a host is loopback: invented prices must not be taken for real ones by anyone else."""
    try:
        loopback = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise HostError(f"{host} is not loopback: the sandbox serves this machine only, at 127.0.0.1, ::1 or localhost")


@contextmanager
def in_thread(app: Callable[[], Starlette], host: str, port: int = 0) -> Iterator[str]:
    """Serve an application in a thread for as long as the block lasts; its address."""
    with listening(host, port) as sock:
        server = uvicorn.Server(_config(app()))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]}, name="sandbox", daemon=True)
        thread.start()
        try:
            while not server.started:
                if not thread.is_alive():
                    raise RuntimeError("the sandbox ended before it answered")
                time.sleep(0.005)
            yield _root(host, sock)
        finally:
            server.should_exit = server.force_exit = True
            thread.join(timeout=10)


@contextmanager
def in_process(module: str, arguments: Sequence[str]) -> Iterator[str]:
    """Run a module in a process of its own for as long as the block lasts; the URL with which its first line ends."""
    command = [sys.executable, "-m", module, *arguments]
    package = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [package, os.environ.get("PYTHONPATH")]))}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        try:
            line = process.stdout.readline()
            if "http://" not in line:
                raise RuntimeError("the sandbox ended before it answered; its message stands above")
            yield line.split()[-1]
        finally:
            process.terminate()
            try:
                process.wait(timeout=5)
            except subprocess.TimeoutExpired:
                process.kill()


def _config(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app, http=Protocol, lifespan="off", access_log=False, log_level="error", timeout_graceful_shutdown=1
    )


def _root(host: str, sock: socket.socket) -> str:
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{sock.getsockname()[1]}"
