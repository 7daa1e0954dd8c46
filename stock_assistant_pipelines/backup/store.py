"""The directory of the backups: `dumps`, `bases` and `wal`. What has its name there is whole: it is renamed when it is.

A backup is a directory named for the moment it was begun, in UTC, with a label that says what it holds.
"""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from stock_assistant_pipelines.backup.programs import BackupFailed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "%Y%m%dT%H%M%S.%fZ"
LABEL = "label.json"
UNFINISHED = ".unfinished"


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
    def scratch(self) -> Path:
        """Where something plain may lie for a while: what is copied elsewhere is not here."""
        return scratch(self.path.parents[1])

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

    @contextmanager
    def making(self, kind: str, moment: datetime, label: dict[str, Any]) -> Iterator[Path]:
        """A directory to write a backup into: it gets its name, with the label, when the block ends well, and is gone else."""
        final = self.directory / kind / moment.astimezone(UTC).strftime(NAME)
        path = final.with_name(final.name + UNFINISHED)
        for old in final.parent.glob(f"*{UNFINISHED}"):
            shutil.rmtree(old)
        path.mkdir(parents=True, mode=0o700)
        try:
            yield path
            write(path / LABEL, json.dumps(label, indent=1))
            for file in path.iterdir():
                flush(file)
            path.rename(final)
            flush(final.parent)
        except BaseException:
            shutil.rmtree(path, ignore_errors=True)
            raise

    def remove(self, backup: Backup) -> None:
        """Delete a backup: first its name, then what it holds."""
        gone = backup.path.rename(backup.path.with_name(backup.name + UNFINISHED))
        shutil.rmtree(gone)


def scratch(directory: Path) -> Path:
    """The directory in a store for what lies there for a while."""
    path = directory / "scratch"
    path.mkdir(parents=True, exist_ok=True)
    return path


def write(path: Path, text: str) -> None:
    """Write a file so that whoever reads it finds the old text or the new one, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    flush(new)
    new.replace(path)


def flush(path: Path) -> None:
    """Have the disk hold what a file or directory holds."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
