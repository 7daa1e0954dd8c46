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


def under_load(url: str, connections: int, seconds: float) -> Load:
    """Ask a URL from a process of its own."""
    command = [sys.executable, "-m", "bench.load", url, f"--connections={connections}", f"--seconds={seconds}"]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=root)
    return Load(**json.loads(done.stdout))


async def _ask(url: str, connections: int, seconds: float) -> Load:
    """Keep every connection busy until the time is over; requests under way then are waited for and count."""
    parts = urlsplit(url)
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    request = f"GET {target} HTTP/1.1\r\nHost: {parts.netloc}\r\nAccept: */*\r\n\r\n".encode()
    taken: list[float] = []
    bodies: set[int] = set()

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise click.ClickException(f"{url}: {head.splitlines()[0].decode()}")
        length = next(int(line[15:]) for line in head.lower().splitlines() if line.startswith(b"content-length:"))
        await reader.readexactly(length)
        bodies.add(length)

    async def keep_busy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, until: float) -> None:
        while (began := time.perf_counter()) < until:
            await once(reader, writer)
            taken.append(time.perf_counter() - began)

    streams = [await asyncio.open_connection(parts.hostname, parts.port, limit=1 << 22) for _ in range(connections)]
    await asyncio.gather(*(once(*stream) for stream in streams))
    began = time.perf_counter()
    await asyncio.gather(*(keep_busy(*stream, began + seconds) for stream in streams))
    whole = time.perf_counter() - began
    for _, writer in streams:
        writer.close()
    shares = quantiles(taken, n=100, method="inclusive") if len(taken) > 1 else taken * 99
    return Load(len(taken), connections, whole, shares[49], shares[98], max(bodies))


@click.command()
@click.argument("url")
@click.option("--connections", type=click.IntRange(1), default=1)
@click.option("--seconds", type=click.FloatRange(0.01), default=3.0)
def main(url: str, connections: int, seconds: float) -> None:
    """Ask one URL for a while, and print what came of it."""
    load = uvloop.run(_ask(url, connections, seconds))
    print(json.dumps(asdict(load)))


if __name__ == "__main__":
    main()
