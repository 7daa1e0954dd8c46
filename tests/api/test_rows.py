"""The rows of one partition of any dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stock_assistant_pipelines.catalog import CATALOG

if TYPE_CHECKING:
    import httpx2

ROWS = "/api/v1/datasets/{}/rows"


@pytest.mark.parametrize("name", CATALOG)
def test_every_dataset_serves_the_rows_of_a_partition(client: httpx2.Client, name: str) -> None:
    parameters = {"trade_date": "20240103"} if CATALOG[name].partitioned else {}
    response = client.get(ROWS.format(name), params=parameters)
    assert response.status_code == 200
    assert response.json()["fields"] == list(CATALOG[name].fields)


def test_the_rows_of_a_day_are_those_of_the_market_day(client: httpx2.Client) -> None:
    rows = client.get(ROWS.format("daily"), params={"trade_date": "20240103"}).json()
    assert rows["items"] == client.get("/api/v1/daily", params={"trade_date": "20240103"}).json()["items"]
    assert not rows["meta"]["more"]


def test_pages_hold_all_rows_once(client: httpx2.Client) -> None:
    whole = client.get(ROWS.format("stock_basic")).json()["items"]
    pages = [
        client.get(ROWS.format("stock_basic"), params={"limit": 1, "offset": offset}).json()
        for offset in range(len(whole))
    ]
    assert [item for page in pages for item in page["items"]] == whole
    assert [page["meta"]["more"] for page in pages] == [True] * (len(whole) - 1) + [False]


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [("daily", {}, "name a trading day"), ("stock_basic", {"trade_date": "20240103"}, "leave trade_date out")],
)
def test_a_partition_that_cannot_be_meant_is_a_problem(
    client: httpx2.Client, name: str, parameters: dict[str, str], words: str
) -> None:
    response = client.get(ROWS.format(name), params=parameters)
    assert response.status_code == 422
    assert words in response.json()["detail"]
