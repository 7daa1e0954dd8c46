"""Every environment variable, in one place.

Values come from the environment, else from a `.env` file in the working directory, else, best for secrets, from files:
`NAME_FILE=path` or a file `name` in `SECRETS_DIR`. Empty counts as not set. A wrong value stops the start with one line
that says which variable and what it takes.
"""

from __future__ import annotations

import json
import os
import re
from datetime import date
from decimal import Decimal
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Self
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PositiveInt,
    SecretStr,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
)
from pydantic_settings import BaseSettings, EnvSettingsSource, InitSettingsSource, NoDecode, SettingsConfigDict
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from stock_assistant_pipelines.redaction import Redactor, parts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pydantic_settings import PydanticBaseSettingsSource

SHANGHAI = ZoneInfo("Asia/Shanghai")
"""The market's time zone: every date and time of day that concerns it is meant in this one."""

SANDBOX_TOKEN = "sandbox"  # noqa: S105 - not a secret: the sandbox's own, printed in the docs
"""The token that the sandbox takes when none is set."""


API_ROLE = "stock_assistant_api"
"""The database role of the API, which can read what is served and nothing else."""

WRITER_ROLE = "stock_assistant_writer"
"""The database role of the pipelines: it reads and writes rows, and makes no table."""

DAGSTER_ROLE = "stock_assistant_dagster"
"""The database role of Dagster's storages, which owns their database and nothing else."""

BACKUP_ROLE = "stock_assistant_backup"
"""The database role of the backups: it reads everything, and receives the log of changes."""

POSTGRESQL = "postgresql://"
"""Before the address of a server that wants to be asked for TLS first, as PostgreSQL does."""

MONITOR_ROLE = "stock_assistant_monitor"
"""The database role of the metrics: it counts, and reads no text."""

TOKEN_LENGTH = 12
"""From how many characters on a part of a channel's address is taken for a token, and hidden by itself."""

SANDBOX_POINTS = "5000"
"""The points that the sandbox takes its callers to have."""

WATCHABLE = re.compile(r"all|\d{6}\.(SH|SZ|BJ)|(industry|board):\S.*")
"""An entry of a watchlist: everybody, a stock, or a group of stocks."""


def dagsters(database: str | None) -> str:
    """The name of Dagster's database, which is beside that of the tables."""
    return f"{database}_dagster"


class SettingsError(ValueError):
    """A variable has a value it cannot take. One line: which, and what it takes. Never shows the value of a secret."""


def _postgres_url(value: SecretStr) -> SecretStr:
    """Check a database URL and reduce its scheme to `postgresql`; the driver is chosen by whoever connects."""
    takes = "takes a PostgreSQL URL: postgresql://user:password@host:5432/name"
    try:
        url = make_url(value.get_secret_value())
    except (ArgumentError, ValueError):  # the reason quotes what stands after a colon, which may be of the password
        raise ValueError(takes) from None
    if url.get_backend_name() not in {"postgresql", "postgres"}:
        raise ValueError(takes)
    if "@" in (url.host or ""):
        raise ValueError(f"{takes}, with an @ in the password written as %40")
    if not url.database:
        raise ValueError("must end with the name of a database: postgresql://user:password@host:5432/name")
    return SecretStr(url.set(drivername="postgresql").render_as_string(hide_password=False))


def _authority(value: Path | None, info: ValidationInfo) -> Path | None:
    """Check the file of the authority, without which nobody can tell whether it is the right server."""
    if value is None and str(info.data.get("postgres_sslmode")).startswith("verify-"):
        raise ValueError(
            "takes the file with the certificate of the authority that signed PostgreSQL's, which POSTGRES_SSLMODE asks for"
        )
    if value is not None and not value.is_file():
        raise ValueError(f"takes a file with certificates, and {value} is none")
    return value


