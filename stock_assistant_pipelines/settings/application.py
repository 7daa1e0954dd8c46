"""What is the same for every process: the name of the installation, where it runs, its logs."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, Field


class ApplicationSettings(BaseModel):
    """`PROJECT_NAME`, `ENVIRONMENT`, `LOG_*`."""

    project_name: str = Field("Stock Assistant", description="Title of the API and its documentation.")
    environment: Literal["local", "staging", "production"] = Field(
        "local", description="Where this runs; shown by the health route."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="From which level on is logged: debug, info, warning or error."
    )
    log_format: Literal["json", "text"] | None = Field(
        None, description="How is logged: json or text. By default text on a terminal, and json else."
    )
