"""The manifest of a base backup: every file that belongs to it, its size and its SHA-256, as PostgreSQL wrote them.

The same that `pg_verifybackup` looks at, which is not everywhere that PostgreSQL is.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "backup_manifest"
OWN = b'"Manifest-Checksum"'


def differences(directory: Path) -> Iterator[str]:
    """What of a base backup is not as its manifest says. Nothing, when all is well."""
    try:
        written = (directory / NAME).read_bytes()
        manifest = json.loads(written)
    except (OSError, ValueError) as error:
        yield f"{NAME} cannot be read: {error}"
        return
    if hashlib.sha256(written[: written.rindex(OWN)]).hexdigest() != manifest["Manifest-Checksum"]:
        yield f"{NAME} is not as it was written"
    for entry in manifest["Files"]:
        path = directory / entry["Path"]
        if not path.is_file():
            yield f"{entry['Path']} is missing"
        elif path.stat().st_size != entry["Size"]:
            yield f"{entry['Path']} has {path.stat().st_size} bytes and had {entry['Size']}"
        elif _checksum(path) != entry["Checksum"]:
            yield f"{entry['Path']} has as many bytes, and others"


def ends(directory: Path) -> Iterator[tuple[int, str]]:
    """Where the WAL ends that a base backup is nothing without: a timeline, and an LSN on it."""
    for part in json.loads((directory / NAME).read_bytes())["WAL-Ranges"]:
        yield part["Timeline"], part["End-LSN"]


def _checksum(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