def _web_url(value: str) -> str:
    """Check a URL and take off its last slash."""
    parts = _parts(value)
    if parts is None or parts.query or parts.fragment:
        raise ValueError("takes a URL that starts with https:// or http://")
    if parts.username is not None:
        raise ValueError("takes a URL without user and password")
    return value.rstrip("/")


def _encrypted(secret: str) -> AfterValidator:
    """Check where somebody is asked who is told a secret with every call: it travels encrypted or not at all."""

    def check(value: str) -> str:
        url = _web_url(value)
        if not url.lower().startswith("https://") and not on_loopback(url):
            raise ValueError(
                f"takes an https:// URL: over http:// the {secret} could be read on its way (only loopback may)"
            )
        return url

    return AfterValidator(check)


def _parts(url: str) -> SplitResult | None:
    """A web URL, taken apart; None when it is not one."""
    try:
        parts = urlsplit(url)
        sound = parts.port != 0  # reading an impossible port raises
    except ValueError:
        return None
    return parts if sound and parts.scheme in {"http", "https"} and parts.hostname else None


def on_loopback(url: str) -> bool:
    """Whether a URL is of this very machine."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def encrypted(url: str) -> bool:
    """Whether a URL is asked over TLS. To any other nobody shows a certificate, and nobody need read whom to trust: 25 ms."""
    return not url.lower().startswith("http://")


def _list(value: object) -> object:
    """Read `a,b`, or a JSON list, as a list; an empty text is no item. A bracket may also be that of an IPv6 address."""
    if not isinstance(value, str):
        return value
    if not re.match(r"\s*\[(?![\da-fA-F:.]*:)", value):
        return [item.strip() for item in value.split(",") if item.strip()]
    try:
        return json.loads(value)
    except json.JSONDecodeError:
        raise ValueError("takes a list: items separated by commas, or JSON") from None


def _addresses(value: object) -> object:
    """Read addresses that stand one a line, or one after the other with blanks or commas between; or a JSON list.

    A comma may also be a part of an address: only one with another `scheme://` behind it separates.
    """
    if not isinstance(value, str) or value.lstrip().startswith("["):
        return _list(value)
    return [item for item in re.split(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]*://)", value.strip().strip(",")) if item]


def _channels(values: list[SecretStr]) -> list[SecretStr]:
    """Check the form of the channels' addresses. They hold secrets, so that one is named by where it stands."""
    for at, value in enumerate(values, start=1):
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*://\S+", value.get_secret_value()):
            raise ValueError(f"takes addresses such as feishu://TOKEN, one a line, and number {at} is none")
    return values


def _tokens(address: str) -> list[str]:
    """The parts of a channel's address that may be tokens or passwords: long, and no host."""
    return [part for part in parts_of(address) if len(part) >= TOKEN_LENGTH and "." not in part]


def _origins(values: list[str]) -> list[str]:
    """Check origins, and write them as browsers do: in lower case and without a slash at the end."""
    origins = [value.lower().rstrip("/") for value in values]
    for origin in origins:
        parts = _parts(origin)
        if origin != "*" and (parts is None or origin != f"{parts.scheme}://{parts.netloc}" or "@" in origin):
            raise ValueError(
                "takes origins without a path, separated by commas: https://a.example,https://b.example:8443"
            )
    return origins


def _watchlist(values: list[str]) -> list[str]:
    """Check the form of a watchlist's entries. Whether there are such stocks, the tables tell."""
    for value in values:
        if not WATCHABLE.fullmatch(value):
            raise ValueError(
                f"takes 600519.SH, industry:白酒, board:科创板 or all, separated by commas, and not {value!r}"
            )
    return values


def _age_identity(value: SecretStr) -> SecretStr:
    """Take the identity out of the file that age-keygen writes."""
    found = re.findall(r"^AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}$", value.get_secret_value(), flags=re.MULTILINE)
    if len(found) != 1:
        raise ValueError("takes one identity as age-keygen writes it: AGE-SECRET-KEY-1…")
    return SecretStr(found[0])


