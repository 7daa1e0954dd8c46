"""`python -m api`: serve the API."""

from __future__ import annotations

import click

from api import listener, server
from api.drain import DrainingServer
from stock_assistant_pipelines import logs
from stock_assistant_pipelines.settings import settings
from stock_assistant_pipelines.settings.errors import SettingsError


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", default=8000, show_default=True, help="Port to listen on.")
def main(host: str, port: int) -> None:
    """Serve the read API until it is told to stop."""
    from api.app import create_app

    try:
        logs.configure(settings())
        app = create_app(settings())
    except SettingsError as error:
        raise click.ClickException(str(error)) from error
    server.open_files()
    if (address := app.state.settings.metrics_listens) is not None:
        try:
            listener.start(app.state.metrics, listener.bind(*address))
        except OSError as error:
            raise click.ClickException(f"METRICS_ADDRESS: cannot listen there: {error.strerror}") from error
    DrainingServer(server.configured(app, host, port), app.state.drain).run()


if __name__ == "__main__":
    main()
