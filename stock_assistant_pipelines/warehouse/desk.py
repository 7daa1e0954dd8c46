"""The tables of the research desk: what was to be written, of what, what came of it, and how it turned out.

A report is known by its evidence, its prompts and its model: the same of all three is the same report, under the same id.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB


def add(metadata: MetaData) -> None:
    """Add the tables."""
    _evidence(metadata)
    _reports(metadata)
    _claims(metadata)
    _outcomes(metadata)


def _evidence(metadata: MetaData) -> None:
    sheet = Table(
        "research_sheet",
        metadata,
        Column("sha256", Text, primary_key=True, comment="Of the canonical form"),
        Column("ts_code", Text, nullable=False),
        Column("trade_date", Date, nullable=False),
        Column("name", Text, nullable=False, comment="The name that the stock bore on the day"),
        Column("items", Integer, nullable=False, comment="How many"),
        Column("document", LargeBinary, nullable=False, comment="The canonical form, zstd"),
        Column("made_at", DateTime(timezone=True), nullable=False),
        comment="One row per sheet of evidence: what was known of a stock on a trading day",
    )
    Index("research_sheet_of_stock", sheet.c.ts_code, sheet.c.trade_date)
    Table(
        "research_watch",
        metadata,
        Column("trade_date", Date, nullable=False),
        Column("ts_code", Text, nullable=False),
        Column(
            "named_by", Text, nullable=False, comment="The entry of the watchlist that it is there for, or: on demand"
        ),
        Column(
            "evidence_sha256",
            ForeignKey("research_sheet.sha256"),
            comment="Its evidence of the day; null: there is none",
        ),
        Column("error", Text, comment="Why there is no evidence"),
        PrimaryKeyConstraint("trade_date", "ts_code"),
        comment="One row per stock and trading day of which a report is expected; later changes of the list change none",
    )


def _reports(metadata: MetaData) -> None:
    report = Table(
        "research_report",
        metadata,
        Column(
            "id", Text, primary_key=True, comment="Stock, day and the hash of evidence, prompts, model and language"
        ),
        Column("ts_code", Text, nullable=False),
        Column("trade_date", Date, nullable=False),
        Column("name", Text, nullable=False),
        Column("language", Text, nullable=False, comment="zh, en"),
        Column("provider", Text, nullable=False, comment="Of the model that was to be asked first"),
        Column("model", Text, nullable=False),
        Column("prompt_version", Text, nullable=False, comment="The hash of all prompts and contracts"),
        Column("evidence_sha256", ForeignKey("research_sheet.sha256"), comment="Null: there is no evidence"),
        Column("status", Text, nullable=False, comment="published, degraded, abstained, failed"),
        Column("reason", Text, comment="Why it is not published whole"),
        Column("stance", Text, comment="outperform, neutral, underperform; null: none is taken"),
        Column("horizon", Integer, comment="Trading days over which the stance is held"),
        Column("probability", Numeric, comment="Of the stance coming true, by the model's own judgement"),
        Column("claims", Integer, nullable=False, comment="Claims that are published"),
        Column("dropped", Integer, nullable=False, comment="Claims that the gate refused in the end"),
        Column("markdown", Text, comment="The report; null: it failed"),
        Column("sha256", Text, comment="Of the Markdown"),
        Column("forward", Boolean, nullable=False, comment="Whether it was made before the next trading day opened"),
        Column(
            "before_cutoff", Boolean, comment="Whether the model may know what came after the day; null: nobody knows"
        ),
        Column("made_at", DateTime(timezone=True), nullable=False),
        Column("run_id", Text, comment="The run that made it; null: no run"),
        comment="One row per report, whatever came of it",
    )
    Index("research_report_of_day", report.c.trade_date, report.c.ts_code)
    Index("research_report_of_stock", report.c.ts_code, report.c.trade_date)
    Table(
        "research_note",
        metadata,
        Column("report_id", Text, nullable=False),
        Column("expert", Text, nullable=False, comment="technical, financial, valuation, news, synthesis"),
        Column("status", Text, nullable=False, comment="written, degraded, abstained, absent, failed"),
        Column("reason", Text, comment="Why it is not whole"),
        Column(
            "calls", ARRAY(BigInteger), nullable=False, comment="Rows of llm_call with the answer, and the repaired one"
        ),
        Column("provider", Text, comment="Who answered; null: nobody"),
        Column("model", Text),
        Column("prompt_sha256", Text, nullable=False, comment="Of the expert's prompt and contract"),
        Column("strangers", ARRAY(Text), nullable=False, comment="Names of other companies that its answers hold"),
        Column("made_at", DateTime(timezone=True), nullable=False),
        PrimaryKeyConstraint("report_id", "expert"),
        comment="One row per report and expert: what came of asking it",
    )


def _claims(metadata: MetaData) -> None:
    Table(
        "research_claim",
        metadata,
        Column("report_id", Text, nullable=False),
        Column("expert", Text, nullable=False),
        Column("place", Text, nullable=False, comment="summary, claims[0], thesis[1] …"),
        Column("ordinal", Integer, nullable=False, comment="Its place in the answer, from 0"),
        Column("kind", Text, nullable=False, comment="fact, comparison, opinion, risk"),
        Column("direction", Text, nullable=False),
        Column("template", Text, nullable=False, comment="As the model wrote it, with placeholders"),
        Column("text", Text, comment="With its values printed; null: it cannot be printed"),
        Column("evidence", ARRAY(Text), nullable=False, comment="Ids of the items it rests on"),
        Column("spans", JSONB, nullable=False, comment="Printed values: start, end, ids, function, value"),
        Column("held", Boolean, nullable=False, comment="Whether the gate let it pass: only then it is published"),
        Column("violations", JSONB, nullable=False, comment="Why not: rule, detail"),
        PrimaryKeyConstraint("report_id", "expert", "place"),
        comment="One row per claim of the last answer of each expert",
    )


def _outcomes(metadata: MetaData) -> None:
    Table(
        "research_outcome",
        metadata,
        Column("report_id", ForeignKey("research_report.id", ondelete="CASCADE"), nullable=False),
        Column("horizon", Integer, nullable=False, comment="Trading days after the report's"),
        Column("end_date", Date, nullable=False, comment="The trading day at the end of the horizon"),
        Column("return_pct", Numeric, comment="Of the stock, adjusted; null: it cannot be told"),
        Column("index_pct", Numeric, comment="Of CSI 300"),
        Column("industry_pct", Numeric, comment="The median of its industry"),
        Column("hit", Boolean, comment="Whether the stance came true against the index; null: none was taken"),
        Column("brier", Numeric, comment="The square of probability less hit; at the report's own horizon only"),
        Column("lacks", Text, comment="Why something cannot be told, or was told by other days' prices"),
        Column(
            "made_from", Text, nullable=False, comment="MD5 of the revisions, as in `coverage`, of the days it took"
        ),
        Column("made_at", DateTime(timezone=True), nullable=False, comment="When it was last written"),
        PrimaryKeyConstraint("report_id", "horizon"),
        comment="One row per report and horizon that has passed",
    )
