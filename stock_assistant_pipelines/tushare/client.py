"""Tushare's SDK with a transport that tells the truth. Code written for the SDK runs on it unchanged.

`DataApi.query()` of the SDK answers an HTTP error with an empty frame, drops `has_more`, loses the error's code and sends
the token over plain HTTP. Here it is replaced; what SDK users rely on stays: `api.daily(trade_date="20251218")` returns a
DataFrame in Tushare's columns, values as they were sent.
"""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, NoReturn, Self

import msgspec
import pandas as pd
from tushare.pro.client import DataApi

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.tushare.errors import MalformedAnswer, SchemaDrift
from stock_assistant_pipelines.tushare.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from stock_assistant_pipelines.settings import Settings
    from stock_assistant_pipelines.tushare.transport import Page


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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._transport.close()

    def query(self, api_name: str, fields: str | Sequence[str] = "", **params: Any) -> pd.DataFrame:
        """Fetch every row of a call, page after page, unless the caller pages itself with `limit` or `offset`.

        `fields` are column names, in one text separated by commas or in a list; empty means Tushare's default columns.
        Dates are text, `YYYYMMDD`. An empty parameter counts as not given, as with Tushare. `frame.attrs["source"]` tells
        who answered: `tushare`, or the sandbox.
        """
        names = fields.split(",") if isinstance(fields, str) else fields
        wanted = tuple(name.strip() for name in names if name.strip())
        dataset = CATALOG.get(api_name)
        row_cap = dataset.row_cap if dataset else None
        pages = self._transport.pages(api_name, params, wanted, partial(_rows, api_name), row_cap)
        columns, rows, source = _whole(api_name, islice(pages, 1) if _paging(params) else pages)
        frame = pd.DataFrame(rows, columns=list(columns))
        frame.attrs["source"] = source
        return frame

    def __getattr__(self, name: str) -> Callable[..., pd.DataFrame]:
        """An interface as a method. The SDK turns every unknown attribute into a call, and so breaks copying and pickling."""
        if name.startswith("_"):
            raise AttributeError(name)
        return partial(self.query, name)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a TushareApi holds the token and a connection: make one per process, from the settings")


def _paging(params: Mapping[str, Any]) -> bool:
    """Whether the caller asks for one page only. Code that Tushare's site writes sends both words empty."""
    return any(params.get(word) not in {None, ""} for word in ("limit", "offset"))


def _whole(api: str, pages: Iterable[tuple[Page, list[list[Any]]]]) -> tuple[tuple[str, ...], list[list[Any]], str]:
    """The columns and the rows of all pages, and who answered. Raises `SchemaDrift` when the columns of pages differ."""
    columns: tuple[str, ...] = ()
    rows: list[list[Any]] = []
    source = ""
    for page, got in pages:
        source = page.source
        columns = columns or page.fields
        if page.fields != columns:
            raise SchemaDrift(api, f"one page has the columns {', '.join(columns)}, another {', '.join(page.fields)}")
        rows += got
    return columns, rows, source


def _rows(api: str, page: Page) -> list[list[Any]]:
    """A page's rows, values as they were sent. Raises `MalformedAnswer` when they do not fit the columns."""
    try:
        rows = msgspec.json.decode(page.items, type=list[list[Any]])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedAnswer(api, f"the rows are not lists of values: {error}") from None
    if any(len(row) != len(page.fields) for row in rows):
        raise MalformedAnswer(api, f"a row has not {len(page.fields)} values, one for each column")
    return rows
