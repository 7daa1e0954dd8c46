"""The sandbox model answers in the protocol's forms, by rules, and says that it is no model."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx2
import pytest

from stock_assistant_pipelines.sandbox.faults import FaultError
from stock_assistant_pipelines.sandbox.keyed import Options
from stock_assistant_pipelines.sandbox.model.dialects import DIALECTS
from stock_assistant_pipelines.sandbox.model.faults import KINDS, ModelFault
from stock_assistant_pipelines.sandbox.model.server import RunningModel, create_app, running
from stock_assistant_pipelines.sandbox.server import HostError

if TYPE_CHECKING:
    from collections.abc import Iterator

ITEMS = [
    {"id": "industry", "topic": "company", "text": "银行"},
    {"id": "close", "topic": "prices", "value": "12.34"},
    {"id": "return.20d", "topic": "prices", "value": "-8.5", "signed": True},
]
MESSAGES = [
    {"role": "system", "content": "只引用证据,答以 JSON。"},
    {"role": "user", "content": f"证据:{json.dumps(ITEMS, ensure_ascii=False)} 完。"},
]
SCHEMA = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"properties": {"stance": {}}}}}
TOOLS = [{"type": "function", "function": {"name": "answer", "parameters": {}}}]


@pytest.fixture(scope="module")
def shared() -> Iterator[RunningModel]:
    with running() as server:
        yield server


@pytest.fixture
def model(shared: RunningModel) -> RunningModel:
    shared.heal()
    shared.forget()
    return shared


def post(url: str, key: str = "sandbox", **body: Any) -> httpx2.Response:
    content = {"model": "sandbox-rules", "messages": MESSAGES, **body}
    headers = {"Authorization": f"Bearer {key}"}
    return httpx2.post(f"{url}/chat/completions", json=content, headers=headers, trust_env=False)


def said(response: httpx2.Response) -> dict[str, Any]:
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = json.loads(response.json()["choices"][0]["message"]["content"])
    return answer


def test_a_note_speaks_of_the_items_with_placeholders(model: RunningModel) -> None:
    note = said(post(model.url))
    assert set(note) == {"summary", "claims"}
    assert [claim["evidence"] for claim in note["claims"]] == [["return.20d"], ["close"]]
    assert "{{return.20d:period}}" in note["claims"][0]["text"]
    assert "下跌{{return.20d:abs}}" in note["claims"][0]["text"]
    assert note["claims"][0]["direction"] == "down"


def test_what_an_item_says_of_its_direction_goes_before_the_sign_of_its_value(model: RunningModel) -> None:
    shown = {"id": "return.20d", "topic": "prices", "value": "CNY -3.20bn", "direction": "up", "signed": True}
    messages = [MESSAGES[0], {"role": "user", "content": json.dumps(shown)}]
    claim = said(post(model.url, messages=messages))["claims"][0]
    assert (claim["direction"], "上涨" in claim["text"]) == ("up", True)


def test_of_variants_of_a_measure_one_is_told(model: RunningModel) -> None:
    ids = ("return.5d", "return.20d", "return.60d", "excess.20d.index", "excess.60d.index", "rsi.14", "volume.ratio")
    shown = [{"id": each, "topic": "prices", "value": "51.00%", "direction": "up"} for each in ids]
    messages = [MESSAGES[0], {"role": "user", "content": json.dumps(shown)}]
    told = [claim["evidence"][0] for claim in said(post(model.url, messages=messages))["claims"]]
    assert told == ["return.20d", "excess.20d.index", "rsi.14", "volume.ratio"]


def test_a_place_is_called_high_or_low_as_it_is(model: RunningModel) -> None:
    for value, word in (("82.40%", "较高位"), ("50.00%", "居中"), ("1.00%", "较低位")):
        shown = {"id": "pe_ttm.percentile.3y", "topic": "valuation", "value": value}
        messages = [MESSAGES[0], {"role": "user", "content": json.dumps(shown)}]
        assert word in said(post(model.url, messages=messages))["claims"][0]["text"]


def test_a_synthesis_takes_the_side_of_the_signs(model: RunningModel) -> None:
    synthesis = said(post(model.url, response_format=SCHEMA))
    assert (synthesis["stance"], synthesis["horizon"], synthesis["probability"]) == ("underperform", 20, 0.55)
    assert {claim["direction"] for claim in synthesis["thesis"]} == {"down", "none"}
    assert "由负转正" in synthesis["invalidation"][0]["text"]


def test_english_is_answered_in_english(model: RunningModel) -> None:
    messages = [{"role": "system", "content": "Cite the evidence. JSON."}, MESSAGES[1]]
    assert (
        "{{return.20d:abs}} over {{return.20d:period}}" in said(post(model.url, messages=messages))["claims"][0]["text"]
    )


def test_the_same_question_brings_the_same_answer(model: RunningModel) -> None:
    assert said(post(model.url)) == said(post(model.url))


def test_without_evidence_there_is_nothing_to_say(model: RunningModel) -> None:
    response = post(model.url, messages=[{"role": "user", "content": "买什么?"}])
    assert (response.status_code, "no evidence" in response.text) == (400, True)


def test_it_says_that_it_is_no_model(model: RunningModel) -> None:
    response = post(model.as_provider("deepseek"), model="deepseek-v4-pro")
    assert response.json()["model"] == "sandbox-rules"
    health = httpx2.get(f"{model.root}/_sandbox/health", trust_env=False).json()
    assert health["note"] == "rules, not a model"


def test_an_answer_can_be_a_tools_arguments(model: RunningModel) -> None:
    choice = post(model.url, tools=TOOLS).json()["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert "claims" in json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"])


def events(response: httpx2.Response) -> list[Any]:
    lines = [line.removeprefix("data: ") for line in response.text.splitlines() if line.startswith("data: ")]
    assert lines.pop() == "[DONE]"
    return [json.loads(line) for line in lines]


def test_a_stream_brings_the_same_with_comments_that_keep_it_alive(model: RunningModel) -> None:
    whole = post(model.url).json()
    response = post(model.url, stream=True, stream_options={"include_usage": True})
    assert response.text.startswith(": keep-alive\n\n")
    *chunks, last = events(response)
    content = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert content == whole["choices"][0]["message"]["content"]
    assert (last["choices"], last["usage"]["total_tokens"]) == ([], whole["usage"]["total_tokens"])
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"


def test_usage_is_told_in_a_stream_only_when_it_is_asked_for(model: RunningModel) -> None:
    assert all("usage" not in event for event in events(post(model.url, stream=True)))


def test_what_is_told_as_used_adds_up_to_what_is_counted(model: RunningModel) -> None:
    answers = [post(model.url, enable_thinking=number == 2).json()["usage"] for number in range(3)]
    used = model.stats()["usage"]
    assert used["prompt_tokens"] == sum(each["prompt_tokens"] for each in answers)
    assert used["completion_tokens"] == sum(each["completion_tokens"] for each in answers)
    assert used["reasoning_tokens"] == answers[2]["completion_tokens_details"]["reasoning_tokens"] > 0


def test_a_cap_cuts_the_answer_off(model: RunningModel) -> None:
    choice = post(model.url, max_tokens=10).json()["choices"][0]
    assert (choice["finish_reason"], len(choice["message"]["content"].encode()) <= 30) == ("length", True)


@pytest.mark.parametrize(
    ("provider", "body", "status", "told"),
    [
        ("moonshot", {"temperature": 0.3}, 400, "invalid temperature: only 0.6 or 1.0"),
        ("deepseek", {"tools": TOOLS, "tool_choice": "required"}, 422, "tool_choice"),
        ("deepseek", {"response_format": SCHEMA}, 422, "response_format"),
        ("qwen", {}, 400, "non-streaming"),
        ("qwen", {"stream": True, "response_format": {"type": "json_object"}}, 400, "enable_thinking is true"),
        ("minimax", {"response_format": {"type": "json_object"}}, 400, "response_format"),
    ],
)
def test_each_provider_refuses_what_it_is_known_to_refuse(
    model: RunningModel, provider: str, body: dict[str, Any], status: int, told: str
) -> None:
    response = post(model.as_provider(provider), **body)
    assert (response.status_code, told in response.text) == (status, True), response.text


def test_json_mode_wants_the_word_in_the_prompt(model: RunningModel) -> None:
    body = {"enable_thinking": False, "response_format": {"type": "json_object"}}
    url = model.as_provider("qwen")
    assert post(url, **body).status_code == 200
    assert "must contain the word 'json'" in post(url, messages=MESSAGES[1:], **body).text


@pytest.mark.parametrize(
    ("provider", "error"),
    [
        ("openai", {"code": "rate_limit_exceeded", "type": "rate_limit_error"}),
        ("zhipu", {"code": "1302"}),
        ("qwen", {"code": "Throttling.RateQuota"}),
        ("moonshot", {"type": "rate_limit_reached_error"}),
        ("doubao", {"code": "RateLimitExceeded.EndpointRPMExceeded"}),
    ],
)
def test_errors_have_the_providers_form(model: RunningModel, provider: str, error: dict[str, str]) -> None:
    model.inject("throttle:seconds=3:times=1")
    response = post(model.as_provider(provider), stream=True)
    assert (response.status_code, response.headers["Retry-After"]) == (429, "3")
    assert error.items() <= response.json()["error"].items()


def test_models_are_listed_by_provider(model: RunningModel) -> None:
    for name, dialect in DIALECTS.items():
        headers = {"Authorization": "Bearer sandbox"}
        response = httpx2.get(f"{model.as_provider(name)}/models", headers=headers, trust_env=False)
        listed = [each["id"] for each in response.json()["data"]] if dialect.lists_models else []
        assert listed == (["sandbox-rules", *dialect.models] if dialect.lists_models else [])


def test_a_wrong_key_is_refused(model: RunningModel) -> None:
    assert post(model.url, key="other").status_code == 401


@pytest.mark.parametrize(
    ("fault", "told"), [("wrong_company", "云海控股"), ("literal_digits", "12.5%"), ("off_contract", "only words")]
)
def test_what_a_gate_must_catch_comes_on_request(model: RunningModel, fault: str, told: str) -> None:
    model.inject(f"{fault}:times=1")
    assert told in post(model.url).json()["choices"][0]["message"]["content"]
    assert told not in post(model.url).json()["choices"][0]["message"]["content"]


def test_a_fault_befalls_the_model_that_it_names(model: RunningModel) -> None:
    model.inject("http_503:model=deepseek-v4-pro")
    url = model.as_provider("deepseek")
    assert [post(url, model=name).status_code for name in ("deepseek-v4-flash", "deepseek-v4-pro")] == [200, 503]


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_reads_as_it_is_written(kind: str) -> None:
    assert str(ModelFault.parse(f"{kind}:model=m:after=2:times=1")).startswith(f"{kind}:model=m:after=2:times=1")


@pytest.mark.parametrize("spec", ["half", "throttle:api=daily", "throttle:times=0", "throttle:model="])
def test_a_specification_that_cannot_be_read_is_refused(spec: str) -> None:
    with pytest.raises(FaultError):
        create_app(Options(faults=(spec,)))


def test_others_cannot_reach_it() -> None:
    with pytest.raises(HostError), running(host="0.0.0.0"):
        pass


def test_it_runs_as_a_process_of_its_own() -> None:
    with running(process=True, faults=("no_balance:times=1",)) as server:
        assert [post(server.url).status_code for _ in range(2)] == [402, 200]
