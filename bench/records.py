"""`python -m bench.records`: fetch the rows of a query as records, over several connections, without HTTP. Prints JSON.

That is what the driver does for who uses it by himself: what the API adds to it, or saves, is seen against this.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from statistics import quantiles
from typing import Any

import asyncpg
import click
import uvloop

from bench.load import Load


@dataclass(frozen=True, slots=True)
class Fetched:
    """What fetching gave, and the processor seconds of a fetch in this process."""

    load: Load
    cpu: float


def fetched(dsn: str, query: str, values: list[Any], connections: int, seconds: float) -> Fetched:
    """Fetch from a process of its own."""
    given = json.dumps([value.isoformat() if isinstance(value, date) else value for value in values])
    command = [sys.executable, "-m", "bench.records", dsn, query, given]
    command += [f"--connections={connections}", f"--seconds={seconds}"]
    root = Path(__file__).parents[1]
    told = json.loads(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=root).stdout)
    return Fetched(Load(**told["load"]), told["cpu"])


async def _fetch(dsn: str, query: str, values: list[Any], connections: int, seconds: float) -> Fetched:
    taken: list[float] = []
    rows = 0

    async def keep_busy(connection: asyncpg.Connection, until: float) -> None:
        nonlocal rows
        while (began := time.perf_counter()) < until:
            rows = len(await connection.fetch(query, *values))
            taken.append(time.perf_counter() - began)

    pool = [await asyncpg.connect(dsn) for _ in range(connections)]
    for connection in pool:
        await connection.fetch(query, *values)
    began, computed = time.perf_counter(), time.process_time()
    await asyncio.gather(*(keep_busy(connection, began + seconds) for connection in pool))
    whole, cpu = time.perf_counter() - began, time.process_time() - computed
    for connection in pool:
        await connection.close()
    shares = quantiles(taken, n=100, method="inclusive") if len(taken) > 1 else taken * 99
    return Fetched(Load(len(taken), connections, whole, shares[49], shares[98], rows), cpu / len(taken))


def _value(value: Any) -> Any:
    try:
        return date.fromisoformat(value)
    except (TypeError, ValueError):
        return value


@click.command()
@click.argument("dsn")
@click.argument("query")
@click.argument("values")
@click.option("--connections", type=click.IntRange(1), default=1)
@click.option("--seconds", type=click.FloatRange(0.01), default=3.0)
def main(dsn: str, query: str, values: str, connections: int, seconds: float) -> None:
    """Fetch for a while, and print what came of it."""
    given = [_value(value) for value in json.loads(values)]
    print(json.dumps(asdict(uvloop.run(_fetch(dsn, query, given, connections, seconds)))))


if __name__ == "__main__":
    main()
