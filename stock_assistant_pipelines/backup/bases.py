"""Base backups: the whole server as files, and from one of them with all WAL since to any moment after it."""

from __future__ import annotations

import gzip
import os
import tarfile
import zlib
from datetime import datetime
from typing import TYPE_CHECKING

import psycopg

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.backup import manifest, wal
from stock_assistant_pipelines.backup.programs import BackupFailed, Programs
from stock_assistant_pipelines.warehouse.embedded import SOCKET_NAME, conninfo

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.backup.sealing import Seal
    from stock_assistant_pipelines.backup.store import Backup, Store

FILE = "base.tar.gz"
POSITION = "SELECT pg_walfile_name(pg_current_wal_lsn()), system_identifier::text FROM pg_control_system()"


def base(url: URL, store: Store, seal: Seal, programs: Programs) -> Backup:
    """Copy the server. Raises `BackupFailed` when it is not the one whose backups these are."""
    first, system = position(url)
    for known in store.backups("bases")[-1:]:
        if known.label["system"] != system:
            raise BackupFailed(
                f"{store.directory} holds the backups of another server: give this one a directory of its own"
            )
    label = {"first_segment": first, "system": system}
    # To standard output the manifest is part of the archive.
    words = ("-D", "-", "-F", "tar", "-X", "fetch", "-c", "fast", "-Z", "client-gzip:1", "--manifest-checksums=SHA256")
    with (
        store.making("bases", calendar.now(), label) as directory,
        programs.reading("pg_basebackup", *words, url=url) as output,
        (directory / seal.name(FILE)).open("wb") as target,
    ):
        seal.write(output, target)
        label["ended_at"] = calendar.now().isoformat()
    return store.backup("bases")


def position(url: URL) -> tuple[str, str]:
    """The WAL segment that is being written, and the number by which this server is told from all others."""
    with psycopg.connect(conninfo(url)) as connection:
        row = connection.execute(POSITION).fetchone()
    assert row is not None
    return row[0], row[1]


def before(store: Store, moment: datetime | None) -> Backup:
    """The newest base backup that was whole before a moment. Raises `BackupFailed` when there is none."""
    for backup in reversed(store.backups("bases")):
        if moment is None or ended(backup) < moment:
            return backup
    raise BackupFailed(f"{store.directory} holds no base backup that was whole before {moment or 'now'}")


def ended(backup: Backup) -> datetime:
    """When a base backup was whole: from then on any moment can be gone back to."""
    return datetime.fromisoformat(backup.label["ended_at"])


def restore(backup: Backup, store: Store, target: Path, until: datetime | None, seal: Seal) -> None:
    """Lay out a data directory that plays the WAL until a moment, or to its end, when a server starts in it.

    The WAL lies beside it, in `TARGET.wal`, and can go when the server is up. Raises `BackupFailed` when the target is not
    empty, when a file is not what the backup's manifest says, or when WAL is missing.
    """
    beside = target.with_name(f"{target.name}.wal")
    if (target.exists() and any(target.iterdir())) or beside.exists():
        raise BackupFailed(f"{target} is not empty, or {beside} exists: a backup is restored into an empty directory")
    unpack(backup, target, seal)
    # The embedded server's socket lies among its files, and this says that it runs.
    (target / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)
    wal.unpack(store, seal, backup.label["first_segment"], beside)
    recovery = {"restore_command": f'cp "{beside.resolve()}/%f" "%p"', "recovery_target_timeline": "latest"}
    recovery["synchronous_standby_names"] = ""  # there is no replica that its commits could wait for
    if until is not None:
        recovery |= {"recovery_target_time": until.isoformat(), "recovery_target_action": "promote"}
    with (target / "postgresql.auto.conf").open("a", encoding="utf-8") as configuration:
        configuration.writelines(f"{name} = '{value}'\n" for name, value in recovery.items())
    (target / "recovery.signal").touch()
    _give(target, beside)


def unpack(backup: Backup, target: Path, seal: Seal) -> None:
    """Unpack a base backup and hold it against its manifest. Raises `BackupFailed` when it is not what it was."""
    (file,) = backup.path.glob(f"{FILE}*")
    target.mkdir(parents=True, exist_ok=True)
    target.chmod(0o700)
    try:
        with (
            seal.opened(file, backup.scratch) as plain,
            gzip.open(plain) as source,
            tarfile.open(fileobj=source, mode="r|") as archive,
        ):
            archive.extractall(target, filter="tar")
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise BackupFailed(f"base backup {backup.name} cannot be unpacked: {error}") from error
    for wrong in manifest.differences(target):
        raise BackupFailed(f"base backup {backup.name} is not what it was: {wrong}")


def _give(target: Path, beside: Path) -> None:
    """Done by root: what was restored belongs to whom the directory was given to, since no server runs as root."""
    if os.getuid() != 0:
        return
    owner = target.stat()
    for path in (beside, *target.rglob("*"), *beside.iterdir()):
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)
