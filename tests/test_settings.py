"""Every variable: where its value comes from, what it takes, and that a secret is never shown."""

from __future__ import annotations

import traceback
from datetime import date
from decimal import Decimal
from ipaddress import ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from sqlalchemy.engine import make_url

from stock_assistant_pipelines import settings as module
from stock_assistant_pipelines.settings import SHANGHAI, Settings
from stock_assistant_pipelines.settings.addresses import on_loopback, over_tls
from stock_assistant_pipelines.settings.errors import SettingsError
from stock_assistant_pipelines.settings.language_models import Fallback, ModelPrice

if TYPE_CHECKING:
    from collections.abc import Callable

SECRET = "hush-0a1b2c3d"
IDENTITY = f"AGE-SECRET-KEY-1{'Q' * 58}"
DEFAULTS: dict[str, Any] = {
    "project_name": "Stock Assistant",
    "environment": "local",
    "log_level": "info",
    "log_format": None,
    "api_v1_str": "/api/v1",
    "backend_cors_origins": [],
    "database_url": None,
    "postgres_server": None,
    "postgres_port": 5432,
    "postgres_user": "postgres",
    "postgres_password": None,
    "postgres_db": None,
    "postgres_sslmode": None,
    "postgres_sslrootcert": None,
    "writer_database_password": None,
    "dagster_database_password": None,
    "backup_database_password": None,
    "monitor_database_password": None,
    "backup_dir": None,
    "backup_status_file": None,
    "backup_at": "02:30",
    "backup_kept_days": 14,
    "backup_kept_at_least": 3,
    "backup_recipient": None,
    "backup_identity": None,
    "backup_command": None,
    "postgres_programs": None,
    "tushare_token": None,
    "tushare_base_url": "https://api.waditu.com/dataapi",
    "tushare_points": 2000,
    "tushare_timeout": 30.0,
    "tushare_throttle_seconds": 61.0,
    "tushare_calls_per_minute": None,
    "tushare_concurrency": 4,
    "sync_incremental_missing_limit": 300,
    "sync_failure_max_retries": 3,
    "runs_kept_days": 180,
    "run_hosts": [],
    "llm_provider": None,
    "llm_api_key": None,
    "llm_base_url": None,
    "llm_model": None,
    "llm_fallbacks": [],
    "llm_timeout": 180.0,
    "llm_max_tokens": 4096,
    "llm_concurrency": 8,
    "llm_calls_per_minute": 60,
    "llm_budget_report": Decimal(2),
    "llm_budget_day": Decimal(50),
    "llm_budget_month": Decimal(500),
    "llm_prices": {},
    "llm_training_cutoff": None,
    "research_watchlist": [],
    "research_language": "zh",
    "research_digest": False,
    "bocha_api_key": None,
    "bocha_base_url": "https://api.bocha.cn",
    "bocha_timeout": 15.0,
    "bocha_calls_per_minute": 60,
    "bocha_back_days": 30,
    "api_url": "http://127.0.0.1:8000",
    "alert_urls": [],
    "dagster_url": None,
    "api_database_url": None,
    "api_pool_size": 8,
    "api_queue_size": 64,
    "api_drain_seconds": 8.0,
    "api_cache_mb": 64,
    "api_database_password": None,
    "api_open_on_loopback": False,
    "api_trusted_proxies": [],
    "api_allowed_addresses": [],
    "api_calls_per_minute": 6000,
    "metrics_address": None,
    "exporter_address": "127.0.0.1:9101",
    "exporter_code_server": None,
    "exporter_certificates": [],
    "exporter_disks": [],
}
GOOD: list[tuple[str, str, Any]] = [
    ("PROJECT_NAME", "House of Bars", "House of Bars"),
    ("ENVIRONMENT", "production", "production"),
    ("API_V1_STR", "/v2", "/v2"),
    ("API_V1_STR", "/a/b_c-1", "/a/b_c-1"),
    ("API_V1_STR", "/tushares", "/tushares"),
    ("BACKEND_CORS_ORIGINS", "https://a.example", ["https://a.example"]),
    (
        "BACKEND_CORS_ORIGINS",
        " https://a.example , http://localhost:3000,",
        ["https://a.example", "http://localhost:3000"],
    ),
    ("BACKEND_CORS_ORIGINS", '["https://a.example", "http://b:80"]', ["https://a.example", "http://b:80"]),
    ("BACKEND_CORS_ORIGINS", "[]", []),
    ("BACKEND_CORS_ORIGINS", "HTTPS://A.Example/", ["https://a.example"]),
    ("BACKEND_CORS_ORIGINS", "*", ["*"]),
    ("LOG_LEVEL", "warning", "warning"),
    ("LOG_FORMAT", "text", "text"),
    ("API_DRAIN_SECONDS", "12.5", 12.5),
    ("DATABASE_URL", "postgresql://u:p@h:5433/d", SecretStr("postgresql://u:p@h:5433/d")),
    ("DATABASE_URL", "postgres://u@h/d", SecretStr("postgresql://u@h/d")),
    (
        "DATABASE_URL",
        "postgresql+asyncpg://u:p%40ss@h/d?sslmode=require",
        SecretStr("postgresql://u:p%40ss@h/d?sslmode=require"),
    ),
    ("DATABASE_URL", "postgresql:///d", SecretStr("postgresql:///d")),
    ("POSTGRES_SERVER", "db.internal", "db.internal"),
    ("POSTGRES_PORT", "6543", 6543),
    ("POSTGRES_USER", "writer", "writer"),
    ("POSTGRES_PASSWORD", "p@ss/word", SecretStr("p@ss/word")),
    ("POSTGRES_DB", "stocks", "stocks"),
    ("POSTGRES_SSLMODE", "require", "require"),
    ("POSTGRES_SSLROOTCERT", __file__, Path(__file__)),
    ("WRITER_DATABASE_PASSWORD", SECRET, SecretStr(SECRET)),
    ("DAGSTER_DATABASE_PASSWORD", SECRET, SecretStr(SECRET)),
    ("BACKUP_DATABASE_PASSWORD", SECRET, SecretStr(SECRET)),
    ("MONITOR_DATABASE_PASSWORD", SECRET, SecretStr(SECRET)),
    ("DATA_DIR", "/srv/data", Path("/srv/data")),
    ("BACKUP_DIR", "/srv/backups", Path("/srv/backups")),
    ("BACKUP_STATUS_FILE", "/srv/backups/status.json", Path("/srv/backups/status.json")),
    ("BACKUP_AT", "23:05", "23:05"),
    ("BACKUP_KEPT_DAYS", "30", 30),
    ("BACKUP_KEPT_AT_LEAST", "1", 1),
    ("BACKUP_RECIPIENT", f"age1{'q' * 58}", f"age1{'q' * 58}"),
    ("BACKUP_IDENTITY", f"# created\n{IDENTITY}\n", SecretStr(IDENTITY)),
    ("BACKUP_COMMAND", "rclone sync", "rclone sync"),
    ("POSTGRES_PROGRAMS", "/usr/lib/postgresql/18/bin", Path("/usr/lib/postgresql/18/bin")),
    ("TUSHARE_TOKEN", SECRET, SecretStr(SECRET)),
    ("TUSHARE_BASE_URL", "https://tushare.example/dataapi/", "https://tushare.example/dataapi"),
    ("TUSHARE_BASE_URL", "http://127.0.0.1:8100/dataapi", "http://127.0.0.1:8100/dataapi"),
    ("TUSHARE_BASE_URL", "http://localhost:8100", "http://localhost:8100"),
    ("TUSHARE_BASE_URL", "http://[::1]:8100", "http://[::1]:8100"),
    ("TUSHARE_POINTS", "120", 120),
    ("TUSHARE_TIMEOUT", "2.5", 2.5),
    ("TUSHARE_THROTTLE_SECONDS", "1", 1.0),
    ("TUSHARE_CALLS_PER_MINUTE", "80", 80),
    ("TUSHARE_CONCURRENCY", "8", 8),
    ("SYNC_INCREMENTAL_MISSING_LIMIT", "0", 0),
    ("SYNC_FAILURE_MAX_RETRIES", "5", 5),
    ("RUNS_KEPT_DAYS", "30", 30),
    ("RUN_HOSTS", "code-1:4000, 10.0.0.7:4000", ["code-1:4000", "10.0.0.7:4000"]),
    ("RUN_HOSTS", "[::1]:4000,[fd00::7]:4000", ["[::1]:4000", "[fd00::7]:4000"]),
    ("LLM_PROVIDER", "qwen", "qwen"),
    ("LLM_API_KEY", SECRET, SecretStr(SECRET)),
    ("LLM_BASE_URL", "http://127.0.0.1:9000/v1/", "http://127.0.0.1:9000/v1"),
    ("LLM_MODEL", "qwen3.8-max", "qwen3.8-max"),
    (
        "LLM_FALLBACKS",
        f'[{{"provider": "qwen", "model": "m", "api_key": "{SECRET}", "base_url": "https://h.example/v1/"}}]',
        [Fallback(provider="qwen", model="m", api_key=SecretStr(SECRET), base_url="https://h.example/v1")],
    ),
    ("LLM_TIMEOUT", "30", 30.0),
    ("LLM_MAX_TOKENS", "512", 512),
    ("LLM_CONCURRENCY", "200", 200),
    ("LLM_CALLS_PER_MINUTE", "0", 0),
    ("LLM_BUDGET_REPORT", "0.5", Decimal("0.5")),
    ("LLM_BUDGET_DAY", "0", Decimal(0)),
    ("LLM_BUDGET_MONTH", "1000", Decimal(1000)),
    (
        "LLM_PRICES",
        '{"m": {"asked": "1.5", "cached": 0, "answered": "6"}}',
        {"m": ModelPrice(asked=Decimal("1.5"), cached=Decimal(0), answered=Decimal(6))},
    ),
    ("LLM_TRAINING_CUTOFF", "2025-06-30", date(2025, 6, 30)),
    (
        "RESEARCH_WATCHLIST",
        "600519.SH, 000001.SZ ,920002.BJ,industry:白酒,board:科创板,all,",
        ["600519.SH", "000001.SZ", "920002.BJ", "industry:白酒", "board:科创板", "all"],
    ),
    ("RESEARCH_LANGUAGE", "en", "en"),
    ("RESEARCH_DIGEST", "true", True),
    ("BOCHA_API_KEY", SECRET, SecretStr(SECRET)),
    ("BOCHA_BASE_URL", "https://api.bochaai.com/", "https://api.bochaai.com"),
    ("BOCHA_BASE_URL", "http://127.0.0.1:9000", "http://127.0.0.1:9000"),
    ("BOCHA_TIMEOUT", "5", 5.0),
    ("BOCHA_CALLS_PER_MINUTE", "0", 0),
    ("BOCHA_BACK_DAYS", "400", 400),
    ("API_URL", "http://stocks.internal/", "http://stocks.internal"),
    ("ALERT_URLS", f"feishu://{SECRET}", [SecretStr(f"feishu://{SECRET}")]),
    (
        "ALERT_URLS",
        " feishu://a ,\n\nmailtos://u:p@h?to=a@b.c,d@e.f dingtalk://b/,wecombot://c,",
        [
            SecretStr("feishu://a"),
            SecretStr("mailtos://u:p@h?to=a@b.c,d@e.f"),
            SecretStr("dingtalk://b/"),
            SecretStr("wecombot://c"),
        ],
    ),
    ("ALERT_URLS", '["feishu://a", "lark://b"]', [SecretStr("feishu://a"), SecretStr("lark://b")]),
    ("DAGSTER_URL", "https://dagster.internal/", "https://dagster.internal"),
    ("API_POOL_SIZE", "1", 1),
    ("API_DATABASE_PASSWORD", "p@ss/word", SecretStr("p@ss/word")),
    ("API_OPEN_ON_LOOPBACK", "true", True),
    ("API_TRUSTED_PROXIES", "10.0.0.1", [ip_network("10.0.0.1/32")]),
    ("API_TRUSTED_PROXIES", "10.0.0.7/8, ::1", [ip_network("10.0.0.0/8"), ip_network("::1/128")]),
    ("API_ALLOWED_ADDRESSES", '["fd00::/8"]', [ip_network("fd00::/8")]),
    ("API_CALLS_PER_MINUTE", "0", 0),
    ("METRICS_ADDRESS", "127.0.0.1:9100", "127.0.0.1:9100"),
    ("EXPORTER_ADDRESS", "0.0.0.0:9101", "0.0.0.0:9101"),
    ("EXPORTER_CODE_SERVER", "code:4000", "code:4000"),
    (
        "EXPORTER_CERTIFICATES",
        "nginx:443, postgresql://db:5432,/ca.pem",
        ["nginx:443", "postgresql://db:5432", "/ca.pem"],
    ),
    ("EXPORTER_DISKS", "/disks/postgres,/disks/backup", [Path("/disks/postgres"), Path("/disks/backup")]),
    ("API_DATABASE_URL", "postgresql://u@replica/d", SecretStr("postgresql://u@replica/d")),
    ("API_QUEUE_SIZE", "0", 0),
    ("API_CACHE_MB", "0", 0),
]
BAD = [
    ("ENVIRONMENT", "prod", "'local', 'staging' or 'production'"),
    ("API_V1_STR", "api/v1", "a path such as /api/v1"),
    ("API_V1_STR", "/api/v1/", "a path such as /api/v1"),
    ("API_V1_STR", "/", "a path such as /api/v1"),
    ("API_V1_STR", "/tushare", "and not /tushare"),
    ("API_V1_STR", "/tushare/v1", "and not /tushare"),
    ("BACKEND_CORS_ORIGINS", "a.example", "origins without a path"),
    ("BACKEND_CORS_ORIGINS", "https://a.example/app", "origins without a path"),
    ("BACKEND_CORS_ORIGINS", "https://*.a.example:port", "origins without a path"),
    ("BACKEND_CORS_ORIGINS", "ftp://a.example", "origins without a path"),
    ("BACKEND_CORS_ORIGINS", "[https://a.example]", "separated by commas, or JSON"),
    ("BACKEND_CORS_ORIGINS", "[1]", "string"),
    ("DATABASE_URL", f"mysql://u:{SECRET}@h/d", "a PostgreSQL URL"),
    ("DATABASE_URL", f"{SECRET}", "a PostgreSQL URL"),
    ("DATABASE_URL", f"postgresql://u:{SECRET}@h", "the name of a database"),
    ("DATABASE_URL", f"postgresql://u:p@h:{SECRET}/d", "a PostgreSQL URL"),
    ("DATABASE_URL", f"postgresql://u:p@{SECRET}@h/d", "%40"),
    ("POSTGRES_PORT", "0", "greater than or equal to 1"),
    ("POSTGRES_PORT", "65536", "less than or equal to 65535"),
    ("POSTGRES_PORT", "many", "integer"),
    ("POSTGRES_DB", "my stocks", "a name of letters"),
    ("POSTGRES_DB", "1st", "a name of letters"),
    ("POSTGRES_SSLMODE", "verify", "'verify-full'"),
    ("POSTGRES_SSLROOTCERT", "/there/is/none", "a file with certificates, and /there/is/none is none"),
    ("TUSHARE_BASE_URL", "api.waditu.com", "https:// or http://"),
    ("TUSHARE_BASE_URL", "https://", "https:// or http://"),
    ("TUSHARE_BASE_URL", "https://h:port", "https:// or http://"),
    ("TUSHARE_BASE_URL", "https://h/?a=b", "https:// or http://"),
    ("TUSHARE_BASE_URL", "http://api.waditu.com/dataapi", "an https:// URL"),
    ("TUSHARE_BASE_URL", "http://192.168.1.7:8100", "an https:// URL"),
    ("TUSHARE_BASE_URL", "http://127.0.0.1.example/dataapi", "an https:// URL"),
    ("TUSHARE_BASE_URL", "http://localhost@tushare.example", "without user and password"),
    ("TUSHARE_BASE_URL", f"https://me:{SECRET}@tushare.example", "without user and password"),
    ("TUSHARE_POINTS", "-1", "greater than or equal to 0"),
    ("TUSHARE_POINTS", "2k", "integer"),
    ("TUSHARE_TIMEOUT", "0", "greater than 0"),
    ("TUSHARE_TIMEOUT", "inf", "less than or equal to 600"),
    ("TUSHARE_TIMEOUT", "soon", "number"),
    ("TUSHARE_THROTTLE_SECONDS", "0", "greater than 0"),
    ("TUSHARE_THROTTLE_SECONDS", "100000", "less than or equal to 3600"),
    ("TUSHARE_CONCURRENCY", "0", "greater than or equal to 1"),
    ("TUSHARE_CONCURRENCY", "65", "less than or equal to 64"),
    ("SYNC_INCREMENTAL_MISSING_LIMIT", "-1", "greater than or equal to 0"),
    ("SYNC_FAILURE_MAX_RETRIES", "many", "valid integer"),
    ("BACKUP_AT", "24:00", "a time of day in Shanghai"),
    ("BACKUP_KEPT_DAYS", "0", "greater than or equal to 1"),
    ("BACKUP_KEPT_AT_LEAST", "0", "greater than or equal to 1"),
    ("BACKUP_RECIPIENT", "age1me", "a recipient as age-keygen prints it"),
    ("BACKUP_IDENTITY", SECRET, "one identity as age-keygen writes it"),
    ("RUNS_KEPT_DAYS", "1", "greater than or equal to 7"),
    ("RUN_HOSTS", "code-1", "hosts and ports"),
    ("RUN_HOSTS", "code-1:4000,code-1:4000", "each once"),
    ("LLM_PROVIDER", "Deep Seek", "the name of a provider"),
    ("LLM_BASE_URL", "h.example", "https:// or http://"),
    ("LLM_FALLBACKS", SECRET, "a JSON list such as"),
    ("LLM_FALLBACKS", f'[{{"provider": "qwen", "api_key": "{SECRET}"}}]', "a JSON list such as"),
    ("LLM_FALLBACKS", f'[{{"provider": "q", "model": "m", "base_url": "{SECRET}"}}]', "a JSON list such as"),
    ("LLM_TIMEOUT", "0", "greater than 0"),
    ("LLM_MAX_TOKENS", "10", "greater than or equal to 256"),
    ("LLM_CONCURRENCY", "0", "greater than or equal to 1"),
    ("LLM_CALLS_PER_MINUTE", "-1", "greater than or equal to 0"),
    ("LLM_BUDGET_REPORT", "-1", "greater than or equal to 0"),
    ("LLM_BUDGET_DAY", "ten", "valid decimal"),
    ("LLM_BUDGET_MONTH", "NaN", "finite"),
    ("LLM_PRICES", '{"m": {"asked": "1"}}', "CNY per million tokens by model"),
    ("LLM_PRICES", "cheap", "CNY per million tokens by model"),
    ("LLM_TRAINING_CUTOFF", "June 2025", "a date such as 2025-06-30"),
    ("LLM_TRAINING_CUTOFF", "1750000000", "a date such as 2025-06-30"),
    ("RESEARCH_WATCHLIST", "600519", "and not '600519'"),
    ("RESEARCH_WATCHLIST", "600519.SH,industry:", "and not 'industry:'"),
    ("RESEARCH_WATCHLIST", "600519.SHX", "and not '600519.SHX'"),
    ("RESEARCH_WATCHLIST", "everybody", "600519.SH, industry:白酒, board:科创板 or all"),
    ("RESEARCH_LANGUAGE", "de", "'zh' or 'en'"),
    ("RESEARCH_DIGEST", "daily", "boolean"),
    ("BOCHA_BASE_URL", "h.example", "https:// or http://"),
    ("BOCHA_BASE_URL", "http://h.example", "over http:// the key could be read on its way"),
    ("BOCHA_TIMEOUT", "0", "greater than 0"),
    ("BOCHA_CALLS_PER_MINUTE", "-1", "greater than or equal to 0"),
    ("BOCHA_BACK_DAYS", "-1", "greater than or equal to 0"),
    ("API_URL", "stocks.internal", "https:// or http://"),
    ("ALERT_URLS", SECRET, "addresses such as feishu://TOKEN, one a line, and number 1 is none"),
    ("ALERT_URLS", f"feishu://a\nlark://b {SECRET}", "number 2 is none"),
    ("ALERT_URLS", "[1]", "string"),
    ("DAGSTER_URL", "dagster.internal", "https:// or http://"),
    ("API_POOL_SIZE", "0", "greater than 0"),
    ("API_OPEN_ON_LOOPBACK", "perhaps", "valid boolean"),
    ("API_TRUSTED_PROXIES", "nginx", "addresses and networks, separated by commas"),
    ("API_ALLOWED_ADDRESSES", "10.0.0.0/33", "addresses and networks, separated by commas"),
    ("API_ALLOWED_ADDRESSES", "[null]", "addresses and networks, separated by commas"),
    ("API_CALLS_PER_MINUTE", "-1", "greater than or equal to 0"),
    ("METRICS_ADDRESS", "9100", "an address and a port"),
    ("METRICS_ADDRESS", "127.0.0.1", "an address and a port"),
    ("METRICS_ADDRESS", "127.0.0.1:0", "an address and a port"),
    ("METRICS_ADDRESS", "127.0.0.1:65536", "an address and a port"),
    ("METRICS_ADDRESS", "http://127.0.0.1:9100", "an address and a port"),
    ("METRICS_ADDRESS", "127.0.0.1:9100/metrics", "an address and a port"),
    ("METRICS_ADDRESS", "::1:9100", "an address and a port"),
    ("EXPORTER_ADDRESS", "9101", "an address and a port"),
    ("EXPORTER_CODE_SERVER", "code", "an address and a port"),
    ("EXPORTER_CERTIFICATES", "nginx:443,postgres", "an address and a port"),
    ("LOG_LEVEL", "trace", "'debug', 'info', 'warning' or 'error'"),
    ("LOG_FORMAT", "xml", "'json' or 'text'"),
    ("API_DRAIN_SECONDS", "-1", "greater than or equal to 0"),
    ("API_QUEUE_SIZE", "-1", "greater than or equal to 0"),
    ("API_CACHE_MB", "-1", "greater than or equal to 0"),
    ("API_DATABASE_URL", "mysql://host/name", "postgresql://"),
]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Load the settings with these variables set, by upper-case name."""

    def load(**variables: str | Path) -> Settings:
        for name, value in variables.items():
            monkeypatch.setenv(name, str(value))
        return Settings.load()

    return load


@pytest.fixture
def dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `.env` file, still empty, that the settings read."""
    path = tmp_path / ".env"
    path.touch()
    monkeypatch.setitem(Settings.model_config, "env_file", path)
    return path


