"""The application: Tushare's three paths, and a back door under `/_sandbox`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.routing import Route

from stock_assistant_pipelines.sandbox.backdoor import ClockDoor

if TYPE_CHECKING:
    from stock_assistant_pipelines.sandbox.service import Service

PATHS = ("/", "/dataapi", "/dataapi/{name}")
"""Where versions of the Tushare SDK send their calls; the interface is named in the body."""


def create_app(service: Service) -> Starlette:
    """The routes to one service."""
    return Starlette(
        routes=[*(Route(path, service.call, methods=["POST"]) for path in PATHS), *ClockDoor(service).routes()]
    )
