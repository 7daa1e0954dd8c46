"""The research desk: evidence, reports, claims, outcomes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision: str | None = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "research_sheet",
        sa.Column("sha256", sa.Text(), nullable=False, comment="Of the canonical form"),
        sa.Column("ts_code", sa.Text(), nullable=False),
        sa.Column("trade_date", sa.Date(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, comment="The name that the stock bore on the day"),
        sa.Column("items", sa.Integer(), nullable=False, comment="How many"),
        sa.Column("document", sa.LargeBinary(), nullable=False, comment="The canonical form, zstd"),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("research_sheet_pkey")),
        comment="One row per sheet of evidence: what was known of a stock on a trading day",
    )
    op.create_index("research_sheet_of_stock", "research_sheet", ["ts_code", "trade_date"])
    op.create_table(
        "research_watch",
        sa.Column("trade_date", sa.Date(), nullable=False),
        sa.Column("ts_code", sa.Text(), nullable=False),
        sa.Column(
            "named_by",
            sa.Text(),
            nullable=False,
            comment="The entry of the watchlist that it is there for, or: on demand",
        ),
        sa.Column("evidence_sha256", sa.Text(), comment="Its evidence of the day; null: there is none"),
        sa.Column("error", sa.Text(), comment="Why there is no evidence"),
        sa.ForeignKeyConstraint(
            ["evidence_sha256"],
            ["research_sheet.sha256"],
            name=op.f("research_watch_evidence_sha256_fkey"),
        ),
        sa.PrimaryKeyConstraint("trade_date", "ts_code", name=op.f("research_watch_pkey")),
        comment="One row per stock and trading day of which a report is expected; later changes of the list change none",
    )
    op.create_table(
        "research_report",
        sa.Column(
            "id", sa.Text(), nullable=False, comment="Stock, day and the hash of evidence, prompts, model and language"
        ),
        sa.Column("ts_code", sa.Text(), nullable=False),
        sa.Column("trade_date", sa.Date(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("language", sa.Text(), nullable=False, comment="zh, en"),
        sa.Column("provider", sa.Text(), nullable=False, comment="Of the model that was to be asked first"),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("prompt_version", sa.Text(), nullable=False, comment="The hash of all prompts and contracts"),
        sa.Column("evidence_sha256", sa.Text(), comment="Null: there is no evidence"),
        sa.Column("status", sa.Text(), nullable=False, comment="published, degraded, abstained, failed"),
        sa.Column("reason", sa.Text(), comment="Why it is not published whole"),
        sa.Column("stance", sa.Text(), comment="outperform, neutral, underperform; null: none is taken"),
        sa.Column("horizon", sa.Integer(), comment="Trading days over which the stance is held"),
        sa.Column(
            "probability",
            sa.Numeric(),
            comment="Of the stance coming true, by the model's own judgement",
        ),
        sa.Column("claims", sa.Integer(), nullable=False, comment="Claims that are published"),
        sa.Column("dropped", sa.Integer(), nullable=False, comment="Claims that the gate refused in the end"),
        sa.Column("markdown", sa.Text(), comment="The report; null: it failed"),
        sa.Column("sha256", sa.Text(), comment="Of the Markdown"),
        sa.Column(
            "forward", sa.Boolean(), nullable=False, comment="Whether it was made before the next trading day opened"
        ),
        sa.Column(
            "before_cutoff",
            sa.Boolean(),
            comment="Whether the model may know what came after the day; null: nobody knows",
        ),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("run_id", sa.Text(), comment="The run that made it; null: no run"),
        sa.ForeignKeyConstraint(
            ["evidence_sha256"],
            ["research_sheet.sha256"],
            name=op.f("research_report_evidence_sha256_fkey"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("research_report_pkey")),
        comment="One row per report, whatever came of it",
    )
    op.create_index("research_report_of_day", "research_report", ["trade_date", "ts_code"])
    op.create_index("research_report_of_stock", "research_report", ["ts_code", "trade_date"])
    op.create_table(
        "research_note",
        sa.Column("report_id", sa.Text(), nullable=False),
        sa.Column("expert", sa.Text(), nullable=False, comment="technical, financial, valuation, news, synthesis"),
        sa.Column("status", sa.Text(), nullable=False, comment="written, degraded, abstained, absent, failed"),
        sa.Column("reason", sa.Text(), comment="Why it is not whole"),
        sa.Column(
            "calls",
            postgresql.ARRAY(sa.BigInteger()),
            nullable=False,
            comment="Rows of llm_call with the answer, and the repaired one",
        ),
        sa.Column("provider", sa.Text(), comment="Who answered; null: nobody"),
        sa.Column("model", sa.Text()),
        sa.Column("prompt_sha256", sa.Text(), nullable=False, comment="Of the expert's prompt and contract"),
        sa.Column(
            "strangers",
            postgresql.ARRAY(sa.Text()),
            nullable=False,
            comment="Names of other companies that its answers hold",
        ),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("report_id", "expert", name=op.f("research_note_pkey")),
        comment="One row per report and expert: what came of asking it",
    )
    op.create_table(
        "research_claim",
        sa.Column("report_id", sa.Text(), nullable=False),
        sa.Column("expert", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False, comment="summary, claims[0], thesis[1] …"),
        sa.Column("ordinal", sa.Integer(), nullable=False, comment="Its place in the answer, from 0"),
        sa.Column("kind", sa.Text(), nullable=False, comment="fact, comparison, opinion, risk"),
        sa.Column("direction", sa.Text(), nullable=False),
        sa.Column("template", sa.Text(), nullable=False, comment="As the model wrote it, with placeholders"),
        sa.Column("text", sa.Text(), comment="With its values printed; null: it cannot be printed"),
        sa.Column("evidence", postgresql.ARRAY(sa.Text()), nullable=False, comment="Ids of the items it rests on"),
        sa.Column(
            "spans",
            postgresql.JSONB(),
            nullable=False,
            comment="Printed values: start, end, ids, function, value",
        ),
        sa.Column(
            "held", sa.Boolean(), nullable=False, comment="Whether the gate let it pass: only then it is published"
        ),
        sa.Column("violations", postgresql.JSONB(), nullable=False, comment="Why not: rule, detail"),
        sa.PrimaryKeyConstraint("report_id", "expert", "place", name=op.f("research_claim_pkey")),
        comment="One row per claim of the last answer of each expert",
    )
    op.create_table(
        "research_outcome",
        sa.Column("report_id", sa.Text(), nullable=False),
        sa.Column("horizon", sa.Integer(), nullable=False, comment="Trading days after the report's"),
        sa.Column("end_date", sa.Date(), nullable=False, comment="The trading day at the end of the horizon"),
        sa.Column("return_pct", sa.Numeric(), comment="Of the stock, adjusted; null: it cannot be told"),
        sa.Column("index_pct", sa.Numeric(), comment="Of CSI 300"),
        sa.Column("industry_pct", sa.Numeric(), comment="The median of its industry"),
        sa.Column(
            "hit",
            sa.Boolean(),
            comment="Whether the stance came true against the index; null: none was taken",
        ),
        sa.Column(
            "brier",
            sa.Numeric(),
            comment="The square of probability less hit; at the report's own horizon only",
        ),
        sa.Column("lacks", sa.Text(), comment="Why something cannot be told, or was told by other days' prices"),
        sa.Column(
            "made_from",
            sa.Text(),
            nullable=False,
            comment="MD5 of the revisions, as in `coverage`, of the days it took",
        ),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False, comment="When it was last written"),
        sa.ForeignKeyConstraint(
            ["report_id"], ["research_report.id"], name=op.f("research_outcome_report_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("report_id", "horizon", name=op.f("research_outcome_pkey")),
        comment="One row per report and horizon that has passed",
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("research_outcome")
    op.drop_table("research_claim")
    op.drop_table("research_note")
    op.drop_table("research_report")
    op.drop_table("research_watch")
    op.drop_table("research_sheet")
