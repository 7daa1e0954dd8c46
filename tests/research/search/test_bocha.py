"""One call of the search engine: pages as they were told, or an error of a type; the key is told to nobody else."""

from __future__ import annotations

import asyncio
import pickle
import traceback
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr
from searching import DAY, FIRST, bocha

from stock_assistant_pipelines.research.search import bocha as module
from stock_assistant_pipelines.research.search.bocha import Answer, Bocha
from stock_assistant_pipelines.research.search.errors import (
    BadRequest,
    KeyRefused,
    MalformedAnswer,
    NoBalance,
    Overloaded,
    SearchError,
    Silent,
    Throttled,
    Unreachable,
)
from stock_assistant_pipelines.settings.errors import SettingsError

if TYPE_CHECKING:
    from stock_assistant_pipelines.sandbox.server import Door

KEY = "key-0a1b2c3d"
QUERY = "海达科技 600001"


def search(engine: Bocha, query: str = QUERY) -> Answer:
    async def asked() -> Answer:
        try:
            return await engine.search(query, FIRST, DAY)
        finally:
            await engine.close()

    return asyncio.run(asked())


def failure(engine: Bocha) -> SearchError:
    with pytest.raises(SearchError) as caught:
        search(engine)
    told = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert KEY not in told + repr(caught.value)
    assert caught.value.__context__ is None or "httpx" not in type(caught.value.__context__).__module__
    return caught.value


def test_pages_come_as_they_are_told(web: Door) -> None:
    answer = search(bocha(web))
    assert len(answer.pages) > 5
    assert all(page.title.startswith("海达科技") and page.url.startswith("https://") for page in answer.pages)
    assert all(page.summary and page.snippet and page.site == "沙盒虚构新闻" for page in answer.pages)
    assert all(page.published and page.published.endswith("+08:00") for page in answer.pages)
    assert answer.source == "sandbox: SANDBOX DATA: invented pages, no news"
    assert web.calls()[0]["body"] == {
        "query": QUERY, "freshness": "2026-02-02..2026-03-04", "summary": True, "count": 20,
    }  # fmt: skip


def test_no_page_is_an_answer_too(web: Door) -> None:
    web.inject("nothing")
    assert search(bocha(web)).pages == ()


@pytest.mark.parametrize(
    ("fault", "kind", "told"),
    [
        (
            "throttle:seconds=7",
            Throttled,
            "BOCHA_CALLS_PER_MINUTE (429): You have reached the request limit, log_id ",
        ),
        ("bad_key", KeyRefused, "check BOCHA_API_KEY (401)"),
        ("no_balance", NoBalance, "top it up"),
        ("no_balance_inside", NoBalance, "(403): You do not have enough money"),
        ("refused", BadRequest, "(400): Missing parameter"),
        ("http_503", Overloaded, "(503)"),
        ("reset", Silent, "ended without an answer"),
        ("malformed", MalformedAnswer, "not the JSON"),
        ("off_protocol", MalformedAnswer, "another form"),
    ],
)
def test_what_goes_wrong_has_a_type(web: Door, fault: str, kind: type[SearchError], told: str) -> None:
    web.inject(fault)
    error = failure(bocha(web))
    assert (type(error), told in str(error)) == (kind, True), str(error)
    assert error.wait == (7 if kind is Throttled else None)


@pytest.mark.parametrize("fault", ["timeout:seconds=60", "drip:seconds=60"])
def test_the_deadline_is_not_moved_by_what_keeps_a_connection_alive(web: Door, fault: str) -> None:
    web.inject(fault)
    assert "in 0.3 seconds (BOCHA_TIMEOUT)" in str(failure(bocha(web, timeout=0.3)))


def test_what_drips_in_time_is_an_answer(web: Door) -> None:
    web.inject("drip:seconds=0.2")
    assert search(bocha(web)).pages


def test_nobody_there_is_unreachable() -> None:
    error = failure(Bocha(SecretStr(KEY), "http://127.0.0.1:9"))
    assert isinstance(error, Unreachable)


@pytest.mark.parametrize("key", ["钥匙", "two words", "line\nend", ""])
def test_a_key_that_no_header_can_hold_is_refused_at_once(key: str) -> None:
    with pytest.raises(SettingsError, match="BOCHA_API_KEY: takes") as caught:
        Bocha(SecretStr(key), "https://api.bocha.cn")
    assert not key or key not in str(caught.value)


def test_an_endless_answer_is_cut_short(web: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_BYTES", 1000)
    assert isinstance(failure(bocha(web)), MalformedAnswer)


def test_the_key_is_told_to_the_search_engine_alone(web: Door, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    engine = bocha(web, key=KEY)
    assert KEY not in repr(engine) + repr(vars(engine))
    with pytest.raises(TypeError, match="one per process"):
        pickle.dumps(engine)
    assert isinstance(failure(engine), KeyRefused)
    assert KEY not in caplog.text


def test_a_refusal_that_quotes_the_key_is_told_without_it(web: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    """Providers do: `Invalid API KEY: sk-…`."""
    from stock_assistant_pipelines.sandbox.search import service

    monkeypatch.setitem(service.REFUSALS, "bad_key", (401, f"Invalid API KEY: {KEY}"))
    assert "Invalid API KEY: ***" in str(failure(bocha(web, key=KEY)))
