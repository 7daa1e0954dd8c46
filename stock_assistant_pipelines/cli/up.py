"""`stock-assistant up`: every service of one machine, until Ctrl-C."""

from __future__ import annotations

import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NoReturn

import click

from stock_assistant_pipelines.cli import services
from stock_assistant_pipelines.warehouse.database import available

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stock_assistant_pipelines.settings import Settings

SANDBOX_NOTICE = """\
────────────────────────────────────────────────────────────────────────
  SANDBOX DATA: no TUSHARE_TOKEN is set, so a synthetic market is used.
  No figure of it is real. 未设置 TUSHARE_TOKEN：以下全部为合成数据。
────────────────────────────────────────────────────────────────────────"""


def run(settings: Settings, ui_port: int, api_port: int, stocks: int) -> None:
    """Run Dagster's UI and daemon, the API, and without a token the sandboxes; stop all of them on Ctrl-C."""
    services.require_free({"--ui-port": ui_port, "--api-port": api_port})
    _check_channels(settings)
    with stopped_by_signal(), services.alone(settings), available(settings) as database:
        database.prepare()
        machine = services.machine(
            settings,
            database,
            api_port=api_port,
            ui_port=ui_port,
            sandbox_port=announce_sandbox(settings),
            stocks=stocks,
        )
        model = _stand_in(settings, machine)
        machine.environment.update(_links(settings, ui_port, api_port))
        click.echo("Starting …")
        with machine.running():
            click.echo(f"Dagster UI   http://{services.LOOPBACK}:{ui_port}")
            click.echo(f"API          http://{services.LOOPBACK}:{api_port}/docs")
            click.echo(f"Health       http://{services.LOOPBACK}:{api_port}{settings.api_v1_str}/health")
            if model:
                click.echo(model)
            click.echo(f"Logs         {settings.data_dir / 'logs'}")
            click.echo("Ctrl-C stops all of them.")
            watch(machine)


def _links(settings: Settings, ui_port: int, api_port: int) -> dict[str, str]:
    """Where the links in Dagster and in alerts lead: to these ports, unless it is set."""
    links = {
        "API_URL": f"http://{services.LOOPBACK}:{api_port}",
        "DAGSTER_URL": f"http://{services.LOOPBACK}:{ui_port}",
    }
    return {name: link for name, link in links.items() if name.lower() not in settings.model_fields_set}


def _stand_in(settings: Settings, machine: services.Machine) -> str | None:
    """Where neither Tushare nor a model is configured, let rules write the research reports, of invented news, and say so."""
    if not settings.sandboxed or settings.llm_provider is not None:
        return None
    from stock_assistant_pipelines.cli import standin  # loads the sandbox

    url = standin.join(machine, settings.data_dir / "logs", news=True)
    return f"Reports by   {standin.NOTICE}: {url}"


def _check_channels(settings: Settings) -> None:
    """Raise `SettingsError` now, and not with the first alert, when an address in ALERT_URLS is none."""
    if settings.alert_urls:
        from stock_assistant_pipelines.alerts.channels import channels  # a second, where nobody is told

        channels(settings)


def announce_sandbox(settings: Settings) -> int | None:
    """Without a token, say loudly that the data is not real, and choose the sandbox's port; None with a token."""
    if not settings.sandboxed:
        return None
    click.secho(SANDBOX_NOTICE, fg="yellow", bold=True)
    return services.free_port()


def watch(machine: services.Machine) -> None:
    """Wait until interrupted. Raises `ServiceError` when a service ends by itself."""
    try:
        while True:
            time.sleep(1)
            machine.check()
    except KeyboardInterrupt:
        click.echo("\nStopping …")


@contextmanager
def stopped_by_signal() -> Iterator[None]:
    """Treat SIGTERM as Ctrl-C, and heed both even where they are ignored by inheritance, as behind `nohup … &`."""

    def interrupt(*_: Any) -> NoReturn:
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
