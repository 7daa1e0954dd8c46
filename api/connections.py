"""Connections: uvicorn's protocol, with an end to what a client can draw out or make large.

uvicorn waits for ever for the rest of a request, and for a client that does not read its answer, and takes headers of any
size. Here a request has to be there whole some seconds after its connection or its first byte, its head has a size, an answer
has to be taken at some speed, and there are only so many connections.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import orjson
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from api import problems

if TYPE_CHECKING:
    import asyncio

    from api.problems import Kind

REQUEST_SECONDS = 10.0
"""From the connection, or the first byte of a request, to its last."""

SLOWEST = 1_024
"""Bytes per second: who reads an answer slower is not waited for."""

LOOK_SECONDS = 30.0
"""How often that is looked at, while there is something left to be read."""

LARGEST_HEAD = 32_768
"""Bytes of a request's line and headers."""

MOST = 4_096
"""Connections at once."""

REFUSED: Counter[str] = Counter()
"""How many this process hung up on, by reason. They never became a request, or an answer that somebody read."""


class Connection(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._deadline: asyncio.TimerHandle | None = None
        self._look: asyncio.TimerHandle | None = None
        self._unread = 0
        self._under_way = False
        self._in_head = True
        self._head = 0

    # --- the request

    def connection_made(self, transport: Any) -> None:
        """Wait for the first request."""
        super().connection_made(transport)
        if len(self.connections) > MOST:
            REFUSED["too-many-connections"] += 1
            transport.abort()
            return
        self._expect()

    def data_received(self, data: bytes) -> None:
        """Take in what came; wait for the rest if it is not the whole request."""
        if self._in_head:
            self._head += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._in_head and self._head > LARGEST_HEAD:
            self._refuse_head()
        elif self._under_way and self._deadline is None:
            self._expect()
        elif not self._under_way and self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._under_way = self._in_head = True

    def on_headers_complete(self) -> None:
        """Its head is there."""
        self._in_head = False
        if sum(len(name) + len(value) + 4 for name, value in self.headers) + len(self.url) > LARGEST_HEAD:
            self._refuse_head()
            raise ValueError("the parser stops at any exception")
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """All of it is there."""
        super().on_message_complete()
        self._under_way = False
        self._in_head, self._head = True, 0

    def send_400_response(self, msg: str) -> None:
        """Say in a problem that this is not HTTP, unless something was said already."""
        if not self.transport.is_closing():
            self._refuse(problems.BAD_REQUEST, "This is not a request as HTTP/1.1 has it.")

    def _expect(self) -> None:
        self._deadline = self.loop.call_later(REQUEST_SECONDS, self._give_up)

    def _give_up(self) -> None:
        self._deadline = None
        if self._under_way and self._in_head:
            self._refuse(problems.TOO_SLOW, f"The request was not there within {REQUEST_SECONDS:g} s.")
        else:
            self.transport.close()

    def _refuse_head(self) -> None:
        self._refuse(problems.HEADERS_TOO_LARGE, f"The request's head is larger than {LARGEST_HEAD:,} bytes.")

    def _refuse(self, kind: Kind, detail: str) -> None:
        """Answer what never becomes a request, and hang up."""
        body = orjson.dumps(kind.document(detail, instance=""))
        self.logger.warning("%s: %s", kind.name, detail)
        REFUSED[kind.name] += 1
        if self.cycle is None or self.cycle.response_complete:  # else an answer to the one before is under way
            head = (
                STATUS_LINE[int(kind.status)] + b"content-type: %b\r\ncontent-length: %d\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head % (problems.MEDIA_TYPE.encode(), len(body)) + body)
        self.transport.close()

    # --- the answer

    def pause_writing(self) -> None:
        """More is to be sent than the client has taken: look whether it goes on."""
        super().pause_writing()
        self._unread = self.transport.get_write_buffer_size()
        self._look = self.loop.call_later(LOOK_SECONDS, self._require_reading)

    def resume_writing(self) -> None:
        """The client has taken it."""
        super().resume_writing()
        if self._look is not None:
            self._look.cancel()
            self._look = None

    def _require_reading(self) -> None:
        """Hang up when too little was taken since the last look."""
        left = self.transport.get_write_buffer_size()
        if self._unread - left < SLOWEST * LOOK_SECONDS:
            self.logger.warning("too-slow: the answer is not read")
            REFUSED[problems.TOO_SLOW.name] += 1
            self.transport.abort()
            return
        self._unread = left
        self._look = self.loop.call_later(LOOK_SECONDS, self._require_reading)

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        for timer in (self._deadline, self._look):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)
