"""The tables of the searches for news: every call that was made, and every page that was found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, Column, Date, DateTime, Index, Table, Text, literal_column
from sqlalchemy.dialects.postgresql import ARRAY

if TYPE_CHECKING:
    from sqlalchemy import MetaData


def add(metadata: MetaData) -> None:
    """Add the tables of the searches."""
    search = Table(
        "research_search",
        metadata,
        Column("id", BigInteger, autoincrement=True, primary_key=True),
        Column("ts_code", Text, nullable=False, comment="The company that was searched for"),
        Column("day", Date, nullable=False, comment="The day that evidence was wanted of"),
        Column("query", Text, nullable=False, comment="What was asked"),
        Column("first", Date, nullable=False, comment="From when on pages were asked for"),
        Column("last", Date, nullable=False, comment="Until when"),
        Column("asked_at", DateTime(timezone=True), nullable=False),
        Column("answered_at", DateTime(timezone=True), comment="Null: it is under way, or its process died"),
        Column("outcome", Text, comment="answered, repeated (another was answered before), or the class of the error"),
        Column("error", Text, comment="What went wrong, in a sentence"),
        Column("source", Text, comment="Who answered: bocha, or the sandbox"),
        Column("pages", ARRAY(Text), comment="The hashes of the pages that were found, the best first"),
        comment="One row per call of the search engine, whatever came of it",
    )
    answered = search.c.outcome == literal_column("'answered'")
    Index("research_search_answered", search.c.ts_code, search.c.day, unique=True, postgresql_where=answered)
    Index("research_search_by_time", search.c.asked_at)
    Table(
        "research_page",
        metadata,
        Column("sha256", Text, primary_key=True, comment="Of all that was told of it"),
        Column("url", Text, nullable=False),
        Column("title", Text, nullable=False),
        Column("snippet", Text, nullable=False),
        Column("summary", Text, nullable=False),
        Column("site", Text, nullable=False),
        Column("published", Text, comment="When it was published, as it was told"),
        Column("published_at", DateTime(timezone=True), comment="Since when it counts as known; null: it is undated"),
        Column("fetched_at", DateTime(timezone=True), nullable=False, comment="When it was first found"),
        comment="One row per page that was found, as it was found; a page that changed is another one",
    )
