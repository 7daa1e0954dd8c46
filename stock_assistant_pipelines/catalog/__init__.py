"""Every dataset, declared once. The order is the order in which a new installation wants them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from stock_assistant_pipelines.catalog.dataset import validate
from stock_assistant_pipelines.catalog.index import INDEX
from stock_assistant_pipelines.catalog.market import MARKET
from stock_assistant_pipelines.catalog.reference import REFERENCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stock_assistant_pipelines.catalog.dataset import Dataset

CATALOG: Mapping[str, Dataset] = MappingProxyType({dataset.api: dataset for dataset in (*REFERENCE, *MARKET, *INDEX)})
"""Datasets by `api`."""

validate(CATALOG)
