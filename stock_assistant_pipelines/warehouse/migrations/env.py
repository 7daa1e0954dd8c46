"""Alembic's entry: run migrations on the database that the caller names, or write their SQL (`alembic upgrade --sql`)."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from stock_assistant_pipelines.warehouse.tables import METADATA
from stock_assistant_pipelines.warehouse.watched import watch


def run() -> None:
    """Run each migration in a transaction of its own, with the caller's limits, and watch the tables that they added."""
    engine = create_engine(context.config.attributes["url"], poolclass=NullPool)
    with engine.connect() as connection:
        for statement in context.config.attributes.get("limits", ()):
            connection.exec_driver_sql(statement)
        connection.commit()
        context.configure(
            connection=connection,
            target_metadata=METADATA,
            compare_server_default=True,
            transaction_per_migration=True,
        )
        with context.begin_transaction():
            context.run_migrations()
        watch(connection)
        connection.commit()
    engine.dispose()


def write() -> None:
    """Write the SQL of each migration, with the transactions that it runs in."""
    context.configure(dialect_name="postgresql", literal_binds=True, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    write()
else:
    run()
