"""What calls cost, as data with a version: CNY per million tokens.

List prices change monthly and differ by contract: `LLM_PRICES` goes before the table. A model that neither knows is counted
at a price that few ask, so that a budget stops too early rather than too late.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stock_assistant_pipelines.research.booking import Usage

MILLION = Decimal(1_000_000)
CNY_PER_USD = Decimal("7.2")
"""At which list prices in USD are counted."""
VERSION = "2026-11-24"
"""Of the table: the day on which it was written down."""


@dataclass(frozen=True, slots=True)
class Price:
    """CNY per million tokens."""

    asked: Decimal
    cached: Decimal
    answered: Decimal
    version: str = VERSION

    def cost(self, usage: Usage) -> Decimal:
        """What a call cost, exactly. Thinking is answered, and counted with it."""
        cached = min(usage.cached, usage.asked)
        return (self.asked * (usage.asked - cached) + self.cached * cached + self.answered * usage.answered) / MILLION

    def most(self, asked: int, answered: int) -> Decimal:
        """What a call with so many tokens costs at the most."""
        return (max(self.asked, self.cached) * asked + self.answered * answered) / MILLION


def _usd(asked: str, cached: str, answered: str) -> Price:
    return Price(Decimal(asked) * CNY_PER_USD, Decimal(cached) * CNY_PER_USD, Decimal(answered) * CNY_PER_USD)


FREE = Price(Decimal(0), Decimal(0), Decimal(0), "free")
UNKNOWN = Price(Decimal(30), Decimal(30), Decimal(150), "assumed")
INVENTED = Price(Decimal(2), Decimal("0.5"), Decimal(8), "invented")
"""Of the sandbox, so that budgets can be tried."""

TABLE: tuple[tuple[str, str, Price], ...] = (
    ("sandbox", ".*", INVENTED),
    ("ollama", ".*", FREE),
    ("vllm", ".*", FREE),
    ("deepseek", "deepseek-v4-flash.*", _usd("0.30", "0.006", "1.20")),
    ("deepseek", "deepseek-v4-pro.*", _usd("1.32", "0.044", "3.96")),
    ("qwen", r"qwen3\.8-max.*", _usd("2.00", "0.25", "6.00")),
    ("qwen", r"qwen3\.8-flash.*", _usd("0.15", "0.016", "0.47")),
    ("zhipu", r"glm-5\.3-flash", _usd("0.15", "0.03", "0.50")),
    ("zhipu", r"glm-5\.3", _usd("1.40", "0.26", "4.40")),
    ("moonshot", "kimi-k3", _usd("3.00", "0.30", "15.00")),
    ("doubao", "doubao-seed-2-1-pro-.*", _usd("0.8625", "0.1725", "4.3125")),
    ("doubao", "doubao-seed-2-1-lite-.*", _usd("0.115", "0.023", "0.388126")),
    ("minimax", "MiniMax-M3", _usd("0.30", "0.06", "1.20")),
    ("openai", r"gpt-5\.6", _usd("4.00", "0.40", "20.00")),
)
"""Provider, pattern of the model, price; the first that fits."""


def price(provider: str, model: str, own: Mapping[str, Price] | None = None) -> Price:
    """What a model costs: by one's own prices, by the table, or assumed."""
    if own and model in own:
        return own[model]
    fits = (each for name, pattern, each in TABLE if name == provider and re.fullmatch(pattern, model))
    return next(fits, UNKNOWN)
