"""Where the tests' own servers lie."""

from __future__ import annotations

import shutil
from types import SimpleNamespace
from typing import TYPE_CHECKING

import databases
import psutil
import pytest
from databases import ROOM

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("there", "memory", "in_memory"),
    [(ROOM + 1, ROOM + 1, True), (ROOM + 1, ROOM, False), (ROOM, ROOM + 1, False)],
)
def test_a_server_lies_in_memory_where_its_file_system_and_the_memory_itself_have_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: int, memory: int, in_memory: bool
) -> None:
    monkeypatch.setattr(databases, "MEMORY", tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=there))
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(available=memory))
    with databases.place() as directory:
        assert (directory.parent == tmp_path) is in_memory
