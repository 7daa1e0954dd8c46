"""The database of this installation: where it is, that it exists, and that its migrations have run."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import alembic.command
import alembic.config
import psycopg
from psycopg import sql
from sqlalchemy import create_engine
from sqlalchemy.exc import ProgrammingError

from stock_assistant_pipelines.settings.database import API_ROLE, DAGSTER_ROLE, dagsters
from stock_assistant_pipelines.warehouse import embedded, grants, migrator
from stock_assistant_pipelines.warehouse.embedded import conninfo
from stock_assistant_pipelines.warehouse.link import guarded
from stock_assistant_pipelines.warehouse.migrator import NotMigrated
from stock_assistant_pipelines.warehouse.revision import HEAD, UPGRADE
from stock_assistant_pipelines.warehouse.space import explain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import SecretStr
    from sqlalchemy.engine import URL, Engine

    from stock_assistant_pipelines.settings import Settings

MIGRATIONS = Path(__file__).with_name("migrations")

EMBEDDED = "postgres"
"""The directory of the embedded server, in that of the data."""


@dataclass(frozen=True)
class Database:
    """The database of the tables, and beside it, on the same server, that of Dagster's storages."""

    url: URL
    """Without a driver."""
    passwords: Mapping[str, SecretStr] = field(default_factory=dict)
    """The passwords of the roles that have one, by their names."""
    embedded: bool = False
    """Whether it is on the embedded server, where a role needs no password."""

    @property
    def api_url(self) -> URL:
        """The same database as the API's role sees it, on the embedded server."""
        return self.url.set(username=API_ROLE)

    @property
    def dagster_url(self) -> str:
        """Dagster's storages. dagster-postgres works with psycopg2 only, and SQLAlchemy would choose another driver.

        In UTC: Dagster lets the session's time zone write its moments, and reads them as UTC. As Dagster's own role, where
        that has a password.
        """
        url = guarded(self.url).set(drivername="postgresql+psycopg2", database=dagsters(self.url.database))
        if (password := self.passwords.get(DAGSTER_ROLE)) is not None:
            url = url.set(username=DAGSTER_ROLE, password=password.get_secret_value())
        given = url.normalized_query.get("options", ())
        url = url.update_query_dict({"options": " ".join([*given, "-ctimezone=UTC"])})
        return url.render_as_string(hide_password=False)

    def engine(self, pool_size: int = 6) -> Engine:
        """Connect, with a pool that checks its connections. A statement that finds no space raises `DiskFull`."""
        url = guarded(self.url).set(drivername="postgresql+psycopg")
        return explain(create_engine(url, pool_size=pool_size, max_overflow=2, pool_pre_ping=True))

    @contextmanager
    def connected(self, pool_size: int = 6) -> Iterator[Engine]:
        """Connect for as long as the block lasts."""
        engine = self.engine(pool_size)
        try:
            yield engine
        finally:
            engine.dispose()

    def create(self) -> None:
        """Create both databases where they do not exist. Raises `NotOwner`."""
        server = conninfo(self.url.set(database="postgres"))
        with psycopg.connect(server, autocommit=True) as connection:
            for name in (self.url.database, dagsters(self.url.database)):
                if not _knows(connection, name):
                    _create_database(connection, str(name))

    def require(self) -> None:
        """See that the database is there, and make nothing. Raises `NoDatabase`; where it is not embedded, psycopg's error."""
        if not self.embedded:
            psycopg.connect(conninfo(self.url)).close()
            return
        with psycopg.connect(conninfo(self.url.set(database="postgres"))) as connection:
            if not _knows(connection, self.url.database):
                raise NoDatabase(str(self.url.database))

    def prepare(self) -> None:
        """See that the tables are those of this version: as the owner `install`, as anybody else ask whether they are.

        Raises `MigrationError`, or `RoleRefused`.
        """
        self.create()
        with psycopg.connect(conninfo(self.url)) as connection:
            if _may_make_tables(connection):
                self._install()
            else:
                migrator.check(connection)

    def install(self) -> None:
        """Create both databases where they do not exist, run the migrations of the tables, give the roles their rights.

        Raises `NotOwner`, `MigrationError`, or `RoleRefused`.
        """
        self.create()
        with psycopg.connect(conninfo(self.url)) as connection:
            if not _may_make_tables(connection):
                raise NotOwner(connection.info.user)
        self._install()

    def _install(self) -> None:
        if self.upgrade() <= HEAD:  # what the roles of a newer version may read, this one does not know
            self.grant()

    def grant(self) -> None:
        """Give the roles that are there, or have a password, their rights in both databases. Raises `RoleRefused`."""
        with psycopg.connect(conninfo(self.url)) as connection:
            beside = grants.grant(connection, self.passwords, make={API_ROLE} if self.embedded else ())
        if beside:
            with psycopg.connect(conninfo(self.url.set(database=dagsters(self.url.database)))) as connection:
                grants.grant_dagsters(connection, self.passwords)

    def drop(self) -> None:
        """Drop both databases. Raises `NotOwner`."""
        with psycopg.connect(conninfo(self.url.set(database="postgres")), autocommit=True) as connection:
            for name in (self.url.database, dagsters(self.url.database)):
                statement = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
                try:
                    connection.execute(statement.format(sql.Identifier(str(name))))
                except psycopg.errors.InsufficientPrivilege:
                    raise NotOwner(connection.info.user) from None

    def upgrade(self, revision: str = "head") -> str:
        """Run the migrations of the tables up to `revision`, and say at which the database is then."""
        return migrator.upgrade(self.migrations(), revision)

    def revise(self, message: str) -> None:
        """Write a migration, under the next number, for what the catalog declares and the database does not have."""
        number = f"{int(HEAD) + 1:04}"
        alembic.command.revision(self.migrations(), message, autogenerate=True, rev_id=number)

    def migrations(self) -> alembic.config.Config:
        """Alembic's configuration for this database."""
        config = alembic.config.Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        config.attributes["url"] = self.url.set(drivername="postgresql+psycopg")
        return config


