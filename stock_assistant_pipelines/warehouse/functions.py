"""The SQL functions, each in a file of its own. A migration creates them; REST, BI tools and pandas call the same ones."""

from __future__ import annotations

from importlib.resources import files


def sql(name: str) -> str:
    """The statement that creates or replaces a function, from `warehouse/sql/NAME.sql`."""
    return files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
