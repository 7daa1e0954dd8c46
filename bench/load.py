"""`python -m bench.load URL`: ask one URL over several kept connections for a while, from a process of its own.

A few lines over asyncio's streams, so that a client of 0.1 ms a request does not hide what the server takes. Prints JSON.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import quantiles
from urllib.parse import urlsplit

import click
import uvloop


@dataclass(frozen=True, slots=True)
class Load:
    """What one URL gave under load."""

    requests: int
    """Requests that were timed."""
    warm_up: int
    """Requests before those."""
    seconds: float
    p50: float
    p99: float
    """Seconds that a request took."""
    body: int
    """Bytes of one answer."""

    @property
    def rate(self) -> float:
        """Requests per second."""
        return self.requests / self.seconds


def under_load(url: str, connections: int, seconds: float, tag: str | None = None) -> Load:
    """Ask a URL from a process of its own. Raises `CalledProcessError` when an answer is not 200, or with a tag not 304."""
    command = [sys.executable, "-m", "bench.load", url, f"--connections={connections}", f"--seconds={seconds}"]
    command += [f"--tag={tag}"] if tag else []
    root = Path(__file__).parents[1]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=root)
    return Load(**json.loads(done.stdout))


async def _ask(url: str, connections: int, seconds: float, tag: str | None) -> Load:
    """Keep every connection busy until the time is over; requests under way then are waited for and count."""
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    known = f"If-None-Match: {tag}\r\n" if tag else ""
    request = f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: */*\r\n{known}\r\n".encode()
    expected = b"HTTP/1.1 304" if tag else b"HTTP/1.1 200"
    taken: list[float] = []
    bodies: set[int] = set()

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(expected):
            raise click.ClickException(f"{url}: {head.splitlines()[0].decode()}")
        bodies.add(await _body(head, reader))

    async def keep_busy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Ask without a pause, which servers take for the end: until all are warm, and then for as long as is timed."""
        nonlocal cold, warm_up, began
        await once(reader, writer)
        cold -= 1
        began = began if cold else time.perf_counter()
        while cold:
            await once(reader, writer)
            warm_up += 1
        while (at := time.perf_counter()) < began + seconds:
            await once(reader, writer)
            taken.append(time.perf_counter() - at)

    streams = [await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 22) for _ in range(connections)]
    cold = warm_up = connections
    began = 0.0
    await asyncio.gather(*(keep_busy(*stream) for stream in streams))
    whole = time.perf_counter() - began
    for _, writer in streams:
        writer.close()
    shares = quantiles(taken, n=100, method="inclusive") if len(taken) > 1 else taken * 99
    return Load(len(taken), warm_up, whole, shares[49], shares[98], max(bodies))


async def _body(head: bytes, reader: asyncio.StreamReader) -> int:
    """Read a body, if there is one: as long as it says, or in chunks. Returns its bytes."""
    fields = dict(line.split(b": ", 1) for line in head.lower().splitlines()[1:] if line)
    if b"content-length" in fields:
        length = int(fields[b"content-length"])
        await reader.readexactly(length)
        return length
    total = 0
    while b"transfer-encoding" in fields:
        size = int((await reader.readline()).split(b";")[0], 16)
        await reader.readexactly(size + 2)
        total += size
        if not size:
            break
    return total


@click.command()
@click.argument("url")
@click.option("--connections", type=click.IntRange(1), default=1)
@click.option("--seconds", type=click.FloatRange(0.01), default=3.0)
@click.option("--tag", help="What the client has already: answered by 304.")
def main(url: str, connections: int, seconds: float, tag: str | None) -> None:
    """Ask one URL for a while, and print what came of it."""
    load = uvloop.run(_ask(url, connections, seconds, tag))
    print(json.dumps(asdict(load)))


if __name__ == "__main__":
    main()
