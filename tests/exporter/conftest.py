"""An installation whose databases a test fills as it likes, and what its exporter tells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from dagster_storage import Storage, dagster_storage
from databases import copied
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from stock_assistant_pipelines.exporter import installation
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prometheus_client.metrics_core import Metric
    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.exporter.page import Exporter
    from stock_assistant_pipelines.warehouse.database import Database


class Told:
    """A page, read by Prometheus' own parser."""

    def __init__(self, exporter: Exporter) -> None:
        self.families: list[Metric] = list(text_string_to_metric_families(generate_latest(exporter.registry).decode()))
        self.samples = {
            (each.name, frozenset(each.labels.items())): each.value for one in self.families for each in one.samples
        }

    def __call__(self, name: str, /, **labels: str) -> float | None:
        """The value of a series; None when it is not there."""
        return self.samples.get((f"stock_assistant_{name}", frozenset(labels.items())))


@dataclass
class Installation:
    """Both databases of an installation."""

    database: Database
    storage: Storage

    def tell(self, **settings: Any) -> Told:
        """What its exporter tells now."""
        return Told(self.exporter(**settings))

    def exporter(self, **settings: Any) -> Exporter:
        """A new exporter, which has read nothing yet."""
        url = self.database.url.render_as_string(hide_password=False)
        return installation.exporter(Settings(database_url=url, **settings), self.database)

    def execute(self, statement: str, *values: Any) -> None:
        """Write to the database of the tables."""
        with psycopg.connect(conninfo(self.database.url)) as connection:
            connection.execute(statement, values)


@pytest.fixture(scope="session")
def databases(postgres: URL) -> Iterator[Installation]:
    """Both databases, with the tables of ours and of Dagster's."""
    with copied(postgres) as database:
        database.create()
        with dagster_storage(database.dagster_url) as storage:
            yield Installation(database, storage)


@pytest.fixture
def home(databases: Installation) -> Installation:
    """The installation, and nothing in it."""
    databases.storage.empty()
    tables = (
        "coverage, quota, alert, alert_channel, research_watch, research_report, research_claim, llm_call, llm_spending"
    )
    databases.execute(f"truncate {tables} cascade")
    return databases
