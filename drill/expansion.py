"""The migrations of a later version, for the drill and the tests: each only adds, as this version can live with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from stock_assistant_pipelines.warehouse.revision import VERSIONS

if TYPE_CHECKING:
    from alembic.config import Config

    from stock_assistant_pipelines.warehouse.database import Database

HERE = Path(__file__).with_name("migrations")

LATER = tuple(sorted(path.name.partition("_")[0] for path in HERE.glob("[0-9]*.py")))
"""Their revisions, in order."""


def later(database: Database, folder: Path = HERE) -> Config:
    """Alembic's configuration of a version that has the migrations of a folder beside this version's."""
    config = database.migrations()
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", f"{VERSIONS}\n{folder}".replace("%", "%%"))
    return config
