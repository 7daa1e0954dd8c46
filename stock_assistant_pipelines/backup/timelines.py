"""Timelines: where a server has gone back to a moment, or a replica was promoted, the log forks; each branch has a number.

A place in the log is a number of bytes (an LSN); a segment holds 16 MB of one timeline, and is named for both.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container

SEGMENT = re.compile(r"[0-9A-F]{24}")
HISTORY = re.compile(r"[0-9A-F]{8}\.history")

PER_FILE = 0x100
"""Segments that share the middle part of their name."""

SIZE = 1 << 24
"""Bytes of a segment."""


@dataclass(frozen=True)
class Line:
    """A timeline, and what its server had lived through before: where it left each older timeline, the oldest first."""

    number: int
    forks: tuple[tuple[int, int], ...] = ()

    def holds(self, timeline: int, place: int) -> bool:
        """Whether a place on a timeline is in this one's past, or on it."""
        return timeline == self.number or any(timeline == older and place <= left for older, left in self.forks)

    def segment(self, number: int) -> str:
        """The name under which the log's segment of this number is read: where the log forks in it, of the newer timeline."""
        timeline = next((older for older, left in self.forks if number < left // SIZE), self.number)
        return segment(timeline, number)

    def follow(
        self, first: str, whole: Container[str], begun: Container[str], last: int
    ) -> tuple[list[str], list[str]]:
        """The segments from one on that are there, up to the first gap; and those that are missing up to the last.

        One that was begun and not finished leads no further. The first on the line's own timeline is always needed.
        """
        start = number_of(first)
        last = max(last, start, self.forks[-1][1] // SIZE if self.forks else 0)
        names = [self.segment(number) for number in range(start, last + 1)]
        missing = [name for name in names if name not in whole and not (name in begun and name == names[-1])]
        there = names[: names.index(missing[0])] if missing else names
        if missing and missing[0] in begun:
            there.append(missing[0])
        return there, missing


def line(number: int, history: str) -> Line:
    """A timeline by its history file, in which each line has a timeline, where it was left, and why."""
    fields = [entry.split() for entry in history.splitlines() if entry.strip() and not entry.lstrip().startswith("#")]
    return Line(number, tuple((int(older), place_of(left)) for older, left, *_ in fields))


def place_of(written: str) -> int:
    """An LSN as a number."""
    high, low = written.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def segment(timeline: int, number: int) -> str:
    """A segment's name."""
    return f"{timeline:08X}{number // PER_FILE:08X}{number % PER_FILE:08X}"


def timeline_of(name: str) -> int:
    """The timeline of a segment or a history file."""
    return int(name[:8], 16)


def number_of(name: str) -> int:
    """A segment's place in the one long log, whatever its timeline."""
    return int(name[8:16], 16) * PER_FILE + int(name[16:24], 16)
