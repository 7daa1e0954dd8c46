"""What code and database know of each other, for those who must compare without Alembic: the API's health route, and each run.

A database may be newer than the code: migrations only add, until one of them says from which revision on code can live
with it (`docs/decisions/0014-expand-and-contract.md`). Revisions are numbers of four digits, and compare as text.
"""

from __future__ import annotations

from pathlib import Path

VERSIONS = Path(__file__).with_name("migrations") / "versions"
"""The migrations, one file each, whose names begin with their number."""

HEAD = max(path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*.py"))
"""The revision that `migrations/versions` ends with; the table `alembic_version` holds it when all have run."""

HAS_REVISION = "select to_regclass('alembic_version') is not null"
REVISION = "select version_num from alembic_version"
FLOOR = "select max(floor) from schema_floor"
"""The lowest revision that code must know; null while every version can live with the tables. It is there from 0014 on."""


def behind(found: str | None) -> str | None:
    """What the database lacks of what this code needs; None when it lacks nothing."""
    if found is not None and found >= HEAD:
        return None
    return f"The database is at revision {found or 'none'}, this version needs {HEAD}"


def retired(found: str | None, floor: str | None) -> str | None:
    """What is to be done when the database has lost what this code needs; None when it has not."""
    if floor is None or floor <= HEAD:
        return None
    return (
        f"The database is at revision {found} and takes versions that know {floor} or more; this one knows {HEAD}. "
        "Deploy a newer version."
    )