def _day(value: object) -> object:
    """Read a date as it is written: a number would pass for a moment else."""
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("takes a date such as 2025-06-30") from None


class Fallback(BaseModel):
    """A language model that is asked when those before it cannot answer."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    provider: str
    model: str
    api_key: SecretStr | None = None
    base_url: str | None = None


class ModelPrice(BaseModel):
    """What a model costs: CNY per million tokens that are asked, of them cached, and answered."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    asked: Annotated[Decimal, Field(ge=0)]
    cached: Annotated[Decimal, Field(ge=0)]
    answered: Annotated[Decimal, Field(ge=0)]


FALLBACKS = TypeAdapter(list[Fallback])
PRICES = TypeAdapter(dict[str, ModelPrice])


def _fallbacks(value: object) -> object:
    """Read a JSON list of language models. They hold secrets, so nothing of them is told."""
    if not isinstance(value, str):
        return value
    try:
        found = FALLBACKS.validate_json(value)
        return [each.model_copy(update={"base_url": each.base_url and _web_url(each.base_url)}) for each in found]
    except ValueError:
        raise ValueError(
            'takes a JSON list such as [{"provider": "qwen", "model": "qwen3.8-flash", "api_key": "…"}], base_url if need be'
        ) from None


def _prices(value: object) -> object:
    """Read prices from a JSON object, by the id of the model."""
    if not isinstance(value, str):
        return value
    try:
        return PRICES.validate_json(value)
    except ValueError:
        raise ValueError(
            'takes CNY per million tokens by model: {"qwen3.8-max": {"asked": "14", "cached": "2", "answered": "42"}}'
        ) from None


def _networks(value: object) -> object:
    """Read addresses and networks, separated by commas, or as a JSON list."""
    items = _list(value)
    try:
        return [ip_network(item, strict=False) for item in items] if isinstance(items, list) else items
    except (TypeError, ValueError):
        raise ValueError("takes addresses and networks, separated by commas: 192.168.1.7,10.0.0.0/8,fd00::/8") from None


def listening(value: str) -> str:
    """Check an address to listen at, or to ask."""
    if not _has_port(value):
        raise ValueError("takes an address and a port: 127.0.0.1:9100, [::1]:9100, 0.0.0.0:9100")
    return value


def _has_port(address: str) -> bool:
    """Whether this is a host and a port, and nothing else."""
    parts = _parts(f"http://{address}")
    return parts is not None and parts.port is not None and parts.netloc == address and "@" not in address


def _servers(values: list[str]) -> list[str]:
    """Check addresses to be asked, of PostgreSQL after postgresql://; what begins with a slash is a file."""
    for value in values:
        if not value.startswith("/"):
            listening(value.removeprefix(POSTGRESQL))
    return values


def host_and_port(address: str) -> tuple[str, int]:
    """An address that was checked, taken apart."""
    parts = urlsplit(f"//{address}")
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


def _hosts(values: list[str]) -> list[str]:
    """Check the code servers' addresses. One that is named twice would be taken for two."""
    if len({*values}) < len(values) or not all(map(_has_port, values)):
        raise ValueError("takes hosts and ports, each once, separated by commas: code-1:4000,10.0.0.7:4000")
    return values


def _absolute(path: Path) -> Path:
    """The path as it is meant now: what a later change of the working directory does not move."""
    return Path(os.path.abspath(os.path.expanduser(path)))


