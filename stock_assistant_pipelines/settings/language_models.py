"""The language models of the research reports: who provides them, what they may cost, whom to ask when one fails."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, TypeAdapter
from pydantic_settings import NoDecode

from stock_assistant_pipelines.settings.addresses import web_url
from stock_assistant_pipelines.settings.forms import written


class Fallback(BaseModel):
    """A language model that is asked when those before it cannot answer."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    provider: str
    model: str
    api_key: SecretStr | None = None
    base_url: str | None = None


class ModelPrice(BaseModel):
    """What a model costs: CNY per million tokens that are asked, of them cached, and answered."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    asked: Annotated[Decimal, Field(ge=0)]
    cached: Annotated[Decimal, Field(ge=0)]
    answered: Annotated[Decimal, Field(ge=0)]


FALLBACKS = TypeAdapter(list[Fallback])
PRICES = TypeAdapter(dict[str, ModelPrice])


def _fallbacks(value: object) -> object:
    """Read a JSON list of language models. They hold secrets, so nothing of them is told."""
    if not isinstance(value, str):
        return value
    try:
        found = FALLBACKS.validate_json(value)
        return [each.model_copy(update={"base_url": each.base_url and web_url(each.base_url)}) for each in found]
    except ValueError:
        raise ValueError(
            'takes a JSON list such as [{"provider": "qwen", "model": "qwen3.8-flash", "api_key": "…"}], base_url if need be'
        ) from None


def _prices(value: object) -> object:
    """Read prices from a JSON object, by the id of the model."""
    if not isinstance(value, str):
        return value
    try:
        return PRICES.validate_json(value)
    except ValueError:
        raise ValueError(
            'takes CNY per million tokens by model: {"qwen3.8-max": {"asked": "14", "cached": "2", "answered": "42"}}'
        ) from None


def _day(value: object) -> object:
    """Read a date as it is written: a number would pass for a moment else."""
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise ValueError("takes a date such as 2025-06-30") from None


class LanguageModelSettings(BaseModel):
    """`LLM_*`."""

    llm_provider: (
        Annotated[
            str, written(r"[a-z]+", "takes the name of a provider, such as deepseek or qwen: see docs/providers.md")
        ]
        | None
    ) = Field(None, description="Who provides the language model of the reports. None by default.")
    llm_api_key: SecretStr | None = Field(None, description="Your key at that provider.")
    llm_base_url: Annotated[str, AfterValidator(web_url)] | None = Field(
        None, description="Where it is asked; by default at the provider's own address."
    )
    llm_model: str | None = Field(None, description="The id of the model.")
    llm_fallbacks: Annotated[list[Fallback], NoDecode, BeforeValidator(_fallbacks)] = Field(
        default_factory=list,
        description="Models that are asked, in this order, when that one cannot answer, as a JSON list. None by default.",
    )
    llm_timeout: Annotated[float, Field(gt=0, le=1800)] = Field(
        180.0, description="Seconds after which a call is over, whatever keeps its connection alive."
    )
    llm_max_tokens: Annotated[int, Field(ge=256, le=200_000)] = Field(
        4096, description="Tokens of one answer at the most; twice as many when an answer was cut off."
    )
    llm_concurrency: Annotated[int, Field(ge=1, le=1000)] = Field(
        8, description="Calls of one provider under way at once, of all workers together."
    )
    llm_calls_per_minute: Annotated[int, Field(ge=0, le=100_000)] = Field(
        60, description="Calls of one provider per minute, of all workers together. 0: no limit."
    )
    llm_budget_report: Annotated[Decimal, Field(ge=0, le=1_000_000)] = Field(
        Decimal(2), description="CNY that the calls of one report may cost."
    )
    llm_budget_day: Annotated[Decimal, Field(ge=0, le=1_000_000)] = Field(
        Decimal(50),
        description="CNY that all calls of one day in Shanghai may cost. 0: none is made that costs anything.",
    )
    llm_budget_month: Annotated[Decimal, Field(ge=0, le=1_000_000)] = Field(
        Decimal(500), description="CNY that all calls of one month may cost."
    )
    llm_prices: Annotated[dict[str, ModelPrice], NoDecode, BeforeValidator(_prices)] = Field(
        default_factory=dict,
        description="What your models cost, CNY per million tokens, as JSON; by default as in the project's own table.",
    )
    llm_training_cutoff: Annotated[date, BeforeValidator(_day)] | None = Field(
        None,
        description="The last day that the model may know of from its training, such as 2025-06-30; reports of days up to it "
        "are flagged. By default nobody knows.",
    )
