"""The market, day by day: what is made, whether it still holds, and what is not there."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from small_market import application, connected, covered, served
from sqlalchemy import text

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.catalog.derived import MARKET_DAY
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.derived import make
from stock_assistant_pipelines.warehouse.tables import COVERAGE

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2

DAYS = [date(2024, 1, 2), date(2024, 1, 3)]


@pytest.fixture(scope="module")
def client(market: str) -> Iterator[httpx2.Client]:
    """A client of the API over the small market, of which two days are made, and the second was corrected since."""
    with connected(market) as engine:
        with engine.begin() as connection:
            connection.execute(text("update coverage set revision = 'one' where dataset = 'daily'"))
            others = [name for name in MARKET_DAY.sources if name != "daily"]
            known = [covered(name, day.isoformat(), revision="one") for name in others for day in DAYS]
            connection.execute(COVERAGE.insert(), known)
            assert all(each.written for each in make(connection, MARKET_DAY, DAYS, at=calendar.now(), run_id=None))
        with engine.begin() as connection:
            connection.execute(
                text("update coverage set revision = 'two' where dataset = 'daily' and partition = '2024-01-03'")
            )
    with served(application(market)) as client:
        yield client


def ask(client: httpx2.Client, **range_: str) -> Any:
    response = client.get("/api/v1/market", params=range_)
    assert response.status_code == 200, response.text
    return response.json()


def test_a_day_is_one_row_with_units(client: httpx2.Client) -> None:
    answer = ask(client, start="20240102", end="2024-01-02")
    (row,) = (dict(zip(answer["fields"], item, strict=True)) for item in answer["items"])
    assert answer["dataset"] == "market_day"
    assert (row["trade_date"], row["traded"], row["down"], row["suspended"]) == ("20240102", 2, 2, 0)
    assert (row["amount"], row["pct_chg_median"]) == (6515824.752, -2.1459)
    assert (row["total_mv"], row["pe_ttm_median"]) == (None, None)
    assert answer["meta"]["units"]["amount"] == "1000 CNY"
    assert answer["meta"]["complete"]
    assert answer["meta"]["source"] == "sandbox: synthetic"


def test_a_row_of_which_a_source_was_corrected_is_served_as_outdated(client: httpx2.Client) -> None:
    meta = ask(client, start="20240102", end="20240103")["meta"]
    assert (meta["rows"], meta["complete"]) == (2, False)
    assert meta["partitions"] == {"market_day": {"complete": 1, "outdated": 1, "not_landed": 0}}


def test_a_published_trading_day_without_a_row_is_counted(
    client: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stock_assistant_pipelines.calendar.now", lambda: datetime(2024, 1, 5, 16, 59, tzinfo=SHANGHAI))
    assert ask(client, start="20240102")["meta"]["partitions"]["market_day"]["not_landed"] == 1
    monkeypatch.setattr("stock_assistant_pipelines.calendar.now", lambda: datetime(2024, 1, 5, 17, 0, tzinfo=SHANGHAI))
    assert ask(client, start="20240102")["meta"]["partitions"]["market_day"]["not_landed"] == 2


def test_where_the_calendar_does_not_reach_nothing_is_claimed(client: httpx2.Client) -> None:
    answer = ask(client, start="19910101", end="19910131")
    assert answer["items"] == []
    assert answer["meta"]["partitions"]["market_day"]["not_landed"] is None
    assert not answer["meta"]["complete"]
