"""The SDK twice: pointed at the sandbox, and at the API over what the pipelines landed from it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

import pandas as pd
import tushare
from pydantic import SecretStr
from small_market import application, connected, served

from stock_assistant_pipelines.calendar import over, periods
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.catalog.grain import FIRST_PERIOD
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.ingest.books import Books
from stock_assistant_pipelines.ingest.filings import Filings
from stock_assistant_pipelines.ingest.source import Source
from stock_assistant_pipelines.sandbox.server import TOKEN
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.tushare.periods import answers_whole, parts
from stock_assistant_pipelines.tushare.transport import Transport
from stock_assistant_pipelines.warehouse.filing import Work

if TYPE_CHECKING:
    from collections.abc import Iterator

    from stock_assistant_pipelines.catalog.dataset import Dataset
    from stock_assistant_pipelines.sandbox.server import Running

NOW = datetime(2026, 3, 4, 20, 30, tzinfo=SHANGHAI)
DAYS = [date(2025, 6, day) for day in (18, 19, 20, 23, 24, 25, 26)]
"""Seven trading days of the season in which dividends are paid."""
PERIODS = [date(2024, 12, 31), date(2025, 9, 30)]
"""Report periods of which the whole market has landed."""
CODES = ("000001.SZ", "600000.SH", "600005.SH")
"""Companies of which all periods have."""


@dataclass(frozen=True)
class Twins:
    """The SDK, pointed at the source and at us."""

    source: Any
    ours: Any
    url: str

    def agree(self, api: str, fields: str = "", **params: Any) -> pd.DataFrame:
        """Ask both, and compare the frames: values, columns, dtypes, order. The frame, to be looked at."""
        theirs, frame = (one.query(api, fields, **params) for one in (self.source, self.ours))
        pd.testing.assert_frame_equal(frame, theirs)
        return frame


def sdk(url: str, token: str = TOKEN) -> Any:
    """The unmodified SDK, pointed at a server in the only way that it has."""
    api = tushare.pro_api(token)
    api._DataApi__http_url = url
    return api


def land(database: str, sandbox: Running) -> None:
    """Land the days, the report periods and the companies, as a backfill does."""
    with connected(database) as engine, Transport(SecretStr(TOKEN), sandbox.url, sleep=lambda _: None) as transport:
        ingest = Ingest(engine, transport, concurrency=1, points=5000, now=lambda: NOW)
        filings = Filings(Books(engine, ingest.now), Source(transport, ingest.points), ingest.concurrency)
        for dataset in CATALOG.values():
            if dataset.by_period:
                _land_reports(filings, dataset)
            else:
                list(ingest.land(dataset, DAYS if dataset.partitioned else ()))


def _land_reports(filings: Filings, dataset: Dataset) -> None:
    every = dict.fromkeys(chain.from_iterable(parts(dataset, one) for one in periods(FIRST_PERIOD, over(NOW))))
    work = Work(NOW, NOW, None)
    if answers_whole(dataset, filings.source.points):
        list(filings.land_whole(dataset, PERIODS, work))
    list(filings.land_stocks(dataset, {code: list(every) for code in CODES}, PERIODS, work))


@contextmanager
def twins(database: str, sandbox: Running) -> Iterator[Twins]:
    """Serve the API over the database."""
    with served(application(database)) as client:
        url = str(client.base_url.join("/tushare"))
        yield Twins(sdk(sandbox.url), sdk(url), url)
