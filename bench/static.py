"""Finished bytes: what the same server serves at the most. Served by `uvicorn --factory bench.static:create_app`.

STATIC_BODIES names a directory; the file `NAME.json` in it is answered at `/NAME`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

if TYPE_CHECKING:
    from starlette.requests import Request


def create_app() -> Starlette:
    """The application."""
    bodies = {path.stem: path.read_bytes() for path in Path(os.environ["STATIC_BODIES"]).glob("*.json")}

    async def answer(request: Request) -> Response:
        return Response(bodies[request.path_params["name"]], media_type="application/json")

    async def live(request: Request) -> Response:
        return Response(b"{}", media_type="application/json")

    return Starlette(routes=[Route("/live", live), Route("/{name}", answer)])
