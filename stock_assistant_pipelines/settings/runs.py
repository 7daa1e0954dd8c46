"""Dagster's runs: how long they are kept, and which hosts share them."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field
from pydantic_settings import NoDecode

from stock_assistant_pipelines.settings.addresses import has_port
from stock_assistant_pipelines.settings.forms import as_list


def _hosts(values: list[str]) -> list[str]:
    """Check the code servers' addresses. One that is named twice would be taken for two."""
    if len({*values}) < len(values) or not all(map(has_port, values)):
        raise ValueError("takes hosts and ports, each once, separated by commas: code-1:4000,10.0.0.7:4000")
    return values


class RunSettings(BaseModel):
    """`RUNS_KEPT_DAYS`, `RUN_HOSTS`."""

    runs_kept_days: Annotated[int, Field(ge=7, le=36_500)] = Field(
        180,
        description="Days after which Dagster's runs and their events are deleted; what is known of partitions stays.",
    )
    run_hosts: Annotated[list[str], NoDecode, BeforeValidator(as_list), AfterValidator(_hosts)] = Field(
        default_factory=list,
        description="Code servers that share the runs: hosts and ports, separated by commas. By default there is one.",
    )
