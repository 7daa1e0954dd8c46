"""What code and database know of each other, for those who must compare without Alembic: the API's health route, and each run.

A database may be newer than the code: migrations only add, until one of them says from which revision on code can live
with it (`docs/decisions/0014-expand-and-contract.md`). Revisions are numbers of four digits, and compare as text.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

VERSIONS = Path(__file__).with_name("migrations") / "versions"
"""The migrations, one file each, whose names begin with their number."""

HEAD = max(path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*.py"))
"""The revision that `migrations/versions` ends with; the table `alembic_version` holds it when all have run."""

HAS_REVISION = "select to_regclass('alembic_version') is not null"
REVISION = "select version_num from alembic_version"
FLOOR = "select max(floor) from schema_floor"
"""The lowest revision that code must know; null while every version can live with the tables."""

FLOORED = "0014"
"""The revision from which on there is a floor to read."""

UPGRADE = "run `stock-assistant db upgrade`, as the owner of the tables"
"""What to do where the tables are behind."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a database stands."""

    found: str | None
    """Its revision; None where no migration has run."""
    floor: str | None
    """The lowest revision that code must know, if any."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Why this code and the tables do not go together."""

    retired: bool
    """Whether this code is too old for the tables, and not the tables for it."""
    told: str
    """It in words, with what to do. One line."""


def standing(ask: Callable[[str], object]) -> Standing:
    """Where a database stands, by whoever can ask it for one value; None where the answer has no row."""
    found = ask(REVISION) if ask(HAS_REVISION) else None
    if found is None:
        return Standing(None, None)
    floor = ask(FLOOR) if str(found) >= FLOORED else None
    return Standing(str(found), None if floor is None else str(floor))


def verdict(database: Standing) -> Mismatch | None:
    """Judge whether this code can work with a database; None when it can."""
    found, floor = database.found, database.floor
    if found is None or found < HEAD:
        told = f"The database is at revision {found or 'none'}, this version needs {HEAD}: {UPGRADE}."
        return Mismatch(retired=False, told=told)
    if floor is None or floor <= HEAD:
        return None
    told = (
        f"The database is at revision {found} and takes versions that know {floor} or more; this one knows {HEAD}. "
        "Deploy a newer version."
    )
    return Mismatch(retired=True, told=told)
