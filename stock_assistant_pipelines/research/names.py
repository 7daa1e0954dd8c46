"""Names of companies: which of them a text holds. Thousands of names are looked for in one pass."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.collect.rows import read
from stock_assistant_pipelines.research.reading import bare

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import date

    from sqlalchemy import Connection

SHORTEST = 2
"""Characters of a name that can be told from a word."""


class Names:
    """Names, found in texts by how they begin."""

    def __init__(self, names: Iterable[str]) -> None:
        self._by_start: defaultdict[str, set[tuple[str, str]]] = defaultdict(set)
        for name in names:
            for spelling in {name, bare(name)}:
                if len(spelling) >= SHORTEST:
                    self._by_start[spelling[:SHORTEST]].add((spelling, name))

    @classmethod
    def known(cls, connection: Connection, day: date) -> Names:
        """All names that stocks had borne by a day."""
        return cls(row["name"] for row in read(connection, "names", day=day))

    def within(self, text: str) -> tuple[str, ...]:
        """The names that stand in a text, with or without what the exchange adds to them, sorted."""
        found = set()
        for at in range(len(text) - SHORTEST + 1):
            for spelling, name in self._by_start.get(text[at : at + SHORTEST], ()):
                if text.startswith(spelling, at):
                    found.add(name)
        return tuple(sorted(found))
