"""`python -m bench.asking PLAN RECORDS`: ask many questions in turns over kept connections, and note what each answer told.

A process of its own, so that what it takes to read answers hides nothing of the server. A plan is JSON, and so are the records.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import io
import json
import random
import re
import time
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import pyarrow as pa
import pyarrow.parquet as pq
import uvloop

VALUE = re.compile(rb"(?<![0-9.])9[0-9]{8}(?:\.0)?(?![0-9])")
"""The figure that is written again and again: nothing else looks like it."""

PASSING = re.compile(rb'"(?:as_of|request_id)":\s?"[^"]*"')
"""What differs from answer to answer."""

TITLE = re.compile(rb"<strong>([A-Za-z ]+)\.</strong>")
"""What a page calls a problem."""

UNAVAILABLE = "请稍后再试"
NOT_LANDED = "not landed here"
"""What Tushare's protocol says for a problem of the server's, and of what has not landed."""

BLOCK = 1 << 22
"""Bytes of a connection's buffer."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question, and what its answer is held to."""

    name: str
    path: str
    kind: str = "stable"
    """`stable`: always the same. `register`: the same but for a figure. `prefix`: grows by days. `step`: not landed, then
    always the same. `page`: a page for people."""
    weight: int = 4
    form: str = "json"
    coding: str = "identity"
    call: dict[str, Any] | None = None
    """What is posted, in Tushare's protocol."""
    streamed: bool = False
    """Whether it is sent while it is read, so that it may break off."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Who asks what, and until when."""

    host: str
    port: int
    questions: list[Question]
    connections: int
    until: float
    """By the monotonic clock, which all processes share."""
    deadline: float
    """Seconds after which an answer counts as none."""


@dataclass
class Records:
    """What was told: each state once, and for each answer its question, when it was asked and answered, and the state."""

    states: list[list[Any]] = field(default_factory=list)
    answers: list[tuple[int, float, float, int, bool]] = field(default_factory=list)
    """The last is whether it was a 304."""
    _known: dict[str, int] = field(default_factory=dict)

    def state(self, told: list[Any]) -> int:
        """The place of a state."""
        key = json.dumps(told)
        if key not in self._known:
            self._known[key] = len(self.states)
            self.states.append(told)
        return self._known[key]


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer, as it came."""

    status: int
    headers: dict[str, str]
    body: bytes


async def ask_all(plan: Plan) -> Records:
    """Keep all connections busy until the time is over."""
    records = Records()
    await asyncio.gather(*(_Client(plan, records, at).keep_busy() for at in range(plan.connections)))
    return records


class _Client:
    """One connection: what it asks next, what it was told, and which answers it may be told to have already."""

    def __init__(self, plan: Plan, records: Records, seed: int) -> None:
        self.plan, self.records = plan, records
        self.random = random.Random(seed)
        self.weights = [question.weight for question in plan.questions]
        self.tags: dict[int, tuple[str, int]] = {}
        self.streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def keep_busy(self) -> None:
        """Ask without a pause, but where the server asks for one."""
        while time.monotonic() < self.plan.until:
            (at,) = self.random.choices(range(len(self.weights)), self.weights)
            pause = await self._ask(at)
            await asyncio.sleep(min(pause, max(0.0, self.plan.until - time.monotonic())))
        self._hang_up()

    async def _ask(self, at: int) -> float:
        """Ask a question, and note the answer. Returns for how long to wait before the next."""
        question, pause = self.plan.questions[at], 0.0
        tag, seen = self.tags.get(at, ("", 0)) if self.random.random() < 0.5 else ("", 0)
        asked = time.monotonic()
        repeated = False
        try:
            async with asyncio.timeout(self.plan.deadline):
                reply = await self._fetch(question, tag)
            repeated = reply.status == HTTPStatus.NOT_MODIFIED
            state = seen if repeated and tag else self.records.state(told(question, reply))
            pause = float(reply.headers.get("retry-after", 0))
            if reply.status == HTTPStatus.OK and (new := reply.headers.get("etag")):
                self.tags[at] = new, state
        except TimeoutError:
            self._hang_up()
            state = self.records.state(["hang"])
        except (OSError, EOFError) as error:  # an answer that breaks off is an EOFError
            self._hang_up()
            state = self.records.state(["broken off", type(error).__name__])
            pause = 0.1
        self.records.answers.append((at, asked, time.monotonic(), state, repeated))
        return pause

    async def _fetch(self, question: Question, tag: str) -> Reply:
        if self.streams is None:
            self.streams = await asyncio.open_connection(self.plan.host, self.plan.port, limit=BLOCK)
        reader, writer = self.streams
        writer.write(_written(self.plan, question, tag))
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").splitlines()
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
        reply = Reply(int(first.split()[1]), headers, await _body(reader, headers))
        if headers.get("connection") == "close":
            self._hang_up()
        return reply

    def _hang_up(self) -> None:
        if self.streams is not None:
            self.streams[1].close()
        self.streams = None


def _written(plan: Plan, question: Question, tag: str) -> bytes:
    """A request, as it is sent."""
    body = b"" if question.call is None else json.dumps(question.call).encode()
    lines = [
        f"{'GET' if question.call is None else 'POST'} {question.path} HTTP/1.1",
        f"Host: {plan.host}:{plan.port}",
        f"Accept-Encoding: {question.coding}",
        *([f"If-None-Match: {tag}"] if tag else []),
        *([f"Content-Length: {len(body)}"] if body else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def _body(reader: asyncio.StreamReader, headers: dict[str, str]) -> bytes:
    """Read a body: as long as it says, or in chunks. Raises `EOFError` where its end does not come."""
    if "transfer-encoding" not in headers:
        return await reader.readexactly(int(headers.get("content-length", 0)))
    parts = []
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        parts.append((await reader.readexactly(size + 2))[:-2])
    await reader.readexactly(2)
    return b"".join(parts)


def told(question: Question, reply: Reply) -> list[Any]:
    """What an answer tells, without what differs each time."""
    if reply.headers.get("content-type", "").startswith("application/problem+json"):
        return _problem(question, reply)
    if reply.status == HTTPStatus.SERVICE_UNAVAILABLE and (title := TITLE.search(reply.body)):
        kind = title[1].decode().lower().replace(" ", "-")
        return ["problem", reply.status, f"/problems/{kind}", "retry-after" in reply.headers]
    if reply.status != HTTPStatus.OK:
        return ["undocumented", reply.status, reply.body[:200].decode(errors="replace")]
    body = gzip.decompress(reply.body) if reply.headers.get("content-encoding") == "gzip" else reply.body
    if question.kind == "page":
        return ["page" if body.rstrip().endswith(b"</html>") else "cut off"]
    if question.call is not None and (refusal := json.loads(body))["code"]:
        return _refusal(refusal["msg"], reply)
    if question.kind == "prefix":
        return _grown(question, reply, body)
    body = PASSING.sub(b"", body) if question.form == "json" else body
    values = {int(float(value)) for value in VALUE.findall(body)} if question.kind == "register" else set()
    body = VALUE.sub(b"V", body) if values else body
    return ["told", digest(_lasting(question, reply, body)), *sorted(values)]


def _problem(question: Question, reply: Reply) -> list[Any]:
    problem = json.loads(reply.body)
    if question.kind == "step" and problem["type"] == "/problems/not-landed":
        return ["not landed"]
    return ["problem", reply.status, problem["type"], "retry-after" in reply.headers]


def _refusal(message: str, reply: Reply) -> list[Any]:
    """A refusal of Tushare's protocol, whose status is always 200, as what it stands for."""
    if NOT_LANDED in message:
        return ["not landed"]
    kind = "overloaded" if "connections are taken" in message else "database-unavailable"
    if UNAVAILABLE in message:
        return ["problem", int(HTTPStatus.SERVICE_UNAVAILABLE), f"/problems/{kind}", "retry-after" in reply.headers]
    return ["undocumented", reply.status, message]


