"""The services of one machine: started together, watched, and stopped together."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

import fasteners

from stock_assistant_pipelines.settings.tushare import SANDBOX_POINTS, SANDBOX_TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from stock_assistant_pipelines.settings import Settings
    from stock_assistant_pipelines.warehouse.database import Database

LOOPBACK = "127.0.0.1"
LOCATION = "stock_assistant"
"""The name of the code location. Dagster keeps the state of schedules under it."""

START_TIMEOUT = 120.0
STOP_TIMEOUT = 20.0
PATIENT_BACKFILLS = "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR"
SANDBOX = "sandbox.url"
"""The file, in the directory of the data, that says where the sandbox of the services is asked; empty with a token."""

PROJECT = Path(__file__).parents[2]
"""Where dagster.yaml lies, beside the package."""


class ServiceError(RuntimeError):
    """A service did not start, or ended by itself. The message names its log."""


@dataclass
class Service:
    """One process: what runs, where it answers once it is up, and where it writes its log."""

    name: str
    command: list[str]
    log: Path
    url: str | None = None
    port: int | None = None
    host: str = LOOPBACK
    process: subprocess.Popen[bytes] | None = field(default=None, repr=False)
    output: IO[bytes] | None = field(default=None, repr=False)

    def start(self, environment: Mapping[str, str]) -> None:
        """Start the process in a group of its own, so that Ctrl-C reaches it through us only."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.output = self.log.open("ab")
        self.process = subprocess.Popen(
            self.command, env=dict(environment), stdout=self.output, stderr=subprocess.STDOUT, start_new_session=True
        )

    def wait(self) -> None:
        """Wait until it answers. Raises `ServiceError` when it ends first, or takes too long."""
        deadline = time.monotonic() + START_TIMEOUT
        while not self.answers():
            self.check()
            if time.monotonic() > deadline:
                raise ServiceError(f"{self.name} did not answer within {START_TIMEOUT:.0f} s: see {self.log}")
            time.sleep(0.1)

    def answers(self) -> bool:
        """Whether it is up: its URL answers, its port is open, or, with neither, it runs."""
        if self.url:
            try:
                with urllib.request.urlopen(self.url, timeout=2):
                    return True
            except urllib.error.HTTPError:
                return True
            except OSError:
                return False
        if self.port:
            with socket.socket() as probe:
                return probe.connect_ex((self.host, self.port)) == 0
        return self.process is not None and self.process.poll() is None

    def check(self) -> None:
        """Raise `ServiceError` when the process has ended."""
        if self.process and self.process.poll() is not None:
            raise ServiceError(f"{self.name} ended with code {self.process.returncode}: see {self.log}")

    def terminate(self) -> None:
        """Ask the process to stop."""
        if self.process and self.process.poll() is None:
            self.process.terminate()

    def stop(self) -> None:
        """Stop the process and all that it started, by force when it does not stop in time."""
        if self.process is None:
            return
        self.terminate()
        try:
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(STOP_TIMEOUT)
        finally:  # a second Ctrl-C ends the waiting, and leaves nothing behind
            self.kill()
        if self.output:
            self.output.close()

    def kill(self) -> None:
        """End the process and all that it started, by force."""
        if self.process is None:
            return
        with suppress(ProcessLookupError):  # nothing of the group is left
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def require_free(ports: Mapping[str, int]) -> None:
    """Raise `ServiceError` when one of these ports, named by their options, is taken."""
    for option, port in ports.items():
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((LOOPBACK, port))
            except OSError:
                raise ServiceError(f'port {port} is taken: choose another, make up ARGS="{option} PORT"') from None


def environment(settings: Settings, database: Database, tushare: str | None = None) -> dict[str, str]:
    """The environment of our processes: where the database, Dagster's storages and Tushare (or `tushare`, a sandbox) are."""
    data = settings.data_dir
    home = _dagster_home(data)
    values = {
        **os.environ,
        "DATABASE_URL": database.url.render_as_string(hide_password=False),
        "DAGSTER_PG_URL": database.dagster_url,
        "DAGSTER_STORAGE_DIR": str(data / "dagster"),
        # dagster-postgres opens a connection per write: a run's events are written together, in half the time.
        "DAGSTER_EVENT_BATCH_SIZE": "1000",
        # A backfill that the daemon looks at while the code server starts again waits for it; by default it would fail.
        PATIENT_BACKFILLS: "1",
        # What is written before our own log begins (docs/logs.md).
        "DAGSTER_WEBSERVER_LOG_FORMAT": "json",
        "DAGSTER_CLI_API_GRPC_LOG_FORMAT": "json",
        "DAGSTER_HOME": str(home),
        "DATA_DIR": str(data),
    }
    if database.embedded and settings.api_database_url is None:
        values["API_DATABASE_URL"] = database.api_url.render_as_string(hide_password=False)
    if tushare:
        values |= {"TUSHARE_BASE_URL": tushare, "TUSHARE_TOKEN": SANDBOX_TOKEN, "TUSHARE_POINTS": SANDBOX_POINTS}
    return values


def _dagster_home(data: Path) -> Path:
    """Dagster's home: a directory of ours where dagster.yaml is linked. In the image, where it is set, DAGSTER_HOME.

    Beside the sources a DAGSTER_HOME is somebody else's: our events do not belong there.
    """
    if not (PROJECT / "dagster.yaml").is_file():
        return Path(os.environ["DAGSTER_HOME"])
    home = data / "dagster"
    home.mkdir(parents=True, exist_ok=True)
    link = home / "dagster.yaml"
    if not link.exists():
        link.unlink(missing_ok=True)
        link.symlink_to(PROJECT / "dagster.yaml")
    return home


