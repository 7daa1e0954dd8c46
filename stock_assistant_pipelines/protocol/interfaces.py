"""The interfaces that are served, by the name they are called by: every dataset's own, and those for the whole market."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.calls import PerPeriod

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stock_assistant_pipelines.catalog.dataset import Dataset

ROWS = 6000
"""Rows in one answer of an interface for the whole market, at the most: Tushare does not say, and users report as many."""


def interfaces(*datasets: Dataset) -> Iterator[Dataset]:
    """Datasets as they are called. One that is asked for the whole market under another name has two entries."""
    for dataset in datasets:
        yield dataset
        calls = dataset.calls
        if isinstance(calls, PerPeriod) and calls.whole:
            yield replace(dataset, api=calls.whole, points=calls.whole_points, row_cap=ROWS)


def for_the_market(dataset: Dataset) -> bool:
    """Whether this is an entry for the whole market, which no code need be given to."""
    return isinstance(dataset.calls, PerPeriod) and dataset.calls.whole == dataset.api


def home(dataset: Dataset) -> str:
    """The dataset's own name, under whatever name it is called."""
    return HOMES.get(dataset.api, dataset.api)


INTERFACES: Mapping[str, Dataset] = MappingProxyType({each.api: each for each in interfaces(*CATALOG.values())})
"""All that is served, by name."""

HOMES: Mapping[str, str] = MappingProxyType(
    {
        dataset.calls.whole: api
        for api, dataset in CATALOG.items()
        if isinstance(dataset.calls, PerPeriod) and dataset.calls.whole
    }
)
"""The datasets that entries for the whole market belong to."""
