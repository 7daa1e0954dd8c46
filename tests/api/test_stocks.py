"""Stocks, and the bars of one of them."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from small_market import BARS, FACTORS

if TYPE_CHECKING:
    import httpx2

MAOTAI = [bar for bar in BARS if bar[0] == "600519.SH"]
FACTOR = {day: Decimal(factor) for code, day, factor in FACTORS if code == "600519.SH"}


def exact(response: httpx2.Response) -> Any:
    assert response.status_code == 200, response.text
    return response.json(parse_float=Decimal, parse_int=Decimal)


def column(answer: Any, name: str) -> list[Any]:
    return [item[answer["fields"].index(name)] for item in answer["items"]]


def test_every_stock_is_there_the_delisted_ones_too(client: httpx2.Client) -> None:
    answer = client.get("/api/v1/stocks").json()
    assert column(answer, "ts_code") == ["000001.SZ", "000003.SZ", "600519.SH"]
    assert column(answer, "delist_date") == [None, "20020614", None]
    assert answer["meta"]["total"] == 3
    assert answer["meta"]["complete"]


@pytest.mark.parametrize(
    ("query", "codes"),
    [
        ({"list_status": "D"}, ["000003.SZ"]),
        ({"exchange": "SZSE", "list_status": "L"}, ["000001.SZ"]),
        ({"industry": "白酒"}, ["600519.SH"]),
        ({"market": "主板", "limit": 1, "offset": 1}, ["000003.SZ"]),
        ({"q": "茅台"}, ["600519.SH"]),
        ({"q": "000"}, ["000001.SZ", "000003.SZ"]),
        ({"q": "PAYH"}, ["000001.SZ"]),
        ({"q": "平安银行\u3000"}, []),
        ({"q": "%"}, []),
        ({"q": "_"}, []),
        ({"q": "'; drop table daily; --"}, []),
        ({"q": "\\"}, []),
    ],
)
def test_stocks_are_chosen_by_filters(client: httpx2.Client, query: dict[str, Any], codes: list[str]) -> None:
    assert column(client.get("/api/v1/stocks", params=query).json(), "ts_code") == codes


def test_a_page_names_its_limit_and_how_much_there_is(client: httpx2.Client) -> None:
    meta = client.get("/api/v1/stocks", params={"limit": 2}).json()["meta"]
    assert {name: meta[name] for name in ("rows", "total", "limit", "offset")} == {
        "rows": 2,
        "total": 3,
        "limit": 2,
        "offset": 0,
    }


def test_one_stock_is_an_object_of_its_columns(client: httpx2.Client) -> None:
    stock = client.get("/api/v1/stocks/600519.SH").json()["stock"]
    assert stock["name"] == "贵州茅台"
    assert stock["list_date"] == "20010827"
    assert stock["enname"] == 'Kweichow Moutai Co.,Ltd. "茅台"'
    assert stock["act_name"] is None


def test_raw_bars_are_tushare_s_own_digits(client: httpx2.Client) -> None:
    response = client.get("/api/v1/stocks/600519.SH/daily", params={"start": "20240101", "end": "20240105"})
    expected = ",".join(
        "[" + ",".join([f'"{code}"', f'"{day.replace("-", "")}"', *rest]) + "]" for code, day, *rest in MAOTAI
    )
    assert response.text.endswith(f'"items":[{expected}]}}')
    assert response.headers["X-Data-Source"] == response.json()["meta"]["source"] == "sandbox: synthetic"


def test_hfq_is_price_times_the_factor_of_the_day(client: httpx2.Client) -> None:
    answer = exact(client.get("/api/v1/stocks/600519.SH/daily", params={"adjust": "hfq", "end": "2024-01-04"}))
    assert column(answer, "close") == [Decimal(bar[5]) * FACTOR[bar[1]] for bar in MAOTAI[:3]]
    assert column(answer, "vol") == [Decimal(bar[9]) for bar in MAOTAI[:3]]
    assert answer["meta"]["adjust"] == "hfq"


def test_qfq_divides_by_the_newest_factor_outside_of_the_range_too(client: httpx2.Client) -> None:
    answer = exact(client.get("/api/v1/stocks/600519.SH/daily", params={"adjust": "qfq", "end": "2024-01-02"}))
    assert column(answer, "close") == [
        (Decimal("1685.01") * Decimal("7.7") / Decimal("8.1")).quantize(Decimal("0.0001"))
    ]
    assert (answer["meta"]["adjust_as_of"], answer["meta"]["adjust_factor"]) == ("2024-06-19", "8.1")


def test_a_day_without_a_factor_has_null_prices_and_is_counted(client: httpx2.Client) -> None:
    answer = exact(
        client.get("/api/v1/stocks/600519.SH/daily", params={"adjust": "hfq", "start": "20240105", "end": "20240105"})
    )
    assert answer["items"] == [["600519.SH", "20240105", *[None] * 6, *map(Decimal, MAOTAI[3][8:]), None]]
    assert answer["meta"]["days_without_factor"] == 1
    assert answer["meta"]["partitions"]["adj_factor"] == {"not_landed": 1}
    assert not answer["meta"]["complete"]


@pytest.mark.parametrize(
    ("start", "end", "complete"), [("20240101", "20240103", True), ("20240101", "20240104", False)]
)
def test_a_range_is_complete_when_all_of_its_days_are(
    client: httpx2.Client, start: str, end: str, complete: bool
) -> None:
    meta = client.get("/api/v1/stocks/000001.SZ/daily", params={"start": start, "end": end}).json()["meta"]
    assert meta["complete"] is complete


def test_a_stock_without_bars_in_the_range_answers_with_none(client: httpx2.Client) -> None:
    answer = client.get("/api/v1/stocks/000003.SZ/daily", params={"start": "20240101", "end": "20240105"}).json()
    assert answer["items"] == []
    assert answer["meta"]["rows"] == 0


@pytest.mark.parametrize(
    "code", ["600520.SH", "600519", "600519.sh", "x", "%00", "茅台", "..%2F..%2Fetc", "600519.SH%00", "'"]
)
@pytest.mark.parametrize("path", ["/api/v1/stocks/{}", "/api/v1/stocks/{}/daily"])
def test_an_unknown_code_is_a_problem_that_shows_what_a_code_looks_like(
    client: httpx2.Client, code: str, path: str
) -> None:
    response = client.get(path.format(code))
    assert response.status_code == 404
    assert response.headers["content-type"] == "application/problem+json"
    if "2F" not in code:
        assert response.json()["type"] == "/problems/unknown-code"
        assert "600519.SH" in response.json()["detail"]
