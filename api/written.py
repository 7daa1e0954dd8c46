"""Written statements: compiled once, and then only filled in. Compiling costs more than what it takes to read one row."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from sqlalchemy.dialects.postgresql.asyncpg import dialect as asyncpg_dialect

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy import Dialect
    from sqlalchemy.sql.elements import ClauseElement

DIALECT: Dialect = asyncpg_dialect()  # type: ignore[no-untyped-call]
PLACE = re.compile(r"\$([0-9]+)")


@dataclass(frozen=True, slots=True)
class Written:
    """A statement as PostgreSQL reads it."""

    text: str
    """With `$1`, `$2`, … in the places of the parameters."""
    names: tuple[str, ...]
    """The parameters, in this order."""
    defaults: Mapping[str, Any]
    """The values of those that are not given."""
    parts: tuple[str, ...]
    """The text between the places."""
    places: tuple[int, ...]
    """Which parameter each place takes."""

    @classmethod
    def of(cls, statement: ClauseElement) -> Written:
        """Compile a statement."""
        compiled = statement.compile(dialect=DIALECT)
        if "POSTCOMPILE" in str(compiled):
            raise TypeError("a list of values is an array here: column = any_(…), not column.in_(…)")
        text, names = str(compiled), tuple(compiled.positiontup or ())  # type: ignore[attr-defined]
        required = {bind.key for bind in compiled.binds.values() if bind.required}  # type: ignore[attr-defined]
        defaults = {name: value for name, value in (compiled.params or {}).items() if name not in required}
        pieces = PLACE.split(text)
        places = tuple(int(number) - 1 for number in pieces[1::2])
        return cls(text, names, defaults, tuple(pieces[::2]), places)

    def arguments(self, values: Mapping[str, Any] | None = None) -> list[Any]:
        """The values of the parameters, in order. Raises `KeyError` when one is absent."""
        given = {**self.defaults, **(values or {})}
        return [given[name] for name in self.names]

    def filled(self, values: Mapping[str, Any] | None = None) -> str:
        """The text with literals in all places: COPY takes no parameters."""
        literals = [literal(value) for value in self.arguments(values)]
        words = [self.parts[0]]
        for place, part in zip(self.places, self.parts[1:], strict=True):
            words += (literals[place], part)
        return "".join(words)


_WRITTEN: WeakKeyDictionary[ClauseElement, Written] = WeakKeyDictionary()


def written(statement: ClauseElement) -> Written:
    """Compile a statement, the first time that it is met: who keeps its statements, compiles each once."""
    found = _WRITTEN.get(statement)
    if found is None:
        found = _WRITTEN[statement] = Written.of(statement)
    return found


def literal(value: Any) -> str:
    """A value as SQL; its type is told by the cast that follows. Sessions take backslashes for what they are."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | Decimal():
            return f"'{value}'"
        case datetime() | date():
            return f"'{value.isoformat()}'"
        case str():
            return "'" + value.replace("'", "''") + "'"
        case list() | tuple():
            return f"array[{', '.join(map(literal, value))}]" if value else "'{}'"
        case _:
            raise TypeError(f"no literal is made of a {type(value).__name__}")
