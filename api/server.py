"""The server: uvicorn with our connections, as `python -m api` starts it."""

from __future__ import annotations

import resource
from typing import TYPE_CHECKING, Any, Literal

import uvicorn

from api.connections import MOST, Connection

if TYPE_CHECKING:
    from starlette.types import ASGIApp

KEEP_ALIVE_SECONDS = 15
"""For how long a connection may be idle between two requests."""

STOP_SECONDS = 20
"""For how long requests that are being answered are waited for."""

OTHER_FILES = 256
"""Open files beside the connections."""


def configured(
    app: ASGIApp | str,
    host: str = "127.0.0.1",
    port: int = 8000,
    lifespan: Literal["on", "off"] = "on",
    **more: Any,
) -> uvicorn.Config:
    """How the API is served. Addresses that proxies tell are ours to judge, and the log of requests is ours to write."""
    return uvicorn.Config(
        app,
        host=host,
        port=port,
        http=Connection,
        ws="none",
        lifespan=lifespan,
        proxy_headers=False,
        access_log=False,
        server_header=False,
        log_config=None,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=STOP_SECONDS,
        **more,
    )


def open_files() -> None:
    """Let this process have as many connections as are allowed, as far as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST + OTHER_FILES if hard == resource.RLIM_INFINITY else min(MOST + OTHER_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
