"""A keeper of backups with a directory of its own, and the role with which it connects."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from stock_assistant_pipelines.backup.keeper import Keeper
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy.engine import URL

ROLE = "backup_of_the_tests"


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    """A keeper that has nothing yet."""
    return Keeper(Settings(_env_file=None, data_dir=tmp_path))


@pytest.fixture(scope="module")
def as_backup(postgres: URL) -> Iterator[URL]:
    """The tests' server as a role sees it that may replicate and read, and nothing else."""
    with psycopg.connect(conninfo(postgres), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE {ROLE} LOGIN REPLICATION IN ROLE pg_read_all_data")
        yield postgres.set(username=ROLE)
        connection.execute(f"DROP ROLE {ROLE}")
