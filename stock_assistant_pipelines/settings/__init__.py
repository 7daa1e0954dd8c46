"""Every environment variable, in one place.

Each module here holds the variables of one concern, with what they take; `Settings` is all of them together. Values come from
the environment, else from a `.env` file in the working directory, else, best for secrets, from files: `NAME_FILE=path` or a
file `name` in `SECRETS_DIR`. Empty counts as not set. A wrong value stops the start with one line that says which variable
and what it takes.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Self
from zoneinfo import ZoneInfo

from pydantic import SecretStr, ValidationError
from pydantic_settings import BaseSettings, EnvSettingsSource, InitSettingsSource, SettingsConfigDict
from sqlalchemy.engine import URL, make_url

from stock_assistant_pipelines.redaction import Redactor
from stock_assistant_pipelines.settings.alerts import AlertSettings, tokens
from stock_assistant_pipelines.settings.api import ApiSettings
from stock_assistant_pipelines.settings.application import ApplicationSettings
from stock_assistant_pipelines.settings.backup import BackupSettings
from stock_assistant_pipelines.settings.database import (
    API_ROLE,
    BACKUP_ROLE,
    DAGSTER_ROLE,
    MONITOR_ROLE,
    WRITER_ROLE,
    DatabaseSettings,
)
from stock_assistant_pipelines.settings.errors import SettingsError
from stock_assistant_pipelines.settings.exporter import ExporterSettings
from stock_assistant_pipelines.settings.files import from_files
from stock_assistant_pipelines.settings.language_models import LanguageModelSettings
from stock_assistant_pipelines.settings.news import NewsSettings
from stock_assistant_pipelines.settings.research import ResearchSettings
from stock_assistant_pipelines.settings.runs import RunSettings
from stock_assistant_pipelines.settings.tushare import SANDBOX_TOKEN, TushareSettings

if TYPE_CHECKING:
    from pydantic_settings import PydanticBaseSettingsSource

SHANGHAI = ZoneInfo("Asia/Shanghai")
"""The market's time zone: every date and time of day that concerns it is meant in this one."""


class Settings(  # the fields of the last come first: as .env.example has them
    ExporterSettings,
    AlertSettings,
    NewsSettings,
    ResearchSettings,
    LanguageModelSettings,
    RunSettings,
    TushareSettings,
    BackupSettings,
    DatabaseSettings,
    ApiSettings,
    ApplicationSettings,
    BaseSettings,
):
    """The configuration of every process of the project: pipelines, API, command line."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True, frozen=True
    )

    @property
    def database_name(self) -> str:
        """The database of the tables: the sandbox's rows and real ones are never in the same one by default."""
        return self.postgres_db or ("stock_assistant_sandbox" if self.sandboxed else "stock_assistant")

    @property
    def server_url(self) -> URL | None:
        """The configured database, without a driver; None when PostgreSQL is embedded."""
        if self.database_url is not None:
            return self._secured(make_url(self.database_url.get_secret_value()))
        if self.postgres_server is None:
            return None
        password = self.postgres_password.get_secret_value() if self.postgres_password else None
        return self._secured(
            URL.create(
                "postgresql", self.postgres_user, password, self.postgres_server, self.postgres_port, self.database_name
            )
        )

    @property
    def role_passwords(self) -> dict[str, SecretStr]:
        """The passwords of the roles that are given one, by their names."""
        passwords = {
            API_ROLE: self.api_database_password,
            WRITER_ROLE: self.writer_database_password,
            DAGSTER_ROLE: self.dagster_database_password,
            BACKUP_ROLE: self.backup_database_password,
            MONITOR_ROLE: self.monitor_database_password,
        }
        return {role: password for role, password in passwords.items() if password is not None}

    @property
    def read_url(self) -> URL | None:
        """The database that the API reads, as the role that can only read where its password is set."""
        if self.api_database_url is not None:
            return self._secured(make_url(self.api_database_url.get_secret_value()))
        if self.api_database_password is None or self.server_url is None:
            return self.server_url
        return self.server_url.set(username=API_ROLE, password=self.api_database_password.get_secret_value())

    @property
    def secrets(self) -> set[str]:
        """Every secret of these settings, and what of it may be seen without the rest: passwords, tokens in addresses."""
        values = [getattr(self, name) for name in type(self).model_fields]
        secrets = {each.get_secret_value() for each in [*values, *self.alert_urls] if isinstance(each, SecretStr)}
        secrets |= {each.api_key.get_secret_value() for each in self.llm_fallbacks if each.api_key}
        secrets |= {secret.partition("://")[2] for secret in secrets}
        secrets |= {part for each in self.alert_urls for part in tokens(each.get_secret_value())}
        secrets |= {(url.password if url else None) or "" for url in (self.server_url, self.read_url)}
        return secrets - {SANDBOX_TOKEN, ""}

    def hide(self, text: str) -> str:
        """A text without any secret of these settings, for where others read it."""
        return Redactor(self.secrets)(text)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Where values come from, the first that has one: arguments, the environment, `.env`, files of secrets."""
        assert isinstance(env_settings, EnvSettingsSource)
        assert isinstance(dotenv_settings, EnvSettingsSource)
        variables = {**dotenv_settings.env_vars, **env_settings.env_vars}
        files = InitSettingsSource(settings_cls, dict(from_files(cls.model_fields, variables)))
        return init_settings, env_settings, dotenv_settings, files

    @classmethod
    def load(cls) -> Self:
        """Read the environment. Raises `SettingsError`, one line naming the variable and what it takes."""
        try:
            return cls()
        except ValidationError as error:
            lines = [f"{str(item['loc'][0]).upper()}: {_what_it_takes(item['msg'])}" for item in error.errors()]
        except UnicodeDecodeError:
            lines = [f"{cls.model_config.get('env_file')}: takes UTF-8 text"]
        raise SettingsError("; ".join(lines))  # here, and so without a context: what was caught holds the values


def _what_it_takes(message: str) -> str:
    return message.removeprefix("Value error, ")


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings.load()
