"""Prices adjusted to the factor that was the newest on a day."""

from __future__ import annotations

from alembic import op

from stock_assistant_pipelines.warehouse.statement import sql

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.execute(sql("daily_adjusted_as_of"))


def downgrade() -> None:
    """Take back."""
    op.execute("drop function daily_adjusted_as_of(text, date, date, date)")
