from __future__ import annotations

from typing import TYPE_CHECKING

import fuzz
import pytest
import research_reports
import small_reports
from small_market import application, fill, make_database, served

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2
    from sqlalchemy.engine import URL


@pytest.fixture(scope="module")
def database(postgres: URL, request: pytest.FixtureRequest) -> str:
    """The URL of an empty, migrated database. It is only read by the API, so that one serves a whole module."""
    return make_database(postgres, request.module.__name__.rpartition(".")[2])


@pytest.fixture(scope="module")
def market(database: str) -> str:
    """A database that holds a few days of a market of three stocks, one of them delisted."""
    fill(database)
    return database


@pytest.fixture(scope="module")
def reports(market: str) -> str:
    """The small market, with what its companies report."""
    small_reports.fill(market)
    return market


@pytest.fixture(scope="module")
def research(reports: str) -> str:
    """The same, with what was written of two of them."""
    research_reports.fill(reports)
    return reports


@pytest.fixture(scope="module")
def client(market: str) -> Iterator[httpx2.Client]:
    """A client of the API over the small market."""
    with served(application(market)) as client:
        yield client


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for line in fuzz.summary():
        terminalreporter.write_line(line)
