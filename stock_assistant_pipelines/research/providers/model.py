"""Asking a model: one question, one answer that keeps to its contract. Whom to ask, how, how often, and what it may cost."""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

import anyio
import orjson
from pydantic import ValidationError

from stock_assistant_pipelines.research.booking import Budgets, Planned, Settled
from stock_assistant_pipelines.research.ledger import ANSWERED, Ledger
from stock_assistant_pipelines.research.providers.circuit import Circuit
from stock_assistant_pipelines.research.providers.endpoint import Endpoint, endpoints
from stock_assistant_pipelines.research.providers.errors import (
    BadRequest,
    Blocked,
    CutOff,
    EmptyAnswer,
    ModelError,
    NotAnswered,
    OffContract,
    Paused,
)
from stock_assistant_pipelines.research.providers.exchange import Prompt, Purpose, Reply, T, request_sha256
from stock_assistant_pipelines.research.providers.extract import NoObject, extract
from stock_assistant_pipelines.research.providers.quirks import Rung
from stock_assistant_pipelines.research.providers.stream import Said, body, client, hear

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sqlalchemy import Engine

    from stock_assistant_pipelines.settings import Settings

PATIENCE = 90.0
"""The longest that a provider may ask to be left alone before the next one is asked instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long, how much, and how many at once."""

    timeout: float = 180.0
    max_tokens: int = 4096
    at_once: int = 8
    per_minute: int = 60


@dataclass(slots=True)
class Course:
    """How it goes with one question at one endpoint."""

    prompt: Prompt
    purpose: Purpose
    sha256: str
    cap: int
    rung: Rung
    attempt: int = 0
    failures: int = 0
    asked_again: bool = False
    complaint: str | None = None
    cost: Decimal = Decimal(0)


