"""What is missing is told day by day and key by key, from the rows that are really there."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import httpx2

RANGE = {"start": "20240101", "end": "20240110"}


def test_partial_and_missing_days_are_named(client: httpx2.Client) -> None:
    answer = client.get("/api/v1/datasets/daily/holes", params=RANGE).json()
    assert (answer["dataset"], answer["start"], answer["end"]) == ("daily", "2024-01-01", "2024-01-10")
    by_day = {hole["trade_date"]: hole for hole in answer["holes"]}
    partial = by_day["2024-01-04"]
    assert partial["status"] == "partial"
    assert partial["missing"] == len(partial["missing_keys"]) == partial["expected"] - partial["rows"]


def test_a_complete_day_is_no_hole(client: httpx2.Client) -> None:
    answer = client.get("/api/v1/datasets/daily/holes", params={"start": "20240102", "end": "20240102"}).json()
    assert answer["holes"] == []


def test_keys_are_cut_at_a_limit_and_counted_all(client: httpx2.Client) -> None:
    answer = client.get("/api/v1/datasets/daily/holes", params={**RANGE, "keys": 0}).json()
    hole = next(hole for hole in answer["holes"] if hole["status"] == "partial")
    assert hole["missing_keys"] == []
    assert hole["missing"] > 0


def test_a_dataset_that_never_landed_and_one_without_a_time_axis_have_none(client: httpx2.Client) -> None:
    for name in ("stk_limit", "stock_basic"):
        answer = client.get(f"/api/v1/datasets/{name}/holes").json()
        assert (answer["start"], answer["holes"]) == (None, [])


def test_an_unknown_dataset_is_a_problem(client: httpx2.Client) -> None:
    assert client.get("/api/v1/datasets/dayly/holes").status_code == 404