def _lasting(question: Question, reply: Reply, body: bytes) -> bytes:
    """A body, and what the headers say of it, without the time and the id."""
    if question.form == "parquet":
        return _table(pq.read_table(io.BytesIO(body)))
    if question.form == "arrow":
        return _table(pa.ipc.open_stream(body).read_all())
    headers = [reply.headers.get(name, "") for name in ("x-rows", "x-partitions", "x-landed-at", "link")]
    return body + "|".join(headers).encode()


def _table(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    plain = table.replace_schema_metadata(None).combine_chunks()
    with pa.ipc.new_stream(sink, plain.schema) as writer:
        writer.write_table(plain)
    return sink.getvalue()


def _grown(question: Question, reply: Reply, body: bytes) -> list[Any]:
    """Of rows that become more: how many, which, how many of their days are complete, and when the last one landed."""
    if question.form == "csv":
        partitions, landed = json.loads(reply.headers["x-partitions"]), reply.headers.get("x-landed-at")
        lines = body.splitlines(keepends=True)[1:]
        return ["grown", len(lines), digest(b"".join(lines)), partitions["daily"].get("complete", 0), landed]
    head, _, items = body.partition(b',"items":')
    meta = json.loads(head + b"}")["meta"]
    return ["grown", meta["rows"], digest(items), meta["partitions"]["daily"].get("complete", 0), meta["landed_at"]]


def digest(content: bytes) -> str:
    """What is compared in place of the content."""
    return hashlib.blake2b(content, digest_size=12).hexdigest()


def fetch(root: str, question: Question) -> Reply:
    """Ask one question once, as it is asked by many later."""
    parts = urlsplit(root)
    plan = Plan(str(parts.hostname), int(parts.port or 80), [question], 1, 0.0, 60.0)

    async def once() -> Reply:
        client = _Client(plan, Records(), 0)
        reply = await client._fetch(question, "")
        client._hang_up()
        return reply

    return asyncio.run(once())


@click.command()
@click.argument("plan", type=click.Path(exists=True, path_type=Path))
@click.argument("records", type=click.Path(path_type=Path))
def main(plan: Path, records: Path) -> None:
    """Ask what the plan says, and write down what was told."""
    read = json.loads(plan.read_text())
    questions = [Question(**each) for each in read.pop("questions")]
    found = uvloop.run(ask_all(Plan(**read, questions=questions)))
    records.write_text(json.dumps({"states": found.states, "answers": found.answers}))


def write(plan: Plan, path: Path) -> None:
    """Write a plan down."""
    path.write_text(json.dumps(asdict(plan)))


if __name__ == "__main__":
    main()
