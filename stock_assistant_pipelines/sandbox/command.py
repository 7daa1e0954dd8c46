"""What the command lines of all sandboxes have in common: where they listen, how slow they are, and how they are run."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Callable

HOST = click.option("--host", default="127.0.0.1", help="Address to listen on; loopback only.")
PORT = click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port; 0 takes a free one.")
LATENCY = click.option("--latency", type=click.FloatRange(0), default=0.0, help="Seconds that every answer takes.")


def misbehaving(example: str) -> Callable[[click.decorators.FC], click.decorators.FC]:
    """The option of misbehaviour, with an example of it."""
    return click.option("--fault", "faults", multiple=True, help=f"Misbehave, e.g. {example}. Repeatable.")


def run(serve: Callable[[Callable[[str], None]], None], notice: str) -> None:
    """Serve until Ctrl-C, and say a notice and where once it is reachable; what can be mended is one line."""
    try:
        serve(lambda url: click.echo(f"{notice} at {url}"))
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        pass
