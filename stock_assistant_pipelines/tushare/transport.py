"""One call over the wire: the protocol, the connection, what heals by asking again, and pages until nothing is left."""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

import httpx2
import msgspec
from tenacity import (
    RetryCallState,
    Retrying,
    retry_if_exception,
    stop_after_attempt,
    wait_exponential,
    wait_random,
)

from stock_assistant_pipelines.settings.addresses import on_loopback, over_tls
from stock_assistant_pipelines.settings.errors import SettingsError
from stock_assistant_pipelines.tushare.errors import (
    BadParameters,
    HttpStatusError,
    MalformedAnswer,
    SchemaDrift,
    Throttled,
    TransportError,
    Truncated,
    TushareError,
    Window,
    refusal,
)
from stock_assistant_pipelines.tushare.permit import Unlimited

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pydantic import SecretStr

    from stock_assistant_pipelines.settings import Settings
    from stock_assistant_pipelines.tushare.permit import Permit, Quota

TUSHARE = "tushare"
"""The name of the source of real rows."""

SANDBOX_HEADER = "X-Stock-Assistant-Sandbox"
"""The sandbox marks its answers with this header; its value says where its rows come from."""

ATTEMPTS = 5

MAX_OFFSET = 100_000
"""Tushare refuses a larger `offset`."""

T = TypeVar("T")


class _Envelope(msgspec.Struct):
    code: int
    msg: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"null")  # opened only where `code` is 0: a refusal may hold anything here


class _Data(msgspec.Struct):
    fields: list[str]
    items: msgspec.Raw
    has_more: bool | None = None


