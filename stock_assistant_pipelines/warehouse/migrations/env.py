"""Alembic's entry: run the migrations on the database that the caller names, one process at a time."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from stock_assistant_pipelines.warehouse.tables import METADATA
from stock_assistant_pipelines.warehouse.watched import watch

LOCK = 0x53_41_4D_49_47
"""The advisory lock that keeps two processes from migrating at once."""


def run() -> None:
    """Run the migrations in one transaction, holding the lock, and watch the tables that they added."""
    engine = create_engine(context.config.attributes["url"], poolclass=NullPool)
    with engine.connect() as connection:
        context.configure(connection=connection, target_metadata=METADATA, compare_server_default=True)
        with context.begin_transaction():
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            context.run_migrations()
            watch(connection)
    engine.dispose()


run()
