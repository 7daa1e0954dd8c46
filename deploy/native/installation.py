"""An installation to be tested, or broken: services of docker-compose.yml, in a directory that is gone afterwards."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.native import compose
from deploy.native.client import Client
from deploy.native.machine import running

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

READING = ("postgres", "migrate", "api-1", "api-2", "nginx")
"""The services by which data is read."""


@contextmanager
def installed(
    services: Sequence[str], variables: Mapping[str, str], secrets: Mapping[str, str] | None = None
) -> Iterator[Client]:
    """Start services, `migrate` among them, with these variables and secrets; yield a client with a key."""
    with (
        tempfile.TemporaryDirectory(prefix="sa-installed-", dir="/tmp") as directory,
        running(Path(directory), services, compose.read(variables), secrets or {}) as machine,
    ):
        key = machine.once("migrate", "python", "-m", "deploy.native.sample").split()[-1]
        yield Client(machine, {"X-API-Key": key})
