"""The listener of the metrics: an address of its own, in a thread of its own, so that neither is the API's.

Nobody who reaches the API reaches it there. Putting a page of metrics together takes some milliseconds, for which no
request of the API waits.
"""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import uvicorn
from fastapi import Response
from prometheus_client import make_asgi_app

from api import server

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from api.metrics import Metrics

PATH = "/metrics"


class Page:
    """The one path that there is."""

    def __init__(self, metrics: Metrics) -> None:
        self._data = metrics.data
        self._page = make_asgi_app(metrics.registry)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tell the metrics, in the form that is asked for."""
        if scope["path"] != PATH:
            await Response(f"There is {PATH}, and nothing else.\n", 404, media_type="text/plain")(scope, receive, send)
        elif scope["method"] not in {"GET", "HEAD"}:
            await Response(status_code=405, headers={"Allow": "GET, HEAD"})(scope, receive, send)
        else:
            await self._data.refresh()
            await self._page({**scope, "query_string": b""}, receive, send)


def bind(host: str, port: int) -> socket.socket:
    """Listen at an address. Raises `OSError` when that cannot be."""
    (family, kind, protocol, _, address), *_ = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    found = socket.socket(family, kind, protocol)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen()
    except OSError:
        found.close()
        raise
    return found


def start(metrics: Metrics, listening: socket.socket) -> uvicorn.Server:
    """Tell the metrics there, until the process ends or the server is told to stop."""
    found = uvicorn.Server(server.configured(Page(metrics), lifespan="off"))
    threading.Thread(target=found.run, args=([listening],), name="metrics", daemon=True).start()
    return found
