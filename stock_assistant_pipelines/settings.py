"""Every environment variable, in one place.

Values come from the environment, from a `.env` file beside the process, and, for secrets, from files: `NAME_FILE=path`
or a file `name` in `SECRETS_DIR`. A wrong value stops the start with one line that says which variable and what it takes.
"""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, PositiveFloat, PositiveInt, SecretStr, ValidationError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

SHANGHAI = ZoneInfo("Asia/Shanghai")
"""The market's time zone: every date and time of day that concerns it is meant in this one."""

SANDBOX_TOKEN = "sandbox"  # noqa: S105 - not a secret: the sandbox's own, printed in the docs
"""The token that the sandbox takes when none is set."""


class SettingsError(ValueError):
    """A variable has a value it cannot take. One line: which, and what it takes. Never shows the value of a secret."""


def _postgres_url(value: str) -> str:
    """Check a database URL and reduce its scheme to `postgresql`; the driver is chosen by whoever connects."""
    try:
        url = make_url(value)
    except ArgumentError:
        raise ValueError("takes a URL such as postgresql://user:password@host:5432/name") from None
    if url.get_backend_name() not in {"postgresql", "postgres"}:
        raise ValueError("takes a PostgreSQL URL: postgresql://user:password@host:5432/name")
    if not url.database:
        raise ValueError("must end with the name of a database: postgresql://user:password@host:5432/name")
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


def _secret_url(value: SecretStr) -> SecretStr:
    return SecretStr(_postgres_url(value.get_secret_value()))


def _base_url(value: str) -> str:
    if not value.startswith(("https://", "http://")):
        raise ValueError("takes a URL that starts with https:// (or http:// on loopback)")
    return value.rstrip("/")


def _split(value: object) -> object:
    """Read `a,b` as a list; an empty text is no item."""
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


class Settings(BaseSettings):
    """The configuration of every process of the project: pipelines, API, command line."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True, frozen=True
    )

    project_name: str = Field("Stock Assistant", description="Title of the API and its documentation.")
    environment: Literal["local", "staging", "production"] = Field(
        "local", description="Where this runs; shown by the health route."
    )
    api_v1_str: Annotated[str, Field(pattern=r"^(/[a-z0-9_-]+)*$")] = Field(
        "/api/v1", description="Path under which the API's routes stand."
    )
    backend_cors_origins: Annotated[list[str], NoDecode, BeforeValidator(_split)] = Field(
        default_factory=list,
        description="Origins that browsers may call the API from, separated by commas. None by default.",
    )

    database_url: Annotated[SecretStr, AfterValidator(_secret_url)] | None = Field(
        None, description="PostgreSQL (15 or newer) as one URL. Goes before the POSTGRES_* variables."
    )
    postgres_server: str | None = Field(
        None, description="PostgreSQL's host. Without it and DATABASE_URL, PostgreSQL is embedded."
    )
    postgres_port: Annotated[int, Field(ge=1, le=65535)] = Field(5432, description="PostgreSQL's port.")
    postgres_user: str = Field("postgres", description="PostgreSQL's user.")
    postgres_password: SecretStr | None = Field(None, description="PostgreSQL's password.")
    postgres_db: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]*$")] | None = Field(
        None, description="Name of the database; stock_assistant, or stock_assistant_sandbox without a token."
    )
    data_dir: Path = Field(Path("data"), description="Where the embedded PostgreSQL and Dagster's files are kept.")

    tushare_token: SecretStr | None = Field(
        None, description="Your Tushare token. Without it only the sandbox can be asked."
    )
    tushare_base_url: Annotated[str, AfterValidator(_base_url)] = Field(
        "https://api.waditu.com/dataapi", description="Where Tushare's interface is asked."
    )
    tushare_points: Annotated[int, Field(ge=0)] = Field(
        2000,
        description="The points of your token (120, 2000, 5000, 10000, 15000): they decide calls per minute and datasets.",
    )
    tushare_timeout: PositiveFloat = Field(30.0, description="Seconds to wait for one answer.")
    tushare_throttle_seconds: PositiveFloat = Field(
        61.0, description="Seconds to leave an interface alone after it said that its calls per minute are used up."
    )
    tushare_concurrency: Annotated[int, Field(ge=1, le=64)] = Field(
        4, description="Calls under way at once in one run."
    )

    api_url: Annotated[str, AfterValidator(_base_url)] = Field(
        "http://127.0.0.1:8000", description="Where readers reach the API; links in Dagster point there."
    )
    api_pool_size: PositiveInt = Field(8, description="Database connections that one API process keeps.")

    @property
    def embedded(self) -> bool:
        """Whether PostgreSQL is the embedded one."""
        return self.database_url is None and self.postgres_server is None

    @property
    def sandboxed(self) -> bool:
        """Whether there is no token, so that only the sandbox can be asked."""
        return self.tushare_token is None

    @property
    def database_name(self) -> str:
        """The database of the tables: the sandbox's rows and real ones are never in the same one by default."""
        return self.postgres_db or ("stock_assistant_sandbox" if self.sandboxed else "stock_assistant")

    @property
    def server_url(self) -> URL | None:
        """The configured database, without a driver; None when PostgreSQL is embedded."""
        if self.database_url is not None:
            return make_url(self.database_url.get_secret_value())
        if self.postgres_server is None:
            return None
        password = self.postgres_password.get_secret_value() if self.postgres_password else None
        return URL.create(
            "postgresql", self.postgres_user, password, self.postgres_server, self.postgres_port, self.database_name
        )

    @classmethod
    def load(cls) -> Self:
        """Read the environment. Raises `SettingsError`, one line naming the variable and what it takes."""
        try:
            return cls(**_from_files(set(cls.model_fields)))  # type: ignore[arg-type]
        except ValidationError as error:
            lines = (f"{str(item['loc'][0]).upper()}: {_what_it_takes(item['msg'])}" for item in error.errors())
            raise SettingsError("; ".join(lines)) from None


def _what_it_takes(message: str) -> str:
    return message.removeprefix("Value error, ")


def _from_files(names: set[str]) -> dict[str, str]:
    """Read the values that stand in files: `NAME_FILE`, or `name` in `SECRETS_DIR`. The environment's own value goes first."""
    values = {}
    directory = os.environ.get("SECRETS_DIR")
    for name in names:
        pointer = os.environ.get(f"{name.upper()}_FILE")
        path = Path(pointer) if pointer else Path(directory, name) if directory else None
        if path is None or os.environ.get(name.upper()) or (not pointer and not path.is_file()):
            continue
        try:
            values[name] = path.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(f"{name.upper()}_FILE: cannot read {path}: {error.strerror}") from None
    return values


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings.load()
