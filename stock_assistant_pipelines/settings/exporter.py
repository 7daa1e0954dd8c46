"""The exporter: where it is asked by Prometheus, and what it looks at."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - Pydantic reads it
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field
from pydantic_settings import NoDecode

from stock_assistant_pipelines.settings.addresses import listening
from stock_assistant_pipelines.settings.forms import as_list

POSTGRESQL = "postgresql://"
"""Before the address of a server that wants to be asked for TLS first, as PostgreSQL does."""


def _servers(values: list[str]) -> list[str]:
    """Check addresses to be asked, of PostgreSQL after postgresql://; what begins with a slash is a file."""
    for value in values:
        if not value.startswith("/"):
            listening(value.removeprefix(POSTGRESQL))
    return values


class ExporterSettings(BaseModel):
    """`EXPORTER_*`."""

    exporter_address: Annotated[str, AfterValidator(listening)] = Field(
        "127.0.0.1:9101", description="Where `stock-assistant exporter` tells Prometheus what the API cannot see."
    )
    exporter_code_server: Annotated[str, AfterValidator(listening)] | None = Field(
        None, description="Dagster's code server, code:4000: the exporter tells whether it listens. None by default."
    )
    exporter_certificates: Annotated[list[str], NoDecode, BeforeValidator(as_list), AfterValidator(_servers)] = Field(
        default_factory=list,
        description="Servers such as nginx:8443 or postgresql://postgres:5432, and files, separated by commas: the exporter "
        "tells when their certificates expire. None by default.",
    )
    exporter_disks: Annotated[list[Path], NoDecode, BeforeValidator(as_list)] = Field(
        default_factory=list,
        description="Directories, separated by commas: the exporter tells the room that is left there. DATA_DIR by default.",
    )
