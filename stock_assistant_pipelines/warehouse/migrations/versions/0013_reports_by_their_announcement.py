"""Reports by the day of their announcement, of the whole market."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision: str | None = "0012"
branch_labels = None
depends_on = None

TABLES = (
    "balancesheet",
    "cashflow",
    "disclosure_date",
    "dividend",
    "express",
    "fina_audit",
    "fina_indicator",
    "forecast",
    "income",
)


def upgrade() -> None:
    """Apply."""
    for table in TABLES:
        op.create_index(f"{table}_by_announcement", table, ["ann_date"])


def downgrade() -> None:
    """Take back."""
    for table in TABLES:
        op.drop_index(f"{table}_by_announcement", table)