class Model:
    """The configured models, asked in their order. For any number of tasks of one event loop; closed with `async with`."""

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        ledger: Ledger,
        limits: Limits | None = None,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.endpoints = tuple(endpoints)
        self._ledger = ledger
        self._limits = limits or Limits()
        self._sleep = sleep
        self._clients = {each: client(each, self._limits.timeout) for each in self.endpoints}
        self._circuits = {each: Circuit() for each in self.endpoints}
        self._rungs: dict[Endpoint, Rung] = {}
        self._gates: defaultdict[str, anyio.CapacityLimiter] = defaultdict(
            lambda: anyio.CapacityLimiter(self._limits.at_once)
        )

    @classmethod
    def from_settings(cls, settings: Settings, engine: Engine) -> Self:
        """The models, limits and budgets that are configured. Raises `SettingsError`."""
        budgets = Budgets(settings.llm_budget_report, settings.llm_budget_day, settings.llm_budget_month)
        limits = Limits(
            timeout=settings.llm_timeout,
            max_tokens=settings.llm_max_tokens,
            at_once=settings.llm_concurrency,
            per_minute=settings.llm_calls_per_minute,
        )
        return cls(endpoints(settings), Ledger(engine, budgets), limits)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for each in self._clients.values():
            await each.close()

    async def ask(self, prompt: Prompt, contract: type[T], *, purpose: Purpose) -> Reply[T]:
        """Ask, unless the same was answered before. The next model is asked where one cannot answer.

        Raises `BudgetExhausted` before a call that a budget does not allow, `Blocked` where the content is refused, and
        `NotAnswered` with all reasons where nobody answered.
        """
        if (known := await self.recall(prompt, contract)) is not None:
            return known
        errors: list[ModelError] = []
        for endpoint in self.endpoints:
            circuit = self._circuits[endpoint]
            if circuit.open:
                errors.append(Paused(str(endpoint), f"left alone for now, since it failed: {circuit.error}"))
                continue
            try:
                return await self._ask(endpoint, prompt, contract, purpose)
            except Blocked:
                raise
            except ModelError as error:
                circuit.failed(error)
                errors.append(error)
        raise NotAnswered(errors)

    async def recall(self, prompt: Prompt, contract: type[T]) -> Reply[T] | None:
        """The answer that the ledger has kept to this question, from any of these models; None: there is none."""
        for endpoint in self.endpoints:
            sha256 = request_sha256(endpoint.provider, endpoint.model, prompt, contract)
            found = await self._ledger.remembered(sha256)
            if found is not None:
                text = str(orjson.loads(found.response)["content"])
                try:
                    answer = _held(str(endpoint), text, contract)
                except OffContract:  # the contract was looser then
                    continue
                return Reply(
                    answer,
                    text,
                    endpoint.provider,
                    endpoint.model,
                    Rung(found.rung),
                    sha256,
                    found.id,
                    0,
                    found.usage,
                    Decimal(0),
                    remembered=True,
                )
        return None

    async def _ask(self, endpoint: Endpoint, prompt: Prompt, contract: type[T], purpose: Purpose) -> Reply[T]:
        """Ask one endpoint until it answers, or until asking again would not heal it. Raises `ModelError`."""
        sha256 = request_sha256(endpoint.provider, endpoint.model, prompt, contract)
        rung = self._rungs.get(endpoint, endpoint.quirks.rungs[0])
        course = Course(prompt, purpose, sha256, self._limits.max_tokens, rung)
        while True:
            course.attempt += 1
            try:
                async with self._gates[endpoint.provider]:
                    reply = await self._attempt(endpoint, course, contract)
            except ModelError as error:
                await self._after(endpoint, course, error)
            else:
                self._circuits[endpoint].answered()
                self._rungs[endpoint] = course.rung
                return reply

    async def _after(self, endpoint: Endpoint, course: Course, error: ModelError) -> None:
        """What is done after a failure: the next rung, other words, a pause; or it is raised, where nothing would help."""
        rungs = endpoint.quirks.rungs
        if isinstance(error, BadRequest) and course.rung is not rungs[-1]:
            course.rung = rungs[rungs.index(course.rung) + 1]
        elif error.again and not course.asked_again:
            course.asked_again = True
            if isinstance(error, OffContract):
                course.complaint = error.message
            else:
                course.cap *= 2
        elif error.heals and course.failures + 1 < error.tries and (error.wait or 0) <= PATIENCE:
            course.failures += 1
            pause = 2.0 ** (course.failures - 1) if error.wait is None else error.wait
            await self._sleep(pause * (1 + 0.25 * random.random()))  # noqa: S311 - nothing secret
        else:
            raise error

    async def _attempt(self, endpoint: Endpoint, course: Course, contract: type[T]) -> Reply[T]:
        """One call: booked, made, settled. Raises `ModelError`."""
        content = body(endpoint, course.prompt, contract, course.rung, course.cap, course.complaint)
        request = orjson.dumps(content, option=orjson.OPT_SORT_KEYS)
        ticket = await self._ledger.reserve(
            Planned(
                report_key=course.purpose.report_key,
                expert=course.purpose.expert,
                provider=endpoint.provider,
                model=endpoint.model,
                rung=course.rung,
                request_sha256=course.sha256,
                request=request,
                price_version=endpoint.price.version,
                most=endpoint.price.most(len(request), course.cap),  # a token is a byte at the least
                attempt=course.attempt,
                deadline=self._limits.timeout,
                at_once=self._limits.at_once,
                per_minute=self._limits.per_minute,
            )
        )
        said = Said()
        failure: BaseException | None = None
        try:
            await hear(self._clients[endpoint], endpoint, content, said, self._limits.timeout)
            answer = _answer(str(endpoint), said, contract)
        except BaseException as error:
            failure = error
            raise
        finally:
            settled = _settled(endpoint, said, failure)
            course.cost += settled.paid(ticket)
            await self._ledger.settle(ticket, settled)
        return Reply(
            answer,
            said.content,
            endpoint.provider,
            endpoint.model,
            course.rung,
            course.sha256,
            ticket.id,
            course.attempt,
            said.usage,
            course.cost,
        )


def _answer(model: str, said: Said, contract: type[T]) -> T:
    """What was said, held to its contract. Raises `ModelError`."""
    if said.finish == "length":
        raise CutOff(model, "the answer was cut off at the cap (LLM_MAX_TOKENS)")
    if not said.content.strip():
        raise EmptyAnswer(model, "the answer is empty" + (": all of it is thinking" if said.reasoning else ""))
    return _held(model, said.content, contract)


def _held(model: str, text: str, contract: type[T]) -> T:
    try:
        return contract.model_validate(extract(text))
    except NoObject as error:
        raise OffContract(model, str(error)) from None
    except ValidationError as error:
        told = (f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors(include_input=False)[:5])
        raise OffContract(model, f"the answer does not keep to the schema: {'; '.join(told)}") from None


def _settled(endpoint: Endpoint, said: Said, failure: BaseException | None) -> Settled:
    """What is booked. What may have been billed and was not told stays booked at the most that it could cost."""
    unbilled = isinstance(failure, ModelError) and not failure.billed
    cost: Decimal | None = Decimal(0) if unbilled else None
    if said.usage is not None:
        cost = endpoint.price.cost(said.usage)
    details: dict[str, Any] = {}
    if failure is not None:
        details["error"] = str(failure) if isinstance(failure, ModelError) else type(failure).__name__
    return Settled(
        outcome=ANSWERED if failure is None else type(failure).__name__,
        cost=cost,
        usage=said.usage,
        response=said.packed() if said.content or said.reasoning else None,
        first_byte_ms=said.first_byte_ms,
        total_ms=said.milliseconds(),
        **details,
    )
