"""A table that the running version does not know."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "9002"
down_revision: str | None = "9001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "drilled",
        sa.Column("trade_date", sa.Date(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("trade_date", name=op.f("drilled_pkey")),
        comment="One row per day of the drill",
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("drilled")
