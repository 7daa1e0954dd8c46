"""The searches for news, and the pages they found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision: str | None = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "research_search",
        sa.Column("id", sa.BigInteger(), autoincrement=True, nullable=False),
        sa.Column("ts_code", sa.Text(), nullable=False, comment="The company that was searched for"),
        sa.Column("day", sa.Date(), nullable=False, comment="The day that evidence was wanted of"),
        sa.Column("query", sa.Text(), nullable=False, comment="What was asked"),
        sa.Column("first", sa.Date(), nullable=False, comment="From when on pages were asked for"),
        sa.Column("last", sa.Date(), nullable=False, comment="Until when"),
        sa.Column("asked_at", moment, nullable=False),
        sa.Column("answered_at", moment, comment="Null: it is under way, or its process died"),
        sa.Column(
            "outcome", sa.Text(), comment="answered, repeated (another was answered before), or the class of the error"
        ),
        sa.Column("error", sa.Text(), comment="What went wrong, in a sentence"),
        sa.Column("source", sa.Text(), comment="Who answered: bocha, or the sandbox"),
        sa.Column(
            "pages", postgresql.ARRAY(sa.Text()), comment="The hashes of the pages that were found, the best first"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("research_search_pkey")),
        comment="One row per call of the search engine, whatever came of it",
    )
    op.create_index(
        "research_search_answered",
        "research_search",
        ["ts_code", "day"],
        unique=True,
        postgresql_where=sa.text("outcome = 'answered'"),
    )
    op.create_index("research_search_by_time", "research_search", ["asked_at"])
    op.create_table(
        "research_page",
        sa.Column("sha256", sa.Text(), nullable=False, comment="Of all that was told of it"),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("snippet", sa.Text(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("published", sa.Text(), comment="When it was published, as it was told"),
        sa.Column("published_at", moment, comment="Since when it counts as known; null: it is undated"),
        sa.Column("fetched_at", moment, nullable=False, comment="When it was first found"),
        sa.PrimaryKeyConstraint("sha256", name=op.f("research_page_pkey")),
        comment="One row per page that was found, as it was found; a page that changed is another one",
    )


def downgrade() -> None:
    """Take back."""
    op.drop_table("research_page")
    op.drop_table("research_search")
