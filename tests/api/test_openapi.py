"""The OpenAPI document tells the truth: every answer is one that it describes, whatever is asked."""

from __future__ import annotations

import copy
from collections import Counter
from typing import TYPE_CHECKING, Any

import fuzz
import pytest
import schemathesis
from hypothesis import given
from hypothesis import strategies as st
from research_reports import BEGUN, FAILED, PUBLISHED
from schemathesis.checks import CHECKS, load_all_checks
from schemathesis.generation import GenerationMode
from small_market import application, served

from stock_assistant_pipelines.catalog import CATALOG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from fastapi import FastAPI

PLAIN = (
    *("/health", "/health/live", "/health/ready", "/health/startup", "/datasets", "/datasets/{dataset}"),
    *("/reports/{report_id}", "/reports/{report_id}.md", "/reports/{report_id}/claims"),
)
"""Routes of which any question is a valid one."""
ASKING = (
    "/datasets/{dataset}/coverage",
    "/datasets/{dataset}/holes",
    *(f"/datasets/{name}/rows" for name in ("daily", "stock_basic", "income")),
    "/stocks",
    "/stocks/{ts_code}",
    "/stocks/{ts_code}/daily",
    "/stocks/{ts_code}/statements/{statement}",
    "/stocks/{ts_code}/dividends",
    "/stocks/{ts_code}/forecasts",
    "/stocks/{ts_code}/disclosures",
    "/statements/{statement}",
    "/daily",
    "/market",
    "/calendar",
    "/reports",
    "/reports/{report_id}/evidence",
    "/scorecard",
    "/costs",
)
"""Routes that take query parameters, of which some values are wrong."""
POSTED = ("/tushare", "/tushare/{api_name}")
"""Routes of Tushare's protocol, which `test_tushare_calls` asks."""
LIKE_THEM = tuple(f"/datasets/{name}/rows" for name in CATALOG if f"/datasets/{name}/rows" not in ASKING)
"""Routes that are made as those are."""
KNOWN = {
    "dataset": ["daily", "stock_basic", "income"],
    "ts_code": ["600519.SH", "000003.SZ"],
    "trade_date": ["20240103", "2024-01-04", "20240101", "20240108", "20231229"],
    "start": ["20240101", "2024-01-04"],
    "end": ["20240103", "2024-01-08"],
    "period": ["20231231", "2024-03-31", "20230930", "20221231", "20231230"],
    "periods": ["1", "2", "20231231", "20221231..20231231", "20231231..", "0"],
    "as_of": ["20240430", "2024-09-30", "20230101"],
    "adjust_as_of": ["20240103", "2024-06-19"],
    "fields": ["ts_code,end_date,known_at", "revenue", "ts_code"],
    "report_id": [PUBLISHED, FAILED, BEGUN],
    "by": ["model,prompt_version", "expert,month", "stance", "outcome"],
    "id": ["close", "return.1d,news.1", "moon"],
    "format": ["json", "rows", "columns", "csv", "parquet", "arrow"],
}
"""Values that mean something to the small market, since a text made up from a pattern hardly ever does."""

load_all_checks()
# A day that its pattern allows need not exist, and a range can end before it begins: 422, in words.
CHECKED = [check for check in CHECKS.get_all() if check.__name__ != "positive_data_acceptance"]
# What is too long is refused before anybody looks at what it asks for; this check does not know those statuses.
UNTRIED = [check for check in CHECKED if check.__name__ != "negative_data_rejection"]


@pytest.fixture(scope="module")
def app(research: str) -> FastAPI:
    return application(research)


@pytest.fixture(scope="module")
def openapi(app: FastAPI) -> Iterator[Any]:
    with served(app) as client:
        yield schemathesis.openapi.from_url(f"{client.base_url}/api/v1/openapi.json")


def test_every_route_is_asked(app: FastAPI) -> None:
    paths = [*POSTED, *(f"/api/v1{path}" for path in PLAIN + ASKING + LIKE_THEM)]
    assert sorted(app.openapi()["paths"]) == sorted(paths)


def test_that_a_client_may_have_an_answer_already_is_documented(app: FastAPI) -> None:
    asked = {path: paths["get"] for path, paths in app.openapi()["paths"].items() if "get" in paths}
    never = {path for path, operation in asked.items() if "304" not in operation["responses"]}
    assert never == {f"/api/v1{path}" for path in PLAIN if path.startswith("/health")}


