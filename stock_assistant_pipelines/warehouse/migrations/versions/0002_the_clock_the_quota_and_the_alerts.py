"""What backfills and the day's clock need: tries and causes in the coverage."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column(
        "coverage",
        sa.Column(
            "attempts", sa.Integer(), server_default="0", nullable=False, comment="Tries since it was last settled"
        ),
    )
    op.add_column(
        "coverage",
        sa.Column(
            "cause",
            sa.Text(),
            nullable=True,
            comment="What kind of thing keeps it from being complete, the same word for all partitions",
        ),
    )
    op.alter_column("coverage", "status", comment="complete, partial, late, empty, failed, deferred, disabled, closed")


def downgrade() -> None:
    """Take back."""
    op.alter_column("coverage", "status", comment="complete, partial, empty, failed, disabled, closed")
    op.drop_column("coverage", "cause")
    op.drop_column("coverage", "attempts")
