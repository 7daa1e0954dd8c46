"""A keeper of backups with a directory of its own, and the role with which it connects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stock_assistant_pipelines.backup.keeper import Keeper
from stock_assistant_pipelines.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    """A keeper that has nothing yet."""
    return Keeper(Settings(_env_file=None, data_dir=tmp_path))
