"""The exporter of an installation: its parts, by what is set, and the address at which they are told."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import start_http_server

from stock_assistant_pipelines.backup.keeper import Keeper
from stock_assistant_pipelines.exporter import dagsters, landing, machines, researches, servers, tellings
from stock_assistant_pipelines.exporter.page import Exporter, Part
from stock_assistant_pipelines.exporter.reading import of_dagster, of_tables
from stock_assistant_pipelines.settings import host_and_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from threading import Thread
    from wsgiref.simple_server import WSGIServer

    from stock_assistant_pipelines.settings import Settings
    from stock_assistant_pipelines.warehouse.database import Database


def exporter(settings: Settings, database: Database) -> Exporter:
    """The exporter of an installation. Nothing is read yet."""
    return Exporter(list(_parts(settings, database)))


def _parts(settings: Settings, database: Database) -> Iterator[Part]:
    tables = of_tables(settings, database)
    yield Part("dagster", partial(dagsters.read, of_dagster(settings, database)))
    yield Part("landing", partial(landing.read, tables))
    yield Part("research", partial(researches.read, tables, settings))
    yield Part("alerts", partial(tellings.read, tables))
    yield Part("postgres", partial(servers.read, tables))
    if disks := settings.exporter_disks or [path for path in [settings.data_dir] if path.is_dir()]:
        yield Part("disks", partial(machines.disks, disks))
    if settings.exporter_code_server:
        yield Part("code server", partial(machines.code_server, settings.exporter_code_server))
    if settings.exporter_certificates:
        yield Part("certificates", partial(machines.expiries, settings.exporter_certificates))
    status = Keeper(settings).status
    if settings.backup_status_file or status.is_file():
        yield Part("backups", partial(machines.backups, status))


def listen(found: Exporter, address: str) -> tuple[WSGIServer, Thread]:
    """Tell it there, in a thread, until the server is told to stop. Raises OSError where that cannot be."""
    host, port = host_and_port(address)
    return start_http_server(port, host, found.registry)
