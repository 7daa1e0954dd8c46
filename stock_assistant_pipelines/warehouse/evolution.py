"""What migrations are written with so that the code of two releases can live with the same tables.

Which steps are allowed in which release: `docs/upgrades.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic import op

if TYPE_CHECKING:
    from collections.abc import Sequence

SCHEMA_FLOOR = sa.table("schema_floor", *(sa.column(name, sa.Text) for name in ("revision", "floor", "reason")))


def add_index(name: str, table: str, columns: Sequence[str], *, unique: bool = False, where: str | None = None) -> None:
    """Build an index while rows are read and written. A migration that does this does nothing else: it has no transaction.

    It waits for the transactions that are open, and nobody waits for it. What a try that was cut off left is built anew.
    """
    with op.get_context().autocommit_block():
        op.execute("set lock_timeout = 0")
        op.execute("set statement_timeout = 0")
        op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)
        op.create_index(
            name,
            table,
            list(columns),
            unique=unique,
            postgresql_concurrently=True,
            postgresql_where=sa.text(where) if where else None,
        )


def drop_index(name: str, table: str) -> None:
    """Drop an index while rows are read and written; again a migration of its own."""
    with op.get_context().autocommit_block():
        op.execute("set lock_timeout = 0")
        op.execute("set statement_timeout = 0")
        op.drop_index(name, table, postgresql_concurrently=True, if_exists=True)


def raise_floor(revision: str, floor: str, reason: str) -> None:
    """Say that code must know revision `floor` since the migration `revision`, which takes something away."""
    op.execute(sa.insert(SCHEMA_FLOOR).values(revision=revision, floor=floor, reason=reason))


def lower_floor(revision: str) -> None:
    """Take back what the migration `revision` has said."""
    op.execute(sa.delete(SCHEMA_FLOOR).where(SCHEMA_FLOOR.c.revision == revision))
