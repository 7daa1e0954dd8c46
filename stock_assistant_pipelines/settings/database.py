"""PostgreSQL: where it is, as whom it is entered, and how connections to it are encrypted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field, SecretStr, ValidationInfo

from stock_assistant_pipelines.settings.addresses import postgres_url
from stock_assistant_pipelines.settings.forms import absolute, written

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

API_ROLE = "stock_assistant_api"
"""The database role of the API, which can read what is served and nothing else."""

WRITER_ROLE = "stock_assistant_writer"
"""The database role of the pipelines: it reads and writes rows, and makes no table."""

DAGSTER_ROLE = "stock_assistant_dagster"
"""The database role of Dagster's storages, which owns their database and nothing else."""

BACKUP_ROLE = "stock_assistant_backup"
"""The database role of the backups: it reads everything, and receives the log of changes."""

MONITOR_ROLE = "stock_assistant_monitor"
"""The database role of the metrics: it counts, and reads no text."""


def dagsters(database: str | None) -> str:
    """The name of Dagster's database, which is beside that of the tables."""
    return f"{database}_dagster"


def _authority(value: Path | None, info: ValidationInfo) -> Path | None:
    """Check the file of the authority, without which nobody can tell whether it is the right server."""
    if value is None and str(info.data.get("postgres_sslmode")).startswith("verify-"):
        raise ValueError(
            "takes the file with the certificate of the authority that signed PostgreSQL's, which POSTGRES_SSLMODE asks for"
        )
    if value is not None and not value.is_file():
        raise ValueError(f"takes a file with certificates, and {value} is none")
    return value


class DatabaseSettings(BaseModel):
    """`DATABASE_URL`, `POSTGRES_*`, the passwords of the roles, `DATA_DIR`."""

    database_url: Annotated[SecretStr, AfterValidator(postgres_url)] | None = Field(
        None, description="PostgreSQL (15 or newer) as one URL. Goes before the POSTGRES_* variables."
    )
    postgres_server: str | None = Field(
        None, description="PostgreSQL's host. Without it and DATABASE_URL, PostgreSQL is embedded."
    )
    postgres_port: Annotated[int, Field(ge=1, le=65535)] = Field(5432, description="PostgreSQL's port.")
    postgres_user: str = Field("postgres", description="PostgreSQL's user.")
    postgres_password: SecretStr | None = Field(None, description="PostgreSQL's password.")
    postgres_db: (
        Annotated[
            str, written(r"[A-Za-z_][A-Za-z0-9_-]*", "takes a name of letters, digits, - and _, no digit or - first")
        ]
        | None
    ) = Field(None, description="Name of the database; stock_assistant, or stock_assistant_sandbox without a token.")
    postgres_sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] | None = Field(
        None,
        description="How connections to PostgreSQL are encrypted; verify-full: and the server is who it says. By default the "
        "drivers decide.",
    )
    postgres_sslrootcert: Annotated[Annotated[Path, AfterValidator(absolute)] | None, AfterValidator(_authority)] = (
        Field(
            None,
            description="File with the certificate of the authority that signed PostgreSQL's.",
            validate_default=True,
        )
    )
    writer_database_password: SecretStr | None = Field(
        None, description=f"Password that `db upgrade` gives the role {WRITER_ROLE}, by which the pipelines write rows."
    )
    dagster_database_password: SecretStr | None = Field(
        None,
        description=f"Password of the role {DAGSTER_ROLE}, which owns Dagster's database; with it Dagster connects as that "
        "role.",
    )
    backup_database_password: SecretStr | None = Field(
        None, description=f"Password that `db upgrade` gives the role {BACKUP_ROLE}, by which backups are made."
    )
    monitor_database_password: SecretStr | None = Field(
        None, description=f"Password of the role {MONITOR_ROLE}, by which metrics are read; `db upgrade` gives it."
    )
    data_dir: Annotated[Path, AfterValidator(absolute)] = Field(
        Path("data"),
        description="Where the embedded PostgreSQL and Dagster's files are kept.",
        validate_default=True,
    )

    @property
    def embedded(self) -> bool:
        """Whether PostgreSQL is the embedded one."""
        return self.database_url is None and self.postgres_server is None

    def _secured(self, url: URL) -> URL:
        """A URL that says how its connections are encrypted: by itself, or else as the settings say."""
        wanted = {"sslmode": self.postgres_sslmode, "sslrootcert": self.postgres_sslrootcert}
        given = {name: str(value) for name, value in wanted.items() if value is not None and name not in url.query}
        return url.update_query_dict(given)
