"""The directory of the backups: `dumps`, `bases` and `wal`. What has its name there is whole: it is renamed when it is.

A backup is a directory named for the moment it was begun, in UTC, with a label that says what it holds.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tempfile
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from stock_assistant_pipelines.backup.programs import BackupFailed

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "%Y%m%dT%H%M%S.%fZ"
LABEL = "label.json"
UNFINISHED = ".unfinished"
GAP = ".gap"


@dataclass(frozen=True)
class Backup:
    """A dump or a base backup that is whole."""

    path: Path
    label: dict[str, Any]

    @property
    def name(self) -> str:
        """Its name: when it was begun."""
        return self.path.name

    @property
    def began(self) -> datetime:
        """When it was begun."""
        return datetime.strptime(self.name, NAME).replace(tzinfo=UTC)

    @property
    def store(self) -> Store:
        """Where it is kept."""
        return Store(self.path.parents[1])

    @property
    def bytes(self) -> int:
        """What it takes on the disk."""
        return sum(file.stat().st_size for file in self.path.iterdir())


@dataclass(frozen=True)
class Store:
    """All backups of one installation."""

    directory: Path

    @property
    def wal(self) -> Path:
        """Where whole segments of WAL are kept."""
        return self.directory / "wal"

    @property
    def incoming(self) -> Path:
        """Where segments are received."""
        return self.directory / "incoming"

    @property
    def handed_on(self) -> tuple[Path, ...]:
        """What is to be copied elsewhere. What has a name there is whole, and never changes."""
        return self.directory / "dumps", self.directory / "bases", self.wal

    @property
    def scratch(self) -> Path:
        """Where something plain may lie for a while: what is copied elsewhere is not here."""
        return self.directory / "scratch"

    @property
    def gap(self) -> float | None:
        """When WAL was received anew, in seconds since 1970; None when it never was."""
        mark = self.directory / GAP
        return mark.stat().st_mtime if mark.exists() else None

    def mark_gap(self) -> None:
        """From now on WAL is received anew: what was kept before leads no further."""
        (self.directory / GAP).touch()

    def backups(self, kind: str) -> list[Backup]:
        """Those of a kind, `dumps` or `bases`, the oldest first."""
        labels = sorted((self.directory / kind).glob(f"*Z/{LABEL}"))
        return [Backup(path.parent, json.loads(path.read_text(encoding="utf-8"))) for path in labels]

    def backup(self, kind: str, name: str | None = None) -> Backup:
        """The newest of a kind, or the one of that name. Raises `BackupFailed` when it is not there."""
        found = [each for each in self.backups(kind) if name in {None, each.name}]
        if not found:
            raise BackupFailed(f"{self.directory / kind} holds no backup" + (f" named {name}" if name else ""))
        return found[-1]

    def admit(self, system: str) -> None:
        """Raises `BackupFailed` where a server is not the one whose backups are here: its WAL would be written over theirs."""
        for known in self.backups("bases")[-1:]:
            if known.label["system"] != system:
                raise BackupFailed(
                    f"{self.directory} holds the backups of another server: give this one a directory of its own"
                )

    @contextmanager
    def making(self, kind: str, moment: datetime, label: dict[str, Any]) -> Iterator[Path]:
        """A directory to write a backup into: it gets its name, with the label, when the block ends well, and is gone else.

        Raises `BackupFailed` when another of its kind is being made, or nothing was written.
        """
        final = self.directory / kind / moment.astimezone(UTC).strftime(NAME)
        path = final.with_name(final.name + UNFINISHED)
        final.parent.mkdir(parents=True, exist_ok=True)
        with locked(final.parent) as alone:
            if not alone:
                raise BackupFailed(f"another backup is being made in {final.parent}: wait for its end")
            for old in final.parent.glob(f"*{UNFINISHED}"):
                shutil.rmtree(old)
            path.mkdir(mode=0o700)
            try:
                yield path
                _finish(path, final, label)
            except BaseException:
                shutil.rmtree(path, ignore_errors=True)
                raise

    def remove(self, backup: Backup) -> None:
        """Delete a backup: first its name, then what it holds."""
        gone = backup.path.rename(backup.path.with_name(backup.name + UNFINISHED))
        shutil.rmtree(gone, ignore_errors=True)  # who makes the next one deletes it too

    @contextmanager
    def room(self) -> Iterator[Path]:
        """An empty directory for what may lie plain for as long as the block lasts."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        with locked(self.scratch, fcntl.LOCK_SH), tempfile.TemporaryDirectory(dir=self.scratch) as name:
            yield Path(name)

    def clear(self) -> None:
        """Delete what somebody who was killed has left in the scratch directory, unless others work there."""
        self.scratch.mkdir(parents=True, exist_ok=True)
        with locked(self.scratch) as alone:
            for path in self.scratch.iterdir() if alone else ():
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def _finish(path: Path, final: Path, label: dict[str, Any]) -> None:
    files = list(path.iterdir())
    if not files:
        raise BackupFailed(f"nothing was written into {path}")
    (path / LABEL).write_text(json.dumps(label, indent=1), encoding="utf-8")
    for file in (*files, path / LABEL, path):
        flush(file)
    path.rename(final)
    flush(final.parent)


@contextmanager
def locked(directory: Path, how: int = fcntl.LOCK_EX | fcntl.LOCK_NB) -> Iterator[bool]:
    """Hold a directory, alone or with others, against other threads and processes; tell whether it could be had."""
    number = os.open(directory, os.O_RDONLY)
    try:
        try:
            fcntl.flock(number, how)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(number)


def flush(path: Path) -> None:
    """Have the disk hold what a file or directory holds."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
