"""Asking a model: what is answered, what is tried again and how, what is not, and that no key is ever told."""

from __future__ import annotations

import asyncio
import logging
import traceback
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from questions import PLENTY, PROMPT, PURPOSE, RULES, SHEET, Sleeps, about, ask, at
from sqlalchemy import select, update

from stock_assistant_pipelines.research.contracts import Expert, Note, Synthesis
from stock_assistant_pipelines.research.gate import judge
from stock_assistant_pipelines.research.ledger import Ledger, pack
from stock_assistant_pipelines.research.providers import errors
from stock_assistant_pipelines.research.providers.errors import NotAnswered
from stock_assistant_pipelines.research.providers.model import Limits, Model
from stock_assistant_pipelines.research.providers.quirks import PROVIDERS, Rung
from stock_assistant_pipelines.research.render import Language
from stock_assistant_pipelines.warehouse.tables import LLM_CALL

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from stock_assistant_pipelines.sandbox.model.server import RunningModel

HOSTED = ["openai", "deepseek", "qwen", "zhipu", "moonshot", "doubao", "siliconflow", "minimax", "ollama", "vllm"]


def booked(engine: Engine, column: str = "outcome") -> list[Any]:
    with engine.connect() as connection:
        return list(connection.execute(select(LLM_CALL.c[column]).order_by(LLM_CALL.c.id)).scalars())


def refusal(engine: Engine, *endpoints: Any, **words: Any) -> NotAnswered:
    with pytest.raises(NotAnswered) as caught:
        ask(engine, *endpoints, **words)
    return caught.value


@pytest.mark.parametrize("contract", [Note, Synthesis])
def test_an_answer_keeps_to_its_contract_and_passes_the_gate(
    engine: Engine, rules: RunningModel, contract: type[Note | Synthesis]
) -> None:
    [reply] = ask(engine, at(rules), contract=contract)
    assert isinstance(reply.answer, contract)
    assert judge(Expert.TECHNICAL, reply.answer, SHEET, Language.ZH) == ()
    assert (reply.provider, reply.model, reply.rung, reply.attempts) == ("sandbox", RULES, Rung.SCHEMA, 1)


@pytest.mark.parametrize("provider", HOSTED)
def test_each_providers_dialect_takes_the_first_call(engine: Engine, rules: RunningModel, provider: str) -> None:
    [reply] = ask(engine, at(rules, provider))
    assert (reply.rung, reply.attempts) == (PROVIDERS[provider].rungs[0], 1)


@pytest.mark.parametrize(("as_", "rung"), [("deepseek", Rung.JSON), ("minimax", Rung.TEXT), ("qwen", Rung.TOOLS)])
def test_an_unknown_provider_is_probed_rung_by_rung_once(
    engine: Engine, rules: RunningModel, as_: str, rung: Rung
) -> None:
    other = at(rules, "other")
    endpoint = type(other)(other.provider, other.model, rules.as_provider(as_), other.key, other.quirks, other.price)
    first, second = ask(engine, endpoint, prompts=(about(1), about(2)))
    assert (first.rung, second.rung, second.attempts) == (rung, rung, 1)
    assert first.attempts > 1


@pytest.mark.parametrize("fault", ["fenced", "think"])
def test_json_is_found_in_whatever_wraps_it(engine: Engine, rules: RunningModel, fault: str) -> None:
    rules.inject(fault)
    [reply] = ask(engine, at(rules))
    assert reply.attempts == 1


def test_the_same_question_is_answered_from_the_ledger(engine: Engine, rules: RunningModel) -> None:
    first, again = ask(engine, at(rules), prompts=(PROMPT, PROMPT))
    assert (again.answer, again.text, again.remembered, again.cost) == (first.answer, first.text, True, 0)
    assert rules.stats()["calls"] == 1


