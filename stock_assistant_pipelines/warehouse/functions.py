"""The SQL functions, each in a file of its own. A migration creates them; REST, BI tools and pandas call the same ones.

Where each of several tables has one, the file is a pattern, and names are all that is filled in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg.sql import SQL, Composable, Identifier, Literal

from stock_assistant_pipelines.warehouse.statement import sql

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import LiteralString


@dataclass(frozen=True, slots=True)
class _When:
    """Whose word is taken for when something was known."""

    name: str
    """How functions that go by it end."""
    parameter: LiteralString
    kind: LiteralString
    told: str


AS_OF = _When("as_of", "p_day", "date", "as they were known at the end of a day in Shanghai")
AS_READ = _When("as_read", "p_moment", "timestamptz", "as this database held them at a moment, by when they were read")


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
    return _quarter(api, flows, AS_OF)


def quarter_as_read(api: str, flows: Sequence[str]) -> str:
    """The statement for `API_quarter_as_read`, of the columns that count from the start of the year."""
    return _quarter(api, flows, AS_READ)


def ttm_as_of(api: str, flows: Sequence[str]) -> str:
    """The statement for `API_ttm_as_of`, of the columns that count from the start of the year."""
    return _ttm(api, flows, AS_OF)


def ttm_as_read(api: str, flows: Sequence[str]) -> str:
    """The statement for `API_ttm_as_read`, of the columns that count from the start of the year."""
    return _ttm(api, flows, AS_READ)


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


def _quarter(api: str, flows: Sequence[str], when: _When) -> str:
    figure = "case when extract(quarter from ytd.end_date) = 1 then {0} else {0} - {1} end"
    return _derived("quarter", "Figures of single quarters", api, flows, when, figure, "ytd", "before")


def _ttm(api: str, flows: Sequence[str], when: _When) -> str:
    figure = "case when extract(quarter from ytd.end_date) = 4 then {0} else {0} + {1} - {2} end"
    return _derived("ttm", "Figures of the trailing twelve months", api, flows, when, figure, "ytd", "annual", "ago")


def _derived(pattern: str, told: str, api: str, flows: Sequence[str], when: _When, figure: str, *sources: str) -> str:
    """A statement that derives every flow from the same one in several reports."""
    figures = [SQL(figure).format(*(Identifier(source, name) for source in sources)) for name in flows]
    return _filled(
        pattern,
        function=Identifier(f"{api}_{pattern}_{when.name}"),
        at=SQL(when.parameter),
        kind=SQL(when.kind),
        source=Identifier(f"{api}_{when.name}"),
        columns=SQL(", ").join(SQL("{} numeric").format(Identifier(name)) for name in flows),
        figures=SQL(",\n    ").join(figures),
        comment=Literal(f"{told}, {when.told}"),
    )
