"""The next version of a function that the API calls."""

from __future__ import annotations

from alembic import op

from stock_assistant_pipelines.warehouse.statement import sql

revision = "9004"
down_revision: str | None = "9003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.execute(sql("daily_adjusted").replace("as $$", "as $$\n    -- The next version.", 1))


def downgrade() -> None:
    """Take back."""
    op.execute(sql("daily_adjusted"))