def sandbox(logs: Path, port: int, stocks: int) -> Service:
    """The sandbox, which answers where there is no token."""
    command = [sys.executable, "-m", "stock_assistant_pipelines.sandbox", "--port", str(port), "--stocks", str(stocks)]
    return Service("sandbox", command, logs / "sandbox.log", url=f"http://{LOOPBACK}:{port}/_sandbox/health")


def tushare_at(port: int) -> str:
    """Where the sandbox on this port is asked as Tushare is."""
    return f"http://{LOOPBACK}:{port}/dataapi"


def code_location(logs: Path, port: int, host: str = LOOPBACK) -> Service:
    """Dagster's code server: the definitions, and the runs that it starts."""
    command = [*_dagsters("dagster"), "api", "grpc", "-h", host, "-p", str(port)]
    command += ["-m", "stock_assistant_pipelines.definitions"]
    return Service("code location", command, logs / "code-location.log", port=port, host=host)


def workspace(home: Path, code_port: int, host: str = LOOPBACK) -> Path:
    """Write the workspace of the code server on this port; its location has the same name every time it is started."""
    path = home / "workspace.yaml"
    path.write_text(
        f"load_from:\n  - grpc_server:\n      host: {host}\n      port: {code_port}\n      location_name: {LOCATION}\n"
    )
    return path


def daemon(logs: Path, workspace: Path) -> Service:
    """Dagster's daemon: schedules, queue, backfills."""
    return Service(
        "daemon",
        [*_dagsters("dagster-daemon"), "run", "-w", str(workspace), "--log-format", "json"],
        logs / "daemon.log",
    )


def webserver(logs: Path, workspace: Path, port: int) -> Service:
    """Dagster's UI."""
    command = [*_dagsters("dagster-webserver"), "-h", LOOPBACK, "-p", str(port), "-w", str(workspace)]
    return Service("Dagster UI", command, logs / "dagster-ui.log", url=f"http://{LOOPBACK}:{port}/server_info")


def api(logs: Path, port: int, path: str) -> Service:
    """The read-only API."""
    command = [sys.executable, "-P", "-m", "api", "--host", LOOPBACK, "--port", str(port)]
    return Service("API", command, logs / "api.log", url=f"http://{LOOPBACK}:{port}{path}/health/live")


@dataclass(frozen=True)
class Machine:
    """All services of one machine. The daemon comes last: it gives up on a code location that does not answer yet."""

    first: list[Service]
    daemon: Service
    environment: dict[str, str] = field(repr=False)
    """It holds secrets."""

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run all of them."""
        with running(self.first, self.environment), running([self.daemon], self.environment):
            yield

    def check(self) -> None:
        """Raise `ServiceError` when one has ended by itself."""
        for service in [*self.first, self.daemon]:
            service.check()


def machine(
    settings: Settings,
    database: Database,
    *,
    api_port: int | None,
    ui_port: int | None,
    sandbox_port: int | None,
    stocks: int,
) -> Machine:
    """Put the services together: the sandbox, Dagster's UI and the API only where they are given a port."""
    logs = settings.data_dir / "logs"
    tushare = tushare_at(sandbox_port) if sandbox_port else None
    values = environment(settings, database, tushare)
    (settings.data_dir / SANDBOX).write_text(tushare or "")
    if "api_open_on_loopback" not in settings.model_fields_set:
        values["API_OPEN_ON_LOOPBACK"] = "true"  # it listens on loopback, for who started it
    if "api_drain_seconds" not in settings.model_fields_set:
        values["API_DRAIN_SECONDS"] = "0"  # nobody stands before it who would have to learn that it goes
    code_port = free_port()
    known = workspace(Path(values["DAGSTER_HOME"]), code_port)
    wanted = [code_location(logs, code_port)]
    if api_port is not None:
        wanted.append(api(logs, api_port, settings.api_v1_str))
    if ui_port is not None:
        wanted.append(webserver(logs, known, ui_port))
    if sandbox_port is not None:
        wanted.append(sandbox(logs, sandbox_port, stocks))
    return Machine(wanted, daemon(logs, known), values)


def _dagsters(name: str) -> list[str]:
    """A program of Dagster's, which leaves the `.env` of the working directory to our settings."""
    return [sys.executable, "-P", "-m", "stock_assistant_pipelines.defs.programs", name]


@contextmanager
def running(services: Sequence[Service], environment: Mapping[str, str]) -> Iterator[None]:
    """Run services, started at once and waited for; stop all of them at the end, the last first."""
    with ExitStack() as stack:
        for service in services:
            service.start(environment)
            stack.callback(service.stop)
        for service in services:
            service.wait()
        yield


@contextmanager
def alone(settings: Settings) -> Iterator[None]:
    """Hold this data directory's lock. Raises `ServiceError` when the services run already."""
    with alone_or_not(settings) as alone:
        if not alone:
            raise ServiceError(f"the services of {settings.data_dir} run already: stop them first (Ctrl-C there)")
        yield


@contextmanager
def alone_or_not(settings: Settings) -> Iterator[bool]:
    """Hold this data directory's lock; False when others hold it, whose services run."""
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    lock = fasteners.InterProcessLock(settings.data_dir / "services.lock")
    alone = lock.acquire(blocking=False)
    try:
        yield alone
    finally:
        if alone:
            lock.release()
