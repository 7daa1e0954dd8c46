"""The keeper of an installation's backups: what it makes, tests and deletes, and whom it tells."""

from __future__ import annotations

import os
import shlex
import time
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import psycopg

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.backup import bases, dumps, retention, status
from stock_assistant_pipelines.backup.programs import BackupFailed, Programs, command
from stock_assistant_pipelines.backup.sealing import Seal
from stock_assistant_pipelines.backup.store import Store
from stock_assistant_pipelines.backup.wal import Archive
from stock_assistant_pipelines.warehouse import embedded
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path
    from typing import Any

    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.backup.store import Backup
    from stock_assistant_pipelines.settings import Settings

RESTED = 300.0
"""Seconds between two runs of the command that takes the backups elsewhere."""


@dataclass(frozen=True)
class Keeper:
    """The backups of one installation, as the settings want them."""

    settings: Settings

    @property
    def store(self) -> Store:
        """Where they are."""
        return Store(self.settings.backup_dir or self.settings.data_dir / "backups")

    @property
    def status(self) -> Path:
        """The file that says what came of them."""
        return self.settings.backup_status_file or self.store.directory / "status.json"

    @property
    def seal(self) -> Seal:
        """How they are encrypted."""
        return Seal(self.settings.backup_recipient, self.settings.backup_identity)

    @property
    def programs(self) -> Programs:
        """What makes them."""
        return Programs(self.settings.postgres_programs)

    def dump(self, url: URL) -> Backup:
        """Dump both databases, with what they hold."""
        with status.doing(self.status, "dump") as doing:
            backup = dumps.dump(url, self.store, self.seal, self.programs)
            doing.bytes, doing.detail = backup.bytes, f"{backup.name}: {_rows(backup.label)}"
        return backup

    def base(self, url: URL) -> Backup:
        """Copy the server, and delete what is no longer kept."""
        with status.doing(self.status, "base") as doing:
            backup = bases.base(url, self.store, self.seal, self.programs)
            doing.bytes, doing.detail = backup.bytes, backup.name
            self.tidy()
        return backup

    def tidy(self) -> list[str]:
        """Delete what is older than it is kept; name it."""
        since = calendar.now() - timedelta(days=self.settings.backup_kept_days)
        return retention.tidy(self.store, since, self.settings.backup_kept_at_least)

    def rehearse(self) -> str:
        """The restore test: the last dump, into a server of its own, holds what was dumped; the last base is what was copied.

        Raises `BackupFailed` when it is not so.
        """
        with status.doing(self.status, "restore_test") as doing, self.store.room() as room:
            room.chmod(0o755)
            dump = self.store.backup("dumps")
            with embedded.running(room / "server") as url:
                _wait_for_no_disk(url)
                if wrong := dumps.restore(dump, url, self.seal, self.programs):
                    raise BackupFailed(f"dump {dump.name}, restored, is not what was dumped: {'; '.join(wrong)}")
            doing.bytes, doing.detail = dump.bytes, f"dump {dump.name}: {_rows(dump.label)} as they were"
            if self.store.backups("bases"):
                archive = Archive.of(self.store, self.seal)
                base, line = bases.chosen(self.store, archive, None)
                bases.unpack(base, room / "base", self.seal)
                _, missing = archive.follow(line, base.label["first_segment"])
                if missing:
                    raise BackupFailed(f"{bases.gap(missing)} since base {base.name}")
                doing.bytes += base.bytes
                doing.detail += f"; base {base.name}: every file as its manifest says, no WAL missing since"
            return doing.detail

    def go_back(self, target: Path, until: datetime | None, name: str | None = None) -> Backup:
        """Lay out a data directory of a moment, or of the last that is known, from the best base backup, or from one."""
        archive = Archive.of(self.store, self.seal)
        base, line = bases.chosen(self.store, archive, until, name)
        bases.restore(base, line, archive, target, until)
        return base

    def hand_on(self) -> None:
        """Run the command that takes the backups elsewhere, when there is something new and it has rested.

        Raises `BackupFailed` when it does not end well.
        """
        words, marker = self.settings.backup_command, self.store.directory / ".handed_on"
        since = marker.stat().st_mtime if marker.exists() else 0.0
        changed = max((path.stat().st_mtime for path in self.store.handed_on if path.exists()), default=0.0)
        tried = [each.moment.timestamp() for each in status.results(self.status) if each.kind == "off_site"]
        if words is None or changed <= since or time.time() < max(tried, default=0.0) + RESTED:
            return
        began = time.time()
        with status.doing(self.status, "off_site") as doing:
            command("BACKUP_COMMAND", shlex.split(words))
            doing.detail = "the command that takes the backups elsewhere has ended well"
        marker.touch()
        os.utime(marker, (began, began))


def _wait_for_no_disk(url: URL) -> None:
    """Spare a server that is thrown away, and the disk under it, what would outlive a loss of power."""
    with psycopg.connect(conninfo(url), autocommit=True) as connection:
        connection.execute("ALTER SYSTEM SET fsync = off")
        connection.execute("SELECT pg_reload_conf()")


def _rows(label: Mapping[str, Any]) -> str:
    tables = [table for held in label.values() for table in held.values()]
    return f"{sum(table['rows'] for table in tables)} rows of {len(tables)} tables"
