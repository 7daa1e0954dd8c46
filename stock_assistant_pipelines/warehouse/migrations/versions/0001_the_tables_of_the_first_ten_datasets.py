"""The tables of the first ten datasets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from stock_assistant_pipelines.warehouse.statement import sql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "adj_factor",
        sa.Column("ts_code", sa.Text(), nullable=False, comment="Tushare code"),
        sa.Column("trade_date", sa.Date(), nullable=False, comment="Trading day"),
        sa.Column(
            "adj_factor",
            sa.Numeric(),
            nullable=True,
            comment="Price times this is hfq, adjusted from the day of listing",
        ),
        sa.PrimaryKeyConstraint("trade_date", "ts_code", name=op.f("adj_factor_pkey")),
        comment="one row per listed stock and trading day, suspended ones included",
    )
    op.create_index(
        "adj_factor_by_code", "adj_factor", ["ts_code", "trade_date"], unique=False, postgresql_include=["adj_factor"]
    )
    op.create_table(
        "coverage",
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("partition", sa.Text(), nullable=False, comment="ISO date of the trading day, or 'all'"),
        sa.Column("status", sa.Text(), nullable=False, comment="complete, partial, empty, failed, disabled, closed"),
        sa.Column(
            "expected", sa.Integer(), nullable=True, comment="Keys a complete partition holds; null while unknown"
        ),
        sa.Column("landed", sa.Integer(), nullable=False, comment="Rows in the table"),
        sa.Column("missing", sa.Integer(), nullable=True, comment="Expected keys without a row; null while unknown"),
        sa.Column("missing_keys", postgresql.ARRAY(sa.Text()), nullable=True, comment="Which; null while unknown"),
        sa.Column("reason", sa.Text(), nullable=True, comment="Why it is not complete, in a sentence"),
        sa.Column("source", sa.Text(), nullable=True, comment="Who answered: tushare, or the sandbox"),
        sa.Column(
            "revision",
            sa.Text(),
            nullable=True,
            comment="SHA-256 of the rows, without their day, as the source last told them",
        ),
        sa.Column(
            "calls",
            sa.Integer(),
            nullable=False,
            comment="Answers it took the last time; one shared by several days counts on one of them",
        ),
        sa.Column("inserted", sa.Integer(), nullable=False, comment="Rows that the last landing added"),
        sa.Column("updated", sa.Integer(), nullable=False, comment="Rows that the last landing changed"),
        sa.Column("deleted", sa.Integer(), nullable=False, comment="Rows that the last landing took out"),
        sa.Column("landed_at", sa.DateTime(timezone=True), nullable=False, comment="When it was last landed or tried"),
        sa.Column("complete_at", sa.DateTime(timezone=True), nullable=True, comment="Since when it is complete"),
        sa.Column("run_id", sa.Text(), nullable=True, comment="The Dagster run that did it"),
        sa.PrimaryKeyConstraint("dataset", "partition", name=op.f("coverage_pkey")),
        comment="One row per dataset and partition: what is expected of it, and what landed",
    )
    op.create_index(op.f("coverage_source_idx"), "coverage", ["source"], unique=False)
    op.create_table(
        "daily",
        sa.Column("ts_code", sa.Text(), nullable=False, comment="Tushare code"),
        sa.Column("trade_date", sa.Date(), nullable=False, comment="Trading day"),
        sa.Column("open", sa.Numeric(), nullable=True, comment="Open, CNY"),
        sa.Column("high", sa.Numeric(), nullable=True, comment="High, CNY"),
        sa.Column("low", sa.Numeric(), nullable=True, comment="Low, CNY"),
        sa.Column("close", sa.Numeric(), nullable=True, comment="Close, CNY"),
        sa.Column("pre_close", sa.Numeric(), nullable=True, comment="Close before, ex-rights, CNY"),
        sa.Column("change", sa.Numeric(), nullable=True, comment="Close minus pre_close, CNY"),
        sa.Column("pct_chg", sa.Numeric(), nullable=True, comment="Change against pre_close, %"),
        sa.Column("vol", sa.Numeric(), nullable=True, comment="Volume, lot of 100 shares"),
        sa.Column("amount", sa.Numeric(), nullable=True, comment="Turnover, 1000 CNY"),
        sa.PrimaryKeyConstraint("trade_date", "ts_code", name=op.f("daily_pkey")),
        comment="one row per stock traded on a trading day, unadjusted",
    )
    op.create_index(
        "daily_by_code",
        "daily",
        ["ts_code", "trade_date"],
        unique=False,
        postgresql_include=["open", "high", "low", "close", "pre_close", "change", "pct_chg", "vol", "amount"],
    )
    op.create_table(
        "daily_basic",
        sa.Column("ts_code", sa.Text(), nullable=False, comment="Tushare code"),
        sa.Column("trade_date", sa.Date(), nullable=False, comment="Trading day"),
        sa.Column("close", sa.Numeric(), nullable=True, comment="Close, CNY"),
        sa.Column("turnover_rate", sa.Numeric(), nullable=True, comment="Turnover rate, %"),
        sa.Column("turnover_rate_f", sa.Numeric(), nullable=True, comment="Turnover rate, free float, %"),
        sa.Column("volume_ratio", sa.Numeric(), nullable=True, comment="Volume against the five days before"),
        sa.Column("pe", sa.Numeric(), nullable=True, comment="Price / earnings; null at a loss"),
        sa.Column(
            "pe_ttm", sa.Numeric(), nullable=True, comment="Price / earnings, trailing twelve months; null at a loss"
        ),
        sa.Column("pb", sa.Numeric(), nullable=True, comment="Price / book"),
        sa.Column("ps", sa.Numeric(), nullable=True, comment="Price / sales"),
        sa.Column("ps_ttm", sa.Numeric(), nullable=True, comment="Price / sales, trailing twelve months"),
        sa.Column("dv_ratio", sa.Numeric(), nullable=True, comment="Dividend yield, %"),
        sa.Column("dv_ttm", sa.Numeric(), nullable=True, comment="Dividend yield, trailing twelve months, %"),
        sa.Column("total_share", sa.Numeric(), nullable=True, comment="Shares, 10,000 shares"),
        sa.Column("float_share", sa.Numeric(), nullable=True, comment="Tradable shares, 10,000 shares"),
        sa.Column("free_share", sa.Numeric(), nullable=True, comment="Free-float shares, 10,000 shares"),
        sa.Column("total_mv", sa.Numeric(), nullable=True, comment="Market value, 10,000 CNY"),
        sa.Column("circ_mv", sa.Numeric(), nullable=True, comment="Market value of tradable shares, 10,000 CNY"),
        sa.PrimaryKeyConstraint("trade_date", "ts_code", name=op.f("daily_basic_pkey")),
        comment="one row per stock traded on a trading day",
    )
    op.create_index(
        "daily_basic_by_code",
        "daily_basic",
        ["ts_code", "trade_date"],
        unique=False,
        postgresql_include=[
            "close",
            "turnover_rate",
            "turnover_rate_f",
            "volume_ratio",
            "pe",
            "pe_ttm",
            "pb",
            "ps",
            "ps_ttm",
            "dv_ratio",
            "dv_ttm",
            "total_share",
            "float_share",
            "free_share",
            "total_mv",
            "circ_mv",
        ],
    )
    op.create_table(
        "index_basic",
        sa.Column("ts_code", sa.Text(), nullable=False, comment="Tushare code"),
        sa.Column("name", sa.Text(), nullable=True, comment="Short name"),
        sa.Column("fullname", sa.Text(), nullable=True, comment="Full name"),
        sa.Column("market", sa.Text(), nullable=True, comment="Exchange or provider"),
        sa.Column("publisher", sa.Text(), nullable=True, comment="Publisher"),
        sa.Column("index_type", sa.Text(), nullable=True, comment="Style"),
        sa.Column("category", sa.Text(), nullable=True, comment="Category"),
        sa.Column("base_date", sa.Date(), nullable=True, comment="Base day"),
        sa.Column("base_point", sa.Numeric(), nullable=True, comment="Base value, point"),
        sa.Column("list_date", sa.Date(), nullable=True, comment="Published since"),
        sa.Column("weight_rule", sa.Text(), nullable=True, comment="Weighting"),
        sa.Column("desc", sa.Text(), nullable=True, comment="Description"),
        sa.Column("exp_date", sa.Date(), nullable=True, comment="Published until"),
        sa.PrimaryKeyConstraint("ts_code", name=op.f("index_basic_pkey")),
        comment="one row per index",
    )
    op.create_table(
        "index_daily",
        sa.Column("ts_code", sa.Text(), nullable=False, comment="Index code"),
        sa.Column("trade_date", sa.Date(), nullable=False, comment="Trading day"),
        sa.Column("close", sa.Numeric(), nullable=True, comment="Close, point"),
        sa.Column("open", sa.Numeric(), nullable=True, comment="Open, point"),
        sa.Column("high", sa.Numeric(), nullable=True, comment="High, point"),
        sa.Column("low", sa.Numeric(), nullable=True, comment="Low, point"),
        sa.Column("pre_close", sa.Numeric(), nullable=True, comment="Close before, point"),
        sa.Column("change", sa.Numeric(), nullable=True, comment="Close minus pre_close, point"),
        sa.Column("pct_chg", sa.Numeric(), nullable=True, comment="Change against pre_close, %"),
        sa.Column("vol", sa.Numeric(), nullable=True, comment="Volume, lot of 100 shares"),
        sa.Column("amount", sa.Numeric(), nullable=True, comment="Turnover, 1000 CNY"),
        sa.PrimaryKeyConstraint("trade_date", "ts_code", name=op.f("index_daily_pkey")),
        comment="one row per followed index and trading day",
    )
    op.create_index(
        "index_daily_by_code",
        "index_daily",
        ["ts_code", "trade_date"],
        unique=False,
        postgresql_include=["close", "open", "high", "low", "pre_close", "change", "pct_chg", "vol", "amount"],
    )
    op.create_table(
        "namechange",
        sa.Column("ts_code", sa.Text(), nullable=False, comment="Tushare code"),
        sa.Column("name", sa.Text(), nullable=False, comment="Name"),
        sa.Column("start_date", sa.Date(), nullable=True, comment="First day of the name"),
        sa.Column("end_date", sa.Date(), nullable=True, comment="Last day of the name; null while it is borne"),
        sa.Column("ann_date", sa.Date(), nullable=True, comment="Announced on"),
        sa.Column("change_reason", sa.Text(), nullable=True, comment="Reason"),
        sa.UniqueConstraint(
            "ts_code", "start_date", "name", name=op.f("namechange_key"), postgresql_nulls_not_distinct=True
        ),
        comment="one row per stock and name it bore from a day on",
    )
    op.create_table(
        "stk_limit",
        sa.Column("trade_date", sa.Date(), nullable=False, comment="Trading day"),
        sa.Column("ts_code", sa.Text(), nullable=False, comment="Tushare code"),
        sa.Column("pre_close", sa.Numeric(), nullable=True, comment="Close before, CNY"),
        sa.Column("up_limit", sa.Numeric(), nullable=True, comment="Upper limit, CNY"),
        sa.Column("down_limit", sa.Numeric(), nullable=True, comment="Lower limit, CNY"),
        sa.PrimaryKeyConstraint("trade_date", "ts_code", name=op.f("stk_limit_pkey")),
        comment="one row per security and trading day; funds and B shares too",
    )
    op.create_index(
        "stk_limit_by_code",
        "stk_limit",
        ["ts_code", "trade_date"],
        unique=False,
        postgresql_include=["pre_close", "up_limit", "down_limit"],
    )
    op.create_table(
        "stock_basic",
        sa.Column("ts_code", sa.Text(), nullable=False, comment="Tushare code"),
        sa.Column("symbol", sa.Text(), nullable=True, comment="Code without exchange"),
        sa.Column("name", sa.Text(), nullable=True, comment="Short name"),
        sa.Column("area", sa.Text(), nullable=True, comment="Province"),
        sa.Column("industry", sa.Text(), nullable=True, comment="Industry"),
        sa.Column("fullname", sa.Text(), nullable=True, comment="Full name"),
        sa.Column("enname", sa.Text(), nullable=True, comment="English full name"),
        sa.Column("cnspell", sa.Text(), nullable=True, comment="Name in pinyin initials"),
        sa.Column("market", sa.Text(), nullable=True, comment="Board"),
        sa.Column("exchange", sa.Text(), nullable=True, comment="Exchange"),
        sa.Column("curr_type", sa.Text(), nullable=True, comment="Trading currency"),
        sa.Column("list_status", sa.Text(), nullable=True, comment="L listed, D delisted, P suspended from listing"),
        sa.Column("list_date", sa.Date(), nullable=True, comment="Day of listing"),
        sa.Column("delist_date", sa.Date(), nullable=True, comment="Day of delisting"),
        sa.Column("is_hs", sa.Text(), nullable=True, comment="N no, H Shanghai and S Shenzhen Connect"),
        sa.Column("act_name", sa.Text(), nullable=True, comment="Actual controller"),
        sa.Column("act_ent_type", sa.Text(), nullable=True, comment="Kind of controller"),
        sa.PrimaryKeyConstraint("ts_code", name=op.f("stock_basic_pkey")),
        comment="one row per stock that is or ever was listed",
    )
    op.create_table(
        "superseded",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("dataset", sa.Text(), nullable=False),
        sa.Column("partition", sa.Text(), nullable=False),
        sa.Column(
            "row",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="The row as it was before the source changed it",
        ),
        sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("superseded_pkey")),
        comment="One row per row that the source corrected or withdrew: what it said before",
    )
    op.create_index(op.f("superseded_dataset_partition_idx"), "superseded", ["dataset", "partition"], unique=False)
    op.create_table(
        "suspend_d",
        sa.Column("ts_code", sa.Text(), nullable=False, comment="Tushare code"),
        sa.Column("trade_date", sa.Date(), nullable=False, comment="Trading day"),
        sa.Column("suspend_timing", sa.Text(), nullable=True, comment="Time of day; null when the whole day"),
        sa.Column("suspend_type", sa.Text(), nullable=False, comment="S suspension, R resumption"),
        sa.UniqueConstraint(
            "trade_date",
            "ts_code",
            "suspend_type",
            "suspend_timing",
            name=op.f("suspend_d_key"),
            postgresql_nulls_not_distinct=True,
        ),
        comment="one row per stock, trading day and suspension (S) or resumption (R)",
    )
    op.create_index(
        "suspend_d_by_code",
        "suspend_d",
        ["ts_code", "trade_date"],
        unique=False,
        postgresql_include=["suspend_timing", "suspend_type"],
    )
    op.create_table(
        "trade_cal",
        sa.Column("exchange", sa.Text(), nullable=False, comment="Exchange"),
        sa.Column("cal_date", sa.Date(), nullable=False, comment="Calendar day"),
        sa.Column("is_open", sa.BigInteger(), nullable=True, comment="1 on a trading day, 0 otherwise"),
        sa.Column("pretrade_date", sa.Date(), nullable=True, comment="The trading day before"),
        sa.PrimaryKeyConstraint("exchange", "cal_date", name=op.f("trade_cal_pkey")),
        comment="one row per exchange and calendar day",
    )
    op.execute(sql("daily_adjusted"))


def downgrade() -> None:
    """Take back."""
    op.execute("drop function daily_adjusted")
    op.drop_table("trade_cal")
    op.drop_index("suspend_d_by_code", table_name="suspend_d", postgresql_include=["suspend_timing", "suspend_type"])
    op.drop_table("suspend_d")
    op.drop_index(op.f("superseded_dataset_partition_idx"), table_name="superseded")
    op.drop_table("superseded")
    op.drop_table("stock_basic")
    op.drop_index(
        "stk_limit_by_code", table_name="stk_limit", postgresql_include=["pre_close", "up_limit", "down_limit"]
    )
    op.drop_table("stk_limit")
    op.drop_table("namechange")
    op.drop_index(
        "index_daily_by_code",
        table_name="index_daily",
        postgresql_include=["close", "open", "high", "low", "pre_close", "change", "pct_chg", "vol", "amount"],
    )
    op.drop_table("index_daily")
    op.drop_table("index_basic")
    op.drop_index(
        "daily_basic_by_code",
        table_name="daily_basic",
        postgresql_include=[
            "close",
            "turnover_rate",
            "turnover_rate_f",
            "volume_ratio",
            "pe",
            "pe_ttm",
            "pb",
            "ps",
            "ps_ttm",
            "dv_ratio",
            "dv_ttm",
            "total_share",
            "float_share",
            "free_share",
            "total_mv",
            "circ_mv",
        ],
    )
    op.drop_table("daily_basic")
    op.drop_index(
        "daily_by_code",
        table_name="daily",
        postgresql_include=["open", "high", "low", "close", "pre_close", "change", "pct_chg", "vol", "amount"],
    )
    op.drop_table("daily")
    op.drop_index(op.f("coverage_source_idx"), table_name="coverage")
    op.drop_table("coverage")
    op.drop_index("adj_factor_by_code", table_name="adj_factor", postgresql_include=["adj_factor"])
    op.drop_table("adj_factor")
