"""Queries of the research reports, each in a file of its own."""

from __future__ import annotations

from importlib.resources import files


def query(name: str) -> str:
    """The text of `research/sql/NAME.sql`."""
    return files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
