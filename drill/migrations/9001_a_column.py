"""A column that the running version does not know."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stock_assistant_pipelines.warehouse.revision import HEAD

revision = "9001"
down_revision: str | None = HEAD
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    for table in ("daily", "coverage"):
        op.add_column(table, sa.Column("told_by_the_drill", sa.Text(), comment="Null: nothing"))


def downgrade() -> None:
    """Take back."""
    for table in ("daily", "coverage"):
        op.drop_column(table, "told_by_the_drill")
