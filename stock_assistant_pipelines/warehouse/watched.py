"""Watched tables: those that are served. Whoever changes one, by landing or by hand, moves the data version of its dataset.

Triggers do it, in the transaction of the change (`docs/decisions/0011-response-cache.md`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg.sql import SQL, Identifier
from sqlalchemy import text

from stock_assistant_pipelines.warehouse.statement import sql
from stock_assistant_pipelines.warehouse.tables import ASKED, COVERAGE, EVERYTHING, VERSIONED

if TYPE_CHECKING:
    from sqlalchemy import Connection

FUNCTIONS = ("bump_data_version", "data_changed")

BOOKS = (COVERAGE.name, ASKED.name)
"""The tables that hold rows about all datasets, and name the dataset in each."""

OF_DATASET = """
create trigger data_changed after insert or update or delete or truncate on {table}
for each statement execute function data_changed()
"""

OF_BOOK = f"""
create trigger data_changed after insert or update or delete on {{table}}
for each row execute function data_changed();
create trigger data_emptied after truncate on {{table}}
for each statement execute function data_changed('{EVERYTHING}')
"""

UNWATCHED = """
select relname
from pg_class
where relnamespace = 'public'::regnamespace and relkind = 'r' and relname = any(:tables)
    and to_regproc('data_changed') is not null
    and not exists (select from pg_trigger where tgrelid = pg_class.oid and tgname = 'data_changed')
order by relname
"""


def watch(connection: Connection) -> None:
    """Watch the served tables that are not watched yet: all of them, or those that a migration has just added."""
    for name in connection.execute(text(UNWATCHED), {"tables": [*VERSIONED, *BOOKS]}).scalars().all():
        trigger = SQL(OF_BOOK if name in BOOKS else OF_DATASET).format(table=Identifier(name))
        connection.exec_driver_sql(trigger.as_string(None))


def functions() -> list[str]:
    """The statements that create the functions, in this order."""
    return [sql(name) for name in FUNCTIONS]
