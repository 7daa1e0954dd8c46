"""Daily bars of one stock, as traded and adjusted."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from small_market import BARS, FACTORS, connected

from stock_assistant_pipelines.warehouse.tables import METADATA

if TYPE_CHECKING:
    import httpx2

MAOTAI = [bar for bar in BARS if bar[0] == "600519.SH"]
FACTOR = {day: Decimal(factor) for code, day, factor in FACTORS if code == "600519.SH"}


def exact(response: httpx2.Response) -> Any:
    assert response.status_code == 200, response.text
    return response.json(parse_float=Decimal, parse_int=Decimal)


def column(answer: Any, name: str) -> list[Any]:
    return [item[answer["fields"].index(name)] for item in answer["items"]]


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


def test_qfq_as_of_a_day_divides_by_the_newest_factor_of_that_day(client: httpx2.Client) -> None:
    asked = {"adjust": "qfq", "start": "2024-01-03", "adjust_as_of": "20240103"}
    answer = exact(client.get("/api/v1/stocks/600519.SH/daily", params=asked))
    assert column(answer, "close") == [Decimal("1694.0000")]
    assert (answer["meta"]["adjust_as_of"], answer["meta"]["adjust_factor"]) == ("2024-01-03", "7.7")


@pytest.mark.parametrize("end", [{}, {"end": "2024-01-08"}])
def test_as_of_a_day_there_is_no_bar_of_a_later_one(client: httpx2.Client, end: dict[str, str]) -> None:
    asked = {"adjust": "qfq", "start": "2024-01-02", "adjust_as_of": "20240103", **end}
    answer = exact(client.get("/api/v1/stocks/600519.SH/daily", params=asked))
    assert column(answer, "trade_date") == ["20240102", "20240103"]
    assert answer["meta"]["complete"], "what had not come by then is not waited for"


def test_prices_adjusted_to_a_day_on_which_no_factor_was_known_are_null(client: httpx2.Client, market: str) -> None:
    bar = {"ts_code": "000003.SZ", "trade_date": date(2024, 1, 8), "close": 3}
    with connected(market) as engine, engine.begin() as connection:
        connection.execute(METADATA.tables["daily"].insert(), bar)
    asked = {"adjust": "qfq", "adjust_as_of": "20240108"}
    answer = exact(client.get("/api/v1/stocks/000003.SZ/daily", params=asked))
    assert column(answer, "close") == [None]
    assert (answer["meta"]["adjust_as_of"], answer["meta"]["days_without_factor"]) == (None, 1)


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
