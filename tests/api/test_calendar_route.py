"""The trading calendar."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import httpx2


@pytest.mark.parametrize(
    ("query", "days"),
    [
        ({"is_open": "1", "end": "20240103"}, ["20231229", "20240102", "20240103"]),
        ({"is_open": "0", "start": "20240101", "end": "20240107"}, ["20240101", "20240106", "20240107"]),
        ({"start": "20240105", "end": "20240106"}, ["20240105", "20240106"]),
    ],
)
def test_days_are_chosen_by_range_and_opening(client: httpx2.Client, query: dict[str, str], days: list[str]) -> None:
    answer = client.get("/api/v1/calendar", params=query).json()
    assert [item[1] for item in answer["items"]] == days


def test_is_open_is_an_integer_as_tushare_sends_it(client: httpx2.Client) -> None:
    answer = client.get("/api/v1/calendar", params={"start": "20240102", "end": "20240102"}).json()
    assert answer["items"] == [["SSE", "20240102", 1, "20231229"]]
