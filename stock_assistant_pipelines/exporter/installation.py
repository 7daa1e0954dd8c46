"""The exporter of an installation: its parts, by what is set, and the address at which they are told."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from prometheus_client import start_http_server

from stock_assistant_pipelines.backup.keeper import Keeper
from stock_assistant_pipelines.exporter import (
    alerts,
    backups,
    certificates,
    code_servers,
    dagster,
    disks,
    landing,
    postgres,
    research,
)
from stock_assistant_pipelines.exporter.page import Exporter, Part
from stock_assistant_pipelines.exporter.reading import of_dagster, of_tables
from stock_assistant_pipelines.settings.addresses import host_and_port

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
    yield Part("dagster", partial(dagster.read, of_dagster(settings, database)))
    yield Part("landing", partial(landing.read, tables))
    yield Part("research", partial(research.read, tables, settings))
    yield Part("alerts", partial(alerts.read, tables))
    yield Part("postgres", partial(postgres.read, tables))
    here = settings.data_dir.is_dir()  # where it is not, neither disks nor backups are known that are not named
    if here or settings.backup_dir or settings.backup_status_file:
        yield Part("backups", partial(backups.read, Keeper(settings).status))
    if paths := settings.exporter_disks or ([settings.data_dir] if here else []):
        yield Part("disks", partial(disks.read, paths))
    if settings.exporter_code_server or settings.run_hosts:
        yield Part("code servers", partial(code_servers.read, settings.exporter_code_server, settings.run_hosts))
    if settings.exporter_certificates:
        yield Part("certificates", partial(certificates.read, settings.exporter_certificates))


def listen(found: Exporter, address: str) -> tuple[WSGIServer, Thread]:
    """Tell it there, in a thread, until the server is told to stop. Raises OSError where that cannot be."""
    host, port = host_and_port(address)
    return start_http_server(port, host, found.registry)
