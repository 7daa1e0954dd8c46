"""Bocha's web search: one call, from a query and its window to the pages as they were told, or an error of a type."""

from __future__ import annotations

import asyncio
import math
import re
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NoReturn

import httpx2
import msgspec
import orjson

from stock_assistant_pipelines.research.search.errors import (
    BadRequest,
    KeyRefused,
    MalformedAnswer,
    NoBalance,
    Overloaded,
    SearchError,
    Silent,
    Throttled,
    Unreachable,
)
from stock_assistant_pipelines.research.search.plain import plain
from stock_assistant_pipelines.settings.addresses import on_loopback, over_tls
from stock_assistant_pipelines.settings.errors import SettingsError
from stock_assistant_pipelines.settings.tushare import SANDBOX_TOKEN

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date

    from pydantic import SecretStr

PATH = "/v1/web-search"
COUNT = 20
"""How many pages are asked for."""
MOST_BYTES = 8_000_000
"""How long an answer may be: some hundred times what 20 pages take."""
LONGEST = 4000
"""Characters of one text that are kept."""
LONGEST_WORDS = 300
"""Characters of what Bocha says of a refusal that are told."""
CONNECT = 5.0
"""Seconds to connect in."""
BOCHA = "bocha"
SANDBOX_HEADER = "X-Stock-Assistant-Sandbox"
"""The sandbox marks its answers with this header."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page as the search engine told of it. Nothing of it is believed."""

    url: str
    title: str
    snippet: str
    summary: str
    site: str
    published: str | None
    """When it was published, as it was told."""

    @property
    def sha256(self) -> str:
        """What makes it this page, and another one when a word of it is changed."""
        told = [self.url, self.title, self.snippet, self.summary, self.site, self.published]
        return sha256(orjson.dumps(told)).hexdigest()


@dataclass(frozen=True, slots=True)
class Answer:
    """The pages, in the order in which they were told, and who told of them: `bocha`, or the sandbox."""

    pages: tuple[Page, ...]
    source: str


class _Envelope(msgspec.Struct):
    code: int | str | None = None
    msg: str | None = None
    message: str | None = None
    log_id: str | None = None
    data: msgspec.Raw = msgspec.Raw(b"null")  # opened only where `code` is 200: a refusal may hold anything here


class _Value(msgspec.Struct, rename="camel"):
    name: str | None = None
    url: str | None = None
    snippet: str | None = None
    summary: str | None = None
    site_name: str | None = None
    date_published: str | None = None


class _Pages(msgspec.Struct):
    value: list[_Value] | None = None


class _Data(msgspec.Struct, rename="camel"):
    web_pages: _Pages | None = None


UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""What is raised by an answer that is no JSON, or another one, or nested without end."""

_envelope = msgspec.json.Decoder(_Envelope)
_data = msgspec.json.Decoder(_Data)

STATUSES: Mapping[int, tuple[type[SearchError], str]] = {
    400: (BadRequest, "the call is not taken"),
    401: (KeyRefused, "the key is refused: check BOCHA_API_KEY"),
    402: (NoBalance, "nothing is left in the account: top it up"),
    403: (NoBalance, "nothing is left in the account, or the key may not search: top it up, or check BOCHA_API_KEY"),
    408: (Overloaded, "the server fails"),
    429: (Throttled, "too many searches: check BOCHA_CALLS_PER_MINUTE"),
}
"""What a status means, of HTTP as well as of the body; 5xx is `Overloaded`, anything else `BadRequest`."""


class Bocha:
    """A pool of connections to Bocha. It holds the key, so it is never copied or pickled; closed with `close`."""

    def __init__(self, key: SecretStr, base_url: str, *, timeout: float = 15.0) -> None:
        """Raise `SettingsError` for a key that no header can hold."""
        if not re.fullmatch(r"[!-~]+", key.get_secret_value()):
            raise SettingsError("BOCHA_API_KEY: takes letters, digits and signs of ASCII, without blanks")
        self._key = key
        self._url = base_url + PATH
        self._timeout = timeout
        self._http = _client(base_url, timeout)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Bocha holds the key and open connections: make one per process, from the settings")

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def search(self, query: str, first: date, last: date) -> Answer:
        """The pages of some days that are found for a query. One call. Raises `SearchError`."""
        status, headers, content = await self._post(
            {"query": query, "freshness": f"{first}..{last}", "summary": True, "count": COUNT}
        )
        pages = self._opened(status, headers, content)
        sandbox = headers.get(SANDBOX_HEADER)
        return Answer(pages, f"sandbox: {sandbox}" if sandbox else BOCHA)

    async def _post(self, body: dict[str, Any]) -> tuple[int, httpx2.Headers, bytes]:
        """Make a call. What httpx raises holds the request, and with it the key, so it is never an error's context.

        No variable holds the key, here or in a caller: some tools print a traceback's variables.
        """
        failure: SearchError
        try:
            async with asyncio.timeout(self._timeout):
                async with self._http.stream(
                    "POST",
                    self._url,
                    json=body,
                    headers={"Authorization": f"Bearer {self._key.get_secret_value()}"},
                ) as response:
                    return response.status_code, response.headers, self._without_key(await _read(response))
        except TimeoutError:
            failure = Silent(f"Bocha did not answer in {self._timeout:g} seconds (BOCHA_TIMEOUT)")
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            failure = Unreachable(f"Bocha cannot be reached (BOCHA_BASE_URL): {plain(str(error), LONGEST_WORDS)}")
        except httpx2.DecodingError:
            failure = MalformedAnswer("Bocha's answer cannot be unpacked")
        except httpx2.RequestError as error:
            failure = Silent(f"the connection to Bocha ended without an answer: {type(error).__name__}")
        raise failure

    def _opened(self, status: int, headers: httpx2.Headers, content: bytes) -> tuple[Page, ...]:
        """Open an answer. Raises `SearchError`: both statuses, that of HTTP and that of the body, may refuse."""
        try:
            envelope = _envelope.decode(content)
        except UNREADABLE:
            if status != 200:
                raise _refused(status, headers, "no reason given") from None
            raise MalformedAnswer("Bocha's answer is not the JSON that its protocol says") from None
        code = int(envelope.code or 0) if re.fullmatch(r"[0-9]{3}", str(envelope.code)) else None
        if status != 200 or code != 200:
            told = envelope.message or envelope.msg or "no reason given"
            log = f", log_id {plain(envelope.log_id, LONGEST_WORDS)}" if envelope.log_id else ""
            raise _refused(code if status == 200 else status, headers, f"{plain(told, LONGEST_WORDS)}{log}")
        try:
            data = _data.decode(envelope.data)
        except UNREADABLE as error:
            raise MalformedAnswer(f"Bocha's answer has another form than its protocol says: {error}") from None
        values = data.web_pages.value if data.web_pages else None
        return tuple(_page(each) for each in (values or [])[:COUNT])

    def _without_key(self, content: bytes) -> bytes:
        """An answer, which might quote the key. That of the sandbox is no secret, and stands in its addresses."""
        key = self._key.get_secret_value()
        return content if key == SANDBOX_TOKEN else content.replace(key.encode(), b"***")


def _client(base_url: str, timeout: float) -> httpx2.AsyncClient:
    """Connections that follow no redirect, and need no proxy to this machine. Raises `SettingsError` for an unusable proxy."""
    try:
        return httpx2.AsyncClient(
            follow_redirects=False,
            trust_env=not on_loopback(base_url),
            verify=over_tls(base_url),
            timeout=httpx2.Timeout(None, connect=min(CONNECT, timeout)),  # the rest is under the deadline
        )
    except (ImportError, ValueError, httpx2.InvalidURL) as error:
        reason = f"HTTPS_PROXY, ALL_PROXY or NO_PROXY: cannot be used: {error}"
    raise SettingsError(reason)


def _refused(status: int | None, headers: httpx2.Headers, told: str) -> SearchError:
    """What a refusal means."""
    if status is None:
        return MalformedAnswer(f"Bocha answered without a code: {told}")
    other = (Overloaded, "the server fails") if status >= 500 else (BadRequest, "check BOCHA_BASE_URL")
    kind, advice = STATUSES.get(status, other)
    return kind(f"{advice} ({status}): {told}", _wait(headers))


async def _read(response: httpx2.Response) -> bytes:
    """The body, as far as it is not longer than any sound one. Raises `MalformedAnswer`."""
    content = bytearray()
    async for chunk in response.aiter_bytes():
        content += chunk
        if len(content) > MOST_BYTES:
            raise MalformedAnswer(f"Bocha's answer is longer than {MOST_BYTES:,} bytes")
    return bytes(content)


def _page(told: _Value) -> Page:
    return Page(
        url=_kept(told.url),
        title=_kept(told.name),
        snippet=_kept(told.snippet),
        summary=_kept(told.summary),
        site=_kept(told.site_name),
        published=_kept(told.date_published) or None,
    )


def _kept(text: str | None) -> str:
    """A text as it can be stored: no NUL, and not endless."""
    return (text or "").replace("\0", "")[:LONGEST]


def _wait(headers: httpx2.Headers) -> float | None:
    """Seconds in `Retry-After`; None where it says none."""
    try:
        seconds = float(headers.get("retry-after", ""))
    except ValueError:
        return None
    return max(seconds, 0.0) if math.isfinite(seconds) else None
