"""The machine: room on its disks, the days that certificates have left, the code server, and what backups came to."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from stock_assistant_pipelines.backup import status
from stock_assistant_pipelines.exporter import certificates
from stock_assistant_pipelines.exporter.page import Values, gauge
from stock_assistant_pipelines.settings import host_and_port

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from prometheus_client.metrics_core import Metric

SECONDS = 3.0
"""How long a server that is asked here may take."""


def disks(paths: Sequence[Path]) -> Sequence[Metric]:
    """Room where these directories are. Raises OSError where there is none."""
    free: Values = {}
    size: Values = {}
    for path in paths:
        found = os.statvfs(path)
        free[str(path),] = found.f_bavail * found.f_frsize
        size[str(path),] = (found.f_blocks - found.f_bfree + found.f_bavail) * found.f_frsize
    return [
        gauge("disk_free_bytes", "Room that is left where this directory is.", free, "path"),
        gauge("disk_size_bytes", "Room that there is for who is not root.", size, "path"),
    ]


def code_server(address: str) -> Sequence[Metric]:
    """Whether Dagster's code server can be reached: it listens only once its definitions are loaded."""
    with socket.socket() as probe:
        probe.settimeout(SECONDS)
        try:
            probe.connect(host_and_port(address))
            up = 1.0
        except OSError:
            up = 0.0
    return [gauge("dagster_code_location_up", "1: the code server listens.", {(): up})]


def expiries(addresses: Sequence[str]) -> Sequence[Metric]:
    """When the certificates of these servers expire; of one that does not answer, nothing but that."""
    at: Values = {}
    up: Values = {}
    for address in addresses:
        try:
            at[address,] = certificates.expires(*host_and_port(address), SECONDS).timestamp()
            up[address,] = 1
        except (OSError, certificates.UnreadableCertificate):
            up[address,] = 0
    return [
        gauge("certificate_expiry_timestamp_seconds", "When the certificate of a server expires.", at, "server"),
        gauge("certificate_readable", "1: the server showed its certificate.", up, "server"),
    ]


def backups(path: Path) -> Sequence[Metric]:
    """What backups came to: of each kind the last good one, and the last. Raises where the status file cannot be read."""
    path.stat()  # where there ought to be one, its absence is no good news
    found = sorted(status.results(path), key=lambda each: each.moment)
    good: Values = {(each.kind,): each.moment.timestamp() for each in found if each.ok}
    last = {each.kind: each for each in found}.values()
    ok: Values = {(each.kind,): float(each.ok) for each in last}
    seconds: Values = {(each.kind,): each.seconds for each in last}
    size: Values = {(each.kind,): each.bytes for each in last}
    return [
        gauge("backup_timestamp_seconds", "When the last good one of this kind ended.", good, "kind"),
        gauge("backup_ok", "Whether the last one was good.", ok, "kind"),
        gauge("backup_duration_seconds", "How long that took.", seconds, "kind"),
        gauge("backup_size_bytes", "How large it is.", size, "kind"),
    ]
