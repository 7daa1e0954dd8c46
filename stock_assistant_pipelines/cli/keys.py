"""`stock-assistant keys`: make a key of the API, list them, revoke one."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.cli.services import ServiceError
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse import keys
from stock_assistant_pipelines.warehouse.database import available

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sqlalchemy import Engine

    from stock_assistant_pipelines.settings import Settings
    from stock_assistant_pipelines.warehouse.keys import Known


def create(settings: Settings, name: str, days: int | None, per_minute: int | None, *, as_json: bool) -> None:
    """Make a key and show it, this once."""
    expires = calendar.now() + timedelta(days=days) if days is not None else None
    with _tables(settings) as engine:
        key = keys.create(engine, name, expires, per_minute)
    if as_json:
        click.echo(json.dumps({"name": name, "key": key, "expires_at": _moment(expires)}, indent=1))
        return
    click.echo("The key is shown this once; what is kept cannot be turned back into it.", err=True)
    click.echo(key)
    click.echo('Send it with each request: curl -H "Authorization: Bearer $KEY" …', err=True)


def show(settings: Settings, *, every: bool, as_json: bool) -> None:
    """List the keys that are good; with `every`, those that were revoked or have expired too."""
    now = calendar.now()
    with _tables(settings) as engine, engine.connect() as connection:
        known = [key for key in keys.known(connection) if every or key.standing(now) == "active"]
    if as_json:
        click.echo(json.dumps([_plain(key, now) for key in known], indent=1))
    elif known:
        Console(highlight=False).print(_table(known, now))
    else:
        click.echo("There is no key: `stock-assistant keys create NAME` makes one.")


def revoke(settings: Settings, name: str, *, as_json: bool) -> None:
    """Refuse a key from now on."""
    with _tables(settings) as engine:
        keys.revoke(engine, name)
    click.echo(json.dumps({"name": name, "standing": "revoked"}, indent=1) if as_json else f"{name} is revoked.")


@contextmanager
def _tables(settings: Settings) -> Iterator[Engine]:
    """Connect to the tables, all migrations run. What is refused is told as one line."""
    with available(settings) as database:
        database.prepare()
        try:
            with database.connected() as engine:
                yield engine
        except keys.KeyRefused as error:
            raise ServiceError(str(error)) from error


def _table(known: list[Known], now: datetime) -> Table:
    table = Table(title="Keys of the API", title_justify="left", box=SIMPLE_HEAD)
    for heading in ("name", "begins", "standing"):
        table.add_column(heading)
    table.add_column("a minute", justify="right")
    for heading in ("created", "expires", "revoked"):
        table.add_column(heading)
    for key in known:
        limit = "" if key.per_minute is None else f"{key.per_minute:,}" if key.per_minute else "no limit"
        days = [_moment(at) or "" for at in (key.created_at, key.expires_at, key.revoked_at)]
        table.add_row(key.name, f"{key.hint}…", key.standing(now), limit, *(day[:10] for day in days))
    return table


def _plain(key: Known, now: datetime) -> dict[str, object]:
    moments = {name: _moment(getattr(key, name)) for name in ("created_at", "expires_at", "revoked_at")}
    return {**asdict(key), **moments, "standing": key.standing(now)}


def _moment(at: datetime | None) -> str | None:
    return at.astimezone(SHANGHAI).isoformat(timespec="seconds") if at else None
