"""An index on the table that is written."""

from __future__ import annotations

from stock_assistant_pipelines.warehouse.evolution import add_index, drop_index

revision = "9003"
down_revision: str | None = "9002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    add_index("daily_by_volume", "daily", ["trade_date", "vol"])


def downgrade() -> None:
    """Take back."""
    drop_index("daily_by_volume", "daily")
