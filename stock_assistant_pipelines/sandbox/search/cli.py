"""`sandbox-search`: serve Bocha's web search on loopback, with invented pages."""

from __future__ import annotations

import click

from stock_assistant_pipelines.sandbox.search.server import Options, serve


@click.command(context_settings={"show_default": True})
@click.option("--host", default="127.0.0.1", help="Address to listen on; loopback only.")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Port; 0 takes a free one.")
@click.option("--key", default="sandbox", help="The key that is taken.")
@click.option("--latency", type=click.FloatRange(0), default=0.0, help="Seconds that every answer takes.")
@click.option("--fault", "faults", multiple=True, help="Misbehave, e.g. throttle:times=3. Repeatable.")
def sandbox_search(faults: tuple[str, ...], **words: object) -> None:
    """Serve Bocha's web search on loopback. INVENTED pages: no company did what they say."""
    options = Options(faults=faults, **words)  # type: ignore[arg-type]
    try:
        serve(options, lambda url: click.echo(f"INVENTED PAGES, no news, at {url}"))
    except (ValueError, OSError) as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        pass
