"""The ledger of language models."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision: str | None = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "llm_call",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("report_key", sa.Text(), comment="The report that it was made for; null: none"),
        sa.Column("expert", sa.Text(), nullable=False, comment="Who asked"),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("rung", sa.Text(), nullable=False, comment="json_schema, tools, json_object, text"),
        sa.Column("request_sha256", sa.Text(), nullable=False, comment="Of provider, model, prompt and contract"),
        sa.Column("request", sa.LargeBinary(), nullable=False, comment="The body that was sent, zstd"),
        sa.Column("response", sa.LargeBinary(), comment="What was answered, zstd; null: nothing"),
        sa.Column("tokens_in", sa.BigInteger(), comment="Null: the provider did not say"),
        sa.Column("tokens_out", sa.BigInteger(), comment="Thinking included"),
        sa.Column("tokens_cached", sa.BigInteger(), comment="Of those asked"),
        sa.Column("tokens_reasoning", sa.BigInteger(), comment="Of those answered"),
        sa.Column("price_version", sa.Text(), nullable=False, comment="By which prices it was counted"),
        sa.Column(
            "reserved_cny",
            sa.Numeric(),
            nullable=False,
            comment="What it could cost at the most, booked before it was made",
        ),
        sa.Column("cost_cny", sa.Numeric(), comment="What it cost; null: it is under way"),
        sa.Column("started_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False, comment="From when on an open call counts as lost"),
        sa.Column("first_byte_ms", sa.Integer(), comment="Until something was answered"),
        sa.Column("total_ms", sa.Integer(), comment="Until all was"),
        sa.Column("attempt", sa.Integer(), nullable=False, comment="Which one of the same question"),
        sa.Column("outcome", sa.Text(), comment="answered, lost, or the class of the error; null: it is under way"),
        sa.Column("error", sa.Text(), comment="What went wrong, in a sentence"),
        sa.PrimaryKeyConstraint("id", name=op.f("llm_call_pkey")),
        comment="One row per call of a language model, whatever came of it",
    )
    op.create_index("llm_call_by_report", "llm_call", ["report_key"])
    op.create_index("llm_call_by_provider", "llm_call", ["provider", "started_at"])
    op.create_index("llm_call_under_way", "llm_call", ["provider"], postgresql_where=sa.text("outcome IS NULL"))
    op.create_index(
        "llm_call_answered", "llm_call", ["request_sha256"], postgresql_where=sa.text("outcome = 'answered'")
    )
    op.create_table(
        "llm_spending",
        sa.Column("span", sa.Text(), nullable=False, comment="A month, a day (both in Shanghai), or report:KEY"),
        sa.Column(
            "spent_cny", sa.Numeric(), nullable=False, comment="What the calls of the span cost, or could at the most"
        ),
        sa.PrimaryKeyConstraint("span", name=op.f("llm_spending_pkey")),
        comment="One row per month, day and report: what is spent or booked, locked by whoever books a call",
        postgresql_with={"fillfactor": 50},
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("llm_spending")
    op.drop_table("llm_call")
