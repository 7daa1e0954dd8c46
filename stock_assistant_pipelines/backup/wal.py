"""WAL that is kept: by segment, on all timelines, compressed, encrypted where there is a recipient.

What was begun and will never be finished, since the log forked or the server has forgotten the rest, is kept as `.partial`.
"""

from __future__ import annotations

import gzip
import shutil
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from stock_assistant_pipelines.backup import timelines
from stock_assistant_pipelines.backup.sealing import SUFFIX
from stock_assistant_pipelines.backup.store import flush
from stock_assistant_pipelines.backup.timelines import HISTORY, SEGMENT, Line

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from typing import IO

    from stock_assistant_pipelines.backup.sealing import Seal
    from stock_assistant_pipelines.backup.store import Store

PACKED = ".gz"
PARTIAL = ".partial"


def whole(store: Store) -> list[Path]:
    """What was received to its end and has not been moved yet."""
    return sorted(
        path for path in store.incoming.glob("*") if SEGMENT.fullmatch(path.name) or HISTORY.fullmatch(path.name)
    )


def keep(store: Store, seal: Seal) -> int:
    """Move what is whole to where it is kept; tell how many files."""
    paths = whole(store)
    for path in paths:
        put(path, store, seal)
    return len(paths)


def put(path: Path, store: Store, seal: Seal) -> None:
    """Move a file that was received to where WAL is kept."""
    store.wal.mkdir(parents=True, exist_ok=True, mode=0o700)
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


@dataclass(frozen=True)
class Archive:
    """All WAL of a store, kept or being received, as it was at one look."""

    store: Store
    seal: Seal
    whole: dict[str, Path]
    """Segments and history files by their names."""
    begun: dict[str, Path]
    """Segments of which only the beginning is there."""

    @classmethod
    def of(cls, store: Store, seal: Seal) -> Archive:
        """Look. In this order: what is finished or moved meanwhile is seen twice, and not never."""
        paths = [*store.incoming.glob("*"), *store.incoming.glob("*"), *store.wal.glob("[!.]*")]
        named = {path: path.name.removesuffix(SUFFIX).removesuffix(PACKED) for path in paths}
        whole = {name: path for path, name in named.items() if SEGMENT.fullmatch(name) or HISTORY.fullmatch(name)}
        begun = {name.removesuffix(PARTIAL): path for path, name in named.items() if name.endswith(PARTIAL)}
        return cls(store, seal, whole, {name: path for name, path in begun.items() if name not in whole})

    def lines(self, bases: Iterable[str] = ()) -> list[Line]:
        """The timelines that are known by a history, a segment or a base backup's first segment; the newest last."""
        numbers = sorted({timelines.timeline_of(name) for name in (*self.whole, *self.begun, *bases)})
        return [self._line(number) for number in numbers]

    def _line(self, number: int) -> Line:
        name = f"{number:08X}.history"
        if name not in self.whole:
            return Line(number)
        with tempfile.TemporaryFile() as plain:
            self._read(name, plain)
            plain.seek(0)
            return timelines.line(number, plain.read().decode())

    def follow(self, line: Line, first: str) -> tuple[list[str], list[str]]:
        """The segments of a line from one on that are there, up to the first gap; and those that are missing in all."""
        segments = [name for name in (*self.whole, *self.begun) if SEGMENT.fullmatch(name)]
        numbers = [number for name in segments if line.segment(number := timelines.number_of(name)) == name]
        there, missing = line.follow(first, self.whole, self.begun, max(numbers, default=0))
        if line.number > 1 and (history := f"{line.number:08X}.history") not in self.whole:
            missing.append(history)
        return there, missing

    def unpack(self, names: Iterable[str], directory: Path) -> None:
        """Lay out segments, and all histories, plain, for `restore_command` to copy from."""
        directory.mkdir(parents=True, mode=0o700)
        for name in (*names, *(name for name in self.whole if HISTORY.fullmatch(name))):
            with (directory / name).open("wb") as target:
                self._read(name, target)

    def _read(self, name: str, target: IO[bytes]) -> None:
        path = self.whole.get(name) or self.begun[name]
        if path.parent == self.store.incoming:
            with suppress(FileNotFoundError), path.open("rb") as source:
                shutil.copyfileobj(source, target)
                return
            now = Archive.of(self.store, self.seal)  # it was finished or moved meanwhile
            now._read(name, target)
            return
        with tempfile.TemporaryFile() as packed:
            self.seal.read(path, packed)
            packed.seek(0)
            with gzip.GzipFile("", "rb", fileobj=packed) as source:
                shutil.copyfileobj(source, target)
