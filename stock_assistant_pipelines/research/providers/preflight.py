"""What would fail in a run, said before it: a retired or unknown model, a refused key, an empty account."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import openai

from stock_assistant_pipelines.research.providers.errors import (
    ModelError,
    NotAnswered,
    Overloaded,
    Silent,
    Throttled,
    UnknownModel,
    from_sdk,
)
from stock_assistant_pipelines.research.providers.quirks import retired
from stock_assistant_pipelines.research.providers.stream import client

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stock_assistant_pipelines.research.providers.endpoint import Endpoint

LOG = logging.getLogger(__name__)

SECONDS = 20.0
SHOWN = 20
"""Models that are told at the most."""


@dataclass(frozen=True, slots=True)
class Checked:
    """An endpoint that answers."""

    endpoint: Endpoint
    models: tuple[str, ...]
    """What it lists; nothing: it does not tell, and the first call will."""


async def preflight(endpoint: Endpoint) -> Checked:
    """Ask which models there are. Costs nothing. Raises `ModelError` with what to do.

    An account without balance is told where the provider tells it here; elsewhere the first call says so.
    """
    if not endpoint.quirks.lists_models:
        _still_there(endpoint, ())
        return Checked(endpoint, ())
    async with client(endpoint, SECONDS) as api:
        try:
            async with asyncio.timeout(SECONDS):
                listed = tuple(sorted([model.id async for model in await api.models.list()]))
        except TimeoutError:
            raise Silent(str(endpoint), f"nothing was answered in {SECONDS:g} seconds") from None
        except openai.NotFoundError:
            listed = ()
        except openai.APIError as error:
            raise from_sdk(str(endpoint), error, endpoint.key) from None
    _still_there(endpoint, listed)
    if listed and endpoint.model not in listed:
        raise UnknownModel(str(endpoint), f"there is no such model (LLM_MODEL); {_there_are(listed)}")
    return Checked(endpoint, listed)


async def somebody(endpoints: Sequence[Endpoint]) -> None:
    """Raise `NotAnswered`, with what is wrong with each, unless one of them can be asked. Who is busy can be."""
    found = await asyncio.gather(*(preflight(each) for each in endpoints), return_exceptions=True)
    errors: list[ModelError] = []
    for each in found:
        if isinstance(each, ModelError):
            errors.append(each)
        elif isinstance(each, BaseException):
            raise each
    if len(errors) == len(found) and not any(isinstance(each, Throttled | Overloaded) for each in errors):
        raise NotAnswered(errors)
    for error in errors:
        LOG.warning("%s", error)


def _still_there(endpoint: Endpoint, listed: Sequence[str]) -> None:
    since = retired(endpoint.provider, endpoint.model)
    if since is not None and endpoint.model not in listed:
        raise UnknownModel(str(endpoint), f"was retired on {since} (LLM_MODEL); {_there_are(listed)}")


def _there_are(listed: Sequence[str]) -> str:
    if not listed:
        return "the provider does not list its models: see its documentation"
    more = f" and {len(listed) - SHOWN} more" if len(listed) > SHOWN else ""
    return f"there are {', '.join(listed[:SHOWN])}{more}"
