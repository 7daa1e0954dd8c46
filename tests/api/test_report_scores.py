"""Scores and costs over HTTP: what is told of all reports together, and of all calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from research_reports import ENGLISH, PUBLISHED
from small_market import application, served

from api.cache import CacheMiddleware
from api.reports import scores

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx2
    from fastapi import FastAPI


@pytest.fixture(scope="module")
def app(research: str) -> FastAPI:
    return application(research)


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[httpx2.Client]:
    with served(app) as client:
        yield client


def told(client: httpx2.Client, path: str, **query: str) -> Any:
    answer = client.get(f"/api/v1{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_what_was_made_in_time_is_scored_apart_from_what_was_made_afterwards(client: httpx2.Client) -> None:
    card = told(client, "/scorecard")
    by_kind = {score["kind"]: score for score in card["items"]}
    assert set(by_kind) == {"forward", "before cutoff"}
    forward = by_kind["forward"]
    assert (forward["reports"], forward["stances"], forward["cases"], forward["hit_rate"]) == (2, 1, 1, 1.0)
    assert forward["brier"] == pytest.approx(0.1444)
    assert forward["excess_index"] == pytest.approx(2.25)
    assert forward["few"]
    assert by_kind["before cutoff"]["hit_rate"] is None
    assert card["meta"] == {"of": "reports", "by": [], "horizon": None, "start": None, "end": None, "rows": 2}


def test_scores_are_told_apart_by_what_is_named(client: httpx2.Client) -> None:
    card = told(client, "/scorecard", by="model,language")
    assert card["meta"]["by"] == ["model", "language"]
    assert {tuple(score["group"].values()) for score in card["items"]} == {
        ("sandbox", "sandbox-rules", "zh"),
        ("dashscope", "qwen3.8-max", "en"),
    }
    assert told(client, "/scorecard", end="20240103")["items"] == []


def test_experts_are_scored_over_twenty_days_unless_others_are_named(client: httpx2.Client) -> None:
    card = told(client, "/scorecard", of="experts")
    assert card["meta"]["horizon"] == 20
    assert {score["group"]["expert"] for score in card["items"]} == {"technical", "news"}
    assert told(client, "/scorecard", of="experts", horizon="60")["meta"]["horizon"] == 60


def test_costs_are_told_by_day_and_model(client: httpx2.Client) -> None:
    (day,) = told(client, "/costs", by="day")["items"]
    assert day["group"] == {"day": "2024-01-04"}
    assert (day["calls"], day["cost"], day["booked"], day["under_way"]) == (4, 0.0369, 0.1, 1)
    reports = {one["group"]["report"]: one["calls"] for one in told(client, "/costs", by="report")["items"]}
    assert reports == {PUBLISHED: 3, ENGLISH: 1}
    assert told(client, "/costs", report=ENGLISH)["items"][0]["calls"] == 1
    assert told(client, "/costs", end="20240103")["items"] == []


def test_more_groups_than_an_answer_takes_are_refused(client: httpx2.Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "MOST", 1)
    answer = client.get("/api/v1/costs", params={"by": "report"})
    assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-parameter")
    assert "Name one report, or a shorter range." in answer.json()["detail"]
    assert told(client, "/costs", by="report", report=ENGLISH)["meta"]["rows"] == 1


def test_what_is_left_of_the_budgets_is_told(client: httpx2.Client, research: str) -> None:
    with psycopg.connect(research, autocommit=True) as connection:
        connection.execute(
            "insert into llm_spending values (to_char(now() at time zone 'Asia/Shanghai', 'YYYY-MM'), 12.5)"
        )
    budgets = {one["span"]: one for one in told(client, "/costs")["meta"]["budgets"]}
    assert set(budgets) == {"day", "month"}
    assert (budgets["month"]["budget"], budgets["month"]["spent"], budgets["month"]["left"]) == (500, 12.5, 487.5)
    assert budgets["month"]["ends"].endswith("+08:00")
    assert "report" in {one["span"] for one in told(client, "/costs", report=PUBLISHED)["meta"]["budgets"]}


@pytest.mark.parametrize(
    ("path", "query", "words"),
    [
        ("/scorecard", {"by": "weather"}, "there is no weather: takes model, prompt_version"),
        ("/scorecard", {"horizon": "2"}, "horizon"),
        ("/costs", {"by": "day,moon"}, "there is no moon: takes day, month"),
        ("/costs", {"colour": "red"}, "takes start, end, by, report"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(
    client: httpx2.Client, path: str, query: dict[str, str], words: str
) -> None:
    answer = client.get(f"/api/v1{path}", params=query)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]


def test_who_has_an_answer_is_told_so(client: httpx2.Client) -> None:
    tag = client.get("/api/v1/scorecard").headers["ETag"]
    assert client.get("/api/v1/scorecard", headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize("path", ["/reports", f"/reports/{PUBLISHED}/claims", "/scorecard", "/costs"])
def test_nobody_waits_for_an_answer_that_is_made_for_another(app: FastAPI, client: httpx2.Client, path: str) -> None:
    """The response cache, which lets who asks the same wait, does not see the question."""
    told(client, path)
    layer: Any = app.middleware_stack
    while not isinstance(layer, CacheMiddleware):
        layer = layer.app
    assert (layer.use.misses, layer.use.unknown) == (0, 0)
