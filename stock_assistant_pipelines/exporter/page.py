"""The page: parts that are read side by side when somebody asks, and kept for a while."""

from __future__ import annotations

import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import TextClause, text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from prometheus_client.metrics_core import Metric

Values = dict[tuple[str, ...], float]
"""What a metric is, by the values of its labels."""

LOG = logging.getLogger(__name__)

KEPT_SECONDS = 15.0
"""For how long what was read is told again: more who ask are no load."""

AGAIN_SECONDS = 5.0
"""After how long it is tried again when a part failed."""


def statement(name: str) -> TextClause:
    """The statement of `exporter/sql/NAME.sql`."""
    return text(files(__package__).joinpath("sql", f"{name}.sql").read_text(encoding="utf-8"))


@dataclass
class Part:
    """Something that is told of, by a function that reads it."""

    name: str
    read: Callable[[], Sequence[Metric]] = field(repr=False)
    up: bool | None = None
    seconds: float = 0.0
    told: Sequence[Metric] = ()

    def refresh(self) -> None:
        """Read it again. What fails is not told, and said once."""
        begun = time.monotonic()
        try:
            self.told = self.read()
        except Exception as error:  # noqa: BLE001 - whatever a part meets, the others are told
            if self.up is not False:
                LOG.warning("the metrics of %s could not be read: %s", self.name, type(error).__name__)
            self.up, self.told = False, ()
        else:
            self.up = True
        self.seconds = time.monotonic() - begun


class Exporter(Collector):
    """All parts of one installation."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self.parts = parts
        self.registry = CollectorRegistry()
        self.registry.register(self)
        ProcessCollector(registry=self.registry)
        self._turn = threading.Lock()
        self._not_before = 0.0

    def describe(self) -> Iterable[Metric]:
        """Nothing: to be registered reads nothing."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """What was read last, not longer ago than it is kept. Those who ask at once wait for the same reading."""
        with self._turn:
            if time.monotonic() >= self._not_before:
                self._read()
            told = [metric for part in self.parts for metric in part.told]
            up: Values = {(part.name,): float(bool(part.up)) for part in self.parts}
            seconds: Values = {(part.name,): part.seconds for part in self.parts}
        yield gauge("exporter_up", "Whether this part could be read.", up, "part")
        yield gauge("exporter_read_seconds", "How long it took.", seconds, "part")
        yield from told

    def _read(self) -> None:
        with ThreadPoolExecutor(len(self.parts), thread_name_prefix="exporter") as workers:
            list(workers.map(Part.refresh, self.parts))
        kept = KEPT_SECONDS if all(part.up for part in self.parts) else AGAIN_SECONDS
        self._not_before = time.monotonic() + kept


def gauge(name: str, help: str, values: Mapping[tuple[str, ...], float], *labels: str) -> Metric:  # noqa: A002
    """A gauge of ours, by the values of its labels."""
    family = GaugeMetricFamily(f"stock_assistant_{name}", help, labels=labels)
    for key, value in values.items():
        family.add_metric([str(each) for each in key], value)
    return family


def single(name: str, help: str, value: float | None) -> Metric:  # noqa: A002
    """A gauge without labels; without a value nothing is told under its name."""
    return gauge(name, help, {} if value is None else {(): value})