# --- values


def test_nothing_has_to_be_set() -> None:
    loaded = Settings.load()
    assert {name: getattr(loaded, name) for name in DEFAULTS} == DEFAULTS


def test_every_setting_is_tried_here() -> None:
    assert {name.lower() for name, *_ in GOOD} == set(Settings.model_fields) == {*DEFAULTS, "data_dir"}


@pytest.mark.parametrize(("name", "value", "meaning"), GOOD)
def test_a_variable_is_read(environment: Callable[..., Settings], name: str, value: str, meaning: Any) -> None:
    assert getattr(environment(**{name: value}), name.lower()) == meaning


@pytest.mark.parametrize("name", [name.upper() for name in DEFAULTS])
def test_an_empty_variable_counts_as_not_set(environment: Callable[..., Settings], name: str) -> None:
    assert getattr(environment(**{name: ""}), name.lower()) == DEFAULTS[name.lower()]


@pytest.mark.parametrize(("name", "value", "takes"), BAD)
def test_a_wrong_value_is_answered_by_one_line_that_names_the_variable_and_what_it_takes(
    environment: Callable[..., Settings], name: str, value: str, takes: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        environment(**{name: value})
    message = str(caught.value)
    assert message.startswith(f"{name}: ")
    assert takes in message
    assert "\n" not in message


def test_several_wrong_values_are_named_in_one_line(environment: Callable[..., Settings]) -> None:
    with pytest.raises(SettingsError, match=r"^POSTGRES_PORT: .*; TUSHARE_POINTS: [^\n]*$"):
        environment(POSTGRES_PORT="0", TUSHARE_POINTS="many")


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        Settings.load().tushare_points = 1  # type: ignore[misc]


def test_a_process_reads_its_settings_once(monkeypatch: pytest.MonkeyPatch) -> None:
    module.settings.cache_clear()
    first = module.settings()
    monkeypatch.setenv("TUSHARE_POINTS", "120")
    try:
        assert module.settings() is first
    finally:
        module.settings.cache_clear()


def test_dates_are_meant_in_shanghai() -> None:
    assert ZoneInfo("Asia/Shanghai") == SHANGHAI


# --- the data directory


def test_the_data_directory_stays_where_it_was_meant_when_the_working_directory_changes(
    environment: Callable[..., Settings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    loaded, default = environment(DATA_DIR="here/../there"), Settings()
    monkeypatch.chdir("/")
    assert loaded.data_dir == tmp_path / "there"
    assert default.data_dir == tmp_path / "there"


def test_the_data_directory_is_beside_the_process_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings.load().data_dir == tmp_path / "data"


def test_a_tilde_is_the_home_directory(environment: Callable[..., Settings], tmp_path: Path) -> None:
    assert environment(HOME=tmp_path, DATA_DIR="~/stocks").data_dir == tmp_path / "stocks"


# --- the database


def test_postgresql_is_embedded_when_none_is_named() -> None:
    loaded = Settings.load()
    assert loaded.embedded
    assert loaded.server_url is None


def test_the_parts_make_the_url(environment: Callable[..., Settings]) -> None:
    loaded = environment(
        POSTGRES_SERVER="h", POSTGRES_PORT="5433", POSTGRES_USER="u", POSTGRES_PASSWORD="p@/", POSTGRES_DB="d"
    )
    assert not loaded.embedded
    assert loaded.server_url is not None
    assert loaded.server_url.render_as_string(hide_password=False) == "postgresql://u:p%40%2F@h:5433/d"


def test_the_one_url_goes_before_the_parts(environment: Callable[..., Settings]) -> None:
    loaded = environment(DATABASE_URL="postgresql://one/d", POSTGRES_SERVER="other")
    assert loaded.server_url is not None
    assert loaded.server_url.host == "one"


@pytest.mark.parametrize(
    ("variables", "name"),
    [
        ({}, "stock_assistant_sandbox"),
        ({"TUSHARE_TOKEN": SECRET}, "stock_assistant"),
        ({"TUSHARE_TOKEN": SECRET, "POSTGRES_DB": "mine"}, "mine"),
        ({"POSTGRES_DB": "mine"}, "mine"),
    ],
)
def test_the_sandboxs_rows_have_a_database_of_their_own(
    environment: Callable[..., Settings], variables: dict[str, str], name: str
) -> None:
    assert environment(**variables).database_name == name


def test_the_api_reads_the_same_database_unless_told_otherwise(environment: Callable[..., Settings]) -> None:
    assert environment(DATABASE_URL="postgresql://owner:o@h/d").read_url == make_url("postgresql://owner:o@h/d")
    reader = environment(DATABASE_URL="postgresql://owner:o@h/d", API_DATABASE_PASSWORD="p@ss").read_url
    assert reader == make_url("postgresql://stock_assistant_api:p%40ss@h/d")
    assert environment(API_DATABASE_URL="postgresql://r@replica/d").read_url == make_url("postgresql://r@replica/d")


def test_connections_are_encrypted_as_the_url_says_or_else_as_the_settings_say(
    environment: Callable[..., Settings],
) -> None:
    safe = {"POSTGRES_SSLMODE": "verify-full", "POSTGRES_SSLROOTCERT": __file__}
    expected = {"sslmode": "verify-full", "sslrootcert": __file__}
    for where in ({"POSTGRES_SERVER": "h"}, {"DATABASE_URL": "postgresql://u@h/d"}):
        for each in (environment(**where, **safe), environment(**where, **safe, API_DATABASE_PASSWORD="p")):
            assert each.server_url is not None
            assert each.read_url is not None
            assert dict(each.server_url.query) == dict(each.read_url.query) == expected
    replica = environment(API_DATABASE_URL="postgresql://r@replica/d?sslmode=require", **safe).read_url
    assert replica is not None
    assert dict(replica.query) == {**expected, "sslmode": "require"}


@pytest.mark.parametrize("mode", ["verify-ca", "verify-full"])
def test_who_is_to_be_checked_is_checked_against_something(environment: Callable[..., Settings], mode: str) -> None:
    with pytest.raises(SettingsError, match=r"^POSTGRES_SSLROOTCERT: takes the file with the certificate"):
        environment(POSTGRES_SSLMODE=mode)


def test_the_roles_that_have_a_password_are_known_by_their_names(environment: Callable[..., Settings]) -> None:
    assert environment().role_passwords == {}
    variables = {
        f"{duty.upper()}_DATABASE_PASSWORD": duty for duty in ("api", "writer", "dagster", "backup", "monitor")
    }
    passwords = {role: each.get_secret_value() for role, each in environment(**variables).role_passwords.items()}
    assert passwords == {f"stock_assistant_{duty}": duty for duty in ("api", "writer", "dagster", "backup", "monitor")}


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ("", None),
        ("127.0.0.1:9100", ("127.0.0.1", 9100)),
        ("[::1]:9100", ("::1", 9100)),
        ("inner.example:1", ("inner.example", 1)),
    ],
)
def test_the_metrics_are_told_at_an_address_of_their_own_or_nowhere(
    environment: Callable[..., Settings], value: str, where: tuple[str, int] | None
) -> None:
    assert environment(METRICS_ADDRESS=value).metrics_listens == where


# --- where values come from


def test_a_secret_is_read_from_the_file_that_its_variable_points_to(
    environment: Callable[..., Settings], tmp_path: Path
) -> None:
    (tmp_path / "anything").write_text(f"  {SECRET}\n")
    assert environment(TUSHARE_TOKEN_FILE=tmp_path / "anything").tushare_token == SecretStr(SECRET)


def test_a_secret_is_read_from_the_directory_of_secrets(environment: Callable[..., Settings], tmp_path: Path) -> None:
    (tmp_path / "tushare_token").write_text(SECRET)
    assert environment(SECRETS_DIR=tmp_path).tushare_token == SecretStr(SECRET)


def test_a_file_that_an_editor_of_windows_wrote_is_read(environment: Callable[..., Settings], tmp_path: Path) -> None:
    (tmp_path / "tushare_token").write_bytes(f"\ufeff{SECRET}\r\n".encode())
    assert environment(SECRETS_DIR=tmp_path).tushare_token == SecretStr(SECRET)


def test_any_setting_can_come_from_a_file(environment: Callable[..., Settings], tmp_path: Path) -> None:
    for name, value, _ in GOOD:
        (tmp_path / name.lower()).write_text(value)
    loaded = environment(SECRETS_DIR=tmp_path)
    assert {name: getattr(loaded, name.lower()) for name, *_ in GOOD} == {name: meaning for name, _, meaning in GOOD}


def test_an_empty_file_counts_as_not_set(environment: Callable[..., Settings], tmp_path: Path) -> None:
    (tmp_path / "tushare_token").write_text("\n")
    assert environment(TUSHARE_TOKEN_FILE=tmp_path / "tushare_token").sandboxed


def test_the_file_that_is_pointed_to_goes_before_the_directory(
    environment: Callable[..., Settings], tmp_path: Path
) -> None:
    (tmp_path / "tushare_token").write_text("of the directory")
    (tmp_path / "other").write_text("pointed to")
    loaded = environment(SECRETS_DIR=tmp_path, TUSHARE_TOKEN_FILE=tmp_path / "other")
    assert loaded.tushare_token == SecretStr("pointed to")


def test_the_variable_goes_before_its_file(environment: Callable[..., Settings], tmp_path: Path) -> None:
    (tmp_path / "tushare_token").write_text("of the file")
    loaded = environment(TUSHARE_TOKEN="of the variable", TUSHARE_TOKEN_FILE=tmp_path / "tushare_token")
    assert loaded.tushare_token == SecretStr("of the variable")


def test_a_file_is_not_looked_for_when_the_variable_is_set(environment: Callable[..., Settings]) -> None:
    loaded = environment(TUSHARE_TOKEN="of the variable", TUSHARE_TOKEN_FILE="/nowhere/token")
    assert loaded.tushare_token == SecretStr("of the variable")


def test_an_empty_variable_leaves_it_to_the_file(environment: Callable[..., Settings], tmp_path: Path) -> None:
    (tmp_path / "tushare_token").write_text("of the file")
    loaded = environment(TUSHARE_TOKEN="", TUSHARE_TOKEN_FILE=tmp_path / "tushare_token")
    assert loaded.tushare_token == SecretStr("of the file")


def test_an_empty_pointer_points_to_nothing(environment: Callable[..., Settings]) -> None:
    assert environment(TUSHARE_TOKEN_FILE="", SECRETS_DIR="").sandboxed


def test_the_environment_goes_before_the_env_file(environment: Callable[..., Settings], dotenv: Path) -> None:
    dotenv.write_text("TUSHARE_POINTS=120\nAPI_POOL_SIZE=3\n")
    loaded = environment(TUSHARE_POINTS="5000")
    assert (loaded.tushare_points, loaded.api_pool_size) == (5000, 3)


def test_the_env_file_goes_before_a_file_of_a_secret(
    environment: Callable[..., Settings], dotenv: Path, tmp_path: Path
) -> None:
    dotenv.write_text("TUSHARE_TOKEN=of the env file\n")
    (tmp_path / "tushare_token").write_text("of the secret's file")
    assert environment(SECRETS_DIR=tmp_path).tushare_token == SecretStr("of the env file")


@pytest.mark.parametrize("line", ["SECRETS_DIR={}", "TUSHARE_TOKEN_FILE={}/tushare_token"])
def test_the_env_file_may_say_where_the_secrets_are(dotenv: Path, tmp_path: Path, line: str) -> None:
    dotenv.write_text(line.format(tmp_path))
    (tmp_path / "tushare_token").write_text(SECRET)
    assert Settings.load().tushare_token == SecretStr(SECRET)


def test_unknown_variables_are_left_alone(environment: Callable[..., Settings], dotenv: Path) -> None:
    dotenv.write_text("SOMETHING_ELSE=1\n")
    assert environment(ANOTHER_ONE="2").tushare_points == 2000


# --- files that cannot be read


def test_a_file_that_is_not_there_is_named_with_its_variable(environment: Callable[..., Settings]) -> None:
    with pytest.raises(SettingsError, match=r"^TUSHARE_TOKEN_FILE: cannot read /nowhere/token: No such file"):
        environment(TUSHARE_TOKEN_FILE="/nowhere/token")


def test_a_directory_in_place_of_a_file_is_named(environment: Callable[..., Settings], tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^TUSHARE_TOKEN_FILE: cannot read .*directory"):
        environment(TUSHARE_TOKEN_FILE=tmp_path)


def test_a_directory_of_secrets_that_is_not_there_is_named(environment: Callable[..., Settings]) -> None:
    with pytest.raises(SettingsError, match=r"^SECRETS_DIR: takes a directory, and /nowhere is none"):
        environment(SECRETS_DIR="/nowhere")


def test_a_secret_that_is_not_text_is_named_and_not_shown(environment: Callable[..., Settings], tmp_path: Path) -> None:
    (tmp_path / "tushare_token").write_bytes(SECRET.encode() + b"\xff")
    with pytest.raises(SettingsError, match=r"^SECRETS_DIR: cannot read .*: it is not UTF-8 text") as caught:
        environment(SECRETS_DIR=tmp_path)
    assert SECRET not in everything_told(caught.value)


def test_an_env_file_in_another_encoding_is_named_and_not_shown(dotenv: Path) -> None:
    dotenv.write_bytes(b"TUSHARE_TOKEN=" + SECRET.encode() + " # 令牌\n".encode("gbk"))
    with pytest.raises(SettingsError, match=r"\.env: takes UTF-8 text$") as caught:
        Settings.load()
    assert SECRET not in everything_told(caught.value)


# --- secrets


def everything_told(error: BaseException) -> str:
    """What an error says of itself, with its traceback; and that nothing else hangs on it."""
    assert (error.__cause__, error.__context__) == (None, None)
    return f"{error} {error!r} {error.args} {''.join(traceback.format_exception(error))}"


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, value, _ in BAD if SECRET in value])
def test_no_error_shows_a_secret(environment: Callable[..., Settings], name: str, value: str) -> None:
    with pytest.raises(SettingsError) as caught:
        environment(**{name: value})
    assert SECRET not in everything_told(caught.value)


