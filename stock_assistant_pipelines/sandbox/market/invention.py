"""Rows of datasets that the sandbox knows by their declaration only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from stock_assistant_pipelines.catalog.columns import Type
from stock_assistant_pipelines.sandbox.market.noise import Floats, Ints, Stream, uniform
from stock_assistant_pipelines.sandbox.table import texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from stock_assistant_pipelines.catalog.columns import Column
    from stock_assistant_pipelines.catalog.dataset import Dataset


def invent(
    seed: int, dataset: Dataset, member: Ints, moment: Ints, fixed: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[Any]]:
    """Columns of a dataset from their types alone; those in `fixed` are given."""
    return {
        column.name: fixed[column.name] if column.name in fixed else _values(seed, n, column, member, moment)
        for n, column in enumerate(dataset.columns)
    }


def _values(seed: int, number: int, column: Column, member: Ints, moment: Ints) -> NDArray[Any]:
    draw: Floats = uniform(seed, Stream.GENERIC + number, member, moment)
    match column.type:
        case Type.NUMBER:
            return np.round(draw * 1000, 2)
        case Type.INTEGER:
            return (draw * 1000).astype(np.int64)
        case Type.DATE:
            return texts([f"{2000 + int(value * 25)}0101" for value in draw])
        case Type.TEXT:
            known = "SSE" if "exchange" in column.name else None
            return texts([known or f"{column.name}-{value * 10:.0f}" for value in draw])