def test_an_answer_of_the_ledger_that_keeps_to_its_contract_no_longer_is_asked_for_anew(
    engine: Engine, rules: RunningModel
) -> None:
    [first] = ask(engine, at(rules))
    loose = orjson.dumps({"content": first.text.replace(first.answer.summary.text, "\\u0000")})
    with engine.begin() as connection:
        connection.execute(update(LLM_CALL).values(response=pack(loose)))
    [again] = ask(engine, at(rules))
    assert (again.answer, again.remembered, rules.stats()["calls"]) == (first.answer, False, 2)


@pytest.mark.parametrize(
    ("fault", "kind", "slept"),
    [
        ("throttle:seconds=7", "Throttled", 7),
        ("http_503", "Overloaded", 1),
        ("reset", "Silent", 1),
        ("cut", "Broken", 1),
    ],
)
def test_what_heals_is_asked_again_after_a_pause(
    engine: Engine, rules: RunningModel, fault: str, kind: str, slept: float
) -> None:
    rules.inject(f"{fault}:times=1")
    sleep = Sleeps()
    [reply] = ask(engine, at(rules), sleep=sleep)
    assert (booked(engine), reply.attempts) == ([kind, "answered"], 2)
    assert slept <= sleep.slept[0] <= 1.25 * slept


@pytest.mark.parametrize("fault", ["not_json", "off_contract", "truncated", "empty"])
def test_an_answer_that_cannot_be_used_is_asked_for_once_more(engine: Engine, rules: RunningModel, fault: str) -> None:
    rules.inject(fault)
    error = refusal(engine, at(rules))
    assert (rules.stats()["calls"], error.errors[0].again) == (2, True)


def test_after_an_answer_was_cut_off_there_is_more_room(engine: Engine, rules: RunningModel) -> None:
    rules.inject("truncated:times=1")
    ask(engine, at(rules))
    assert [call["body"]["max_tokens"] for call in rules.calls()] == [4096, 8192]


def test_after_an_answer_off_its_contract_the_model_is_told_why(engine: Engine, rules: RunningModel) -> None:
    rules.inject("off_contract:times=1")
    ask(engine, at(rules))
    first, second = (call["body"]["messages"][1]["content"] for call in rules.calls())
    assert "claims: Field required" in second.removeprefix(first)


@pytest.mark.parametrize("provider", HOSTED)
@pytest.mark.parametrize(
    ("fault", "kind"),
    [("no_balance", "NoBalance"), ("bad_key", "KeyRefused"), ("unknown_model", "UnknownModel")],
)
def test_what_only_a_person_can_mend_is_asked_once_and_then_left_alone(
    engine: Engine, rules: RunningModel, provider: str, fault: str, kind: str
) -> None:
    if (provider, fault) == ("siliconflow", "no_balance"):
        kind = "KeyRefused"  # its 403 does not say which of the two it is
    rules.inject(fault)

    async def twice() -> list[str]:
        causes = []
        async with Model([at(rules, provider)], Ledger(engine, PLENTY), Limits(per_minute=0)) as model:
            for number in range(2):
                with pytest.raises(NotAnswered) as caught:
                    await model.ask(about(number), Note, purpose=PURPOSE)
                causes.append(caught.value.cause)
        return causes

    assert asyncio.run(twice()) == [kind, "Paused"]
    assert rules.stats()["calls"] == 1


@pytest.mark.parametrize("provider", ["openai", "deepseek", "qwen", "zhipu", "moonshot", "doubao"])
def test_refused_content_is_shown_to_nobody_else(engine: Engine, rules: RunningModel, provider: str) -> None:
    rules.inject("policy")
    with pytest.raises(errors.Blocked):
        ask(engine, at(rules, provider), at(rules))
    assert rules.stats()["calls"] == 1


def test_an_answer_that_a_filter_cut_off_is_refused_content(engine: Engine, rules: RunningModel) -> None:
    rules.inject("filtered")
    with pytest.raises(errors.Blocked):
        ask(engine, at(rules), at(rules, "openai"))


