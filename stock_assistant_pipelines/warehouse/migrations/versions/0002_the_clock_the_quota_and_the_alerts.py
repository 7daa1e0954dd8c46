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
    op.execute("update coverage set cause = status where status in ('partial', 'empty') and missing > 0")
    _create_quota()


def _create_quota() -> None:
    op.create_table(
        "quota",
        sa.Column("account", sa.Text(), nullable=False, comment="Fingerprint of address and token"),
        sa.Column("api", sa.Text(), nullable=False),
        sa.Column("calls_per_minute", sa.Integer(), nullable=False, comment="How many permits the ring has"),
        sa.Column("calls_per_day", sa.Integer(), comment="Null: as many as the minutes allow"),
        sa.Column("day", sa.Date(), nullable=False, comment="Day, in Shanghai, of the last call"),
        sa.Column("calls", sa.Integer(), nullable=False, comment="Calls on that day"),
        sa.Column("urgent_until", sa.DateTime(timezone=True), comment="Until then, who is not urgent takes no permit"),
        sa.Column("paused_until", sa.DateTime(timezone=True), comment="Until then, nobody calls"),
        sa.Column("paused_window", sa.Text(), comment="The calls of which span are used up: minute, hour, day"),
        sa.Column("paused_because", sa.Text(), comment="What Tushare said"),
        sa.PrimaryKeyConstraint("account", "api", name="quota_pkey"),
        comment="One row per account and interface that was asked: its limits, and what keeps it from being asked",
    )
    op.create_table(
        "permit",
        sa.Column("account", sa.Text(), nullable=False),
        sa.Column("api", sa.Text(), nullable=False),
        sa.Column("slot", sa.Integer(), nullable=False),
        sa.Column("free_at", sa.DateTime(timezone=True), nullable=False, comment="From when on it may be taken"),
        sa.Column("lease", sa.BigInteger(), comment="Who has it; null when it was given back"),
        sa.PrimaryKeyConstraint("account", "api", "slot", name="permit_pkey"),
        sa.ForeignKeyConstraint(["account", "api"], ["quota.account", "quota.api"], ondelete="CASCADE"),
        comment="One row per call that an interface allows in a window; taken before a call, free one window after it",
        postgresql_with={"fillfactor": 50},
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("permit")
    op.drop_table("quota")
    op.alter_column("coverage", "status", comment="complete, partial, empty, failed, disabled, closed")
    op.drop_column("coverage", "cause")
    op.drop_column("coverage", "attempts")
