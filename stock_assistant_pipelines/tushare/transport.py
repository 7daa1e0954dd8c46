"""One call over the wire: the protocol, the connection, what heals by asking again, and pages until nothing is left."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

import httpx2
import msgspec
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from stock_assistant_pipelines.tushare.errors import (
    HttpStatusError,
    MalformedAnswer,
    SchemaDrift,
    Throttled,
    TransportError,
    Truncated,
    TushareError,
    refusal,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import SecretStr

    from stock_assistant_pipelines.settings import Settings

TUSHARE = "tushare"
"""The name of the source of real rows."""

SANDBOX_HEADER = "X-Stock-Assistant-Sandbox"
"""The sandbox marks its answers with this header; its value says where its rows come from."""

ATTEMPTS = 5


class _Data(msgspec.Struct):
    fields: list[str]
    items: msgspec.Raw
    has_more: bool | None = None


class _Envelope(msgspec.Struct):
    code: int
    data: _Data | None = None
    msg: str | None = None


_envelope = msgspec.json.Decoder(_Envelope)


@dataclass(frozen=True, slots=True)
class Page:
    """One answer: the column names, the rows as JSON, whether more follow, and who answered."""

    fields: tuple[str, ...]
    items: bytes
    has_more: bool | None
    source: str


@dataclass(frozen=True, slots=True)
class Answer:
    """All pages of a call: typed rows in the order of the columns asked for; how many calls that took; who answered."""

    rows: list[tuple[Any, ...]]
    calls: int
    source: str


def _retryable(error: BaseException) -> bool:
    return isinstance(error, TushareError) and error.heals


class Transport:
    """A pooled connection to Tushare, safe to share between threads. It holds the token, so it is never copied or pickled."""

    def __init__(
        self,
        token: SecretStr,
        base_url: str,
        *,
        timeout: float = 30.0,
        throttle_seconds: float = 61.0,
        connections: int = 8,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Ask `base_url` with `token`; wait `timeout` seconds for an answer and `throttle_seconds` after a throttling one."""
        self._token = token
        self._base_url = base_url
        self._throttle_seconds = throttle_seconds
        self._backoff = wait_exponential_jitter(multiplier=0.2, max=20)
        limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._http = httpx2.Client(timeout=timeout, limits=limits, trust_env=True)
        self._retrying = Retrying(
            retry=retry_if_exception(_retryable),
            stop=stop_after_attempt(ATTEMPTS),
            wait=self._wait,
            reraise=True,
            sleep=sleep,
        )

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Connect as the settings say. Raises `ValueError` when there is no token."""
        if settings.tushare_token is None:
            raise ValueError("TUSHARE_TOKEN is not set: set it, or start the sandbox with `stock-assistant sandbox`")
        return cls(
            settings.tushare_token,
            settings.tushare_base_url,
            timeout=settings.tushare_timeout,
            throttle_seconds=settings.tushare_throttle_seconds,
            connections=settings.tushare_concurrency,
        )

    def __reduce__(self) -> str:
        raise TypeError("a Transport holds the token and an open connection: make one per process, from the settings")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _wait(self, state: RetryCallState) -> float:
        """A full window after a throttling answer, since a shorter silence does not help; otherwise backoff with jitter."""
        error = state.outcome.exception() if state.outcome else None
        return self._throttle_seconds if isinstance(error, Throttled) else self._backoff(state)

    def page(self, api: str, params: Mapping[str, Any], fields: tuple[str, ...]) -> Page:
        """Make one call, and make it again where that can help. Raises a `TushareError`."""
        return self._retrying(self._once, api, params, fields)

    def _once(self, api: str, params: Mapping[str, Any], fields: tuple[str, ...]) -> Page:
        """POST one call and open its envelope."""
        request = {
            "api_name": api,
            "token": self._token.get_secret_value(),
            "params": params,
            "fields": ",".join(fields),
        }
        try:
            response = self._http.post(f"{self._base_url}/{api}", json=request)
        except httpx2.TransportError as error:
            raise TransportError(api, f"no answer from Tushare: {type(error).__name__}") from None
        if response.status_code >= 400:
            raise HttpStatusError(api, response.status_code)
        try:
            envelope = _envelope.decode(response.content)
        except msgspec.MsgspecError as error:
            raise MalformedAnswer(api, f"the answer is not Tushare's JSON: {error}") from None
        if envelope.code != 0:
            raise refusal(api, envelope.code, envelope.msg or "")
        if envelope.data is None:
            raise MalformedAnswer(api, "code 0, and no data")
        sandbox = response.headers.get(SANDBOX_HEADER)
        return Page(
            tuple(envelope.data.fields),
            bytes(envelope.data.items),
            envelope.data.has_more,
            f"sandbox: {sandbox}" if sandbox else TUSHARE,
        )

    def fetch(
        self, api: str, params: Mapping[str, Any], types: Mapping[str, Any], *, row_cap: int | None = None
    ) -> Answer:
        """Fetch every row of a call, page after page.

        `types` maps the wanted columns to their msgspec types. An answer that does not say whether more follows is
        believed when it is shorter than `row_cap`; one that reaches the cap is asked for its next page.
        """
        fields = tuple(types)
        rows: list[tuple[Any, ...]] = []
        calls = 0
        while True:
            page = self.page(api, {**params, "offset": len(rows)} if rows else params, fields)
            calls += 1
            got = _typed(api, page, types)
            rows += got
            at_cap = row_cap is not None and len(got) >= row_cap
            if not page.has_more and (page.has_more is False or not at_cap):
                return Answer(rows, calls, page.source)
            if not got:
                if page.has_more:
                    raise Truncated(api, f"says that more follows {len(rows)} rows, and does not give it")
                return Answer(rows, calls, page.source)


def _typed(api: str, page: Page, types: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Decode a page's rows into tuples in the order of `types`. Raises `SchemaDrift` when columns or types differ."""
    if lacking := types.keys() - set(page.fields):
        raise SchemaDrift(api, f"the answer lacks the columns {', '.join(sorted(lacking))}")
    decoders = _decoders(page.fields, tuple((name, types[name]) for name in page.fields if name in types))
    try:
        rows = decoders[0].decode(page.items)
    except msgspec.ValidationError:
        try:
            rows = decoders[1].decode(page.items)
        except msgspec.ValidationError as error:
            raise SchemaDrift(api, f"a value has not the declared type: {error}; columns are {page.fields}") from None
    except msgspec.DecodeError as error:
        raise MalformedAnswer(api, f"the rows are not JSON: {error}") from None
    wanted = tuple(types)
    if page.fields == wanted:
        return rows
    order = [page.fields.index(name) for name in wanted]
    return [tuple(row[at] for at in order) for row in rows]


@lru_cache(maxsize=256)
def _decoders(
    fields: tuple[str, ...], types: tuple[tuple[str, Any], ...]
) -> tuple[msgspec.json.Decoder[list[tuple[Any, ...]]], msgspec.json.Decoder[list[tuple[Any, ...]]]]:
    """Decoders of rows in the order of `fields`: a strict one, and one that reads numbers sent as text."""
    known = dict(types)
    row: Any = list[tuple[tuple(known.get(name, Any) for name in fields)]]  # type: ignore[misc]
    return msgspec.json.Decoder(row), msgspec.json.Decoder(row, strict=False)
