"""The order of an answer's rows: newest first, by code within a day, by what else tells rows apart within a code.

Tushare promises none, and mostly keeps this one. Pages of one question must not overlap, so that here it is fixed.
"""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from stock_assistant_pipelines.catalog.calls import PerPeriod
from stock_assistant_pipelines.catalog.columns import Type
from stock_assistant_pipelines.catalog.expected import EveryDay

if TYPE_CHECKING:
    from collections.abc import Iterable

    from stock_assistant_pipelines.catalog.dataset import Dataset

FLAG = "update_flag"


class By(NamedTuple):
    """A column that rows are ordered by; absent values come last."""

    column: str
    descending: bool = False


def order(dataset: Dataset) -> tuple[By, ...]:
    """What an answer's rows are ordered by. Rows that agree in all of it say the same of the same."""
    if dataset.by_period:
        return _unique(_versions(dataset), dataset)
    newest = dataset.expected.column if isinstance(dataset.expected, EveryDay) else dataset.grain.value
    return _unique([By(newest, descending=True)] if newest in dataset.key else [], dataset)


def _versions(dataset: Dataset) -> Iterable[By]:
    """The newest period first, and of what is told of it several times the newest; by what calls ask for separately."""
    assert isinstance(dataset.calls, PerPeriod)
    assert dataset.versions
    yield By(dataset.grain.value, descending=True)
    yield By(dataset.calls.code)
    asked = dict.fromkeys(chain.from_iterable(dataset.calls.variants))
    yield from (By(name) for name in asked if name in dataset.by_name)
    newest = ((FLAG,) if FLAG in dataset.by_name else ()) + dataset.versions.known
    yield from (By(name, descending=True) for name in newest)


def _unique(first: Iterable[By], dataset: Dataset) -> tuple[By, ...]:
    """These, and the rest of the key: days newest first."""
    columns = {by.column: by for by in first}
    for name in dataset.key:
        columns.setdefault(name, By(name, descending=dataset.by_name[name].type is Type.DATE))
    return tuple(columns.values())
