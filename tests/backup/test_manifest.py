"""A base backup is held against its manifest: a file that is missing, shorter or other is named."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from stock_assistant_pipelines.backup import manifest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """Two files and a manifest as PostgreSQL writes it."""
    files = {"base/1": b"a page", "PG_VERSION": b"18\n"}
    entries = []
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        checksum = hashlib.sha256(content).hexdigest()
        entries.append({"Path": name, "Size": len(content), "Checksum-Algorithm": "SHA256", "Checksum": checksum})
    text = f'{{ "PostgreSQL-Backup-Manifest-Version": 2,\n"Files": {json.dumps(entries)},\n'
    text += f'"Manifest-Checksum": "{hashlib.sha256(text.encode()).hexdigest()}"}}\n'
    (tmp_path / manifest.NAME).write_text(text)
    return tmp_path


def test_what_is_as_it_was_is_well(base: Path) -> None:
    assert list(manifest.differences(base)) == []


@pytest.mark.parametrize(
    ("harm", "told"),
    [
        (lambda base: (base / "base/1").unlink(), "base/1 is missing"),
        (lambda base: (base / "base/1").write_bytes(b"a pa"), "base/1 has 4 bytes and had 6"),
        (lambda base: (base / "base/1").write_bytes(b"b page"), "base/1 has as many bytes, and others"),
        (
            lambda base: (base / manifest.NAME).write_text((base / manifest.NAME).read_text().replace("2,", "1,", 1)),
            "backup_manifest is not as it was written",
        ),
        (lambda base: (base / manifest.NAME).unlink(), "backup_manifest cannot be read"),
    ],
)
def test_what_differs_is_named(base: Path, harm: Callable[[Path], object], told: str) -> None:
    harm(base)
    (line,) = manifest.differences(base)
    assert line.startswith(told)
