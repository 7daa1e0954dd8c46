"""What every command begins with: the settings, and its log."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from stock_assistant_pipelines import logs
from stock_assistant_pipelines.settings import settings

if TYPE_CHECKING:
    from stock_assistant_pipelines.settings import Settings


def configured() -> Settings:
    """The settings. From here on what is worth a warning is logged on standard error, beside what a command says."""
    found = settings()
    logs.configure(found, sys.stderr, least="warning" if found.log_level == "info" else None)
    return found


def serving() -> Settings:
    """The same for a command that goes on until it is stopped: its log is on standard output, as that of the API is."""
    found = settings()
    logs.configure(found)
    return found
