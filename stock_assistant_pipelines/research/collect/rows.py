"""Reading: the queries of the collectors, each in a file of its own, and their rows."""

from __future__ import annotations

from collections import defaultdict
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import Connection, RowMapping

    ByStock = Mapping[str, Sequence[RowMapping]]
    """Rows by `ts_code`, in the order of the query."""


def read(connection: Connection, name: str, **values: Any) -> Sequence[RowMapping]:
    """The rows of `sql/NAME.sql`."""
    statement = files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8")
    return connection.execute(text(statement), values).mappings().all()


def by_stock(rows: Sequence[RowMapping]) -> ByStock:
    """Group rows by their `ts_code`; a stock without one has an empty group."""
    grouped: defaultdict[str, list[RowMapping]] = defaultdict(list)
    for row in rows:
        grouped[row["ts_code"]].append(row)
    return grouped
