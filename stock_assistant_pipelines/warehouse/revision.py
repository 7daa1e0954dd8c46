"""The newest migration, for those who must compare without Alembic: the API's health route."""

from __future__ import annotations

from pathlib import Path

VERSIONS = Path(__file__).with_name("migrations") / "versions"
"""The migrations, one file each, whose names begin with their number."""

HEAD = max(path.name.partition("_")[0] for path in VERSIONS.glob("[0-9]*.py"))
"""The revision that `migrations/versions` ends with; the table `alembic_version` holds it when all have run."""
