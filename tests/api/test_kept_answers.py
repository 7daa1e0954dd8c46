"""Answers are kept whole or not at all, in as many bytes as are allowed."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from api.cache import CacheMiddleware
from api.kept import OVERHEAD, SHARE, Answer, Store
from api.versions import READING, Versions
from stock_assistant_pipelines.settings import SHANGHAI

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.types import Message, Receive, Scope, Send

NOW = datetime(2024, 1, 5, 12, tzinfo=SHANGHAI)
TOLD = Versions.read("0008 daily=1 income=1")
ROOM = 80_000


class Told:
    """Versions that a test sets."""

    def __init__(self) -> None:
        self.versions: Versions | None = TOLD

    async def now(self) -> Versions | None:
        return self.versions

    def when_lost(self, forget: Callable[[], None]) -> None:
        self.forget = forget


class Streaming:
    """An application that reads `daily` and answers in parts."""

    def __init__(self, *chunks: bytes, headers: list[tuple[bytes, bytes]] | None = None, fails: bool = False) -> None:
        self.chunks, self.headers, self.fails, self.asked = chunks, headers or [], fails, 0
        self.reads: list[Versions | None] = [TOLD]
        self.during: Callable[[], None] = lambda: None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        for versions in self.reads:
            READING.get().add(("daily",), versions)
        self.during()
        await send({"type": "http.response.start", "status": 200, "headers": list(self.headers)})
        for chunk in self.chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            if self.fails:
                raise ConnectionError
        await send({"type": "http.response.body", "body": b""})


class Client:
    """Asks a cache over an application."""

    def __init__(self, app: Streaming) -> None:
        self.app, self.told = app, Told()
        self.cache = CacheMiddleware(app, self.told, ROOM, "/")  # type: ignore[arg-type]

    def get(self, path: str = "/x") -> tuple[bytes, dict[bytes, bytes]]:
        return asyncio.run(self.ask(path))

    async def ask(self, path: str = "/x", taken: asyncio.Event | None = None) -> tuple[bytes, dict[bytes, bytes]]:
        messages: list[Message] = []

        async def send(message: Message) -> None:
            messages.append(message)
            if taken is not None:
                await taken.wait()

        scope = {"type": "http", "method": "GET", "path": path, "query_string": b"", "headers": []}
        await self.cache(scope, None, send)  # type: ignore[arg-type]
        body = b"".join(message.get("body", b"") for message in messages)
        return body, dict(messages[0]["headers"])


def test_a_stream_is_passed_on_and_kept_when_it_is_whole() -> None:
    client = Client(Streaming(b"a", b"b"))
    first = client.get()
    assert first[0] == b"ab"
    assert client.get() == first
    assert client.app.asked == 1


def test_a_stream_that_breaks_off_is_not_kept() -> None:
    client = Client(Streaming(b"a", b"b", fails=True))
    for asked in (1, 2):
        with pytest.raises(ConnectionError):
            client.get()
        assert client.app.asked == asked
    assert len(client.cache.store) == 0


@pytest.mark.parametrize("declared", [True, False])
def test_an_answer_that_takes_too_much_room_is_passed_on_only(declared: bool) -> None:
    body = b"x" * (ROOM // SHARE)
    client = Client(Streaming(body, headers=[(b"content-length", str(len(body)).encode())] if declared else None))
    answer, headers = client.get()
    assert answer == body
    assert (b"etag" in headers) is not declared
    assert len(client.cache.store) == 0


def test_an_answer_that_speaks_of_keeping_itself_is_left_alone() -> None:
    client = Client(Streaming(b"a", headers=[(b"cache-control", b"no-store")]))
    assert client.get()[1] == {b"cache-control": b"no-store"}
    assert len(client.cache.store) == 0


@pytest.mark.parametrize(
    "reads", [[], [None], [TOLD, Versions.read("0008 daily=2 income=1")], [TOLD, None], [None, TOLD]]
)
def test_an_answer_that_is_of_no_one_state_is_not_kept(reads: list[Versions | None]) -> None:
    client = Client(Streaming(b"a"))
    client.app.reads = reads
    assert b"etag" not in client.get()[1]
    assert len(client.cache.store) == 0


def test_an_answer_holds_while_what_it_was_made_from_stays_and_no_longer() -> None:
    client = Client(Streaming(b"a"))
    client.get()
    for told, asked in (
        ("0008 daily=1 income=2", 1),
        ("0008 daily=2 income=2", 2),
        ("0008 daily=2 everything=1 income=2", 3),
        ("0009 daily=2 everything=1 income=2", 4),
    ):
        client.told.versions = Versions.read(told)
        client.app.reads = [client.told.versions]
        client.get()
        assert client.app.asked == asked


def test_an_answer_that_was_being_made_when_the_server_was_lost_is_not_kept() -> None:
    client = Client(Streaming(b"a"))
    client.app.during = lambda: client.told.forget()
    client.get()
    assert len(client.cache.store) == 0


def test_nothing_is_served_from_memory_while_the_versions_are_not_known() -> None:
    client = Client(Streaming(b"a"))
    client.get()
    client.told.versions = None
    client.get()
    assert client.app.asked == 2


def test_a_client_that_takes_its_answer_slowly_keeps_nobody_waiting_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.cache.FOLLOWING", 0.01)
    client = Client(Streaming(b"a"))

    async def both() -> tuple[bytes, Any]:
        taken = asyncio.Event()
        slow = asyncio.create_task(client.ask(taken=taken))
        await asyncio.sleep(0)
        body, _ = await client.ask()
        taken.set()
        return body, (await slow)[0]

    assert asyncio.run(both()) == (b"a", b"a")
    assert client.app.asked == 2


def test_questions_that_came_meanwhile_are_answered_by_one_when_the_data_has_moved_on() -> None:
    """The first answer was read before they came, and is of no use to them."""
    client = Client(Streaming(b"a"))

    async def crowd() -> None:
        taken = asyncio.Event()
        first = asyncio.create_task(client.ask(taken=taken))
        await asyncio.sleep(0)
        moved = Versions.read("0008 daily=2 income=1")
        client.told.versions, client.app.reads = moved, [moved]
        others = [asyncio.create_task(client.ask()) for _ in range(5)]
        await asyncio.sleep(0)
        taken.set()
        await asyncio.gather(first, *others)

    asyncio.run(crowd())
    assert client.app.asked == 2


def answer(size: int, tag: bytes = b"") -> Answer:
    return Answer([], b"x" * size, tag, None, TOLD.told, NOW + timedelta(hours=1))


def test_the_store_never_holds_more_than_its_room_and_drops_what_was_asked_for_longest_ago() -> None:
    store = Store(4 * (1000 + OVERHEAD))
    for key in range(4):
        store.keep(key, answer(1000))
    assert store.find(0, TOLD, NOW)
    store.keep(4, answer(1000))
    assert store.size <= store.room
    assert [key for key in range(5) if store.find(key, TOLD, NOW)] == [0, 2, 3, 4]


def test_an_answer_in_the_place_of_another_takes_no_room_twice() -> None:
    store = Store(1_000_000)
    for _ in range(3):
        store.keep("a", answer(1000))
    assert (len(store), store.size) == (1, answer(1000).size)


def test_an_answer_that_holds_no_longer_makes_room() -> None:
    store = Store(1_000_000)
    store.keep("a", answer(1000))
    assert store.find("a", TOLD, NOW + timedelta(hours=1)) is None
    assert (len(store), store.size) == (0, 0)
