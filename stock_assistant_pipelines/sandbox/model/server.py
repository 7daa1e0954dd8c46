"""Run the sandbox model: in this process, or beside it in a thread or a process of its own."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Route

from stock_assistant_pipelines.sandbox.backdoor import BackDoor
from stock_assistant_pipelines.sandbox.faults import Faults
from stock_assistant_pipelines.sandbox.keyed import Keyed, Options
from stock_assistant_pipelines.sandbox.model.faults import ModelFault
from stock_assistant_pipelines.sandbox.model.service import Service
from stock_assistant_pipelines.sandbox.server import Door

PATH = "/v1"
"""Where a client is pointed; `/NAME/v1` speaks as the provider of that name does."""


class RunningModel(Door):
    """A sandbox model that answers at `url`, and its back door."""

    def as_provider(self, name: str) -> str:
        """The base URL under which it speaks as a provider does."""
        return f"{self.root}/{name}{PATH}"


def create_app(options: Options) -> Starlette:
    """The routes to one service. Raises `FaultError`."""
    service = Service(options.key, Faults(ModelFault, options.faults), options.latency)
    routes = [
        route
        for path in (PATH, "/{dialect}" + PATH)
        for route in (
            Route(f"{path}/chat/completions", service.chat, methods=["POST"]),
            Route(f"{path}/models", service.models, methods=["GET"]),
        )
    ]
    return Starlette(routes=[*BackDoor(service).routes(), *routes])


MODEL = Keyed(__package__, create_app, RunningModel, PATH)
running = MODEL.running
"""A sandbox model for as long as a block lasts."""
