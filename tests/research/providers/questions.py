"""A sheet, a question about it, and models that answer it: what the tests of the providers share."""

from __future__ import annotations

import asyncio
from datetime import date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson

from stock_assistant_pipelines.research.booking import Budgets
from stock_assistant_pipelines.research.contracts import Note
from stock_assistant_pipelines.research.evidence import Item, Kind, Sheet, Topic, Unit
from stock_assistant_pipelines.research.ledger import Ledger
from stock_assistant_pipelines.research.providers.endpoint import Endpoint
from stock_assistant_pipelines.research.providers.exchange import Prompt, Purpose, Reply
from stock_assistant_pipelines.research.providers.model import Limits, Model
from stock_assistant_pipelines.research.providers.prices import price
from stock_assistant_pipelines.research.providers.quirks import quirks
from stock_assistant_pipelines.settings import SHANGHAI

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Engine

    from stock_assistant_pipelines.sandbox.model.server import RunningModel

RULES = "sandbox-rules"
KNOWN = datetime(2026, 3, 4, 16, 0, tzinfo=SHANGHAI)
PLENTY = Budgets(Decimal(100), Decimal(1000), Decimal(10000))


def item(name: str, value: str, label: str, **others: Any) -> Item:
    told = {"kind": Kind.ROW, "topic": Topic.PRICES, "unit": Unit.CNY_PER_SHARE, "period": "2026-03-04", **others}
    return Item(id=name, label=label, label_zh=label, value=Decimal(value), known_at=KNOWN, **told)


RETURN: dict[str, Any] = {"kind": Kind.DERIVED, "unit": Unit.PERCENT, "derivation": "change", "signed": True}
SHEET = Sheet(
    "600001.SH",
    "甲公司",
    date(2026, 3, 4),
    (
        item("close", "12.34", "收盘价"),
        item("return.20d", "8.5", "区间回报", period="20d", **RETURN),
        item("return.60d", "-3.2", "长区间回报", period="60d", **RETURN),
    ),
)
PROMPT = Prompt(
    "你是技术面分析员,只引用证据。", "证据:\n" + orjson.dumps([each.plain() for each in SHEET.items]).decode()
)
PURPOSE = Purpose("r1", "technical")


def about(number: int) -> Prompt:
    """A question that nobody has asked before."""
    return Prompt(PROMPT.system, f"{PROMPT.user}\n第 {number} 次")


def at(rules: RunningModel, provider: str = "sandbox", model: str = RULES, key: str = "sandbox") -> Endpoint:
    """The sandbox model, spoken to as a provider is."""
    url = rules.url if provider in {"sandbox", "other"} else rules.as_provider(provider)
    return Endpoint(provider, model, url, key, quirks(provider, model), price("sandbox", model))


class Sleeps:
    """Does not sleep, and notes for how long it would have."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0)


async def until(holds: Callable[[], bool]) -> None:
    """Wait until something holds."""
    while not holds():  # noqa: ASYNC110 - what is waited for tells nobody
        await asyncio.sleep(0.01)


def ask(
    engine: Engine,
    *endpoints: Endpoint,
    prompts: tuple[Prompt, ...] = (PROMPT,),
    contract: type[Any] = Note,
    budgets: Budgets = PLENTY,
    sleep: Sleeps | None = None,
    **limits: Any,
) -> list[Reply[Any]]:
    """Ask one question after the other."""

    async def asked() -> list[Reply[Any]]:
        limited = Limits(**{"timeout": 20.0, "per_minute": 0, **limits})
        async with Model(endpoints, Ledger(engine, budgets), limited, sleep=sleep or Sleeps()) as model:
            return [await model.ask(each, contract, purpose=PURPOSE) for each in prompts]

    return asyncio.run(asked())
