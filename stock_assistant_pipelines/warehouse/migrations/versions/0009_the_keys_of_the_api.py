"""The keys of the API."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from stock_assistant_pipelines.warehouse.statement import sql

revision = "0009"
down_revision: str | None = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "api_key",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="Who has it; the API's log says it"),
        sa.Column(
            "hash",
            sa.LargeBinary(),
            nullable=False,
            comment="SHA-256 of the key, which is shown once and kept nowhere",
        ),
        sa.Column("hint", sa.Text(), nullable=False, comment="How it begins, by which its holder knows it again"),
        sa.Column(
            "per_minute",
            sa.Integer(),
            comment="Requests per minute; null: as many as are set for all; 0: no limit",
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), comment="From when on it is refused; null: never"),
        sa.Column("revoked_at", sa.DateTime(timezone=True), comment="Since when it is refused; null: it is not"),
        sa.PrimaryKeyConstraint("id", name=op.f("api_key_pkey")),
        sa.UniqueConstraint("hash", name=op.f("api_key_key")),
        comment="One row per key of the API that was ever made",
    )
    op.create_index("api_key_in_use", "api_key", ["name"], unique=True, postgresql_where=sa.text("revoked_at IS NULL"))
    op.execute(sql("api_keys"))


def downgrade() -> None:
    """Take back."""
    op.execute("drop function api_keys()")
    op.drop_table("api_key")
