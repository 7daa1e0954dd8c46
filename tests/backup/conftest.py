"""Keepers of backups, each with a directory of its own: one that encrypts, and one that does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyrage
import pytest

from stock_assistant_pipelines.backup.keeper import Keeper
from stock_assistant_pipelines.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    """A keeper that has nothing yet."""
    return Keeper(Settings(_env_file=None, data_dir=tmp_path))


@pytest.fixture
def sealed(tmp_path: Path) -> Keeper:
    """One that encrypts, and can read what it has written."""
    identity = pyrage.x25519.Identity.generate()
    keys = {"backup_recipient": str(identity.to_public()), "backup_identity": str(identity)}
    return Keeper(Settings(_env_file=None, data_dir=tmp_path, **keys))