def _written(pattern: str, takes: str) -> AfterValidator:
    """Check that a text is written so, and say in words what it takes."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(takes)
        return value

    return AfterValidator(check)


Networks = Annotated[list[IPv4Network | IPv6Network], NoDecode, BeforeValidator(_networks)]


class Settings(BaseSettings):
    """The configuration of every process of the project: pipelines, API, command line."""

    model_config = SettingsConfigDict(
        env_file=".env", env_ignore_empty=True, extra="ignore", hide_input_in_errors=True, frozen=True
    )

    project_name: str = Field("Stock Assistant", description="Title of the API and its documentation.")
    environment: Literal["local", "staging", "production"] = Field(
        "local", description="Where this runs; shown by the health route."
    )
    api_v1_str: Annotated[
        str,
        _written(
            r"(?!/tushare(/|$))(/[a-z0-9_-]+)*",  # below that a key is looked for in the body
            "takes a path such as /api/v1: lower-case letters, digits, - and _; and not /tushare, which is Tushare's",
        ),
    ] = Field("/api/v1", description="Path under which the API's routes stand.")
    backend_cors_origins: Annotated[list[str], NoDecode, BeforeValidator(_list), AfterValidator(_origins)] = Field(
        default_factory=list,
        description="Origins that browsers may call the API from, separated by commas. None by default.",
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="From which level on is logged: debug, info, warning or error."
    )
    log_format: Literal["json", "text"] | None = Field(
        None, description="How is logged: json or text. By default text on a terminal, and json else."
    )

    database_url: Annotated[SecretStr, AfterValidator(_postgres_url)] | None = Field(
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
            str, _written(r"[A-Za-z_][A-Za-z0-9_-]*", "takes a name of letters, digits, - and _, no digit or - first")
        ]
        | None
    ) = Field(None, description="Name of the database; stock_assistant, or stock_assistant_sandbox without a token.")
    postgres_sslmode: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] | None = Field(
        None,
        description="How connections to PostgreSQL are encrypted; verify-full: and the server is who it says. By default the "
        "drivers decide.",
    )
    postgres_sslrootcert: Annotated[Annotated[Path, AfterValidator(_absolute)] | None, AfterValidator(_authority)] = (
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
    data_dir: Annotated[Path, AfterValidator(_absolute)] = Field(
        Path("data"),
        description="Where the embedded PostgreSQL and Dagster's files are kept.",
        validate_default=True,
    )

    backup_dir: Annotated[Path, AfterValidator(_absolute)] | None = Field(
        None, description="Where backups are kept; by default the directory backups in DATA_DIR."
    )
    backup_status_file: Annotated[Path, AfterValidator(_absolute)] | None = Field(
        None, description="Where it is written what came of the backups; by default status.json in BACKUP_DIR."
    )
    backup_at: Annotated[
        str, _written(r"([01]\d|2[0-3]):[0-5]\d", "takes a time of day in Shanghai, such as 02:30")
    ] = Field("02:30", description="When the night's backups are made, in Shanghai.")
    backup_kept_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        14, description="Days for which backups are kept: any moment in them can be gone back to."
    )
    backup_kept_at_least: Annotated[int, Field(ge=1, le=1000)] = Field(
        3, description="Dumps and base backups that are kept whatever their age."
    )
    backup_recipient: (
        Annotated[str, _written(r"age1[02-9ac-hj-np-z]{58}", "takes a recipient as age-keygen prints it: age1…")] | None
    ) = Field(None, description="Who can read the backups: an age recipient. By default they are not encrypted.")
    backup_identity: Annotated[SecretStr, AfterValidator(_age_identity)] | None = Field(
        None, description="The age identity that opens encrypted backups; nothing else than restoring needs it."
    )
    backup_command: str | None = Field(
        None,
        description="A command that copies BACKUP_DIR elsewhere, run when there is something new. None by default.",
    )
    postgres_programs: Annotated[Path, AfterValidator(_absolute)] | None = Field(
        None, description="Directory of PostgreSQL's own programs; by default those of the embedded server."
    )

    tushare_token: SecretStr | None = Field(
        None, description="Your Tushare token. Without it only the sandbox can be asked."
    )
    tushare_base_url: Annotated[str, _encrypted("token")] = Field(
        "https://api.waditu.com/dataapi", description="Where Tushare's interface is asked."
    )
    tushare_points: Annotated[int, Field(ge=0)] = Field(
        2000,
        description="The points of your token (120, 2000, 5000, 10000, 15000): datasets that ask for more are not asked for.",
    )
    tushare_timeout: Annotated[float, Field(gt=0, le=600)] = Field(30.0, description="Seconds to wait for one answer.")
    tushare_throttle_seconds: Annotated[float, Field(gt=0, le=3600)] = Field(
        61.0, description="Seconds to leave an interface alone after it said that its calls per minute are used up."
    )
    tushare_calls_per_minute: Annotated[int, Field(ge=0, le=10_000)] | None = Field(
        None,
        description="Calls of one interface per minute, of all workers together; by default as many as the points allow. "
        "0: no limit, for a sandbox without one.",
    )
    tushare_concurrency: Annotated[int, Field(ge=1, le=64)] = Field(
        4, description="Calls under way at once in one run."
    )

    sync_incremental_missing_limit: Annotated[int, Field(ge=0, le=10_000)] = Field(
        300,
        description="Companies whose report is due and not there that are asked for each evening, of each dataset, those first "
        "that were asked longest ago.",
    )
    sync_failure_max_retries: Annotated[int, Field(ge=0, le=1000)] = Field(
        3, description="How often the evening asks again for a company's report of which no answer came."
    )

    runs_kept_days: Annotated[int, Field(ge=7, le=36_500)] = Field(
        180,
        description="Days after which Dagster's runs and their events are deleted; what is known of partitions stays.",
    )

    run_hosts: Annotated[list[str], NoDecode, BeforeValidator(_list), AfterValidator(_hosts)] = Field(
        default_factory=list,
        description="Code servers that share the runs: hosts and ports, separated by commas. By default there is one.",
    )

    api_url: Annotated[str, AfterValidator(_web_url)] = Field(
        "http://127.0.0.1:8000", description="Where readers reach the API; links in Dagster point there."
    )
    alert_urls: Annotated[list[SecretStr], NoDecode, BeforeValidator(_addresses), AfterValidator(_channels)] = Field(
        default_factory=list,
        description="Where alerts go: the addresses of your channels, as apprise writes them, one a line. None by default.",
    )
    dagster_url: Annotated[str, AfterValidator(_web_url)] | None = Field(
        None, description="Where you reach Dagster's UI; alerts about a run link to it there."
    )

    llm_provider: (
        Annotated[
            str, _written(r"[a-z]+", "takes the name of a provider, such as deepseek or qwen: see docs/providers.md")
        ]
        | None
    ) = Field(None, description="Who provides the language model of the reports. None by default.")
    llm_api_key: SecretStr | None = Field(None, description="Your key at that provider.")
    llm_base_url: Annotated[str, AfterValidator(_web_url)] | None = Field(
        None, description="Where it is asked; by default at the provider's own address."
    )
    llm_model: str | None = Field(None, description="The id of the model.")
    llm_fallbacks: Annotated[list[Fallback], NoDecode, BeforeValidator(_fallbacks)] = Field(
        default_factory=list,
        description="Models that are asked, in this order, when that one cannot answer, as a JSON list. None by default.",
    )
    llm_timeout: Annotated[float, Field(gt=0, le=1800)] = Field(
        180.0, description="Seconds after which a call is over, whatever keeps its connection alive."
    )
    llm_max_tokens: Annotated[int, Field(ge=256, le=200_000)] = Field(
        4096, description="Tokens of one answer at the most; twice as many when an answer was cut off."
    )
    llm_concurrency: Annotated[int, Field(ge=1, le=1000)] = Field(
        8, description="Calls of one provider under way at once, of all workers together."
    )
    llm_calls_per_minute: Annotated[int, Field(ge=0, le=100_000)] = Field(
        60, description="Calls of one provider per minute, of all workers together. 0: no limit."
    )
    llm_budget_report: Annotated[Decimal, Field(ge=0, le=1_000_000)] = Field(
        Decimal(2), description="CNY that the calls of one report may cost."
    )
    llm_budget_day: Annotated[Decimal, Field(ge=0, le=1_000_000)] = Field(
        Decimal(50),
        description="CNY that all calls of one day in Shanghai may cost. 0: none is made that costs anything.",
    )
    llm_budget_month: Annotated[Decimal, Field(ge=0, le=1_000_000)] = Field(
        Decimal(500), description="CNY that all calls of one month may cost."
    )
    llm_prices: Annotated[dict[str, ModelPrice], NoDecode, BeforeValidator(_prices)] = Field(
        default_factory=dict,
        description="What your models cost, CNY per million tokens, as JSON; by default as in the project's own table.",
    )
    llm_training_cutoff: Annotated[date, BeforeValidator(_day)] | None = Field(
        None,
        description="The last day that the model may know of from its training, such as 2025-06-30; reports of days up to it "
        "are flagged. By default nobody knows.",
    )

    research_watchlist: Annotated[list[str], NoDecode, BeforeValidator(_list), AfterValidator(_watchlist)] = Field(
        default_factory=list,
        description="Of whom research reports are written: 600519.SH, industry:白酒, board:科创板 or all, separated by commas. "
        "Nobody by default.",
    )
    research_language: Literal["zh", "en"] = Field("zh", description="The language of the research reports: zh or en.")
    research_digest: bool = Field(
        False, description="Whether the channels of the alerts are told each evening what came of the day's research."
    )

    bocha_api_key: SecretStr | None = Field(
        None, description="Your key at Bocha, which searches the web for news. Without it there is none."
    )
    bocha_base_url: Annotated[str, _encrypted("key")] = Field(
        "https://api.bocha.cn", description="Where Bocha is asked."
    )
    bocha_timeout: Annotated[float, Field(gt=0, le=600)] = Field(
        15.0, description="Seconds after which a search is over, whatever keeps its connection alive."
    )
    bocha_calls_per_minute: Annotated[int, Field(ge=0, le=100_000)] = Field(
        60, description="Searches per minute, of all workers together. 0: no limit."
    )
    bocha_back_days: Annotated[int, Field(ge=0, le=3650)] = Field(
        30,
        description="How many days back a day may lie for which the web is searched; of older ones only what was found then.",
    )

    api_database_url: Annotated[SecretStr, AfterValidator(_postgres_url)] | None = Field(
        None, description="PostgreSQL that the API reads, such as a replica; by default the one that is written to."
    )
    api_pool_size: PositiveInt = Field(8, description="Database connections that one API process keeps.")
    api_queue_size: Annotated[int, Field(ge=0, le=10_000)] = Field(
        64, description="Requests that wait for one of those, in one API process; the others are refused at once."
    )
    api_cache_mb: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        64, description="Megabytes of answers that one API process keeps in memory; 0: none."
    )
    api_database_password: SecretStr | None = Field(
        None,
        description=f"Password of the role {API_ROLE}, which can only read; with it the API connects as that role.",
    )
    api_drain_seconds: Annotated[float, Field(ge=0, le=600)] = Field(
        8.0,
        description="Seconds for which the API goes on answering after SIGTERM, and says at /health/ready that it goes.",
    )
    api_open_on_loopback: bool = Field(
        False,
        description="Whether programs of this machine may ask the API without a key. Never true behind a proxy.",
    )
    api_trusted_proxies: Networks = Field(
        default_factory=list,
        description="Proxies whose X-Forwarded-For is believed: addresses and networks. None by default.",
    )
    api_allowed_addresses: Networks = Field(
        default_factory=list,
        description="Addresses and networks that the API answers, beside loopback. All by default.",
    )
    api_calls_per_minute: Annotated[int, Field(ge=0, le=1_000_000)] = Field(
        6000,
        description="Requests per minute of one key, or of one address without a key. 0: no limit.",
    )
    metrics_address: Annotated[str, AfterValidator(listening)] | None = Field(
        None,
        description="Where Prometheus is told the API's metrics, such as 127.0.0.1:9100: whoever reaches it reads them. "
        "None by default.",
    )
    exporter_address: Annotated[str, AfterValidator(listening)] = Field(
        "127.0.0.1:9101", description="Where `stock-assistant exporter` tells Prometheus what the API cannot see."
    )
    exporter_code_server: Annotated[str, AfterValidator(listening)] | None = Field(
        None, description="Dagster's code server, code:4000: the exporter tells whether it listens. None by default."
    )
    exporter_certificates: Annotated[list[str], NoDecode, BeforeValidator(_list), AfterValidator(_servers)] = Field(
        default_factory=list,
        description="Servers such as nginx:8443 or postgresql://postgres:5432, and files, separated by commas: the exporter "
        "tells when their certificates expire. None by default.",
    )
    exporter_disks: Annotated[list[Path], NoDecode, BeforeValidator(_list)] = Field(
        default_factory=list,
        description="Directories, separated by commas: the exporter tells the room that is left there. DATA_DIR by default.",
    )

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
    def metrics_listens(self) -> tuple[str, int] | None:
        """The host and the port of the metrics; None when nobody is told them."""
        return None if self.metrics_address is None else host_and_port(self.metrics_address)

    @property
    def read_url(self) -> URL | None:
        """The database that the API reads, as the role that can only read where its password is set."""
        if self.api_database_url is not None:
            return self._secured(make_url(self.api_database_url.get_secret_value()))
        if self.api_database_password is None or self.server_url is None:
            return self.server_url
        return self.server_url.set(username=API_ROLE, password=self.api_database_password.get_secret_value())

    def _secured(self, url: URL) -> URL:
        """A URL that says how its connections are encrypted: by itself, or else as the settings say."""
        wanted = {"sslmode": self.postgres_sslmode, "sslrootcert": self.postgres_sslrootcert}
        given = {name: str(value) for name, value in wanted.items() if value is not None and name not in url.query}
        return url.update_query_dict(given)

    @property
    def secrets(self) -> set[str]:
        """Every secret of these settings, and what of it may be seen without the rest: passwords, tokens in addresses."""
        values = [getattr(self, name) for name in type(self).model_fields]
        secrets = {each.get_secret_value() for each in [*values, *self.alert_urls] if isinstance(each, SecretStr)}
        secrets |= {each.api_key.get_secret_value() for each in self.llm_fallbacks if each.api_key}
        secrets |= {secret.partition("://")[2] for secret in secrets}
        secrets |= {part for each in self.alert_urls for part in _tokens(each.get_secret_value())}
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
        files = InitSettingsSource(settings_cls, dict(_from_files(cls.model_fields, variables)))
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


def _from_files(names: Iterable[str], variables: Mapping[str, str | None]) -> dict[str, str]:
    """Read the values that stand in files: `NAME_FILE`, or `name` in `SECRETS_DIR`. What a variable says is not looked for.

    `variables` are those that are set, in lower case. Raises `SettingsError` when a file cannot be read.
    """
    directory = variables.get("secrets_dir")
    if directory and not Path(directory).is_dir():
        raise SettingsError(f"SECRETS_DIR: takes a directory, and {directory} is none")
    values = {}
    for name in names:
        pointer = variables.get(f"{name}_file")
        path = Path(pointer) if pointer else Path(directory, name) if directory else None
        if path is None or variables.get(name) or (not pointer and not path.is_file()):
            continue
        value = _read(path, f"{name}_file".upper() if pointer else "SECRETS_DIR")
        if value:
            values[name] = value
    return values


def _read(path: Path, variable: str) -> str:
    """A file's text without the blanks around it. Raises `SettingsError` naming the variable that points to it."""
    try:
        return path.read_text(encoding="utf-8-sig").strip()
    except OSError as error:
        reason = str(error.strerror)
    except UnicodeDecodeError:
        reason = "it is not UTF-8 text"
    raise SettingsError(f"{variable}: cannot read {path}: {reason}")


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The settings of this process, read once."""
    return Settings.load()
