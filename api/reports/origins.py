"""Origins: where in this API the row stands that an item of evidence was taken from."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlencode

from api import as_of, parameters, row_parameters
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.warehouse.tables import METADATA

if TYPE_CHECKING:
    from collections.abc import Mapping

STOCKS = "stock_basic"
"""Its rows are also asked for by what is no key, at `/stocks`."""


def address(prefix: str, dataset: str, key: Mapping[str, str], column: str) -> str | None:
    """The path and query that answer with the row, and with its versions; None where no route does."""
    known = CATALOG.get(dataset)
    if known is None:
        return None
    names = {of: name for name, of in row_parameters.filters(known).items()}
    if key and key.keys() <= names.keys():
        asked = {names[of]: value for of, value in key.items()}
        if column in METADATA.tables[dataset].c:
            since = [as_of.SINCE] if known.versions else []
            asked["fields"] = ",".join(dict.fromkeys([*known.key, column, *since]))
        return f"{prefix}/datasets/{dataset}/rows?{urlencode(asked, safe=',')}"
    if dataset == STOCKS and key and key.keys() <= parameters.Stocks.model_fields.keys():
        return f"{prefix}/stocks?{urlencode(key)}"
    return None
