"""Processes as Linux sees them in /proc: what they have computed, and how much memory they hold."""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

TICK = 1 / os.sysconf("SC_CLK_TCK")
PROC = Path("/proc")


def cpu_seconds(pids: Iterable[int]) -> float:
    """Processor time that these processes have used so far."""
    total = 0
    for pid in pids:
        try:
            fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has ended
        total += int(fields[11]) + int(fields[12])
    return total * TICK


def cpu_of_family(pid: int) -> float:
    """Processor time of a process, of all that descend from it, and of its children that have ended."""
    fields = (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    return cpu_seconds(family(pid)) + (int(fields[13]) + int(fields[14])) * TICK


def memory(pid: int, line: str = "VmRSS") -> float:
    """Memory in MB: resident now (`VmRSS`), or at its highest (`VmHWM`); 0 when the process has ended."""
    try:
        status = (PROC / str(pid) / "status").read_text()
    except OSError:
        return 0.0
    values = dict(each.split(":", 1) for each in status.splitlines())
    return int(values[line].split()[0]) / 1024 if line in values else 0.0


def family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    parents: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            parents.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        waiting += parents.get(found[-1], [])
    return found


@contextmanager
def peaks(roots: Mapping[str, int], every: float = 0.1, line: str = "VmHWM") -> Iterator[dict[str, float]]:
    """Watch processes for as long as a block lasts: the highest memory of each, in MB, and under `NAME: child` of the
    largest process that it started. `VmHWM` tells of all its life, `VmRSS` of what is seen of it in the block.
    """
    found: dict[str, float] = dict.fromkeys(roots, 0.0)
    over = threading.Event()

    def watch() -> None:
        while not over.wait(every):
            for name, root in roots.items():
                for pid in family(root):
                    key = name if pid == root else f"{name}: child"
                    found[key] = max(found.get(key, 0.0), memory(pid, line))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()
