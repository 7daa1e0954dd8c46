"""The newest migration, for those who must compare without Alembic: the API's health route."""

HEAD = "0001"
"""The revision that `migrations/versions` ends with; the table `alembic_version` holds it when all have run."""
