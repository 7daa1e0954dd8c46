"""`stock-assistant`: the command line. Each command imports what it needs when it is called, so that `--help` is quick."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from stock_assistant_pipelines import logs
from stock_assistant_pipelines.cli.backups import backup
from stock_assistant_pipelines.cli.configured import configured
from stock_assistant_pipelines.cli.monitoring import alerts, exporter
from stock_assistant_pipelines.cli.reports import costs, replay, research
from stock_assistant_pipelines.settings.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime


class TryAgain(click.ClickException):
    """What may work at the next try, as it is: EX_TEMPFAIL of sysexits.h."""

    exit_code = 75


class Group(click.Group):
    """A group whose errors of ours are one line, without a traceback, and which knows the sandboxes' own commands."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The commands, in the order of the alphabet."""
        return sorted([*super().list_commands(ctx), "sandbox", "sandbox-model", "sandbox-search"])

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The sandboxes' commands are imported when they are called for: nothing else here knows the sandboxes."""
        if name == "sandbox":
            from stock_assistant_pipelines.sandbox.cli import sandbox

            return sandbox
        if name == "sandbox-model":
            from stock_assistant_pipelines.sandbox.model.cli import sandbox_model

            return sandbox_model
        if name == "sandbox-search":
            from stock_assistant_pipelines.sandbox.search.cli import sandbox_search

            return sandbox_search
        return super().get_command(ctx, name)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; print what can be mended as one line."""
        import psycopg
        from sqlalchemy.exc import OperationalError

        from stock_assistant_pipelines.cli.services import ServiceError
        from stock_assistant_pipelines.warehouse.database import NoDatabase, NotOwner
        from stock_assistant_pipelines.warehouse.embedded import ServerError
        from stock_assistant_pipelines.warehouse.encryption import advice
        from stock_assistant_pipelines.warehouse.grants import RoleRefused
        from stock_assistant_pipelines.warehouse.migrator import LockNotHad, MigrationError
        from stock_assistant_pipelines.warehouse.space import DiskFull

        try:
            return super().invoke(ctx)
        except LockNotHad as error:
            raise TryAgain(logs.hidden(str(error))) from error
        except (
            SettingsError,
            ServiceError,
            ServerError,
            RoleRefused,
            MigrationError,
            NoDatabase,
            NotOwner,
            DiskFull,
        ) as error:
            raise click.ClickException(logs.hidden(str(error))) from error
        except (psycopg.OperationalError, OperationalError) as error:
            cause = logs.hidden(" ".join(str(getattr(error, "orig", error)).split()))
            hint = advice(cause) or "check DATABASE_URL or the POSTGRES_* variables, and that the server runs"
            raise click.ClickException(f"PostgreSQL: {cause} ({hint})") from error
        except subprocess.CalledProcessError as error:
            raise click.ClickException(f"{Path(error.cmd[0]).name} ended with code {error.returncode}") from error


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Complete, point-in-time A-share history in PostgreSQL."""


for command in (research, replay, costs, alerts, exporter, backup):
    main.add_command(command)


@main.command()
def datasets() -> None:
    """List the datasets, one a line."""
    from stock_assistant_pipelines.catalog import CATALOG

    for dataset in CATALOG.values():
        click.echo(
            f"{dataset.api:<15} {dataset.grain:<11} {dataset.points:>5} points  {dataset.title} ({dataset.title_zh})"
        )


@main.command()
@click.option("--days", default=60, show_default=True, type=click.IntRange(1, 1000), help="Trading days to land.")
@click.option("--stocks", default=300, show_default=True, type=click.IntRange(50, 5500), help="Stocks of the sandbox.")
def demo(days: int, stocks: int) -> None:
    """Land the last trading days through Dagster, read them back over HTTP, write of three stocks, and exit."""
    from stock_assistant_pipelines.cli.demo import run

    sys.exit(run(configured(), days, stocks))


@main.command()
@click.option("--ui-port", default=3000, show_default=True, help="Port of Dagster's UI.")
@click.option("--api-port", default=8000, show_default=True, help="Port of the API.")
@click.option("--stocks", default=300, show_default=True, type=click.IntRange(50, 5500), help="Stocks of the sandbox.")
def up(ui_port: int, api_port: int, stocks: int) -> None:
    """Run Dagster's UI and daemon and the API until Ctrl-C."""
    from stock_assistant_pipelines.cli.up import run

    run(configured(), ui_port, api_port, stocks)


@main.command()
@click.option("--watch", is_flag=True, help="Look again every second, until Ctrl-C.")
def quota(watch: bool) -> None:
    """Show what is used of the calls that Tushare allows, by interface."""
    from stock_assistant_pipelines.cli.quota import run

    run(configured(), watch=watch)


@main.command()
@click.argument("datasets", nargs=-1, metavar="[DATASET]...")
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d", "%Y%m%d"]), help="First day; the first that is kept.")
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d", "%Y%m%d"]), help="Last day; the last that is published.")
@click.option("--deep", is_flag=True, help="Compare every day key by key, and not only those that look odd.")
@click.option("--json", "as_json", is_flag=True, help="All holes with all keys, as JSON.")
@click.option("--fix", is_flag=True, help="Land exactly what is missing, with the fewest calls.")
@click.option("--yes", is_flag=True, help="Do not ask before.")
def holes(
    datasets: tuple[str, ...],
    first: datetime | None,
    last: datetime | None,
    deep: bool,
    as_json: bool,
    fix: bool,
    yes: bool,
) -> None:
    """List the trading days and keys that are missing; 1 is the exit code when there are any."""
    from stock_assistant_pipelines.cli.holes import run

    begin, end = (moment.date() if moment else None for moment in (first, last))
    sys.exit(run(configured(), datasets, begin, end, deep=deep, as_json=as_json, fix=fix, sure=yes))


