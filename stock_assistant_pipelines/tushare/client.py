"""Tushare's SDK with a transport that tells the truth. Code written for the SDK runs on it unchanged.

`DataApi.query()` of the SDK answers an HTTP error with an empty frame, drops `has_more`, loses the error's code and sends
the token over plain HTTP. Here it is replaced; what SDK users rely on stays: `api.daily(trade_date="20251218")` returns a
DataFrame in Tushare's columns, values as they were sent.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, cast

import msgspec
import pandas as pd
from tushare.pro.client import DataApi

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.tushare.errors import Truncated
from stock_assistant_pipelines.tushare.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from stock_assistant_pipelines.settings import Settings


class TushareApi(DataApi):  # type: ignore[misc]
    """Tushare's interfaces as methods. Each returns a DataFrame and raises a `TushareError`.

    It holds a connection and the token: share it between threads, never copy or pickle it.
    """

    def __init__(self, transport: Transport) -> None:
        """Ask through `transport`, which holds the token; the SDK's own copy of it stays empty."""
        super().__init__("")
        self._transport = transport

    @classmethod
    def from_settings(cls, settings: Settings) -> TushareApi:
        """Connect as the settings say."""
        return cls(Transport.from_settings(settings))

    def query(self, api_name: str, fields: str = "", **params: Any) -> pd.DataFrame:
        """Fetch every row of a call, page after page, unless the caller pages itself with `limit` or `offset`.

        `fields` are column names separated by commas; empty means Tushare's default columns. Dates are text, `YYYYMMDD`.
        """
        wanted = tuple(name for name in fields.replace(" ", "").split(",") if name)
        paging = {"limit", "offset"} & params.keys()
        columns: tuple[str, ...] = ()
        rows: list[list[Any]] = []
        while True:
            page = self._transport.page(api_name, {**params, "offset": len(rows)} if rows else params, wanted)
            got = cast("list[list[Any]]", msgspec.json.decode(page.items))
            columns = columns or page.fields
            rows += got
            if paging or not self._more(api_name, page.has_more, len(got)):
                return pd.DataFrame(rows, columns=list(columns))
            if page.has_more and not got:
                raise Truncated(api_name, f"says that more follows {len(rows)} rows, and does not give it")

    @staticmethod
    def _more(api_name: str, has_more: bool | None, got: int) -> bool:
        """Whether another page has to be asked for: the answer says so, or does not say and reaches the row cap."""
        if has_more is not None:
            return has_more
        dataset = CATALOG.get(api_name)
        return bool(dataset and dataset.row_cap and got >= dataset.row_cap)

    def __getattr__(self, name: str) -> Callable[..., pd.DataFrame]:
        """An interface as a method. The SDK turns every unknown attribute into a call, and so breaks copying and pickling."""
        if name.startswith("_"):
            raise AttributeError(name)
        return partial(self.query, name)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a TushareApi holds the token and a connection: make one per process, from the settings")
