"""The guide's examples are run, one after the other, against the API over what the pipelines landed from the sandbox."""

from __future__ import annotations

import contextlib
import io
import re
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from small_market import application, connected, make_database, served
from tushare_twins import NOW

from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.ingest import Ingest
from stock_assistant_pipelines.sandbox.server import TOKEN
from stock_assistant_pipelines.tushare.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import URL

    from stock_assistant_pipelines.sandbox.server import Running

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"```python\n(.*?)```(?:\n\n```text\n(.*?)```)?", re.DOTALL)
SERVER = "http://127.0.0.1:8000"
MONTH = [day for step in range(31) if (day := date(2026, 2, 2) + timedelta(days=step)).weekday() < 5]
QUARTERS = [date(year, *end) for year in (2024, 2025) for end in ((3, 31), (6, 30), (9, 30), (12, 31))]
LANDED = {"namechange": [], "daily": MONTH, "adj_factor": MONTH, "income": QUARTERS, "fina_indicator": [QUARTERS[-2]]}


@pytest.fixture(scope="module")
def api(postgres: URL, sandbox_server: Running) -> Iterator[str]:
    """The address of the API, over a month of the sandbox's market and its reports."""
    database = make_database(postgres, "guide")
    with connected(database) as engine, Transport(SecretStr(TOKEN), sandbox_server.url) as transport:
        ingest = Ingest(engine, transport, concurrency=1, points=5000, now=lambda: NOW)
        for name, days in LANDED.items():
            list(ingest.land(CATALOG[name], days))
    with served(application(database)) as client:
        yield str(client.base_url).rstrip("/")


def blocks(page: str) -> list[tuple[str, str]]:
    """The examples of a page, each with what it is said to print."""
    return BLOCK.findall((DOCS / page).read_text())


def test_every_example_of_the_guide_runs_and_prints_what_it_says(api: str) -> None:
    names: dict[str, object] = {}
    examples = blocks("guide.md")
    assert len(examples) > 10
    printed = []
    for code, _ in examples:
        with contextlib.redirect_stdout(io.StringIO()) as out:
            exec(compile(code.replace(SERVER, api), "guide.md", "exec"), names)
        printed.append((code, out.getvalue()))
    assert printed == examples


def test_the_chinese_guide_has_the_same_examples() -> None:
    assert blocks("zh/guide.md") == blocks("guide.md")
