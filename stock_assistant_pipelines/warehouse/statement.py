"""Statements: the SQL that stands in files of its own, in `warehouse/sql/`."""

from __future__ import annotations

from importlib.resources import files


def sql(name: str) -> str:
    """The text of `warehouse/sql/NAME.sql`: a query, or the statement that creates or replaces a function."""
    return files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
