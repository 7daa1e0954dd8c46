"""The SQL functions, each in a file of its own. A migration creates them; REST, BI tools and pandas call the same ones.

Where each of several tables has one, the file is a pattern, and names are all that is filled in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg.sql import SQL, Composable, Identifier, Literal

from stock_assistant_pipelines.warehouse.statement import sql

if TYPE_CHECKING:
    from collections.abc import Sequence


def _filled(pattern: str, **parts: Composable) -> str:
    return SQL(sql(pattern)).format(**parts).as_string(None)


def as_of(api: str, key: Sequence[str], prefer: Sequence[str]) -> str:
    """The statement for `API_as_of`: the version of each key that was known last on a day, the highest in `prefer`."""
    return _of_key("as_of", api, key, prefer)


def as_read(api: str, key: Sequence[str], prefer: Sequence[str]) -> str:
    """The statement for `API_as_read`: the version of each key that this database held at a moment."""
    return _of_key("as_read", api, key, prefer)


def statement_as_of(api: str, prefer: Sequence[str]) -> str:
    """The statement for `API_as_of` of statements, which have report types."""
    return _filled(
        "statement_as_of", function=Identifier(f"{api}_as_of"), table=Identifier(api), prefer=_highest(prefer)
    )


def statement_as_read(api: str, prefer: Sequence[str]) -> str:
    """The statement for `API_as_read` of statements, which have report types."""
    return _filled(
        "statement_as_read", function=Identifier(f"{api}_as_read"), table=Identifier(api), prefer=_highest(prefer)
    )


def quarter_as_of(api: str, flows: Sequence[str]) -> str:
    """The statement for `API_quarter_as_of`, of the columns that count from the start of the year."""
    return _derived(
        "quarter_as_of", api, flows, "case when extract(quarter from ytd.end_date) = 1 then {0} else {0} - {1} end",
        "ytd", "before",
    )  # fmt: skip


def ttm_as_of(api: str, flows: Sequence[str]) -> str:
    """The statement for `API_ttm_as_of`, of the columns that count from the start of the year."""
    return _derived(
        "ttm_as_of", api, flows, "case when extract(quarter from ytd.end_date) = 4 then {0} else {0} + {1} - {2} end",
        "ytd", "annual", "ago",
    )  # fmt: skip


def quarantine(apis: Sequence[str]) -> str:
    """The statement for the view `quarantine`: the rows of all these tables of which nobody can say when they became known."""
    parts = [_filled("quarantined", name=Literal(api), table=Identifier(api)) for api in apis]
    return "create or replace view quarantine as\n" + "union all\n".join(parts)


def _of_key(pattern: str, api: str, key: Sequence[str], prefer: Sequence[str]) -> str:
    return _filled(
        pattern,
        function=Identifier(f"{api}_{pattern}"),
        table=Identifier(api),
        key=SQL(", ").join(Identifier("version", name) for name in key),
        prefer=_highest(prefer),
    )


def _highest(prefer: Sequence[str]) -> Composable:
    return SQL("").join(SQL("{} desc nulls last, ").format(Identifier("version", name)) for name in prefer)


def _derived(pattern: str, api: str, flows: Sequence[str], figure: str, *sources: str) -> str:
    """A statement that derives every flow from the same one in several reports."""
    figures = [SQL(figure).format(*(Identifier(source, name) for source in sources)) for name in flows]
    return _filled(
        pattern,
        function=Identifier(f"{api}_{pattern}"),
        as_of=Identifier(f"{api}_as_of"),
        columns=SQL(", ").join(SQL("{} numeric").format(Identifier(name)) for name in flows),
        figures=SQL(",\n    ").join(figures),
    )
