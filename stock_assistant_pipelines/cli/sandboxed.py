"""The sandbox that a command asks where there is no token: that of the services that run, or else one of its own."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from stock_assistant_pipelines.cli import services
from stock_assistant_pipelines.cli.up import SANDBOX_NOTICE, stopped_by_signal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import Console

    from stock_assistant_pipelines.settings import Settings

STOCKS = 300
"""Stocks of the sandbox, where there is no token and no service runs."""


@contextmanager
def asked_instead(settings: Settings, out: Console) -> Iterator[str | None]:
    """Where the sandbox is asked in place of Tushare, for as long as the block lasts; None with a token."""
    if not settings.sandboxed:
        yield None
    elif known := _of_the_services(settings):
        yield known
    else:
        out.print(SANDBOX_NOTICE, style="bold yellow")
        port = services.free_port()
        own = services.sandbox(settings.data_dir / "logs", port, STOCKS)
        with stopped_by_signal(), services.running([own], os.environ):
            yield services.tushare_at(port)


def _of_the_services(settings: Settings) -> str | None:
    """Where the sandbox of the services that run is asked; None when none run, or without one."""
    with services.alone_or_not(settings) as alone:
        if alone:
            return None
        noted = settings.data_dir / services.SANDBOX
        return noted.read_text() or None if noted.is_file() else None
