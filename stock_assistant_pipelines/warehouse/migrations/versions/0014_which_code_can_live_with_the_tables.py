"""Which code can live with the tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision: str | None = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "schema_floor",
        sa.Column("revision", sa.Text(), nullable=False, comment="The migration that took something away"),
        sa.Column("floor", sa.Text(), nullable=False, comment="The lowest revision that code must know since"),
        sa.Column("reason", sa.Text(), nullable=False, comment="What was taken away"),
        sa.PrimaryKeyConstraint("revision", name=op.f("schema_floor_pkey")),
        comment="One row per migration that took away what older code needs",
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("schema_floor")
