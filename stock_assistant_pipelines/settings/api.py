"""The API: where it is reached, what it reads, whom it answers, and how much at once."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, PositiveInt, SecretStr
from pydantic_settings import NoDecode

from stock_assistant_pipelines.settings.addresses import (
    Networks,
    host_and_port,
    listening,
    postgres_url,
    url_parts,
    web_url,
)
from stock_assistant_pipelines.settings.database import API_ROLE
from stock_assistant_pipelines.settings.forms import as_list, written


def _origins(values: list[str]) -> list[str]:
    """Check origins, and write them as browsers do: in lower case and without a slash at the end."""
    origins = [value.lower().rstrip("/") for value in values]
    for origin in origins:
        parts = url_parts(origin)
        if origin != "*" and (parts is None or origin != f"{parts.scheme}://{parts.netloc}" or "@" in origin):
            raise ValueError(
                "takes origins without a path, separated by commas: https://a.example,https://b.example:8443"
            )
    return origins


class ApiSettings(BaseModel):
    """`API_*`, `METRICS_ADDRESS`, `BACKEND_CORS_ORIGINS`."""

    api_v1_str: Annotated[
        str,
        written(
            r"(?!/tushare(/|$))(/[a-z0-9_-]+)*",  # below that a key is looked for in the body
            "takes a path such as /api/v1: lower-case letters, digits, - and _; and not /tushare, which is Tushare's",
        ),
    ] = Field("/api/v1", description="Path under which the API's routes stand.")
    api_url: Annotated[str, AfterValidator(web_url)] = Field(
        "http://127.0.0.1:8000", description="Where readers reach the API; links in Dagster point there."
    )
    api_database_url: Annotated[SecretStr, AfterValidator(postgres_url)] | None = Field(
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
    backend_cors_origins: Annotated[list[str], NoDecode, BeforeValidator(as_list), AfterValidator(_origins)] = Field(
        default_factory=list,
        description="Origins that browsers may call the API from, separated by commas. None by default.",
    )

    @property
    def metrics_listens(self) -> tuple[str, int] | None:
        """The host and the port of the metrics; None when nobody is told them."""
        return None if self.metrics_address is None else host_and_port(self.metrics_address)
