"""Every dataset, declared once. The order is the order in which a new installation wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stock_assistant_pipelines.catalog.dataset import catalog
from stock_assistant_pipelines.catalog.finance import FINANCE
from stock_assistant_pipelines.catalog.index import INDEX
from stock_assistant_pipelines.catalog.market import MARKET
from stock_assistant_pipelines.catalog.reference import REFERENCE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stock_assistant_pipelines.catalog.dataset import Dataset

CATALOG: Mapping[str, Dataset] = catalog(*REFERENCE, *MARKET, *INDEX, *FINANCE)
"""Datasets by `api`."""
