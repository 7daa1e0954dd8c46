"""The law of a history that can be asked as of a day: what becomes known later changes no answer for a day before."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_market import application, connected, served
from small_reports import MAOTAI, PINGAN, statement, tell

from stock_assistant_pipelines.settings import SHANGHAI

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2
    from sqlalchemy import Engine

AS_OF = date(2024, 4, 30)
PERIODS = ("20221231", "20230331", "20231231", "20240331")
ASKED = [
    f"stocks/{MAOTAI}/statements/income",
    f"stocks/{MAOTAI}/statements/income?restated=true&versions=all",
    f"stocks/{MAOTAI}/statements/income?basis=quarter",
    f"stocks/{MAOTAI}/statements/income?basis=ttm&restated=true&periods=2",
    f"stocks/{MAOTAI}/statements/indicators?versions=all",
    f"stocks/{MAOTAI}/dividends",
    f"stocks/{MAOTAI}/dividends?by=ex_date",
    f"stocks/{MAOTAI}/forecasts",
    f"stocks/{MAOTAI}/disclosures",
    "statements/income?period=20231231&restated=true",
    "statements/income?period=20240331&basis=ttm",
]
READ = [
    f"stocks/{MAOTAI}/statements/income?known=read",
    f"stocks/{MAOTAI}/statements/income?known=read&versions=all",
    f"stocks/{MAOTAI}/statements/income?known=read&basis=quarter",
    "statements/income?period=20240331&known=read&basis=ttm",
]
READ_BY = date(2024, 7, 1)
FIGURE = st.integers(1, 99)


@st.composite
def later(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Something that became known after the day, of a period that may long have been reported."""
    day = f"{AS_OF + timedelta(days=draw(st.integers(1, 60))):%Y%m%d}"
    code, period = draw(st.sampled_from([MAOTAI, PINGAN])), draw(st.sampled_from(PERIODS))
    of_period = {"ts_code": code, "end_date": period, "ann_date": day}
    match draw(st.sampled_from(["income", "fina_indicator", "dividend", "forecast", "disclosure_date"])):
        case "income":
            kind, flag = draw(st.sampled_from("145")), draw(st.sampled_from("01"))
            row = statement(code, period, "20240403", kind, flag, revenue=draw(FIGURE)) | {"f_ann_date": day}
            return "income", row
        case "dividend":
            stage = draw(st.sampled_from(["预案", "股东大会通过", "实施"]))
            carried_out = {"imp_ann_date": day, "ex_date": day} if stage == "实施" else {}
            announced = draw(st.sampled_from(["20240403", day]) if stage != "预案" else st.just(day))
            row = {**of_period, "ann_date": announced, "div_proc": stage, "cash_div_tax": draw(FIGURE), **carried_out}
            return "dividend", row
        case "disclosure_date":
            return "disclosure_date", {**of_period, "actual_date": day, "pre_date": day}
        case "forecast":
            return "forecast", {**of_period, "p_change_min": draw(FIGURE)}
        case other:
            return other, {**of_period, "update_flag": draw(st.sampled_from("01")), "eps": draw(FIGURE)}


@pytest.fixture(scope="module")
def client(reports: str) -> Iterator[httpx2.Client]:
    with served(application(reports)) as client:
        yield client


@pytest.fixture(scope="module")
def engine(reports: str) -> Iterator[Engine]:
    with connected(reports) as engine:
        yield engine


def answers(client: httpx2.Client) -> list[Any]:
    asked = [(path, AS_OF) for path in ASKED] + [(path, READ_BY) for path in READ]
    found = [
        client.get(f"/api/v1/{path}{'&' if '?' in path else '?'}as_of={day}").raise_for_status().json()
        for path, day in asked
    ]
    return [(one["fields"], one["items"]) for one in found]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(filings=st.lists(later(), min_size=1, max_size=8))
def test_what_becomes_known_later_changes_no_answer_for_a_day_before(
    client: httpx2.Client, engine: Engine, filings: list[tuple[str, dict[str, Any]]]
) -> None:
    before = answers(client)
    assert sum(len(items) for _, items in before) > 20
    with engine.begin() as connection:
        for days, (api, row) in enumerate(filings):
            tell(connection, api, row, at=datetime.combine(READ_BY, time(20), SHANGHAI) + timedelta(days=1 + days))
    assert answers(client) == before


def test_walking_forward_meets_the_announcements_in_their_order(client: httpx2.Client) -> None:
    days = ["20220426", "20220427", "20220803", "20230331", "20230426", "20230803", "20240403", "20240427"]
    path = f"/api/v1/stocks/{MAOTAI}/statements/income"
    seen = [len(client.get(path, params={"as_of": day, "fields": "end_date"}).json()["items"]) for day in days]
    assert seen == list(range(8))
