"""What is kept: as many days as are asked for, never fewer backups than the minimum, and all WAL that they need."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stock_assistant_pipelines.backup.bases import ended, leads, line_of
from stock_assistant_pipelines.backup.timelines import SEGMENT, number_of, timeline_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from stock_assistant_pipelines.backup.store import Backup, Store


def tidy(store: Store, since: datetime, at_least: int) -> list[str]:
    """Delete what is older and not needed; name it.

    Any moment since then can be gone back to: of the base backups the newest that was whole by then stays too. Where that was
    made on a branch of the log that was left since, so does the newest that leads to the newest branch.
    """
    dumps, bases = store.backups("dumps"), store.backups("bases")
    older = [backup for backup in bases if ended(backup) <= since]
    on_the_way = [backup for backup in older if leads(backup, line_of(bases[-1]))]
    stay = [*older[-1:], *on_the_way[-1:], *bases[-at_least:]]
    gone = [
        *(backup for backup in dumps[:-at_least] if backup.began < since),
        *(backup for backup in older if backup not in stay),
    ]
    for backup in gone:
        store.remove(backup)
    names = [f"{backup.path.parent.name}/{backup.name}" for backup in gone]
    return names + _tidy_wal(store, [backup for backup in bases if backup not in gone])


def _tidy_wal(store: Store, bases: Sequence[Backup]) -> list[str]:
    """Delete the segments to which no base backup leads. Without a base backup all of them may still be needed.

    One leads to what was written after it, on its own timeline and on later ones: whether they come from it is not asked.
    """
    if not bases:
        return []
    firsts = [backup.label["first_segment"] for backup in bases]
    starts = [(timeline_of(first), number_of(first)) for first in firsts]
    old = [
        path
        for path in store.wal.glob("[!.]*")
        if SEGMENT.match(path.name)
        and not any(line <= timeline_of(path.name) and start <= number_of(path.name) for line, start in starts)
    ]
    for path in old:
        path.unlink()
    return [f"{len(old)} segments of WAL"] if old else []