def _knows(connection: psycopg.Connection[tuple[object, ...]], name: str | None) -> bool:
    return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,)).fetchone() is not None


def _create_database(connection: psycopg.Connection[tuple[object, ...]], name: str) -> None:
    try:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    except psycopg.errors.InsufficientPrivilege:
        raise NotOwner(connection.info.user) from None
    except psycopg.errors.DuplicateDatabase:
        pass  # another process was faster
    except psycopg.errors.UniqueViolation:
        pass  # the same, seen one moment earlier


def _may_make_tables(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    return connection.execute("SELECT has_schema_privilege('public', 'CREATE')").fetchone() == (True,)


class NotOwner(RuntimeError):
    """Who is connected may not make tables. One line: what to do."""

    def __init__(self, user: str) -> None:
        super().__init__(
            f"{user} is not the owner of the tables, who alone may do this: let POSTGRES_USER and POSTGRES_PASSWORD, or "
            "DATABASE_URL, name the owner"
        )


class NoDatabase(RuntimeError):
    """The database is not there, and who asks would only read it. One line: what makes it."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"there is no database {name}, and nothing to look at: `stock-assistant up` makes it. It is one with a "
            "TUSHARE_TOKEN and another without"
        )


@contextmanager
def migrated() -> Iterator[None]:
    """Say what to do when a statement meets a table or column that is not there. Raises `NotMigrated`."""
    try:
        yield
    except ProgrammingError as error:
        if isinstance(error.orig, psycopg.errors.UndefinedTable | psycopg.errors.UndefinedColumn):
            raise NotMigrated(f"the tables are not those of this version: {UPGRADE}") from error
        raise


@contextmanager
def available(settings: Settings) -> Iterator[Database]:
    """Name the configured database; without one, run the embedded server for as long as the block lasts, and make it there."""
    with _served(settings) as database:
        if database.embedded:
            database.create()
        yield database


@contextmanager
def existing(settings: Settings) -> Iterator[Database]:
    """The same for who only reads, and makes no database where there is none. Raises `NoDatabase`."""
    if settings.embedded and not (settings.data_dir / EMBEDDED / "PG_VERSION").is_file():
        raise NoDatabase(settings.database_name)
    with _served(settings) as database:
        database.require()
        yield database


@contextmanager
def _served(settings: Settings) -> Iterator[Database]:
    url = settings.server_url
    if url is not None:
        yield Database(url, settings.role_passwords)
        return
    with embedded.running(settings.data_dir / EMBEDDED) as server:
        yield Database(server.set(database=settings.database_name), embedded=True)
