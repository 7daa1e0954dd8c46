"""A fault of the disk: PostgreSQL's fills up in the middle of a backfill, and the code server's is full all along."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from sqlalchemy import text

from bench.ground import stop_postgres
from drill.channel import Robots, listening
from drill.crashes import BEFORE, SLOW, supervised
from drill.finding import Finding
from drill.stage import DATASETS
from drill.waiting import Stuck, until
from stock_assistant_pipelines.warehouse import embedded

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from drill.stage import Stage

MB = 1024 * 1024

SPACE = 256 * MB
"""What is free on PostgreSQL's disk before it is filled."""

SEGMENTS = 6
"""How many segments of the write-ahead log are used before: a server that has run for a while has some to write over."""

EARLY = 4
"""Days that land while the disk is 95 % full."""

SAID = "disk is full"


@dataclass(frozen=True, slots=True)
class Disk:
    """A small disk, and what takes its space."""

    path: Path

    @property
    def ballast(self) -> Path:
        """The file that fills it."""
        return self.path / "ballast"

    def fill(self, share: float) -> int:
        """Fill it up to a share; how many percent are taken now."""
        stat = os.statvfs(self.path)
        total, free = stat.f_blocks * stat.f_frsize, stat.f_bavail * stat.f_frsize
        wanted = free - int(total * (1 - share))
        with self.ballast.open("ab") as file:
            os.posix_fallocate(file.fileno(), file.tell(), wanted // stat.f_frsize * stat.f_frsize)
        stat = os.statvfs(self.path)
        return round(100 * (1 - stat.f_bavail / stat.f_blocks))

    def free(self) -> None:
        """Take away what fills it."""
        self.ballast.unlink()


def full(stage: Stage) -> Finding:
    """9. PostgreSQL's disk fills to 95 %, and to 100 % in the middle of a backfill; the code server's is full all along."""
    days = stage.days(date(2023, 3, 1), 24)
    early, late = days[:EARLY], days[EARLY:]
    stage.learn(days)
    stage.know(BEFORE)
    robots = Robots()
    robots.refusing.clear()
    disk = _small_disks(stage, stage.held.enter_context(listening(robots)))
    taken = disk.fill(0.95)
    first = stage.backfill(early)
    until(lambda: first.over and stage.whole(early), "days land on a disk that is nearly full")
    stage.sandbox.inject(SLOW)
    backfill = stage.backfill(late)
    until(lambda: _landed(stage, late) > 2, "days of the second backfill land")
    _read(stage, early)
    stage.claimed(days)  # sessions that are open stay: a new one may have to write a file, and could not
    disk.fill(1)
    try:
        until(lambda: robots.about("healthy", SAID), "an alert tells that the disk is full")
        answers = _read(stage, early)
        if lies := stage.claimed(days):
            raise Stuck(f"while the disk was full: {lies}")
        landed = _landed(stage, late)
        if landed == len(late):
            raise Stuck("the fault did not bite: every day has landed")
    finally:
        disk.free()
    began = time.monotonic()
    stage.sandbox.heal()
    ended = supervised(stage)
    until(lambda: stage.whole(days), "the backfill goes on", meanwhile=lambda: supervised(stage))
    seconds = time.monotonic() - began
    until(lambda: backfill.over, "Dagster has closed it")
    seen = [
        f"{EARLY} days landed with {taken} % taken; then the disk was full, with {landed} of {len(late)} days landed",
        *answers,
        f"the channel was told: {' / '.join(robots.about('healthy', SAID)[0].splitlines())}",
        *ended,
        *stage.failures(backfill),
    ]
    healed = "by itself, once there is space: the run that found none has waited for it"
    injected = "PostgreSQL's disk fills to 95 %, then to 100 % in the middle of a backfill; the code server's is full all along"
    return Finding("9", injected, seen, healed, stage.lost(days), seconds)


def _small_disks(stage: Stage, robots: str) -> Disk:
    """Give PostgreSQL's data a small disk of its own, and let the code server keep its logs on one that is full."""
    if os.geteuid() != 0:
        raise Stuck("the fault cannot be played here: takes Linux and root, for disks of its own")
    stage.machine.daemon.stop()
    stage.code.stop()
    for engine in (stage.engine, stage.truth):
        engine.dispose()
    stop_postgres(stage.server, "fast")
    disk = _moved(stage, stage.server)
    stage.held.enter_context(embedded.running(stage.server))
    with stage.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for _ in range(SEGMENTS):
            connection.execute(text("select pg_logical_emit_message(false, 'drill', 'a new segment'), pg_switch_wal()"))
        connection.execute(text("checkpoint"))
    logs = stage.server.parent / "logs"
    logs.mkdir()
    _mount(stage, logs, "size=1m,nr_inodes=8")
    Disk(logs).fill(1)
    with suppress(OSError):
        for at in range(8):
            (logs / str(at)).touch()
    stage.machine.environment["DAGSTER_STORAGE_DIR"] = str(logs)
    stage.machine.environment["ALERT_URLS"] = f"feishu://healthy?base={robots}"
    for service in (stage.code, stage.machine.daemon):
        service.start(stage.machine.environment)
        service.wait()
    return disk


def _moved(stage: Stage, server: Path) -> Disk:
    """Move a server that is stopped to a disk of its own."""
    aside = server.with_name("aside")
    server.rename(aside)
    used = sum(path.lstat().st_blocks * 512 for path in aside.rglob("*"))
    owner = aside.stat()
    server.mkdir()
    _mount(stage, server, f"size={used + SPACE},mode=0700,uid={owner.st_uid},gid={owner.st_gid}")
    subprocess.run(["cp", "-a", f"{aside}/.", str(server)], check=True)
    shutil.rmtree(aside)
    stage.held.callback(_stop, server)
    return Disk(server)


def _mount(stage: Stage, path: Path, options: str) -> None:
    """Mount a disk in memory, for as long as the stage is there."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)], check=True)
    stage.held.callback(subprocess.run, ["umount", "--lazy", str(path)], check=True)


def _stop(server: Path) -> None:
    """Stop a server that may have been stopped before."""
    with suppress(subprocess.CalledProcessError):
        stop_postgres(server, "immediate")


def _read(stage: Stage, days: Sequence[date]) -> list[str]:
    """What the API says while nothing can be written. Raises `Stuck` when it does not serve what is there."""
    ready = stage.get("/health/ready")
    rows = stage.get(f"/datasets/daily/rows?trade_date={days[0]:%Y%m%d}&limit=10")
    if ready.get("status") != "ready" or not rows.get("items"):
        raise Stuck(f"the API does not serve while the disk is full: {ready}; {rows}")
    return [f"API, while it is full: {ready['status']}, and {len(rows['items'])} of ten rows of a day"]


def _landed(stage: Stage, days: Sequence[date]) -> int:
    """How many of these days of `daily` are complete."""
    return len(days) - len(stage.open(DATASETS[1], days))