def test_a_wrong_value_elsewhere_shows_no_secret(environment: Callable[..., Settings]) -> None:
    with pytest.raises(SettingsError) as caught:
        environment(
            TUSHARE_TOKEN=SECRET,
            POSTGRES_PASSWORD=SECRET,
            DATABASE_URL=f"postgresql://u:{SECRET}@h/d",
            TUSHARE_POINTS="x",
        )
    assert SECRET not in everything_told(caught.value)


@pytest.mark.parametrize(
    "show", [str, repr, lambda loaded: loaded.model_dump_json(), lambda loaded: str(loaded.model_dump())]
)
def test_settings_do_not_show_their_secrets(
    environment: Callable[..., Settings], show: Callable[[Settings], str]
) -> None:
    loaded = environment(TUSHARE_TOKEN=SECRET, POSTGRES_PASSWORD=SECRET, DATABASE_URL=f"postgresql://u:{SECRET}@h/d")
    assert SECRET not in show(loaded)


@pytest.mark.parametrize(
    "variables",
    [{"DATABASE_URL": f"postgresql://u:{SECRET}@h/d"}, {"POSTGRES_SERVER": "h", "POSTGRES_PASSWORD": SECRET}],
)
def test_the_databases_url_does_not_show_its_password(
    environment: Callable[..., Settings], variables: dict[str, str]
) -> None:
    url = environment(**variables).server_url
    assert SECRET not in f"{url} {url!r}"


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=6, max_size=12).map(lambda part: f"<{part}>"),
    st.sampled_from(
        ["postgresql://u:{}@h/d", "postgresql://u:{}@h:p/d", "postgresql://{}:p@h/", "{}", "mysql://{}@h/d"]
    ),
)
def test_no_database_url_is_shown_whatever_its_password(password: str, form: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DATABASE_URL", form.format(password))
        try:
            told = f"{Settings.load()!r}"
        except SettingsError as error:
            told = everything_told(error)
    assert password not in told


# --- this machine


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "[::1]", "LOCALHOST"])
def test_loopback_is_this_machine(host: str) -> None:
    assert on_loopback(f"http://{host}:8000/x")


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.0.1", "localhost.example", "127.0.0.1.example", "example"])
def test_other_addresses_are_not(host: str) -> None:
    assert not on_loopback(f"http://{host}:8000/x")


@pytest.mark.parametrize(
    ("url", "whether"),
    [("https://example", True), ("HTTPS://example", True), ("http://example", False), ("HTTP://example", False)],
)
def test_only_a_url_of_plain_http_is_not_asked_over_tls(url: str, whether: bool) -> None:
    assert over_tls(url) is whether


def test_a_text_is_told_without_any_secret() -> None:
    found = Settings(
        tushare_token="token-1",
        database_url="postgresql://me:pass%40word@host/name",
        llm_api_key="key-of-the-model",
        llm_fallbacks=[Fallback(provider="qwen", model="m", api_key=SecretStr("key-of-the-next"))],
        alert_urls=["wecombot://key-2?base=https://x.example", "dingtalk://key-3"],
    )
    told = "token-1, pass@word at host, postgresql://me:pass%40word@host/name, wecombot://key-2?base=https://x.example; key-3"
    assert found.hide(told) == "***, *** at host, ***, ***; ***"
    assert found.hide("key-of-the-model, key-of-the-next") == "***, ***"
