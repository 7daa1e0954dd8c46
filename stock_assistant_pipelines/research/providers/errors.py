"""What can go wrong with a question to a model. The class decides what is done; the message says what a person can do.

No message ever holds the key: what a provider says is told without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import httpx2
import openai

if TYPE_CHECKING:
    from collections.abc import Sequence


class ModelError(Exception):
    """A question that brought no usable answer. `model` is `provider/model`."""

    heals = False
    """Whether the same question may succeed when it is asked again soon."""
    tries = 4
    """How often the same question is asked at the most where it may heal."""
    stands = False
    """Whether nothing will be answered until a person does something."""
    again = False
    """Whether it is worth asking once more, in other words or with more room."""
    billed = False
    """Whether the provider may ask money for it."""

    def __init__(self, model: str, message: str, wait: float | None = None) -> None:
        self.model = model
        self.message = message
        self.wait = wait
        """How many seconds the provider wants to be left alone."""

    def __str__(self) -> str:
        return f"{self.model}: {self.message}"

    @property
    def cause(self) -> str:
        """What went wrong in a word: one cause, one alert."""
        return type(self).__name__


class Unreachable(ModelError):
    """The server could not be reached."""

    heals = True


class Silent(ModelError):
    """Nothing was answered. The question may have been worked on, and be billed, so that it is asked twice at the most."""

    heals = True
    tries = 2
    billed = True


class Overloaded(ModelError):
    """The server answered 5xx."""

    heals = True


class Throttled(ModelError):
    """Too many calls, or too many at once."""

    heals = True


class Hung(ModelError):
    """The answer began, and did not end before the deadline. Whatever keeps a connection alive does not move that."""

    billed = True


class Broken(ModelError):
    """The answer broke off in the middle."""

    heals = True
    billed = True


class KeyRefused(ModelError):
    """The key is not accepted, or may not ask for this model."""

    stands = True


class NoBalance(ModelError):
    """The account is used up."""

    stands = True


class UnknownModel(ModelError):
    """There is no such model, or there no longer is."""

    stands = True


class BadRequest(ModelError):
    """The provider does not take the call as it was made."""


class Blocked(ModelError):
    """The provider refuses the content. It is asked nowhere else: another's consent is not what is missing."""

    billed = True


class CutOff(ModelError):
    """The answer is longer than the cap."""

    again = True
    billed = True


class EmptyAnswer(ModelError):
    """Nothing was answered; all room went into thinking."""

    again = True
    billed = True


class OffContract(ModelError):
    """The answer is no JSON, or not what was asked for."""

    again = True
    billed = True


class Paused(ModelError):
    """The provider failed a short while ago, and is left alone for now."""


class NotAnswered(Exception):
    """No provider brought a usable answer; `errors` says why, in the order in which they were asked."""

    def __init__(self, errors: Sequence[ModelError]) -> None:
        self.errors = tuple(errors)

    def __str__(self) -> str:
        return "; ".join(map(str, self.errors))

    @property
    def cause(self) -> str:
        """The cause at the first provider, which is the one that is meant."""
        return self.errors[0].cause


CODES: Mapping[str, type[ModelError]] = {
    # OpenAI, Moonshot
    "insufficient_quota": NoBalance,
    "exceeded_current_quota_error": NoBalance,
    "content_policy_violation": Blocked,
    "content_filter": Blocked,
    "model_not_found": UnknownModel,
    # DeepSeek says it in words
    "insufficient balance": NoBalance,
    "content exists risk": Blocked,
    # Qwen
    "Arrearage": NoBalance,
    "data_inspection_failed": Blocked,
    "DataInspectionFailed": Blocked,
    "Throttling.RateQuota": Throttled,
    # Zhipu
    "1113": NoBalance,
    "1210": BadRequest,
    "1211": UnknownModel,
    "1214": BadRequest,
    "1301": Blocked,
    "1302": Throttled,
    # Doubao
    "AccountOverdueError": NoBalance,
    "SensitiveContentDetected": Blocked,
    "InvalidEndpointOrModel.NotFound": UnknownModel,
    # SiliconFlow
    "20012": UnknownModel,
}
"""Codes, types and words of providers that say more than the HTTP status does."""

STATUSES: Mapping[int, type[ModelError]] = {
    401: KeyRefused,
    402: NoBalance,
    403: KeyRefused,
    404: UnknownModel,
    408: Overloaded,
    429: Throttled,
}
"""What a status means where no code says more; 5xx is `Overloaded`, any other 4xx `BadRequest`."""

ADVICE: Mapping[type[ModelError], str] = {
    KeyRefused: "the key is refused: check LLM_API_KEY",
    NoBalance: "nothing is left in the account: top it up; until then nobody is asked there",
    UnknownModel: "there is no such model: check LLM_MODEL",
    Blocked: "the provider refuses the content",
    BadRequest: "the call is not taken",
    Throttled: "too many calls",
    Overloaded: "the server fails",
}


def from_sdk(model: str, error: openai.APIError, key: str) -> ModelError:
    """What an error of the SDK means. What the provider says is told without the key."""
    if isinstance(error, openai.APIConnectionError):
        if isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout):
            return Unreachable(model, f"cannot be reached: {_words(error.__cause__, key)}")
        return Silent(model, f"the connection ended without an answer: {type(error.__cause__).__name__}")
    status = error.status_code if isinstance(error, openai.APIStatusError) else None
    kind = _by_code(error.body) or _by_status(status)
    wait = _wait(error.response.headers) if isinstance(error, openai.APIStatusError) else None
    told = f" (HTTP {status})" if status else ""
    return kind(model, f"{ADVICE.get(kind, '')}{told}: {_words(error.message, key)}", wait)


def _by_status(status: int | None) -> type[ModelError]:
    if status is None or status >= 500:
        return Overloaded
    return STATUSES.get(status, BadRequest)


def _by_code(body: object) -> type[ModelError] | None:
    """By the code, the type or the words of an error's body; None where they say nothing of their own."""
    if not isinstance(body, Mapping):
        return None
    for name in ("code", "type"):
        if (kind := CODES.get(str(body.get(name)))) is not None:
            return kind
    words = str(body.get("message", "")).lower()
    return CODES.get(words) or (NoBalance if "balance" in words and "insufficient" in words else None)


def _wait(headers: Mapping[str, Any]) -> float | None:
    """Seconds in `Retry-After`; None where it says none."""
    try:
        return max(float(headers.get("retry-after", "")), 0.0)
    except ValueError:
        return None


def _words(said: object, key: str) -> str:
    text = " ".join(str(said).split())[:300]
    return text.replace(key, "***") if key else text