_envelope = msgspec.json.Decoder(_Envelope)
_data = msgspec.json.Decoder(_Data)


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
        quota: Quota | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Ask `base_url` with `token`, each call with the leave of `quota`; wait `timeout` seconds for an answer.

        After a throttling one the quota makes everyone wait; without a quota this connection waits `throttle_seconds`.
        """
        self._token = token
        self._base_url = base_url
        self._quota = quota or Unlimited()
        self._throttle_seconds = 0.0 if quota else throttle_seconds
        self._line = threading.BoundedSemaphore(connections)
        self._backoff = wait_exponential(multiplier=0.2) + wait_random(0, 1)
        self._http = _client(base_url, timeout, connections)
        self._retrying = Retrying(
            retry=retry_if_exception(_retryable),
            stop=stop_after_attempt(ATTEMPTS),
            wait=self._wait,
            reraise=True,
            sleep=sleep,
        )

    @classmethod
    def from_settings(cls, settings: Settings, quota: Quota | None = None) -> Self:
        """Connect as the settings say, within `quota`. Raises `SettingsError` when there is no token."""
        if settings.tushare_token is None:
            raise SettingsError("TUSHARE_TOKEN is not set: set it, or start the sandbox with `stock-assistant sandbox`")
        return cls(
            settings.tushare_token,
            settings.tushare_base_url,
            timeout=settings.tushare_timeout,
            throttle_seconds=settings.tushare_throttle_seconds,
            connections=settings.tushare_concurrency,
            quota=quota,
        )

    def __reduce__(self) -> NoReturn:
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
        """Make one call, with leave, and open its answer; tell the quota when it was one too many.

        Nobody waits for a connection with a permit in hand: a permit is lent for the time of a call.
        """
        with self._line, self._quota.permit(api) as permit:
            response = self._post(api, params, fields, permit)
        try:
            return self._opened(api, response)
        except Throttled as error:
            self._quota.throttled(error)
            raise

    def _opened(self, api: str, response: httpx2.Response) -> Page:
        """Open the envelope of an answer."""
        if response.status_code == 429:
            raise Throttled(api, Window.MINUTE, "HTTP 429 from Tushare's gateway: too many calls")
        if response.status_code != 200:
            raise HttpStatusError(api, response.status_code)
        try:
            envelope = _envelope.decode(response.content)
            data = _data.decode(envelope.data) if envelope.code == 0 else None
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise MalformedAnswer(api, f"the answer is not Tushare's JSON: {error}") from None
        if data is None:
            raise refusal(api, envelope.code, self._without_token(envelope.msg or "no reason given"))
        sandbox = response.headers.get(SANDBOX_HEADER)
        return Page(tuple(data.fields), bytes(data.items), data.has_more, f"sandbox: {sandbox}" if sandbox else TUSHARE)

    def _post(self, api: str, params: Mapping[str, Any], fields: tuple[str, ...], permit: Permit) -> httpx2.Response:
        """POST one call. What httpx raises holds the request, and with it the token, so it is never an error's context."""
        failure: TushareError
        try:
            with self._http.stream(
                "POST",
                f"{self._base_url}/{api}",
                content=self._body(api, params, fields),
                headers={"Content-Type": "application/json"},
            ) as response:
                permit.answered()
                response.read()
            return response
        except httpx2.DecodingError as error:
            failure = MalformedAnswer(api, f"the answer cannot be unpacked: {error}")
        except httpx2.RequestError as error:
            reason = self._without_token(f"{type(error).__name__}: {error}")
            failure = TransportError(api, f"no answer from Tushare: {reason}")
        raise failure

    def _body(self, api: str, params: Mapping[str, Any], fields: tuple[str, ...]) -> bytes:
        """A call as JSON. No variable holds it, here or in a caller: some tools print a traceback's variables."""
        try:
            return json.dumps(
                {
                    "api_name": api,
                    "token": self._token.get_secret_value(),
                    "params": params,
                    "fields": ",".join(fields),
                },
                allow_nan=False,
            ).encode()
        except (TypeError, ValueError) as error:
            reason = str(error)
        raise BadParameters(api, f"parameters are text and numbers, and days text such as 20251218: {reason}")

    def _without_token(self, text: str) -> str:
        """A text from outside, which might quote the token."""
        token = self._token.get_secret_value()
        return text.replace(token, "***") if token else text

    def pages(
        self,
        api: str,
        params: Mapping[str, Any],
        fields: tuple[str, ...],
        decode: Callable[[Page], list[T]],
        row_cap: int | None = None,
    ) -> Iterator[tuple[Page, list[T]]]:
        """Fetch every page of a call, each with its rows as `decode` reads them.

        An answer that does not say whether more follows is believed when it is shorter than `row_cap`; one that reaches
        the cap is asked for its next page. Raises `Truncated` when more follows that is not given.
        """
        count = 0
        before = b""
        while True:
            page = self.page(api, {**params, "offset": count} if count else params, fields)
            rows = decode(page)
            if rows and page.items == before:
                raise Truncated(api, f"answers offset {count} with the page before it once more")
            if page.has_more and not rows:
                raise Truncated(api, f"says that more follows {count} rows, and does not give it")
            yield page, rows
            count += len(rows)
            before = page.items
            at_cap = row_cap is not None and len(rows) >= row_cap
            if not (page.has_more or (page.has_more is None and at_cap)):
                return
            if count > MAX_OFFSET:
                raise Truncated(
                    api, f"holds more than the {count} rows that can be asked for in one go: narrow the call"
                )

    def fetch(
        self, api: str, params: Mapping[str, Any], types: Mapping[str, Any], *, row_cap: int | None = None
    ) -> Answer:
        """Fetch every row of a call, page after page. `types` maps the wanted columns to their msgspec types."""
        rows: list[tuple[Any, ...]] = []
        calls = 0
        source = TUSHARE
        for page, got in self.pages(api, params, tuple(types), lambda page: _typed(api, page, types), row_cap):
            rows += got
            calls += 1
            source = page.source
        return Answer(rows, calls, source)


def _client(base_url: str, timeout: float, connections: int) -> httpx2.Client:
    """A pool of connections, through the environment's proxy except to this very machine, which no proxy can reach.

    A caller waits for a free connection as long as it takes. Raises `SettingsError` for a proxy that cannot be used.
    """
    try:
        return httpx2.Client(
            timeout=httpx2.Timeout(timeout, pool=None),
            limits=httpx2.Limits(max_connections=connections, max_keepalive_connections=connections),
            trust_env=not on_loopback(base_url),
            verify=over_tls(base_url),
        )
    except (ImportError, ValueError, httpx2.InvalidURL) as error:
        reason = f"HTTPS_PROXY, ALL_PROXY or NO_PROXY: cannot be used: {error}"
    raise SettingsError(reason)


def _typed(api: str, page: Page, types: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Decode a page's rows into tuples in the order of `types`. Raises `SchemaDrift` when columns or types differ."""
    if lacking := types.keys() - set(page.fields):
        raise SchemaDrift(api, f"the answer lacks the columns {', '.join(sorted(lacking))}")
    decoders = _decoders(page.fields, tuple((name, types[name]) for name in page.fields if name in types))
    try:
        try:
            rows = decoders[0].decode(page.items)
        except msgspec.ValidationError:
            rows = decoders[1].decode(page.items)
    except msgspec.ValidationError as error:
        columns = ", ".join(page.fields)
        raise SchemaDrift(api, f"a value has not the declared type: {error}; columns are {columns}") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
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