@main.command()
@click.argument("datasets", nargs=-1, metavar="[DATASET]...")
@click.option("--from", "first", type=click.DateTime(["%Y-%m-%d", "%Y%m%d"]), help="First day; the market's first.")
@click.option("--to", "last", type=click.DateTime(["%Y-%m-%d", "%Y%m%d"]), help="Last day; the last that is published.")
@click.option("--all", "every", is_flag=True, help="Every dataset.")
@click.option("--refetch", is_flag=True, help="Fetch complete days again too, to find corrections.")
@click.option("--yes", is_flag=True, help="Do not ask before.")
@click.option("--detach", is_flag=True, help="Hand it over to the services that run, and do not wait.")
@click.option("--watch", is_flag=True, help="Show how far the backfill is that is under way.")
@click.option("--cancel", is_flag=True, help="Cancel the backfill that is under way; what has landed stays.")
def backfill(
    datasets: tuple[str, ...],
    first: datetime | None,
    last: datetime | None,
    every: bool,
    refetch: bool,
    yes: bool,
    detach: bool,
    watch: bool,
    cancel: bool,
) -> None:
    """Land a range of days, newest first; 0 is the exit code when all of it is complete."""
    from stock_assistant_pipelines.cli.backfill import Asked, cancel_it, run, watch_it

    if watch or cancel:
        sys.exit((cancel_it if cancel else watch_it)(configured()))
    begin, end = (moment.date() if moment else None for moment in (first, last))
    sys.exit(run(configured(), Asked(datasets, begin, end, every, refetch), sure=yes, detach=detach))


@main.command(name="exec", context_settings={"ignore_unknown_options": True})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(command: tuple[str, ...]) -> None:
    """Run COMMAND with the environment of this installation: database, Dagster's home and storages, Tushare."""
    from stock_assistant_pipelines.cli.services import ServiceError, environment
    from stock_assistant_pipelines.warehouse.database import available

    configuration = configured()
    with available(configuration) as database:
        values = environment(configuration, database)
        # So that `dagster` is that of this installation, whether its virtual environment is active or not.
        values["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), values.get("PATH", os.defpath)])
        if shutil.which(command[0], path=values["PATH"]) is None:
            raise ServiceError(f"there is no program {command[0]!r}")
        if not configuration.embedded:
            os.execvpe(command[0], list(command), values)  # noqa: S606 - the caller's own command
        process = subprocess.Popen(command, env=values)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _pass_on(process))
        sys.exit(process.wait())


def _pass_on(process: subprocess.Popen[bytes]) -> Callable[[int, Any], None]:
    return lambda number, _: process.send_signal(number)


@main.group()
def keys() -> None:
    """The keys of the API."""


@keys.command(name="create")
@click.argument("name")
@click.option("--days", type=click.IntRange(1, 36_500), help="Days for which it is good; for ever by default.")
@click.option(
    "--per-minute", type=click.IntRange(0, 1_000_000), help="Requests per minute; API_CALLS_PER_MINUTE. 0: no limit."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def create_key(name: str, days: int | None, per_minute: int | None, as_json: bool) -> None:
    """Make a key and show it, this once."""
    from stock_assistant_pipelines.cli.keys import create

    create(configured(), name, days, per_minute, as_json=as_json)


@keys.command(name="list")
@click.option("--all", "every", is_flag=True, help="Those too that were revoked or have expired.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def list_keys(every: bool, as_json: bool) -> None:
    """List the keys that are good."""
    from stock_assistant_pipelines.cli.keys import show

    show(configured(), every=every, as_json=as_json)


@keys.command(name="revoke")
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def revoke_key(name: str, as_json: bool) -> None:
    """Refuse a key from now on: within seconds, everywhere."""
    from stock_assistant_pipelines.cli.keys import revoke

    revoke(configured(), name, as_json=as_json)


@main.group()
def db() -> None:
    """The database of the tables."""


@db.command()
def upgrade() -> None:
    """Create the databases where they do not exist, migrate our tables and Dagster's beside what runs, set the roles' rights.

    The exit code is 75 when the lock of a table was not to be had, so that nothing has changed and it may be tried again as it
    is; 1 when a migration failed.
    """
    from stock_assistant_pipelines.cli.services import environment
    from stock_assistant_pipelines.warehouse.database import available

    configuration = configured()
    with available(configuration) as database:
        database.install()
        migrate = [str(Path(sys.executable).with_name("dagster")), "instance", "migrate"]
        # Its output is its whole configuration; what goes wrong it says on standard error.
        subprocess.run(migrate, env=environment(configuration, database), stdout=subprocess.DEVNULL, check=True)
        database.grant()  # also in the tables that Dagster has just made
    click.echo(f"{database.url.database} is up to date")


@db.command()
@click.argument("message")
def revision(message: str) -> None:
    """Write a migration for what the catalog declares and the database does not have yet."""
    from stock_assistant_pipelines.warehouse.database import available

    with available(configured()) as database:
        database.install()
        database.revise(message)


@db.command()
@click.confirmation_option(prompt="Every row of this installation will be lost. Go on?")
def drop() -> None:
    """Drop both databases of this installation: the tables, and Dagster's history."""
    from stock_assistant_pipelines.warehouse.database import available

    with available(configured()) as database:
        database.drop()
    click.echo(f"{database.url.database} is gone")
