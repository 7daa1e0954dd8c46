"""Before a run: what is configured wrongly is said in a sentence that tells what to do."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr
from questions import at

from stock_assistant_pipelines.research.providers.endpoint import endpoints
from stock_assistant_pipelines.research.providers.errors import (
    KeyRefused,
    ModelError,
    NotAnswered,
    Throttled,
    UnknownModel,
    Unreachable,
)
from stock_assistant_pipelines.research.providers.preflight import preflight, somebody
from stock_assistant_pipelines.settings import Settings
from stock_assistant_pipelines.settings.errors import SettingsError
from stock_assistant_pipelines.settings.language_models import Fallback

if TYPE_CHECKING:
    from stock_assistant_pipelines.research.providers.endpoint import Endpoint
    from stock_assistant_pipelines.sandbox.model.server import RunningModel

SECRET = "sk-hush-0123456789"


def refused(endpoint: Endpoint) -> ModelError:
    with pytest.raises(ModelError) as caught:
        asyncio.run(preflight(endpoint))
    return caught.value


def test_a_model_that_is_listed_passes(rules: RunningModel) -> None:
    checked = asyncio.run(preflight(at(rules, "qwen", "qwen3.8-max")))
    assert checked.models == ("qwen3.8-flash", "qwen3.8-max", "sandbox-rules")
    assert rules.stats()["calls"] == 0


def test_a_retired_model_is_told_with_those_that_there_are(rules: RunningModel) -> None:
    error = refused(at(rules, "deepseek", "deepseek-chat"))
    assert isinstance(error, UnknownModel)
    assert "was retired on 2026-07-24" in str(error)
    assert "deepseek-v4-flash, deepseek-v4-pro" in str(error)


def test_an_unknown_model_is_told_with_those_that_there_are(rules: RunningModel) -> None:
    error = refused(at(rules, "moonshot", "kimi-k9"))
    assert isinstance(error, UnknownModel)
    assert "there are kimi-k3, sandbox-rules" in str(error)


def test_a_refused_key_is_told_without_it(rules: RunningModel) -> None:
    error = refused(at(rules, "zhipu", "glm-5.3", key=SECRET))
    assert isinstance(error, KeyRefused)
    assert "LLM_API_KEY" in str(error)
    assert SECRET not in f"{error}{error!r}"


def test_a_provider_that_lists_nothing_passes(rules: RunningModel) -> None:
    assert asyncio.run(preflight(at(rules, "doubao", "doubao-seed-2-1-pro-260915"))).models == ()


def test_a_server_that_is_not_there_is_told(rules: RunningModel) -> None:
    endpoint = at(rules)
    gone = type(endpoint)("other", "m", "http://127.0.0.1:9/v1", "none", endpoint.quirks, endpoint.price)
    assert isinstance(refused(gone), Unreachable)


def configured(**words: Any) -> tuple[Endpoint, ...]:
    return endpoints(Settings(**words))


def test_models_are_asked_in_their_order_at_the_providers_own_address() -> None:
    first, second = configured(
        llm_provider="deepseek",
        llm_model="deepseek-v4-flash",
        llm_api_key=SECRET,
        llm_fallbacks=[Fallback(provider="ollama", model="qwen3:8b")],
        llm_prices={"deepseek-v4-flash": {"asked": 1, "cached": 1, "answered": 1}},
    )
    assert (str(first), first.base_url, first.price.version) == (
        "deepseek/deepseek-v4-flash",
        "https://api.deepseek.com",
        "own",
    )
    assert (str(second), second.base_url, second.price.version) == (
        "ollama/qwen3:8b",
        "http://127.0.0.1:11434/v1",
        "free",
    )
    assert SECRET not in repr(first)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ({}, "LLM_PROVIDER: is not set"),
        ({"llm_provider": "acme", "llm_model": "m"}, "there are deepseek, qwen"),
        ({"llm_provider": "qwen", "llm_api_key": SECRET}, "needs a model"),
        ({"llm_provider": "qwen", "llm_model": "m"}, "needs a key"),
        ({"llm_provider": "other", "llm_model": "m"}, "needs an address"),
        (
            {"llm_provider": "vllm", "llm_model": "m", "llm_api_key": SECRET, "llm_base_url": "http://gpu.lan/v1"},
            "the key could be read on its way",
        ),
        (
            {
                "llm_provider": "ollama",
                "llm_model": "m",
                "llm_fallbacks": [Fallback(provider="q", model="m", api_key=SecretStr(SECRET))],
            },
            "LLM_FALLBACKS: 'q' is no provider",
        ),
    ],
)
def test_what_is_missing_is_told_with_its_variable(words: dict[str, Any], told: str) -> None:
    with pytest.raises(SettingsError) as caught:
        configured(**words)
    assert told in str(caught.value)
    assert SECRET not in str(caught.value)


def test_one_model_that_can_be_asked_is_enough(rules: RunningModel) -> None:
    good, gone = at(rules, "qwen", "qwen3.8-max"), at(rules, "qwen", "qwen-none")
    asyncio.run(somebody([gone, good]))
    with pytest.raises(NotAnswered, match=r"qwen/qwen-none: there is no such model.*; qwen/qwen-none"):
        asyncio.run(somebody([gone, gone]))


class Busy(BaseHTTPRequestHandler):
    """A server that has no time for anybody."""

    def do_GET(self) -> None:
        self.send_error(429)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_who_is_busy_can_be_asked(rules: RunningModel) -> None:
    with HTTPServer(("127.0.0.1", 0), Busy) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        busy = replace(at(rules, "qwen", "qwen3.8-max"), base_url=f"http://127.0.0.1:{server.server_port}/v1")
        assert isinstance(refused(busy), Throttled)
        asyncio.run(somebody([busy]))
        server.shutdown()
