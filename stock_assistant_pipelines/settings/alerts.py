"""Alerts: the channels that are told, and where their links lead."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, SecretStr
from pydantic_settings import NoDecode

from stock_assistant_pipelines.redaction import parts_of
from stock_assistant_pipelines.settings.addresses import web_url
from stock_assistant_pipelines.settings.forms import as_list

TOKEN_LENGTH = 12
"""From how many characters on a part of a channel's address is taken for a token, and hidden by itself."""


def _addresses(value: object) -> object:
    """Read addresses that stand one a line, or one after the other with blanks or commas between; or a JSON list.

    A comma may also be a part of an address: only one with another `scheme://` behind it separates.
    """
    if not isinstance(value, str) or value.lstrip().startswith("["):
        return as_list(value)
    return [item for item in re.split(r"[\s,]+(?=[A-Za-z][A-Za-z0-9+.-]*://)", value.strip().strip(",")) if item]


def _channels(values: list[SecretStr]) -> list[SecretStr]:
    """Check the form of the channels' addresses. They hold secrets, so that one is named by where it stands."""
    for at, value in enumerate(values, start=1):
        if not re.fullmatch(r"[A-Za-z][A-Za-z0-9+.-]*://\S+", value.get_secret_value()):
            raise ValueError(f"takes addresses such as feishu://TOKEN, one a line, and number {at} is none")
    return values


def tokens(address: str) -> list[str]:
    """The parts of a channel's address that may be tokens or passwords: long, and no host."""
    return [part for part in parts_of(address) if len(part) >= TOKEN_LENGTH and "." not in part]


class AlertSettings(BaseModel):
    """`ALERT_URLS`, `DAGSTER_URL`."""

    alert_urls: Annotated[list[SecretStr], NoDecode, BeforeValidator(_addresses), AfterValidator(_channels)] = Field(
        default_factory=list,
        description="Where alerts go: the addresses of your channels, as apprise writes them, one a line. None by default.",
    )
    dagster_url: Annotated[str, AfterValidator(web_url)] | None = Field(
        None, description="Where you reach Dagster's UI; alerts about a run link to it there."
    )
