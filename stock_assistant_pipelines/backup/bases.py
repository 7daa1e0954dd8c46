"""Base backups: the whole server as files, and from one of them with all WAL since to any moment after it."""

from __future__ import annotations

import gzip
import os
import shlex
import tarfile
import zlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

import psycopg

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.backup import manifest, receiver, timelines
from stock_assistant_pipelines.backup.programs import BackupFailed, Programs
from stock_assistant_pipelines.backup.timelines import Line
from stock_assistant_pipelines.warehouse.embedded import SOCKET_NAME, conninfo

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from psycopg import Connection
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.backup.sealing import Seal
    from stock_assistant_pipelines.backup.store import Backup, Store
    from stock_assistant_pipelines.backup.wal import Archive

FILE = "base.tar.gz"
POSITION = "SELECT pg_walfile_name(pg_current_wal_lsn()), pg_current_wal_lsn()::text"


def base(url: URL, store: Store, seal: Seal, programs: Programs) -> Backup:
    """Copy the server, without WAL: that is received beside it, or nothing is copied.

    Raises `BackupFailed` when nobody receives, when WAL is received anew meanwhile, or where the server is not the one whose
    backups these are.
    """
    gap = store.gap
    system, line = receiver.identify(url)
    store.admit(system)
    with psycopg.connect(conninfo(url), autocommit=True) as connection:
        first, _ = _position(connection)
        receiver.receiving(connection)
    label: dict[str, Any] = {"first_segment": first, "system": system, "forks": line.forks}
    # To standard output the manifest is part of the archive.
    words = ("-D", "-", "-F", "tar", "-X", "none", "-c", "fast", "-Z", "client-gzip:1", "--manifest-checksums=SHA256")
    with store.making("bases", calendar.now(), label) as directory:
        with (
            programs.reading("pg_basebackup", *words, url=url) as output,
            (directory / seal.name(FILE)).open("wb") as target,
        ):
            seal.write(output, target)
        with psycopg.connect(conninfo(url), autocommit=True) as connection:
            _, label["end"] = _position(connection)
            receiver.arrived(connection, label["end"])
        if store.gap != gap:
            raise BackupFailed(
                "WAL was received anew while the server was copied: the copy leads nowhere, another is due"
            )
        label["ended_at"] = calendar.now().isoformat()
    return store.backup("bases")


def _position(connection: Connection) -> tuple[str, str]:
    """The WAL segment that is being written, and where in the log."""
    row = connection.execute(POSITION).fetchone()
    assert row is not None
    return row[0], row[1]


def chosen(store: Store, archive: Archive, moment: datetime | None, name: str | None = None) -> tuple[Backup, Line]:
    """The base backup to begin with, and the timeline to follow from there: the newest that its server has lived through since.

    Without a name it is the newest that was whole before the moment, and that the newest timeline comes from.
    Raises `BackupFailed` when there is none.
    """
    bases = store.backups("bases")
    lines = archive.lines(backup.label["first_segment"] for backup in bases)
    for backup in reversed(bases):
        line = next(line for line in reversed(lines) if leads(backup, line))
        early = moment is None or ended(backup) < moment
        if early and (backup.name == name if name else line == lines[-1]):
            return backup, line
    which = f"named {name} " if name else ""
    raise BackupFailed(
        f"{store.directory} holds no base backup {which}that was whole before {moment or 'now'}"
        + (f" and leads to timeline {lines[-1].number}" if bases and not name else "")
    )


def line_of(backup: Backup) -> Line:
    """The timeline on which a base backup was begun, and what came before it, as far as its label says."""
    forks = tuple((older, left) for older, left in backup.label.get("forks", ()))
    return Line(timelines.timeline_of(backup.label["first_segment"]), forks)


def leads(backup: Backup, line: Line) -> bool:
    """Whether a timeline comes from a base backup."""
    first = backup.label["first_segment"]
    end = backup.label.get("end")
    place = timelines.place_of(end) if end else timelines.number_of(first) * timelines.SIZE
    return line.holds(timelines.timeline_of(first), place)


def ended(backup: Backup) -> datetime:
    """When a base backup was whole: from then on any moment can be gone back to."""
    return datetime.fromisoformat(backup.label["ended_at"])


def restore(backup: Backup, line: Line, archive: Archive, target: Path, until: datetime | None) -> None:
    """Lay out a data directory that plays the WAL of a timeline until a moment, or to its end, when a server starts in it.

    The WAL lies beside it, in `TARGET.wal`, up to the first gap, and can go when the server is up: PostgreSQL refuses to start
    when it is not there, or ends before the moment. Raises `BackupFailed` when the target is not empty, when a file is not what
    the backup's manifest says, when WAL up to the backup's end is missing, or, without a moment, any.
    """
    beside = target.with_name(f"{target.name}.wal")
    if (target.exists() and any(target.iterdir())) or beside.exists():
        raise BackupFailed(f"{target} is not empty, or {beside} exists: a backup is restored into an empty directory")
    there, missing = archive.follow(line, backup.label["first_segment"])
    if missing and until is None:
        raise BackupFailed(f"{gap(missing)}: say a moment before it, or take a later base backup")
    unpack(backup, target, archive.seal)
    for timeline, end in manifest.ends(target):
        last = line.segment((timelines.place_of(end) - 1) // timelines.SIZE)
        if not line.holds(timeline, timelines.place_of(end)) or last not in there:
            raise BackupFailed(f"base backup {backup.name} is nothing without the WAL segment {last}, which is missing")
    # The embedded server's socket lies among its files, and this says that it runs.
    (target / f"{SOCKET_NAME}.lock").unlink(missing_ok=True)
    archive.unpack(there, beside)
    recovery = {"restore_command": _command(beside), "recovery_target_timeline": str(line.number)}
    recovery["synchronous_standby_names"] = ""  # there is no replica that its commits could wait for
    # Said in any case: a server that had gone back once is copied with the moment of then.
    recovery |= {"recovery_target_time": until.isoformat() if until else "", "recovery_target_action": "promote"}
    with (target / "postgresql.auto.conf").open("a", encoding="utf-8") as configuration:
        for name, value in recovery.items():
            quoted = value.replace("'", "''")
            configuration.write(f"{name} = '{quoted}'\n")
    (target / "recovery.signal").touch()
    _give(target, beside)


def gap(missing: Sequence[str]) -> str:
    """What is missing, in a few words."""
    return f"the WAL segment {missing[0]} is missing" + (f", and {len(missing) - 1} more" if missing[1:] else "")


def _command(directory: Path) -> str:
    """What PostgreSQL fetches WAL with: by a code above 125 it stops, where it would take another for the end of WAL."""
    where = shlex.quote(str(directory.resolve())).replace("%", "%%")
    return f'test -d {where} || exit 126; cp {where}/"%f" "%p"'


def unpack(backup: Backup, target: Path, seal: Seal) -> None:
    """Unpack a base backup and hold it against its manifest. Raises `BackupFailed` when it is not what it was."""
    (file,) = backup.path.glob(f"{FILE}*")
    target.mkdir(parents=True, exist_ok=True)
    target.chmod(0o700)
    try:
        with (
            backup.store.room() as room,
            seal.opened(file, room) as plain,
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
