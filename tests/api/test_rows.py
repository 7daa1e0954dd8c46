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
    assert rows["meta"]["next_cursor"] is None


def test_rows_are_chosen_by_codes_and_days(client: httpx2.Client) -> None:
    asked = {"ts_code": "000001.SZ,600519.SH", "start": "20240103", "end": "2024-01-04", "fields": "trade_date,ts_code"}
    answer = client.get(ROWS.format("daily"), params=asked).json()
    assert answer["fields"] == ["trade_date", "ts_code"]
    assert answer["items"] == [["20240103", "000001.SZ"], ["20240103", "600519.SH"], ["20240104", "600519.SH"]]
    assert answer["meta"]["partitions"]["daily"] == {"complete": 1, "partial": 1, "not_landed": 0}
    assert answer["meta"]["units"] == {}


def test_rows_come_by_day_and_where_codes_are_named_by_code(client: httpx2.Client) -> None:
    answer = client.get(ROWS.format("daily"), params={"fields": "trade_date,ts_code"}).json()
    assert answer["items"] == sorted(answer["items"])
    named = client.get(
        ROWS.format("daily"), params={"fields": "ts_code,trade_date", "ts_code": "600519.SH,000001.SZ", "order": "desc"}
    ).json()
    assert named["items"] == sorted(named["items"], reverse=True)
    assert len(named["items"]) == len(answer["items"])


def test_a_snapshot_with_a_day_in_its_key_has_a_range(client: httpx2.Client) -> None:
    days = client.get(
        ROWS.format("trade_cal"), params={"start": "20240101", "end": "20240103", "fields": "cal_date"}
    ).json()
    assert days["items"] == [["20240101"], ["20240102"], ["20240103"]]
    names = client.get(
        ROWS.format("namechange"), params={"ts_code": "000003.SZ", "start": "20000101", "fields": "name"}
    )
    assert names.json()["items"] == [["PT金田A"]]


def test_the_rows_of_a_report_period_are_all_of_its_versions(client: httpx2.Client, reports: str) -> None:
    answer = client.get(ROWS.format("income"), params={"period": "20231231"}).json()
    names = ("ts_code", "revenue", "replaced_at")
    assert [tuple(item[answer["fields"].index(name)] for name in names) for item in answer["items"]] == [
        ("000001.SZ", 1647, None),
        ("600519.SH", 1500, "2024-09-01T20:00:00+08:00"),
        ("600519.SH", 1505, None),
    ]
    assert answer["meta"]["complete"]


def test_versions_of_a_stock_over_its_periods(client: httpx2.Client, reports: str) -> None:
    asked = {"ts_code": "600519.SH", "report_type": "1", "fields": "end_date,revenue", "order": "desc", "limit": 3}
    answer = client.get(ROWS.format("income"), params=asked).json()
    assert answer["items"] == [["20240331", 465], ["20231231", 1505], ["20231231", 1500]]


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("daily", {"period": "20231231"}, "'period' is no parameter of this route, which takes"),
        ("daily", {"offset": "1"}, "trade_date, ts_code"),
        ("income", {"trade_date": "20240103"}, "period, ts_code, report_type"),
        ("income", {"end_date": "20231231"}, "no parameter"),
        ("stock_basic", {"start": "20240103"}, "no parameter"),
        ("daily", {"trade_date": "20240103", "start": "20240103"}, "leave one of them out"),
        ("income", {"period": "20231231", "end": "20240103"}, "leave one of them out"),
        ("daily", {"fields": "ts_code,opne"}, "there is no column opne"),
        ("daily", {"ts_code": ""}, "ts_code"),
        ("daily", {"limit": "1000001"}, "limit"),
    ],
)
def test_a_question_that_cannot_be_meant_is_a_problem(
    client: httpx2.Client, name: str, parameters: dict[str, str], words: str
) -> None:
    response = client.get(ROWS.format(name), params=parameters)
    assert response.status_code == 422
    assert words in response.json()["detail"]


def test_an_unknown_dataset_has_no_rows(client: httpx2.Client) -> None:
    response = client.get(ROWS.format("dayly"), params={"whatever": 1})
    assert (response.status_code, response.json()["type"]) == (404, "/problems/unknown-dataset")
