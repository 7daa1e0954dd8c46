"""Page after page, with any limit, gives every row once, in the order of the whole; a cursor is its question's alone."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import small_market
import small_reports
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api import cursors
from api.sorting import By, after
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.warehouse.tables import METADATA

if TYPE_CHECKING:
    import httpx2

ROWS = "/api/v1/datasets/{}/rows"
PINGAN, MAOTAI = "000001.SZ", "600519.SH"

HALTS = [
    {"ts_code": code, "trade_date": f"2024-01-0{day}", "suspend_type": kind, "suspend_timing": timing}
    for code in (PINGAN, MAOTAI)
    for day in (2, 3)
    for kind in ("R", "S")
    for timing in (None, "09:30-10:00", "13:00-14:00")
]
"""Rows whose key is null in part."""

TWINS = [small_reports.statement(MAOTAI, "20190331", "20190420", revenue=revenue) for revenue in (1, 2)]
"""Versions that nothing but their content tells apart."""

QUESTIONS: list[tuple[str, dict[str, str]]] = [
    ("daily", {}),
    ("daily", {"trade_date": "20240103"}),
    ("daily", {"ts_code": f"{MAOTAI},{PINGAN}", "start": "20240102", "end": "20240104"}),
    ("suspend_d", {}),
    ("suspend_d", {"ts_code": f"{MAOTAI},{PINGAN}"}),
    ("suspend_d", {"suspend_type": "S", "start": "20240103"}),
    ("trade_cal", {}),
    ("stock_basic", {"fields": "name"}),
    ("namechange", {}),
    ("namechange", {"ts_code": PINGAN}),
    ("income", {}),
    ("income", {"period": "20231231"}),
    ("income", {"period": "20190331"}),
    ("income", {"ts_code": MAOTAI, "start": "20221231"}),
    ("fina_indicator", {}),
    ("dividend", {}),
    ("forecast", {"ts_code": MAOTAI}),
    ("disclosure_date", {}),
]


@pytest.fixture(scope="module")
def market(database: str) -> str:
    """The small market and its reports, with halts, and names whose first day nobody knows."""
    small_market.fill(database)
    small_reports.fill(database)
    names = [{"ts_code": PINGAN, "name": name, "start_date": None} for name in ("深发展", "S深发展A")]
    with small_market.connected(database) as engine, engine.begin() as connection:
        connection.execute(METADATA.tables["suspend_d"].insert(), HALTS)
        connection.execute(METADATA.tables["namechange"].insert(), names)
        small_reports.tell(connection, "income", *TWINS)
    return database


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(question=st.sampled_from(QUESTIONS), limit=st.integers(1, 9), order=st.sampled_from(["asc", "desc"]))
def test_pages_of_any_size_are_the_whole(
    client: httpx2.Client, question: tuple[str, dict[str, str]], limit: int, order: str
) -> None:
    name, asked = question
    whole = client.get(ROWS.format(name), params={**asked, "order": order}).json()
    assert whole["items"], "a question without an answer proves nothing"
    pages = list(paged(client, name, {**asked, "order": order, "limit": str(limit)}))
    assert [item for page in pages for item in page["items"]] == whole["items"]
    assert [page["meta"]["rows"] for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert len(pages) == -(-len(whole["items"]) // limit)


@pytest.mark.parametrize("name", ["daily", "suspend_d", "trade_cal", "income", "dividend"])
def test_descending_is_ascending_backwards(client: httpx2.Client, name: str) -> None:
    up, down = (client.get(ROWS.format(name), params={"order": order}).json()["items"] for order in ("asc", "desc"))
    assert up == down[::-1]


def test_each_row_is_there(client: httpx2.Client) -> None:
    answer = client.get(ROWS.format("suspend_d"), params={"fields": ",".join(CATALOG["suspend_d"].fields)}).json()
    days = [{**row, "trade_date": row["trade_date"].replace("-", "")} for row in HALTS]  # type: ignore[union-attr]
    told = [dict(zip(answer["fields"], item, strict=True)) for item in answer["items"]]
    assert sorted(map(str, told)) == sorted(str({name: day[name] for name in answer["fields"]}) for day in days)


def test_columns_and_format_may_change_from_page_to_page(client: httpx2.Client) -> None:
    first = client.get(ROWS.format("daily"), params={"limit": 3}).json()
    second = client.get(
        ROWS.format("daily"), params={"cursor": first["meta"]["next_cursor"], "fields": "ts_code", "format": "csv"}
    )
    assert second.text.splitlines()[:2] == ["ts_code", MAOTAI]


@pytest.mark.parametrize(
    "change",
    [
        {"order": "desc"},
        {"start": "20240103"},
        {"ts_code": MAOTAI},
        {"dataset": "adj_factor"},
        {"cursor": "short"},
        {"cursor": lambda cursor: cursor[:-4]},
        {"cursor": lambda cursor: cursor[:-4] + ("AAAA" if cursor[-4:] != "AAAA" else "BBBB")},
        {"cursor": lambda cursor: ("A" if cursor[0] != "A" else "B") + cursor[1:]},
    ],
)
def test_a_cursor_of_another_question_or_one_that_was_changed_is_a_problem(
    client: httpx2.Client, change: dict[str, Any]
) -> None:
    cursor = client.get(ROWS.format("daily"), params={"limit": 1}).json()["meta"]["next_cursor"]
    change = {name: value(cursor) if callable(value) else value for name, value in change.items()}
    name = change.pop("dataset", "daily")
    response = client.get(ROWS.format(name), params={"cursor": cursor, **change})
    assert (response.status_code, response.json()["type"]) == (400, "/problems/invalid-cursor")
    assert "begin anew" in response.json()["detail"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("daily", '["2024-01-03", null]'),
        ("daily", '[null, "600519.SH"]'),
        ("daily", '["2024-01-03", "\\ud800"]'),
        ("daily", '["2024-01-03", "\\u0000"]'),
        ("daily", '["2024-02-30", "600519.SH"]'),
        ("daily", "[" * 1000),
        ("fina_indicator", '["2023-12-31", "600519.SH", null, null, "0001-01-01T00:00:00+08:00", 1, "x"]'),
        *(
            ("fina_indicator", f'["2023-12-31", "600519.SH", null, null, "2024-05-01T00:00:00+08:00", {filled}, "x"]')
            for filled in ("true", "1.5", "99999999999", "1" * 400)
        ),
    ],
)
def test_a_cursor_that_somebody_made_up_is_a_problem(client: httpx2.Client, name: str, told: str) -> None:
    question: list[Any] = [name, {}, None, None, False]
    cursor = urlsafe_b64encode(cursors._mark(question, told.encode()) + told.encode()).decode().rstrip("=")
    response = client.get(ROWS.format(name), params={"cursor": cursor})
    assert (response.status_code, response.json()["type"]) == (400, "/problems/invalid-cursor")


def test_columns_that_point_different_ways_are_not_compared_as_one() -> None:
    code, name = METADATA.tables["stock_basic"].c.ts_code, METADATA.tables["daily"].c.trade_date
    told = str(after((By(code), By(name, descending=True)), (False, False)))
    assert "daily.trade_date < :after_1" in told
    assert "stock_basic.ts_code > " in told.replace("(", "").replace(")", "")


def test_a_cursor_is_still_good_when_rows_before_it_come_and_go(client: httpx2.Client, market: str) -> None:
    asked = {"start": "20240102", "end": "20240102", "limit": "1"}
    cursor = client.get(ROWS.format("adj_factor"), params=asked).json()["meta"]["next_cursor"]
    factor = METADATA.tables["adj_factor"]
    with small_market.connected(market) as engine, engine.begin() as connection:
        connection.execute(factor.insert(), {"ts_code": "000000.SZ", "trade_date": "2024-01-02", "adj_factor": 1})
    page = client.get(ROWS.format("adj_factor"), params={**asked, "cursor": cursor}).json()
    assert page["items"] == [[MAOTAI, "20240102", 7.7]]


def paged(client: httpx2.Client, name: str, asked: dict[str, str]) -> Any:
    """Follow the links from the first page to the last."""
    response = client.get(ROWS.format(name), params=asked)
    while True:
        assert response.status_code == 200, response.text
        page = response.json()
        yield page
        cursor, link = page["meta"]["next_cursor"], response.links.get("next")
        assert (cursor is None) == (link is None)
        if link is None:
            return
        assert dict(parse_qsl(urlsplit(link["url"]).query)) == {**asked, "cursor": cursor}
        response = client.get(link["url"])
