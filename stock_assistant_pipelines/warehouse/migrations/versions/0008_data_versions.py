"""Data versions: counters that move with every change of what is served."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stock_assistant_pipelines.warehouse.watched import functions

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. The triggers come after all migrations, and on tables of later ones too: see `warehouse/watched.py`."""
    op.create_table(
        "data_version",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False, comment="What was changed; 'everything': whatever is served"),
        sa.Column("version", sa.BigInteger(), nullable=False, comment="Transactions that took this counter"),
        sa.PrimaryKeyConstraint("id", name="data_version_pkey"),
        comment="One row per dataset and transactions at once: counters, whose sum moves with every change of what is served",
        postgresql_with={"fillfactor": 50},
    )
    for statement in functions():
        op.execute(statement)


def downgrade() -> None:
    """Take back."""
    op.execute("drop function data_changed() cascade")
    op.execute("drop function bump_data_version(text)")
    op.drop_table("data_version")
