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
    dataset = CATALOG[name]
    of_day = {"trade_date": "20240103"} if dataset.partitioned else {}
    of_period = {"period": "20231231"} if dataset.by_period else {}
    response = client.get(ROWS.format(name), params=of_day | of_period)
    assert response.status_code == 200
    ours = ["known_at", "ingested_at", "replaced_at", "flaw"] if dataset.versions else []
    assert response.json()["fields"] == [*dataset.fields, *ours]


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


def test_the_rows_of_a_report_period_are_all_of_its_versions(client: httpx2.Client, reports: str) -> None:
    answer = client.get(ROWS.format("income"), params={"period": "20231231"}).json()
    names = ("ts_code", "revenue", "replaced_at")
    assert [tuple(item[answer["fields"].index(name)] for name in names) for item in answer["items"]] == [
        ("000001.SZ", 1647, None),
        ("600519.SH", 1500, "2024-09-01T20:00:00+08:00"),
        ("600519.SH", 1505, None),
    ]
    assert answer["meta"]["complete"]


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("daily", {}, "name a trading day"),
        (
            "daily",
            {"trade_date": "20240103", "period": "20231231"},
            "name a trading day: ?trade_date=20240102, and nothing else",
        ),
        ("income", {}, "name a report period"),
        ("income", {"trade_date": "20240103"}, "name a report period"),
        ("stock_basic", {"trade_date": "20240103"}, "leave trade_date and period out"),
        ("stock_basic", {"period": "20231231"}, "leave trade_date and period out"),
    ],
)
def test_a_partition_that_cannot_be_meant_is_a_problem(
    client: httpx2.Client, name: str, parameters: dict[str, str], words: str
) -> None:
    response = client.get(ROWS.format(name), params=parameters)
    assert response.status_code == 422
    assert words in response.json()["detail"]
