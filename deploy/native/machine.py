"""The services of a composition, started in the order that it says, each once those that it needs are healthy."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deploy.native import compose, images
from deploy.native.networks import Networks
from deploy.native.root import script, user
from deploy.prepare import prepare

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from deploy.native.compose import Composition, Service

PATIENCE = 180.0
"""Seconds in which a service is to be healthy."""

CONFIGURED = ("deploy/nginx", "deploy/postgres", "deploy/prometheus", "deploy/alertmanager")
"""What the services are given of the project, copied, so that what a test adds stays its own."""


DONE = "service_completed_successfully"
TOLD = 2000
"""Characters of a log that are told of a failure."""

IP = "/usr/sbin/ip"


class ServiceError(RuntimeError):
    """A service ended, or did not become healthy. The message holds the end of its log."""


def missing(services: Sequence[str]) -> str | None:
    """Why these services cannot be started here; None when they can."""
    if os.geteuid() != 0:
        return "namespaces take root"
    for program in ("ip", "nsenter", "setpriv", "openssl"):
        if shutil.which(program, path=images.PATH) is None:
            return f"{program} is not here"
    found = compose.read({}).services
    return next((f"{absent} is not here" for name in services if (absent := images.absent(found[name].image))), None)


@dataclass
class Running:
    """A service that was started."""

    service: Service
    process: subprocess.Popen[bytes]
    log: Path


class Machine:
    """Some services of docker-compose.yml, in a directory that has its secrets and volumes."""

    def __init__(self, directory: Path, composition: Composition, networks: Networks) -> None:
        self.directory = directory
        self.composition = composition
        self.networks = networks
        self.started: dict[str, Running] = {}

    def start(self, name: str) -> None:
        """Start a service, when those are healthy, or done, that it needs."""
        service = self.composition.services[name]
        for other, condition in service.needs.items():
            if other in self.started:
                self.await_end(other) if condition == DONE else self.wait(other)
        self.networks.plug(name, into=True)
        log = self.directory / f"{name}.log"
        with log.open("ab") as output:
            log.chmod(0o666)  # as the user of the service opens /dev/stdout
            process = subprocess.Popen(
                self._launched(service),
                env=self.environment(service),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.started[name] = Running(service, process, log)

    def once(self, name: str, *words: str) -> str:
        """Run another command than its own in a service's place, as `docker compose run` does. Raises `ServiceError`."""
        service = replace(self.composition.services[name], command=list(words))
        self.networks.plug(name, into=True)
        done = subprocess.run(
            self._launched(service), env=self.environment(service), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise ServiceError(f"{name}: {' '.join(words)}: {(done.stdout + done.stderr)[-TOLD:]}")
        return done.stdout

    def _launched(self, service: Service) -> list[str]:
        """Write the script of a service; return the command that runs it in the service's namespaces."""
        work = self.directory / "work" / service.name
        work.mkdir(parents=True, exist_ok=True)
        path = self.directory / f"{service.name}.sh"
        hosts = self.networks.hosts(service)
        path.write_text(script(service, self.composition, self.directory, hosts, work), encoding="utf-8")
        return [IP, "netns", "exec", self.networks.namespaces[service.name], "/bin/sh", str(path)]

    def environment(self, service: Service) -> dict[str, str]:
        """The variables of a service: those of the file and of its image, and none of this process."""
        return {"PATH": images.PATH, "HOME": "/tmp", **service.environment}

    def wait(self, name: str) -> None:
        """Wait until a service is healthy. Raises `ServiceError`."""
        running = self.started[name]
        deadline = time.monotonic() + PATIENCE
        while running.service.health and self.run(name, *running.service.health).returncode != 0:
            if running.process.poll() is not None or time.monotonic() > deadline:
                raise ServiceError(f"{name} is not healthy: {self.tail(name)}")
            time.sleep(0.1)

    def await_end(self, name: str) -> None:
        """Wait until a service that runs once is done. Raises `ServiceError` when it failed."""
        if (code := self.started[name].process.wait(PATIENCE)) != 0:
            raise ServiceError(f"{name} ended with {code}: {self.tail(name)}")

    def run(self, name: str, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a service, as `docker compose exec` does, with `more` variables."""
        running = self.started[name]
        uid, gid = user(running.service)
        inside = [
            "/usr/bin/nsenter",
            "-t",
            str(running.process.pid),
            "-n",
            "-m",
            "-r",
            "-w",
            "-S",
            str(uid),
            "-G",
            str(gid),
        ]
        environment = self.environment(running.service) | more
        return subprocess.run([*inside, *words], env=environment, capture_output=True, text=True, check=False)

    def tail(self, name: str) -> str:
        """The end of a service's log."""
        return self.started[name].log.read_text(encoding="utf-8", errors="replace")[-TOLD:]

    def stop(self, name: str) -> int:
        """Stop a service as Compose does; return its code. By force when it takes longer than the file gives it."""
        running = self.started[name]
        if running.process.poll() is None:
            running.process.send_signal(signal.Signals[running.service.signal])
        try:
            code = running.process.wait(running.service.grace)
        except subprocess.TimeoutExpired:
            code = -signal.SIGKILL
        _kill(running.process)
        self.networks.plug(name, into=False)
        return code

    def restart(self, name: str) -> int:
        """Stop a service, start it again, and wait until it is healthy; return the code with which it ended."""
        code = self.stop(name)
        self.start(name)
        self.wait(name)
        return code


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End what is left of a service's processes."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        process.wait()


@contextmanager
def running(
    directory: Path, services: Sequence[str], composition: Composition, secrets: Mapping[str, str]
) -> Iterator[Machine]:
    """Start these services of the file, with these secrets in the place of empty ones."""
    composition = replace(composition, services={name: composition.services[name] for name in services})
    directory.chmod(0o755)
    for source in CONFIGURED:
        if (compose.ROOT / source).is_dir():
            shutil.copytree(compose.ROOT / source, directory / source)
    on = {name: service.networks for name, service in composition.services.items()}
    with Networks(composition.networks, on) as networks:
        prepare(directory, [addresses["public"] for addresses in networks.addresses.values() if "public" in addresses])
        machine = Machine(directory, composition, networks)
        for name, text in secrets.items():
            (directory / "secrets" / name).write_text(text, encoding="utf-8")
        try:
            for name in services:
                machine.start(name)
            for name in services:
                if name != "migrate":
                    machine.wait(name)
            yield machine
        finally:
            for name in reversed(list(machine.started)):
                machine.stop(name)
