"""The market, day by day: a table derived from those of the datasets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "market_day",
        sa.Column("trade_date", sa.Date(), nullable=False, comment="Trading day"),
        sa.Column("traded", sa.BigInteger(), comment="Stocks with a bar, stock"),
        sa.Column("suspended", sa.BigInteger(), comment="Stocks suspended for the whole day, stock"),
        sa.Column("up", sa.BigInteger(), comment="Stocks that closed above pre_close, stock"),
        sa.Column("down", sa.BigInteger(), comment="Stocks that closed below pre_close, stock"),
        sa.Column("unchanged", sa.BigInteger(), comment="Stocks that closed at pre_close, stock"),
        sa.Column("limit_up", sa.BigInteger(), comment="Stocks that closed at the upper limit, stock"),
        sa.Column("limit_down", sa.BigInteger(), comment="Stocks that closed at the lower limit, stock"),
        sa.Column("amount", sa.Numeric(), comment="Turnover of all stocks, 1000 CNY"),
        sa.Column("pct_chg_median", sa.Numeric(), comment="Median change against pre_close, %"),
        sa.Column("total_mv", sa.Numeric(), comment="Market value of the stocks traded, 10,000 CNY"),
        sa.Column("circ_mv", sa.Numeric(), comment="Market value of their tradable shares, 10,000 CNY"),
        sa.Column("pe_ttm_median", sa.Numeric(), comment="Median price / earnings of those with earnings"),
        sa.Column("pb_median", sa.Numeric(), comment="Median price / book"),
        sa.Column(
            "made_from",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="The revision of the day in each source, as in `coverage`",
        ),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False, comment="When it was last written"),
        sa.Column("run_id", sa.Text(), comment="The Dagster run that did it"),
        sa.PrimaryKeyConstraint("trade_date", name=op.f("market_day_pkey")),
        comment="one row per trading day: the whole market of A-shares in figures",
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("market_day")
