"""Dividends, forecasts and days of disclosure, as they were known on a day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from small_market import application, served
from small_reports import MAOTAI

from stock_assistant_pipelines.catalog import CATALOG

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2

ROUTES = {"dividends": "dividend", "forecasts": "forecast", "disclosures": "disclosure_date"}


@pytest.fixture(scope="module")
def client(reports: str) -> Iterator[httpx2.Client]:
    with served(application(reports)) as client:
        yield client


def ask(client: httpx2.Client, route: str, *names: str, **asked: str) -> list[Any]:
    """The rows of a route, these columns of them."""
    response = client.get(f"/api/v1/stocks/{MAOTAI}/{route}", params=asked)
    assert response.status_code == 200, response.text
    answer = response.json()
    return [tuple(item[answer["fields"].index(name)] for name in names) for item in answer["items"]]


@pytest.mark.parametrize(("route", "api"), ROUTES.items())
def test_rows_are_tushare_s_columns_and_since_when_they_are_known(client: httpx2.Client, route: str, api: str) -> None:
    answer = client.get(f"/api/v1/stocks/{MAOTAI}/{route}", params={"as_of": "20240430"}).json()
    assert (answer["dataset"], answer["fields"]) == (api, [*CATALOG[api].fields, "known_at"])
    assert answer["items"]
    assert answer["meta"]["known_as_of"] == "2024-04-30"
    assert not answer["meta"]["complete"]  # none of its report periods has landed
    assert answer["meta"]["partitions"][api]["not_landed"] == 134


@pytest.mark.parametrize("route", ROUTES)
def test_before_anything_was_announced_there_is_nothing(client: httpx2.Client, route: str) -> None:
    assert ask(client, route, as_of="20231101") == []


@pytest.mark.parametrize("route", ROUTES)
def test_an_unknown_code_is_a_problem(client: httpx2.Client, route: str) -> None:
    assert client.get(f"/api/v1/stocks/600520.SH/{route}").json()["type"] == "/problems/unknown-code"


def test_a_plan_is_at_the_stage_that_it_had_reached(client: httpx2.Client) -> None:
    names = ("end_date", "div_proc", "ex_date", "cash_div_tax")
    planned = ("20231231", "预案", None, 30.876)
    assert ask(client, "dividends", *names, as_of="20240613") == [planned]
    carried_out = [("20230930", "实施", "20240619", 1.2), ("20231231", "实施", "20240619", 30.876)]
    assert ask(client, "dividends", *names, as_of="20240614") == carried_out


def test_what_is_paid_on_an_ex_date_is_the_sum_of_its_plans(client: httpx2.Client) -> None:
    names = ("ex_date", "plans", "cash_div_tax", "stk_div", "known_at")
    paid = ("20240619", 2, 32.076, 0.5, "2024-06-15T00:00:00+08:00")
    assert ask(client, "dividends", *names, by="ex_date", as_of="20240613") == []
    assert ask(client, "dividends", *names, by="ex_date", as_of="20240614") == [paid]


def test_forecasts_come_before_the_end_of_the_period_and_are_revised(client: httpx2.Client) -> None:
    names = ("ann_date", "p_change_min", "known_at")
    first, revised = (
        ("20231215", 10, "2023-12-16T00:00:00+08:00"),
        ("20240110", 17, "2024-01-11T00:00:00+08:00"),
    )
    assert ask(client, "forecasts", *names, as_of="20240109") == [first]
    assert ask(client, "forecasts", *names) == [first, revised]


def test_a_company_has_disclosed_since_the_day_it_did(client: httpx2.Client) -> None:
    names = ("end_date", "pre_date", "actual_date")
    assert ask(client, "disclosures", *names, as_of="20240402") == [("20231231", "20240330", None)]
    assert ask(client, "disclosures", *names, as_of="20240403") == [("20231231", "20240330", "20240403")]
