"""What is encrypted can be opened by who holds the identity, and by nobody else; a part of it by nobody at all."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pyrage
import pytest
from pydantic import SecretStr

from stock_assistant_pipelines.backup.programs import BackupFailed
from stock_assistant_pipelines.backup.sealing import Seal

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = b"rows " * 50_000
IDENTITY = pyrage.x25519.Identity.generate()
SEAL = Seal(str(IDENTITY.to_public()), SecretStr(str(IDENTITY)))


def written(seal: Seal, directory: Path) -> Path:
    path = directory / seal.name("base.tar.gz")
    with path.open("wb") as target:
        seal.write(io.BytesIO(CONTENT), target)
    return path


def read(seal: Seal, path: Path) -> bytes:
    target = io.BytesIO()
    seal.read(path, target)
    return target.getvalue()


def test_what_is_sealed_is_read_with_the_identity(tmp_path: Path) -> None:
    path = written(SEAL, tmp_path)
    assert path.name == "base.tar.gz.age"
    assert b"rows rows" not in path.read_bytes()
    assert read(SEAL, path) == CONTENT
    with SEAL.opened(path, tmp_path) as plain:
        assert plain.read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [path]


def test_without_the_identity_it_is_refused(tmp_path: Path) -> None:
    path = written(SEAL, tmp_path)
    with pytest.raises(BackupFailed, match="is encrypted: BACKUP_IDENTITY_FILE"):
        read(Seal(SEAL.recipient), path)


def test_with_anothers_identity_it_is_refused(tmp_path: Path) -> None:
    path = written(SEAL, tmp_path)
    with pytest.raises(BackupFailed, match="cannot be opened with this identity"):
        read(Seal(identity=SecretStr(str(pyrage.x25519.Identity.generate()))), path)


@pytest.mark.parametrize("cut", [-1, -70_000])
def test_a_file_that_was_cut_short_is_refused(tmp_path: Path, cut: int) -> None:
    path = written(SEAL, tmp_path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(BackupFailed, match="cannot be opened"):
        read(SEAL, path)


def test_without_a_recipient_nothing_is_encrypted(tmp_path: Path) -> None:
    path = written(Seal(), tmp_path)
    assert path.name == "base.tar.gz"
    assert path.read_bytes() == read(Seal(), path) == CONTENT
    with Seal().opened(path, tmp_path) as plain:
        assert plain == path
