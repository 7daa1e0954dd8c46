"""What came of the backups, in one JSON file: of each kind the last that ended well and, if it is newer, the last that failed.

Whoever watches reads it: Prometheus through the exporter, the container's health check, `stock-assistant backup status`.
"""

from __future__ import annotations

import fcntl
import json
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Literal

from stock_assistant_pipelines import calendar, logs
from stock_assistant_pipelines.backup.store import flush, locked

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Kind = Literal["dump", "base", "wal", "restore_test", "off_site"]


@dataclass(frozen=True)
class Result:
    """What came of one action."""

    kind: Kind
    finished_at: str
    """ISO 8601, with its offset."""
    ok: bool
    seconds: float
    bytes: int
    detail: str

    @property
    def moment(self) -> datetime:
        """When it ended."""
        return datetime.fromisoformat(self.finished_at)


@dataclass
class Doing:
    """What an action has to tell, while it is under way."""

    bytes: int = 0
    detail: str = ""


def results(path: Path) -> list[Result]:
    """What is known. Nothing, before the first backup."""
    try:
        return [Result(**entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    except FileNotFoundError:
        return []


def tell(path: Path, result: Result) -> None:
    """Write a result down. One that ended well does away with the failures before it.

    WAL is told of while a backup is made, which another process may do: one after the other, so that none loses what another
    has written. Who reads finds the old text or the new one, whole.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with locked(path.parent, fcntl.LOCK_EX):
        others = [each for each in results(path) if each.kind != result.kind or (each.ok and not result.ok)]
        new = path.with_name(f".{path.name}.new")
        new.write_text(json.dumps([asdict(each) for each in [*others, result]], indent=1), encoding="utf-8")
        new.chmod(0o644)
        flush(new)
        new.replace(path)


@contextmanager
def doing(path: Path, kind: Kind) -> Iterator[Doing]:
    """Do something, and write down what came of it, whichever way it ends, without secrets: everybody may read the file."""
    began = time.monotonic()
    under_way = Doing()

    def told(ok: bool, detail: str) -> None:
        seconds = round(time.monotonic() - began, 3)
        tell(path, Result(kind, calendar.now().isoformat(), ok, seconds, under_way.bytes, logs.hidden(detail)))

    try:
        yield under_way
    except Exception as error:  # written down, and raised again
        told(False, " ".join(str(error).split()))
        raise
    told(True, under_way.detail)
