"""What is wrong, once per cause, and what each channel accepted of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "alert",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column(
            "cause", sa.Text(), nullable=False, comment="What is wrong; the same word for everything that it explains"
        ),
        sa.Column("kind", sa.Text(), nullable=False, comment="failed, partial, late, quota, permission"),
        sa.Column("severity", sa.Text(), nullable=False, comment="warning, critical"),
        sa.Column("title", sa.Text(), nullable=False, comment="As it is told, in one line"),
        sa.Column("body", sa.Text(), nullable=False, comment="As it is told"),
        sa.Column("datasets", ARRAY(sa.Text()), nullable=False, comment="All that it concerned since it is open"),
        sa.Column("partitions", sa.Integer(), nullable=False, comment="How many partitions it concerns now"),
        sa.Column("first_seen", moment, nullable=False),
        sa.Column("last_seen", moment, nullable=False),
        sa.Column("telling", sa.Integer(), nullable=False, comment="How often there was something to tell; 0: not yet"),
        sa.Column("due_at", moment, comment="When there was last something to tell"),
        sa.Column("told_at", moment, comment="Since when every channel has accepted what there is to tell"),
        sa.Column("cleared_at", moment, comment="Since when it no longer holds; null: it is open"),
        sa.PrimaryKeyConstraint("id", name="alert_pkey"),
        comment="One row per cause of trouble that was seen: one message, however many partitions it concerns",
    )
    op.create_index("alert_open", "alert", ["cause"], unique=True, postgresql_where=sa.text("cleared_at IS NULL"))
    op.create_table(
        "alert_channel",
        sa.Column("alert_id", sa.BigInteger(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False, comment="Scheme and fingerprint; the address is a secret"),
        sa.Column(
            "telling", sa.Integer(), nullable=False, comment="The last telling of the alert that it accepted; 0: none"
        ),
        sa.Column("accepted_at", moment),
        sa.Column("attempts", sa.Integer(), nullable=False, comment="Tries in vain since it last accepted one"),
        sa.Column("next_at", moment, comment="Not tried again before; null when nothing was refused"),
        sa.Column("last_error", sa.Text(), comment="What the channel answered when it last refused"),
        sa.PrimaryKeyConstraint("alert_id", "channel", name="alert_channel_pkey"),
        sa.ForeignKeyConstraint(["alert_id"], ["alert.id"], ondelete="CASCADE"),
        comment="One row per alert and channel that was tried: what it accepted, and why not",
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("alert_channel")
    op.drop_table("alert")
