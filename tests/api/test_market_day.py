"""The whole market on one trading day."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from stock_assistant_pipelines import calendar
from stock_assistant_pipelines.catalog import CATALOG

if TYPE_CHECKING:
    import httpx2


@pytest.mark.parametrize("day", ["20240103", "2024-01-03"])
def test_a_market_day_holds_every_stock_traded(client: httpx2.Client, day: str) -> None:
    answer = client.get("/api/v1/daily", params={"trade_date": day}).json()
    assert answer["fields"] == list(CATALOG["daily"].fields)
    assert [item[0] for item in answer["items"]] == ["000001.SZ", "600519.SH"]
    assert answer["meta"]["complete"]
    assert answer["meta"]["units"]["amount"] == "1000 CNY"


def test_a_partial_day_is_served_and_says_so(client: httpx2.Client) -> None:
    meta = client.get("/api/v1/daily", params={"trade_date": "20240104"}).json()["meta"]
    assert not meta["complete"]
    assert (meta["status"], meta["expected"], meta["missing"], meta["reason"]) == (
        "partial",
        2,
        1,
        "1 stock lacks a bar",
    )


@pytest.mark.parametrize(
    ("day", "kind", "words"),
    [
        (
            "20240101",
            "not-a-trading-day",
            "closed on 2024-01-01. The trading days beside it: 2023-12-29 and 2024-01-02",
        ),
        ("20240106", "not-a-trading-day", "2024-01-05 and 2024-01-08"),
        ("20231229", "not-landed", "have not landed. Materialise that day"),
        ("20240108", "not-landed", "did not come (failed)"),
        (f"{calendar.now().year + 1}0105", "not-landed", "not published yet"),
    ],
)
def test_a_day_without_rows_is_a_problem_that_says_why(client: httpx2.Client, day: str, kind: str, words: str) -> None:
    response = client.get("/api/v1/daily", params={"trade_date": day})
    assert response.status_code == 404
    assert response.json()["type"] == f"/problems/{kind}"
    assert words in response.json()["detail"]
