"""Run the sandbox model: in this process, or beside it in a thread or a process of its own."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.routing import Route

from stock_assistant_pipelines.sandbox.backdoor import BackDoor
from stock_assistant_pipelines.sandbox.faults import Faults
from stock_assistant_pipelines.sandbox.model.faults import ModelFault
from stock_assistant_pipelines.sandbox.model.service import Service
from stock_assistant_pipelines.sandbox.server import Door, in_process, in_thread, serve_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATH = "/v1"
"""Where a client is pointed; `/NAME/v1` speaks as the provider of that name does."""
KEY = "sandbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a sandbox model is set up. The command line has the same words."""

    host: str = "127.0.0.1"
    port: int = 0
    key: str = KEY
    latency: float = 0.0
    faults: tuple[str, ...] = ()

    def arguments(self) -> list[str]:
        """The same set-up as words of the command line."""
        words = [f"--host={self.host}", f"--port={self.port}", f"--key={self.key}", f"--latency={self.latency}"]
        return words + [f"--fault={fault}" for fault in self.faults]


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


def serve(options: Options, announce: Callable[[str], None]) -> None:
    """Serve in this process until it is stopped; `announce` gets the base URL once it is reachable."""
    serve_app(create_app(options), options.host, options.port, lambda root: announce(root + PATH))


@contextmanager
def running(options: Options | None = None, *, process: bool = False, **words: Any) -> Iterator[RunningModel]:
    """A sandbox model on a free port for as long as the block lasts. `words` are fields of `Options`."""
    options = replace(options or Options(), **words)
    if process:
        with in_process(__package__, options.arguments()) as url:
            yield RunningModel(url)
        return
    with in_thread(lambda: create_app(options), options.host, options.port) as root:
        yield RunningModel(root + PATH)