def test_the_next_provider_is_asked_where_one_cannot_answer(engine: Engine, rules: RunningModel) -> None:
    rules.inject("http_503:model=deepseek-v4-flash")
    [reply] = ask(engine, at(rules, "deepseek", "deepseek-v4-flash"), at(rules, "qwen", "qwen3.8-max"))
    assert (reply.provider, reply.model) == ("qwen", "qwen3.8-max")
    assert booked(engine) == [*["Overloaded"] * 4, "answered"]


def test_whatever_keeps_a_connection_alive_does_not_move_the_deadline(engine: Engine, rules: RunningModel) -> None:
    rules.inject("keep_alive:model=kimi-k3:seconds=3600")
    [reply] = ask(engine, at(rules, "moonshot", "kimi-k3"), at(rules), timeout=0.5)
    assert (booked(engine), reply.provider) == (["Hung", "answered"], "sandbox")


def test_a_queue_that_ends_before_the_deadline_is_waited_for(engine: Engine, rules: RunningModel) -> None:
    rules.inject("keep_alive:seconds=0.2")
    [reply] = ask(engine, at(rules))
    assert reply.attempts == 1


def test_silence_is_waited_for_twice_at_the_most(engine: Engine, rules: RunningModel) -> None:
    rules.inject("timeout:seconds=3600")
    refusal(engine, at(rules), timeout=0.3)
    assert booked(engine) == ["Silent", "Silent"]


def test_a_pause_that_is_too_long_leads_to_the_next_provider(engine: Engine, rules: RunningModel) -> None:
    rules.inject("throttle:seconds=3000:model=kimi-k3")
    sleep = Sleeps()
    [reply] = ask(engine, at(rules, "moonshot", "kimi-k3"), at(rules), sleep=sleep)
    assert (reply.provider, sleep.slept) == ("sandbox", [])


def test_a_hung_connection_delays_nobody_else(engine: Engine, rules: RunningModel) -> None:
    rules.inject("keep_alive:seconds=3600:times=1")

    async def eight() -> int:
        async with Model([at(rules)], Ledger(engine, PLENTY), Limits(per_minute=0)) as model:
            asked = {asyncio.create_task(model.ask(about(number), Note, purpose=PURPOSE)) for number in range(8)}
            answered: set[Any] = set()
            while len(answered) < 7:
                done, asked = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
                answered |= {task.result() for task in done}
            [hung] = asked
            hung.cancel()
            await asyncio.wait([hung])
            return len(answered)

    assert asyncio.run(eight()) == 7
    assert sorted(booked(engine)) == ["CancelledError", *["answered"] * 7]


def test_thinking_and_temperature_are_as_each_provider_takes_them(engine: Engine, rules: RunningModel) -> None:
    ask(engine, at(rules, "qwen"))
    ask(engine, at(rules, "moonshot", "kimi-k3"))
    ask(engine, at(rules, "ollama"), prompts=(about(1),))
    qwen, kimi, ollama = (call["body"] for call in rules.calls())
    assert (qwen["enable_thinking"], "temperature" in qwen) == (False, False)
    assert (kimi["thinking"], "temperature" in kimi) == ({"type": "disabled"}, False)
    assert ollama["temperature"] == 0


def test_no_key_is_told(engine: Engine, rules: RunningModel, caplog: pytest.LogCaptureFixture) -> None:
    secret = "sk-hush-0123456789"
    caplog.set_level(logging.DEBUG)
    endpoint = at(rules, key=secret)
    with pytest.raises(NotAnswered) as caught:
        ask(engine, endpoint)
    told = [repr(endpoint), str(caught.value), "".join(traceback.format_exception(caught.value)), caplog.text]
    told += [str(value) for value in booked(engine, "error")]
    assert [text for text in told if secret in text] == []
    assert "KeyRefused" in booked(engine)


def test_a_provider_that_repeats_the_key_is_told_without_it() -> None:
    error = errors._words("Incorrect API key provided: sk-hush. See the console", "sk-hush")
    assert error == "Incorrect API key provided: ***. See the console"
