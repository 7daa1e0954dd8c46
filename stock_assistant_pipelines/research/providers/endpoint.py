"""Whom to ask: providers and models as they are configured, the first one first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from stock_assistant_pipelines.research.providers.prices import Price, price
from stock_assistant_pipelines.research.providers.quirks import PROVIDERS, Quirks, quirks
from stock_assistant_pipelines.settings.addresses import on_loopback
from stock_assistant_pipelines.settings.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

    from stock_assistant_pipelines.settings import Settings


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One model at one provider."""

    provider: str
    model: str
    base_url: str
    key: str = field(repr=False)
    """A secret: shown nowhere."""
    quirks: Quirks = field(repr=False, compare=False)
    price: Price = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.provider}/{self.model}"


def endpoints(settings: Settings) -> tuple[Endpoint, ...]:
    """The configured models in the order in which they are asked. Raises `SettingsError`."""
    if settings.llm_provider is None:
        raise SettingsError(f"LLM_PROVIDER: is not set, so no model can be asked; it takes {', '.join(PROVIDERS)}")
    prices = {model: Price(own.asked, own.cached, own.answered, "own") for model, own in settings.llm_prices.items()}
    first = endpoint(
        settings.llm_provider, settings.llm_model, settings.llm_api_key, settings.llm_base_url, prices, "LLM"
    )
    others = (
        endpoint(each.provider, each.model, each.api_key, each.base_url, prices, "LLM_FALLBACKS")
        for each in settings.llm_fallbacks
    )
    return first, *others


def endpoint(
    provider: str,
    model: str | None,
    key: SecretStr | None,
    base_url: str | None,
    prices: Mapping[str, Price],
    where: str,
) -> Endpoint:
    """One model, with what is known of it. `where`: the variable that it stands in. Raises `SettingsError`."""
    if provider not in PROVIDERS:
        raise SettingsError(f"{where}: {provider!r} is no provider that is known; there are {', '.join(PROVIDERS)}")
    if not model:
        raise SettingsError(f"{where}: {provider} needs a model (LLM_MODEL)")
    known = quirks(provider, model)
    url = base_url or known.base_url
    if url is None:
        raise SettingsError(f"{where}: {provider} needs an address (LLM_BASE_URL)")
    if known.needs_key and key is None:
        raise SettingsError(f"{where}: {provider} needs a key (LLM_API_KEY, better LLM_API_KEY_FILE)")
    if key is not None and not url.lower().startswith("https://") and not on_loopback(url):
        raise SettingsError(
            f"{where}: over http:// the key could be read on its way; only loopback may, or without a key"
        )
    secret = key.get_secret_value() if key else "none"  # the SDK wants one; who needs none takes any
    return Endpoint(provider, model, url, secret, known, price(provider, model, prices))
