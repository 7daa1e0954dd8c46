"""Run the sandbox search: in this process, or beside it in a thread or a process of its own."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.routing import Route

from stock_assistant_pipelines.sandbox.backdoor import BackDoor
from stock_assistant_pipelines.sandbox.faults import Faults
from stock_assistant_pipelines.sandbox.search.faults import SearchFault
from stock_assistant_pipelines.sandbox.search.service import PATH, Service
from stock_assistant_pipelines.sandbox.server import Door, in_process, in_thread, serve_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEY = "sandbox"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How a sandbox search is set up. The command line has the same words."""

    host: str = "127.0.0.1"
    port: int = 0
    key: str = KEY
    latency: float = 0.0
    faults: tuple[str, ...] = ()

    def arguments(self) -> list[str]:
        """The same set-up as words of the command line."""
        words = [f"--host={self.host}", f"--port={self.port}", f"--key={self.key}", f"--latency={self.latency}"]
        return words + [f"--fault={fault}" for fault in self.faults]


def create_app(options: Options) -> Starlette:
    """The route to one service. Raises `FaultError`."""
    service = Service(options.key, Faults(SearchFault, options.faults), options.latency)
    return Starlette(routes=[*BackDoor(service).routes(), Route(PATH, service.search, methods=["POST"])])


def serve(options: Options, announce: Callable[[str], None]) -> None:
    """Serve in this process until it is stopped; `announce` gets the base URL once it is reachable."""
    serve_app(create_app(options), options.host, options.port, announce)


@contextmanager
def running(options: Options | None = None, *, process: bool = False, **words: Any) -> Iterator[Door]:
    """A sandbox search on a free port for as long as the block lasts. `words` are fields of `Options`."""
    options = replace(options or Options(), **words)
    if process:
        with in_process(__package__, options.arguments()) as url:
            yield Door(url)
        return
    with in_thread(lambda: create_app(options), options.host, options.port) as root:
        yield Door(root)
