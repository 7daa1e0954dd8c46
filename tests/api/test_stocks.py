"""Stocks, as they are now and as they were on a day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from small_market import connected, covered
from sqlalchemy import text

from stock_assistant_pipelines.warehouse.tables import COVERAGE

if TYPE_CHECKING:
    import httpx2


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


def known(client: httpx2.Client, as_of: str, **asked: str) -> list[Any]:
    answer = client.get("/api/v1/stocks", params={"as_of": as_of, **asked}).json()
    names = ("ts_code", "name", "list_status", "delist_date")
    return [tuple(item[answer["fields"].index(name)] for name in names) for item in answer["items"]]


def test_as_of_a_day_a_stock_bears_the_name_and_the_status_of_the_day(client: httpx2.Client) -> None:
    assert known(client, "20000101") == [("000001.SZ", "深发展A", "L", None), ("000003.SZ", "深金田A", "L", None)]
    assert known(client, "20020613")[1] == ("000003.SZ", "PT金田A", "L", None)
    assert known(client, "20020614") == [
        ("000001.SZ", "深发展A", "L", None),
        ("000003.SZ", "PT金田A", "D", "20020614"),
        ("600519.SH", "贵州茅台", "L", None),
    ]
    assert known(client, "20120802")[0][1] == "平安银行"


def test_filters_go_by_the_names_and_the_status_of_the_day(client: httpx2.Client) -> None:
    assert [row[0] for row in known(client, "20000101", q="深发展")] == ["000001.SZ"]
    assert known(client, "20240101", q="深发展") == []
    assert len(known(client, "20000101", list_status="L")) == 2
    assert [row[0] for row in known(client, "20240101", list_status="D")] == ["000003.SZ"]


def test_as_of_a_day_the_answer_names_what_is_known_as_it_is_now_only(client: httpx2.Client) -> None:
    meta = client.get("/api/v1/stocks/000001.SZ", params={"as_of": "20000101"}).json()["meta"]
    assert meta["known_as_of"] == "2000-01-01"
    assert {"industry", "area", "market"} < set(meta["known_now"])
    assert meta["partitions"] == {name: {"complete": 1, "not_landed": 0} for name in ("stock_basic", "namechange")}
    now = client.get("/api/v1/stocks/000001.SZ").json()["meta"]
    assert (now["known_as_of"], now["known_now"]) == (None, [])


def test_one_stock_as_of_a_day_is_what_it_was(client: httpx2.Client) -> None:
    stock = client.get("/api/v1/stocks/000001.SZ", params={"as_of": "2012-08-01"}).json()["stock"]
    assert (stock["name"], stock["industry"]) == ("深发展A", "银行")
    before = client.get("/api/v1/stocks/600519.SH", params={"as_of": "20010826"})
    assert (before.status_code, before.json()["type"]) == (404, "/problems/unknown-code")
    assert "on 2001-08-26: it was listed on 2001-08-27" in before.json()["detail"]


def test_without_names_nobody_can_say_what_a_stock_was_called(database: str, client: httpx2.Client) -> None:
    with connected(database) as engine, engine.begin() as connection:
        connection.execute(text("delete from coverage where dataset = 'namechange'"))
    answer = client.get("/api/v1/stocks", params={"as_of": "20240102"}).json()
    with connected(database) as engine, engine.begin() as connection:
        connection.execute(COVERAGE.insert(), covered("namechange", "all", landed=4))
    assert (answer["type"], answer["dataset"]) == ("/problems/not-landed", "namechange")


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
