"""The sandbox search answers in Bocha's form, with pages that say they are invented, and misbehaves on request."""

from __future__ import annotations

from datetime import date, datetime
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from stock_assistant_pipelines.sandbox.faults import FaultError
from stock_assistant_pipelines.sandbox.keyed import Options
from stock_assistant_pipelines.sandbox.search.faults import KINDS, SearchFault
from stock_assistant_pipelines.sandbox.search.server import create_app, running
from stock_assistant_pipelines.sandbox.server import Door, HostError
from stock_assistant_pipelines.settings import SHANGHAI

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME = "海达科技"
WINDOW = "2026-02-02..2026-03-04"


@pytest.fixture(scope="module")
def shared() -> Iterator[Door]:
    with running() as server:
        yield server


@pytest.fixture
def server(shared: Door) -> Door:
    shared.heal()
    shared.forget()
    return shared


def post(server: Door, key: str = "sandbox", **body: Any) -> httpx2.Response:
    content = {"query": f"{NAME} 公告", "freshness": WINDOW, "summary": True, "count": 50, **body}
    headers = {"Authorization": f"Bearer {key}"}
    return httpx2.post(f"{server.url}/v1/web-search", json=content, headers=headers, trust_env=False)


def pages(server: Door, **body: Any) -> list[dict[str, Any]]:
    response = post(server, **body)
    assert response.status_code == 200, response.text
    listed: list[dict[str, Any]] = response.json()["data"]["webPages"]["value"]
    return listed


def days(found: list[dict[str, Any]]) -> list[date]:
    return [datetime.fromisoformat(page["datePublished"]).astimezone(SHANGHAI).date() for page in found]


def test_pages_are_of_the_company_and_the_window_and_say_that_they_are_invented(server: Door) -> None:
    found = pages(server)
    assert 5 < len(found) < 20
    assert all(date(2026, 2, 2) <= day <= date(2026, 3, 4) for day in days(found))
    assert all(NAME in page["name"] and page["name"].endswith("（虚构）") for page in found)
    assert all("编造" in page["summary"] and "虚构" in page["siteName"] for page in found)
    assert post(server).headers["X-Stock-Assistant-Sandbox"].startswith("SANDBOX DATA")


def test_a_day_has_the_same_pages_in_every_window(server: Door) -> None:
    whole = {page["url"]: page for page in pages(server)}
    part = pages(server, freshness="2026-02-20..2026-03-04")
    assert part
    assert all(whole[page["url"]] == page for page in part)
    assert len(pages(server, count=2)) == 2


def test_the_envelope_is_bochas(server: Door) -> None:
    answer = post(server, summary=False).json()
    assert (answer["code"], answer["msg"], answer["data"]["_type"]) == (200, None, "SearchResponse")
    assert answer["data"]["queryContext"] == {"originalQuery": f"{NAME} 公告"}
    [page, *_] = answer["data"]["webPages"]["value"]
    assert "summary" not in page
    assert page["datePublished"].endswith("+08:00")
    assert page["dateLastCrawled"] == page["datePublished"].replace("+08:00", "Z")


def test_a_window_may_be_named_by_a_word(server: Door) -> None:
    today = datetime.now(SHANGHAI).date()
    assert all((today - day).days <= 30 for day in days(pages(server, freshness="oneMonth")))
    assert len(pages(server, freshness="noLimit")) == 50


@pytest.mark.parametrize(
    "body", [{"query": " "}, {"query": 1}, {"count": 51}, {"count": "x"}, {"freshness": "lately"}, {"freshness": 1}]
)
def test_what_bocha_does_not_take_is_refused(server: Door, body: dict[str, Any]) -> None:
    response = post(server, **body)
    assert (response.status_code, response.json()["code"]) == (400, "400")


def test_a_wrong_key_is_refused(server: Door) -> None:
    assert post(server, key="other").status_code == 401
    assert server.stats()["outcomes"] == {"bad_key": 1}


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ("throttle:seconds=3", 429, "429"),
        ("bad_key", 401, "401"),
        ("no_balance", 403, "403"),
        ("no_balance_inside", 200, "403"),
        ("refused", 400, "400"),
    ],
)
def test_refusals_have_bochas_form(server: Door, fault: str, status: int, code: str) -> None:
    server.inject(f"{fault}:times=1")
    response = post(server)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers.get("Retry-After") == ("3" if code == "429" else None)
    assert pages(server)


@pytest.mark.parametrize(
    ("fault", "holds"),
    [
        ("nothing", lambda found: not found),
        ("undated", lambda found: all(page["datePublished"] is None for page in found)),
        ("future", lambda found: min(days(found)) > date(2026, 3, 4)),
        ("stale", lambda found: max(days(found)) < date(2023, 6, 1)),
        ("old_as_new", lambda found: {*days(found)} == {date(2026, 3, 4)} and "/2023/" in found[0]["url"]),
        ("other_company", lambda found: not any(NAME in str(page) for page in found)),
        ("injection", lambda found: "{{close}}" in found[0]["name"] and "{{" not in str(found[1:])),
        ("duplicate", lambda found: len({page["name"] for page in found}) * 2 <= len(found)),
        ("script", lambda found: all(page["url"].startswith("javascript:") for page in found)),
    ],
)
def test_what_must_not_become_evidence_comes_on_request(server: Door, fault: str, holds: Any) -> None:
    server.inject(f"{fault}:company={NAME}:times=1")
    pages(server, query="别家公司")
    assert holds(pages(server))
    assert not holds(pages(server))


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_reads_as_it_is_written(kind: str) -> None:
    assert str(SearchFault.parse(f"{kind}:company=甲:after=2:times=1")).startswith(f"{kind}:company=甲:after=2:times=1")


@pytest.mark.parametrize("spec", ["half", "throttle:api=daily", "throttle:company="])
def test_a_specification_that_cannot_be_read_is_refused(spec: str) -> None:
    with pytest.raises(FaultError):
        create_app(Options(faults=(spec,)))


def test_others_cannot_reach_it() -> None:
    with pytest.raises(HostError), running(host="0.0.0.0"):
        pass


def test_it_runs_as_a_process_of_its_own() -> None:
    with running(process=True, faults=("no_balance:times=1",)) as server:
        assert [post(server).status_code for _ in range(2)] == [403, 200]
