"""Backups: where they are kept, when they are made, how long they stay, and who can read them."""

from __future__ import annotations

import re
from pathlib import Path  # noqa: TC003 - Pydantic reads it
from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field, SecretStr

from stock_assistant_pipelines.settings.forms import absolute, written


def _age_identity(value: SecretStr) -> SecretStr:
    """Take the identity out of the file that age-keygen writes."""
    found = re.findall(r"^AGE-SECRET-KEY-1[02-9AC-HJ-NP-Z]{58}$", value.get_secret_value(), flags=re.MULTILINE)
    if len(found) != 1:
        raise ValueError("takes one identity as age-keygen writes it: AGE-SECRET-KEY-1…")
    return SecretStr(found[0])


class BackupSettings(BaseModel):
    """`BACKUP_*`, `POSTGRES_PROGRAMS`."""

    backup_dir: Annotated[Path, AfterValidator(absolute)] | None = Field(
        None, description="Where backups are kept; by default the directory backups in DATA_DIR."
    )
    backup_status_file: Annotated[Path, AfterValidator(absolute)] | None = Field(
        None, description="Where it is written what came of the backups; by default status.json in BACKUP_DIR."
    )
    backup_at: Annotated[str, written(r"([01]\d|2[0-3]):[0-5]\d", "takes a time of day in Shanghai, such as 02:30")] = (
        Field("02:30", description="When the night's backups are made, in Shanghai.")
    )
    backup_kept_days: Annotated[int, Field(ge=1, le=3650)] = Field(
        14, description="Days for which backups are kept: any moment in them can be gone back to."
    )
    backup_kept_at_least: Annotated[int, Field(ge=1, le=1000)] = Field(
        3, description="Dumps and base backups that are kept whatever their age."
    )
    backup_recipient: (
        Annotated[str, written(r"age1[02-9ac-hj-np-z]{58}", "takes a recipient as age-keygen prints it: age1…")] | None
    ) = Field(None, description="Who can read the backups: an age recipient. By default they are not encrypted.")
    backup_identity: Annotated[SecretStr, AfterValidator(_age_identity)] | None = Field(
        None, description="The age identity that opens encrypted backups; nothing else than restoring needs it."
    )
    backup_command: str | None = Field(
        None,
        description="A command that copies BACKUP_DIR elsewhere, run when there is something new. None by default.",
    )
    postgres_programs: Annotated[Path, AfterValidator(absolute)] | None = Field(
        None, description="Directory of PostgreSQL's own programs; by default those of the embedded server."
    )
