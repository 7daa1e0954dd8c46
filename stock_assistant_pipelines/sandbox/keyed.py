"""The sandboxes that take a key, the model and the search: how one is set up, run, and started from the command line."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import click

from stock_assistant_pipelines.sandbox.command import HOST, LATENCY, PORT, misbehaving, run
from stock_assistant_pipelines.sandbox.server import Door, in_process, in_thread, serve_app

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.applications import Starlette

KEY = "sandbox"

D = TypeVar("D", bound=Door)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How one is set up. The command line has the same words."""

    host: str = "127.0.0.1"
    port: int = 0
    key: str = KEY
    latency: float = 0.0
    faults: tuple[str, ...] = ()

    def arguments(self) -> list[str]:
        """The same set-up as words of the command line."""
        words = [f"--host={self.host}", f"--port={self.port}", f"--key={self.key}", f"--latency={self.latency}"]
        return words + [f"--fault={fault}" for fault in self.faults]


@dataclass(frozen=True)
class Keyed(Generic[D]):
    """A sandbox that takes a key: in this process, or beside it in a thread or a process of its own."""

    package: str
    """What `python -m` runs."""
    app: Callable[[Options], Starlette]
    door: Callable[[str], D]
    """The back door of the one that answers at a URL."""
    path: str = ""
    """Where a client is pointed."""

    def serve(self, options: Options, announce: Callable[[str], None]) -> None:
        """Serve in this process until it is stopped; `announce` gets the base URL once it is reachable."""
        serve_app(self.app(options), options.host, options.port, lambda root: announce(root + self.path))

    @contextmanager
    def running(self, options: Options | None = None, *, process: bool = False, **words: Any) -> Iterator[D]:
        """One on a free port for as long as the block lasts. `words` are fields of `Options`."""
        options = replace(options or Options(), **words)
        if process:
            with in_process(self.package, options.arguments()) as url:
                yield self.door(url)
            return
        with in_thread(lambda: self.app(options), options.host, options.port) as root:
            yield self.door(root + self.path)

    def command(self, does: str, notice: str) -> click.Command:
        """Serve it from the command line, which says what it does, and a notice with the URL."""

        @click.command(context_settings={"show_default": True}, help=does)
        @HOST
        @PORT
        @click.option("--key", default=KEY, help="The key that is taken.")
        @LATENCY
        @misbehaving("throttle:times=3")
        def serve(faults: tuple[str, ...], **words: object) -> None:
            options = Options(faults=faults, **words)  # type: ignore[arg-type]
            run(partial(self.serve, options), notice)

        return serve
