"""Run the sandbox search: in this process, or beside it in a thread or a process of its own."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Route

from stock_assistant_pipelines.sandbox.backdoor import BackDoor
from stock_assistant_pipelines.sandbox.faults import Faults
from stock_assistant_pipelines.sandbox.keyed import Keyed, Options
from stock_assistant_pipelines.sandbox.search.faults import SearchFault
from stock_assistant_pipelines.sandbox.search.service import PATH, Service
from stock_assistant_pipelines.sandbox.server import Door


def create_app(options: Options) -> Starlette:
    """The route to one service. Raises `FaultError`."""
    service = Service(options.key, Faults(SearchFault, options.faults), options.latency)
    return Starlette(routes=[*BackDoor(service).routes(), Route(PATH, service.search, methods=["POST"])])


SEARCH = Keyed(__package__, create_app, Door)
running = SEARCH.running
"""A sandbox search for as long as a block lasts."""
