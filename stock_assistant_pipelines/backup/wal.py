"""WAL: received as it is written, through a slot that keeps the server from forgetting what we have not; then kept.

A segment that is whole is compressed, encrypted where there is a recipient, and moved out of the receiver's directory.
"""

from __future__ import annotations

import gzip
import re
import shutil
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import psycopg

from stock_assistant_pipelines.backup.programs import BackupFailed, Programs
from stock_assistant_pipelines.backup.sealing import SUFFIX
from stock_assistant_pipelines.backup.store import flush
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterable
    from pathlib import Path

    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.backup.sealing import Seal
    from stock_assistant_pipelines.backup.store import Store

SLOT = "stock_assistant_backup"
PACKED = ".gz"
PARTIAL = ".partial"
SEGMENT = re.compile(r"[0-9A-F]{24}")
WHOLE = re.compile(r"[0-9A-F]{24}|[0-9A-F]{8}\.history")
PATIENCE = 20.0
"""Seconds after which a receiver should have begun."""

PER_FILE = 0x100
"""Segments of 16 MB that share the middle part of their name."""

BEHIND = """
SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint FROM pg_replication_slots WHERE slot_name = %s AND active
"""


@dataclass
class Receiver:
    """The process that receives. It asks for nothing that has been received already."""

    url: URL
    store: Store
    programs: Programs
    process: subprocess.Popen[bytes] | None = None

    @property
    def runs(self) -> bool:
        """Whether the process is there."""
        return self.process is not None and self.process.poll() is None

    def keep(self) -> int:
        """Start it where it does not run; tell how many bytes the server has written that are not on our disk.

        Raises `BackupFailed` when it does not receive.
        """
        if not self.runs:
            self.store.incoming.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.programs.run("pg_receivewal", "-S", SLOT, "--create-slot", "--if-not-exists", url=self.url)
            words = ("-D", str(self.store.incoming), "-S", SLOT, "--synchronous", "--no-loop")
            self.process = self.programs.start("pg_receivewal", *words, url=self.url)
        deadline = time.monotonic() + PATIENCE
        with psycopg.connect(conninfo(self.url), autocommit=True) as connection:
            while self.runs and time.monotonic() < deadline:
                row = connection.execute(BEHIND, (SLOT,)).fetchone()
                if row:
                    return int(row[0])
                time.sleep(0.1)
        raise BackupFailed("no WAL is being received: what pg_receivewal says is in the log")

    def stop(self) -> None:
        """Stop it, as if it had been asked to: what it has received stays."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait()


def keep(store: Store, seal: Seal) -> int:
    """Move what is whole to where it is kept; tell how many segments."""
    store.wal.mkdir(parents=True, exist_ok=True, mode=0o700)
    whole = sorted(path for path in store.incoming.glob("*") if WHOLE.fullmatch(path.name))
    for path in whole:
        final = store.wal / seal.name(path.name + PACKED)
        new = final.with_name(f".{final.name}")
        with tempfile.TemporaryFile() as packed, new.open("wb") as target:
            with path.open("rb") as source, gzip.GzipFile("", "wb", 1, packed) as into:
                shutil.copyfileobj(source, into)
            packed.seek(0)
            seal.write(packed, target)
        flush(new)
        new.rename(final)
        flush(store.wal)
        path.unlink()
    return len(whole)


def unpack(store: Store, seal: Seal, first: str, directory: Path) -> None:
    """Lay out all WAL from a segment on, plain, for `restore_command` to copy from; the one that is being received too.

    Raises `BackupFailed` when a segment is missing in between.
    """
    directory.mkdir(parents=True, mode=0o700)
    for path in store.incoming.glob("*"):
        if WHOLE.fullmatch(name := path.name.removesuffix(PARTIAL)):
            with suppress(FileNotFoundError):  # it was kept meanwhile, and is found below
                shutil.copyfile(path, directory / name)
    for path in store.wal.glob("[!.]*"):
        name = path.name.removesuffix(SUFFIX).removesuffix(PACKED)
        if SEGMENT.fullmatch(name) and name[8:] < first[8:]:
            continue
        with tempfile.TemporaryFile() as packed, (directory / name).open("wb") as target:
            seal.read(path, packed)
            packed.seek(0)
            with gzip.GzipFile("", "rb", fileobj=packed) as source:
                shutil.copyfileobj(source, target)
    if absent := missing(first, (path.name for path in directory.iterdir())):
        raise BackupFailed(
            f"the WAL segment {absent[0]} is missing, and {len(absent) - 1} more: take an older backup's end"
        )


def missing(first: str, names: Iterable[str]) -> list[str]:
    """The segments between the first that is needed and the newest that is there, which are not there, on no timeline."""
    there = {_number(name) for name in names if SEGMENT.fullmatch(name)}
    needed = range(_number(first), max(there, default=_number(first)) + 1)
    return [f"{first[:8]}{number // PER_FILE:08X}{number % PER_FILE:08X}" for number in needed if number not in there]


def _number(segment: str) -> int:
    """A segment's place in the one long log, whatever its timeline."""
    return int(segment[8:16], 16) * PER_FILE + int(segment[16:], 16)
