"""The registry of one application: everything that is told of it, put together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Info, ProcessCollector

from api.metrics.data import Data
from api.metrics.holdings import Holdings
from api.metrics.requests import Requests

if TYPE_CHECKING:
    from api.database import Database
    from api.kept import Use
    from api.streams import Slots


class Metrics:
    """The metrics of one application."""

    def __init__(self, version: str, database: Database, streams: Slots, cache: Use | None) -> None:
        self.registry = CollectorRegistry()
        self.requests = Requests()
        self.data = Data(database)
        for told in (self.requests, Holdings(database.load, streams, cache), self.data):
            self.registry.register(told)
        Info("stock_assistant_build", "What runs.", registry=self.registry).info({"version": version})
        ProcessCollector(registry=self.registry)