ASKED = ASKING + LIKE_THEM if fuzz.CASES else ASKING


@pytest.mark.parametrize(
    ("mode", "path"),
    [(GenerationMode.POSITIVE, path) for path in PLAIN + ASKED] + [(GenerationMode.NEGATIVE, path) for path in ASKED],
)
def test_every_answer_is_documented(openapi: Any, mode: GenerationMode, path: str) -> None:
    operation = openapi[f"/api/v1{path}"]["GET"]

    @fuzz.trials(10)
    @given(case=operation.as_strategy(generation_mode=mode), data=st.data())
    def answered(case: schemathesis.Case, data: st.DataObject) -> None:
        for given_values in (case.path_parameters, case.query):
            for name in KNOWN.keys() & given_values.keys() if mode is GenerationMode.POSITIVE else ():
                given_values[name] = data.draw(st.sampled_from([*KNOWN[name], given_values[name]]))
        require_documented(case, case.call())

    answered()


def test_answers_that_lead_to_questions_are_documented_too(app: FastAPI, openapi: Any) -> None:
    """Pages that follow each other, and stocks that are found in one answer and asked for in the next."""
    linked = schemathesis.openapi.from_dict(with_links(copy.deepcopy(app.openapi())))
    linked.config.update(base_url=openapi.get_base_url())
    linked.config.generation.update(modes=[GenerationMode.POSITIVE])
    followed: Counter[str] = Counter()

    class Scenario(linked.as_state_machine()):  # type: ignore[misc]
        def validate_response(self, response: Any, case: schemathesis.Case, *_: Any, **__: Any) -> None:
            require_documented(case, response)
            if response.status_code == 200:
                followed["a page"] += "cursor" in case.query
                followed["a stock"] += "ts_code" in case.path_parameters

    Scenario.run(settings=fuzz.trials(5, parts=50, steps=8))
    if fuzz.CASES:  # of a few, none may lead on
        assert followed["a page"]
        assert followed["a stock"]


LEADS = {
    "/stocks": "/stocks/{ts_code}/daily",
    "/daily": "/stocks/{ts_code}/daily",
    "/datasets/stock_basic/rows": "/stocks/{ts_code}/statements/{statement}",
    "/statements/{statement}": "/stocks/{ts_code}/disclosures",
}
"""Tables whose first column is a code, and where one goes with it."""


def with_links(document: dict[str, Any]) -> dict[str, Any]:
    """The document, with where answers lead, and with values that mean something to the small market."""
    document["paths"] = {f"/api/v1{path}": document["paths"][f"/api/v1{path}"] for path in PLAIN + ASKING}
    paths = {path.removeprefix("/api/v1"): operations for path, operations in document["paths"].items()}
    for operations in paths.values():
        for parameter in operations["get"].get("parameters", ()):
            if known := {**KNOWN, "limit": [1, 2]}.get(parameter["name"]):
                parameter["schema"] = {"enum": known}
    for source, target in LEADS.items():
        _lead(paths, source, target, "path.ts_code", "$response.body#/items/0/0")
    _lead(paths, "/reports", "/reports/{report_id}/claims", "path.report_id", "$response.body#/items/0/id")
    for source in (path for path in paths if path.endswith("/rows")):
        _lead(paths, source, source, "query.cursor", "$response.body#/meta/next_cursor")
        asked = paths[source]["get"]  # a cursor belongs to its question
        asked["parameters"] = [
            one for one in asked["parameters"] if one["name"] in {"cursor", "fields", "format", "limit"}
        ]
    return document


def _lead(paths: dict[str, Any], source: str, target: str, parameter: str, expression: str) -> None:
    link = {"operationId": paths[target]["get"]["operationId"], "parameters": {parameter: expression}}
    paths[source]["get"]["responses"]["200"].setdefault("links", {})[f"to {target}"] = link


def require_documented(case: schemathesis.Case, response: Any) -> None:
    """Hold an answer to the document."""
    fuzz.ANSWERED[response.status_code] += 1
    case.validate_response(response, checks=UNTRIED if response.status_code in {414, 431} else CHECKED)
