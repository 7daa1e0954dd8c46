"""The status file holds of each kind the last that ended well and, if it is newer, the last that failed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from stock_assistant_pipelines.backup import status as module
from stock_assistant_pipelines.backup.status import Kind, doing, results
from stock_assistant_pipelines.backup.store import locked

if TYPE_CHECKING:
    from pathlib import Path


def act(path: Path, kind: Kind, detail: str, *, ok: bool = True) -> None:
    with doing(path, kind) as under_way:
        under_way.bytes, under_way.detail = 7, detail
        if not ok:
            raise ValueError(f"{detail}\nat length")


def known(path: Path) -> list[tuple[str, bool, str]]:
    return [(each.kind, each.ok, each.detail) for each in results(path)]


def test_before_the_first_nothing_is_known(tmp_path: Path) -> None:
    assert results(tmp_path / "status.json") == []


def test_the_last_good_one_stays_known_beside_a_failure_which_the_next_good_one_takes_away(tmp_path: Path) -> None:
    path = tmp_path / "new" / "status.json"
    act(path, "dump", "first")
    act(path, "base", "base")
    for detail in ("once", "twice"):
        with pytest.raises(ValueError, match=detail):
            act(path, "dump", detail, ok=False)
    assert known(path) == [("dump", True, "first"), ("base", True, "base"), ("dump", False, "twice at length")]
    act(path, "dump", "second")
    assert known(path) == [("base", True, "base"), ("dump", True, "second")]


def test_who_writes_is_alone_from_reading_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, looked = tmp_path / "status.json", []

    def watched(name: str) -> None:
        act = getattr(module, name)

        def look(*words: Path) -> object:
            with locked(tmp_path) as alone:  # as another process would
                looked.append((name, alone))
            return act(*words)

        monkeypatch.setattr(module, name, look)

    watched("results")
    watched("flush")
    act(path, "dump", "first")
    assert looked == [("results", False), ("flush", False)]
    with locked(tmp_path) as alone:
        assert alone


def test_the_file_is_a_list_of_what_the_exporter_reads(tmp_path: Path) -> None:
    path = tmp_path / "status.json"
    act(path, "wal", "0 bytes")
    (entry,) = json.loads(path.read_text())
    assert list(entry) == ["kind", "finished_at", "ok", "seconds", "bytes", "detail"]
    assert entry["finished_at"].endswith("+08:00")
    assert path.stat().st_mode & 0o444 == 0o444
