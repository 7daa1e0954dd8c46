"""The same path against a server of the OpenAI protocol that others wrote, and which grades how it is asked."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from llmock.scenarios import Fail, Reply, StreamFault
from llmock.testing import LLMockServer
from llmock.verdict import judge
from questions import PLENTY, PURPOSE, about
from sqlalchemy import select

from stock_assistant_pipelines.research.contracts import Note, Synthesis
from stock_assistant_pipelines.research.ledger import Ledger
from stock_assistant_pipelines.research.providers.endpoint import Endpoint
from stock_assistant_pipelines.research.providers.errors import NotAnswered, UnknownModel
from stock_assistant_pipelines.research.providers.model import Limits, Model
from stock_assistant_pipelines.research.providers.preflight import preflight
from stock_assistant_pipelines.research.providers.prices import INVENTED
from stock_assistant_pipelines.research.providers.quirks import Rung, quirks
from stock_assistant_pipelines.warehouse.tables import LLM_CALL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Engine

    from stock_assistant_pipelines.research.providers.exchange import Reply as Answered


@pytest.fixture(scope="module")
def server() -> Iterator[LLMockServer]:
    with LLMockServer() as server:
        yield server


@pytest.fixture
def others(server: LLMockServer) -> LLMockServer:
    server.state.reset()
    return server


def endpoint(server: LLMockServer, provider: str = "openai", model: str = "gpt-4o") -> Endpoint:
    return Endpoint(provider, model, server.base_url("openai"), "any", quirks(provider, model), INVENTED)


def ask(
    engine: Engine, endpoint: Endpoint, contract: type[Note | Synthesis] = Note, seconds: float = 20
) -> Answered[Note | Synthesis]:
    async def asked() -> Answered[Note | Synthesis]:
        async with Model([endpoint], Ledger(engine, PLENTY), Limits(timeout=seconds, per_minute=0)) as model:
            return await model.ask(about(1), contract, purpose=PURPOSE)

    return asyncio.run(asked())


def outcomes(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return list(connection.execute(select(LLM_CALL.c.outcome).order_by(LLM_CALL.c.id)).scalars())


@pytest.mark.parametrize("contract", [Note, Synthesis])
@pytest.mark.parametrize(("provider", "rung"), [("openai", Rung.SCHEMA), ("minimax", Rung.TOOLS)])
def test_a_structured_answer_is_read_from_its_stream(
    engine: Engine, others: LLMockServer, provider: str, rung: Rung, contract: type[Note | Synthesis]
) -> None:
    reply = ask(engine, endpoint(others, provider), contract)
    assert (type(reply.answer), reply.rung, reply.attempts) == (contract, rung, 1)
    assert reply.usage is not None
    assert reply.cost == INVENTED.cost(reply.usage) > 0


def test_the_models_are_listed(others: LLMockServer) -> None:
    assert "gpt-4o" in asyncio.run(preflight(endpoint(others))).models
    with pytest.raises(UnknownModel, match="gpt-4o-mini"):
        asyncio.run(preflight(endpoint(others, model="gpt-1")))


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        (Fail(429, retry_after=0.2), "Throttled"),
        (Fail(503), "Overloaded"),
        (StreamFault("disconnect", after_chunks=3), "Broken"),
        (StreamFault("truncate", after_chunks=3), "Broken"),
        (StreamFault("malformed", after_chunks=3), "Broken"),
        (Reply(text="no JSON"), "OffContract"),
    ],
    ids=["429", "503", "disconnect", "truncate", "malformed", "prose"],
)
def test_what_goes_wrong_there_is_dealt_with_as_its_authors_would_have_it(
    engine: Engine, others: LLMockServer, fault: Fail | StreamFault | Reply, outcome: str
) -> None:
    others.state.scenarios.add(fault)
    ask(engine, endpoint(others))
    assert outcomes(engine) == [outcome, "answered"]
    verdict = judge(others.state.journal.records())
    verdict.assert_ok()
    # Whoever has sent all before we hang up cannot see that we stopped reading at the event; the ledger just said that we did.
    assert {warning.code for warning in verdict.warnings} <= {"malformed_chunk_ignored"}


@pytest.mark.parametrize(("status", "cause"), [(401, "KeyRefused"), (402, "NoBalance"), (404, "UnknownModel")])
def test_what_does_not_heal_is_asked_once(engine: Engine, others: LLMockServer, status: int, cause: str) -> None:
    others.state.scenarios.add(Fail(status, times=None))
    with pytest.raises(NotAnswered) as caught:
        ask(engine, endpoint(others))
    assert (caught.value.cause, outcomes(engine)) == (cause, [cause])
    judge(others.state.journal.records()).assert_ok(strict=True)


def test_a_stream_that_stalls_is_left_at_the_deadline(engine: Engine, others: LLMockServer) -> None:
    others.state.scenarios.add(StreamFault("stall", after_chunks=2, stall_seconds=60, times=None))
    with pytest.raises(NotAnswered) as caught:
        ask(engine, endpoint(others), seconds=0.5)
    assert caught.value.cause == "Hung"
