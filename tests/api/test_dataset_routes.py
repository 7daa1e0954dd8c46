"""What the catalog holds, and how much of it has landed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stock_assistant_pipelines.catalog import CATALOG

if TYPE_CHECKING:
    import httpx2


def test_every_dataset_of_the_catalog_is_listed(client: httpx2.Client) -> None:
    response = client.get("/api/v1/datasets")
    assert [one["dataset"] for one in response.json()] == list(CATALOG)
    assert response.headers["X-Data-Source"] == "sandbox: synthetic"


def test_a_dataset_says_what_it_is_and_how_much_of_it_landed(client: httpx2.Client) -> None:
    answer = client.get("/api/v1/datasets/daily").json()
    assert answer["title_zh"] == "A股日线行情"
    assert {
        "name": "amount",
        "type": "number",
        "unit": "1000 CNY",
        "title": "Turnover",
        "title_zh": "成交额",
    } in answer["columns"]
    assert answer["published"] == "16:00"
    coverage = answer["coverage"]
    assert coverage["statuses"] == {"complete": 3, "partial": 1, "failed": 1, "closed": 1}
    assert (coverage["first_complete"], coverage["last_complete"], coverage["rows"]) == ("2024-01-02", "2024-01-05", 7)
    assert coverage["landed_at"] == "2024-01-09T18:00:00+08:00"
    assert answer["freshness"]["status"] == "unknown"  # its calendar ends long before today


def test_a_dataset_without_a_time_axis_is_neither_fresh_nor_stale(client: httpx2.Client) -> None:
    assert client.get("/api/v1/datasets/stock_basic").json()["freshness"] is None


def test_a_dataset_that_never_landed_has_no_coverage(client: httpx2.Client) -> None:
    coverage = client.get("/api/v1/datasets/stk_limit").json()["coverage"]
    assert coverage == {
        "statuses": {}, "rows": 0, "first_complete": None, "last_complete": None, "landed_at": None, "sources": []
    }  # fmt: skip


def test_partitions_say_what_is_missing_and_why(client: httpx2.Client) -> None:
    answer = client.get("/api/v1/datasets/daily/coverage", params={"start": "20231229", "end": "20240104"}).json()
    partial = dict(zip(answer["fields"], answer["items"][-1], strict=True))
    assert partial == {
        "partition": "2024-01-04", "status": "partial", "expected": 2, "landed": 1, "missing": 1, "missing_keys": ["000001.SZ"],
        "reason": "1 stock lacks a bar", "source": "sandbox: synthetic", "landed_at": "2024-01-09T18:00:00+08:00",
    }  # fmt: skip
    assert answer["meta"]["partitions"]["daily"] == {"complete": 2, "partial": 1, "closed": 1, "not_landed": 1}
    assert answer["meta"]["total"] == 4


def test_missing_keys_are_cut_at_a_limit_that_the_answer_names(client: httpx2.Client) -> None:
    answer = client.get("/api/v1/datasets/daily/coverage", params={"start": "20240104", "limit": 1, "keys": 0}).json()
    assert answer["items"][0][4:6] == [1, []]
    assert answer["meta"]["keys"] == 0


def test_an_unknown_dataset_is_a_problem_that_lists_the_known_ones(client: httpx2.Client) -> None:
    for path in ("/api/v1/datasets/dayly", "/api/v1/datasets/dayly/coverage"):
        response = client.get(path)
        assert (response.status_code, response.json()["type"]) == (404, "/problems/unknown-dataset")
        assert "daily, adj_factor" in response.json()["detail"]


def test_report_periods_are_partitions_too(client: httpx2.Client, reports: str) -> None:
    asked = {"start": "20230630", "end": "20240331"}
    answer = client.get("/api/v1/datasets/income/coverage", params=asked).json()
    assert [item[:2] for item in answer["items"]] == [
        ["2023-09-30", "failed"],
        ["2023-12-31", "complete"],
        ["2024-03-31", "complete"],
    ]
    assert answer["meta"]["partitions"]["income"] == {"complete": 2, "failed": 1, "not_landed": 1}
    told = client.get("/api/v1/datasets/income").json()
    assert (told["grain"], told["coverage"]["last_complete"]) == ("end_date", "2024-03-31")
    assert told["freshness"]["status"] == "stale", "no evening of these days was answered"
