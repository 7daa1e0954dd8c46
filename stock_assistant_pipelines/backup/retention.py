"""What is kept: as many days as are asked for, never fewer backups than the minimum, and all WAL that they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stock_assistant_pipelines.backup.bases import ended
from stock_assistant_pipelines.backup.timelines import SEGMENT

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from stock_assistant_pipelines.backup.store import Backup, Store


def tidy(store: Store, since: datetime, at_least: int) -> list[str]:
    """Delete what is older and not needed; name it.

    Any moment since then can be gone back to: of the base backups the newest that was whole by then stays too.
    """
    dumps, bases = store.backups("dumps"), store.backups("bases")
    older = [backup for backup in bases if ended(backup) <= since]
    gone = [
        *(backup for backup in dumps[:-at_least] if backup.began < since),
        *(backup for backup in older[:-1] if backup in bases[:-at_least]),
    ]
    for backup in gone:
        store.remove(backup)
    names = [f"{backup.path.parent.name}/{backup.name}" for backup in gone]
    return names + _tidy_wal(store, [backup for backup in bases if backup not in gone])


def _tidy_wal(store: Store, bases: Sequence[Backup]) -> list[str]:
    """Delete the segments that no base backup needs. Without a base backup all of them may still be needed."""
    if not bases:
        return []
    first = min(backup.label["first_segment"][8:] for backup in bases)
    old = [path for path in store.wal.glob("[!.]*") if SEGMENT.match(path.name) and path.name[8:24] < first]
    for path in old:
        path.unlink()
    return [f"{len(old)} segments of WAL"] if old else []
