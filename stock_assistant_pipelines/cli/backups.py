"""`stock-assistant backup`: make backups, test them, go back to one."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from stock_assistant_pipelines import logs
from stock_assistant_pipelines.cli.configured import configured, serving
from stock_assistant_pipelines.settings import SHANGHAI

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.backup.keeper import Keeper
    from stock_assistant_pipelines.settings import Settings


@click.group()
def backup() -> None:
    """Backups: make them, test them, go back to one."""


@backup.command()
def run() -> None:
    """Receive WAL without a pause, dump and copy each night, restore once a week, until stopped."""
    from stock_assistant_pipelines.backup.service import Service
    from stock_assistant_pipelines.cli.up import stopped_by_signal

    with stopped_by_signal(), _keeper(serving) as keeper, _server(serving) as url:
        try:
            Service(keeper, url).run()
        except KeyboardInterrupt:
            click.echo("Stopped.")


@backup.command()
def dump() -> None:
    """Dump both databases, with the rows and checksum of each table at that moment."""
    with _keeper() as keeper, _server() as url:
        click.echo(keeper.dump(url).path)


@backup.command()
def base() -> None:
    """Copy the whole server, and delete what is older than it is kept."""
    with _keeper() as keeper, _server() as url:
        click.echo(keeper.base(url).path)


@backup.command()
def test() -> None:
    """Restore the last dump into a server of its own, and compare every table; check the last base backup and its WAL."""
    with _keeper() as keeper:
        click.echo(keeper.rehearse())


@backup.command()
@click.argument("path", type=click.Path(dir_okay=False, path_type=Path))
def key(path: Path) -> None:
    """Make an age identity, write it into a file that is not there yet, and show its recipient."""
    from pyrage import x25519

    identity = x25519.Identity.generate()
    try:
        path.touch(mode=0o600, exist_ok=False)
    except FileExistsError as error:
        raise click.ClickException(f"{path} exists: an identity is never written over") from error
    path.write_text(f"# recipient: {identity.to_public()}\n{identity}\n", encoding="utf-8")
    click.echo(identity.to_public())


@backup.command()
def tidy() -> None:
    """Delete what is older than it is kept."""
    with _keeper() as keeper:
        click.echo("\n".join(keeper.tidy()) or "There is nothing to delete.")


@backup.command(name="list")
def list_all() -> None:
    """List what is kept, the oldest first."""
    with _keeper() as keeper:
        for kind in ("dumps", "bases"):
            for each in keeper.store.backups(kind):
                click.echo(f"{kind:<6} {each.name}  {each.bytes / 1e6:10,.1f} MB")


@backup.command()
def status() -> None:
    """Say what came of the backups, as JSON; 1 is the exit code when something failed, or nothing was done."""
    from stock_assistant_pipelines.backup.status import results

    with _keeper() as keeper:
        known = results(keeper.status)
    click.echo(json.dumps([asdict(each) for each in known], indent=1))
    sys.exit(0 if known and all(each.ok for each in known) else 1)


@backup.command()
@click.argument("name", required=False)
def load(name: str | None) -> None:
    """Restore a dump, the last by default, into databases that do not exist yet, and compare every table."""
    from stock_assistant_pipelines.backup import dumps
    from stock_assistant_pipelines.backup.programs import BackupFailed

    with _keeper() as keeper:
        url = keeper.settings.server_url
        if url is None:
            raise BackupFailed(
                "a dump is restored into a server of your own: set DATABASE_URL or the POSTGRES_* variables"
            )
        chosen = keeper.store.backup("dumps", name)
        if wrong := dumps.restore(chosen, url, keeper.seal, keeper.programs):
            raise BackupFailed(f"what was restored is not what was dumped: {'; '.join(wrong)}")
    click.echo(f"Dump {chosen.name} is restored, every table as it was. Now: stock-assistant db upgrade")


@backup.command()
@click.argument("directory", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--to", "moment", help="The moment to go back to, such as '2026-03-04 18:30', in Shanghai; the last by default."
)
@click.option("--base", "name", help="The base backup to begin with; the newest that leads to the moment by default.")
def restore(directory: Path, moment: str | None, name: str | None) -> None:
    """Lay out a data directory that a PostgreSQL brings to a moment when it starts in it."""
    until = _moment(moment) if moment else None
    with _keeper() as keeper:
        chosen = keeper.go_back(directory, until, name)
    click.echo(
        f"Base backup {chosen.name} is in {directory}, WAL beside it. A PostgreSQL that starts there plays it back."
    )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(
            "takes a moment such as '2026-03-04 18:30', or with an offset", param_hint="--to"
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)


@contextmanager
def _keeper(begun: Callable[[], Settings] = configured) -> Iterator[Keeper]:
    """The keeper of this installation's backups. What fails is told as one line."""
    from stock_assistant_pipelines.backup.keeper import Keeper
    from stock_assistant_pipelines.backup.programs import BackupFailed

    try:
        yield Keeper(begun())
    except BackupFailed as error:
        raise click.ClickException(logs.hidden(str(error))) from error


@contextmanager
def _server(begun: Callable[[], Settings] = configured) -> Iterator[URL]:
    """Where the database of this installation is."""
    from stock_assistant_pipelines.warehouse.database import available

    with available(begun()) as database:
        yield database.url
