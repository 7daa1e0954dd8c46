"""What does a long answer cost in each format, and how much of it does the server keep?

One answer at a time, of a table of made-up bars, from our API as it is installed. Memory is looked at while the answer is read.
"""

from __future__ import annotations

import time
import urllib.request
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import text

from bench import ground, serving
from bench.measure import Figures, figure, number
from bench.processes import cpu_seconds, family, memory
from bench.report import Report, Table

if TYPE_CHECKING:
    from bench.serving import Serving

ASKED = (
    *((form, coding) for form in ("json", "csv") for coding in ("identity", "zstd", "br", "gzip")),
    *((form, "identity") for form in ("rows", "arrow", "parquet")),
)
"""Formats and codings; those last that load Arrow."""
FLAT = 64
"""Megabytes by which memory may grow while an answer of any length is sent: blocks, row groups, the allocators' reserves."""
CODES = 5000
"""Stocks of a day."""
FILL = text("""
    insert into daily
    select lpad(code::text, 6, '0') || '.SZ', day::date, price, price * 1.02, price * 0.98, price * 1.01, price, price * 0.01,
        1.0, round((random() * 1000000)::numeric, 2), round((random() * 1000000)::numeric, 3)
    from generate_series('2023-01-01'::date, '2023-01-01'::date + (:days - 1), '1 day') as day,
        lateral (select code, round((10 + 90 * random())::numeric, 2) as price from generate_series(1, :codes) as code)
""")


@dataclass(frozen=True, slots=True)
class Sent:
    """What an answer took."""

    seconds: float
    first: float
    """Seconds until its first byte."""
    size: int
    app: float
    """Processor seconds of the server."""
    resident: float
    """Megabytes that the server held at the most, while it sent."""
    grown: float
    """Megabytes more than before it."""


def run(*, quick: bool = False) -> Report:
    """Ask for all rows at once, in each format, and for JSON and CSV compressed as well."""
    days, rounds = (2, 1) if quick else (200, 3)
    with ground.server() as server, server.database("formats") as (database, engine):
        with engine.begin() as connection:
            connection.execute(FILL, {"days": days, "codes": CODES})
        ground.vacuum(engine)
        with serving.ours(server.directory, database, API_CACHE_MB="0") as ours:
            # The first of each is not counted: what it loads stays.
            sent = {each: [_ask(ours, *each) for _ in range(rounds + 1)][1:] for each in ASKED}
    columns = ("", "compressed", "seconds", "first byte, ms", "MB", "CPU app, s", "most held, MB", "grown by, MB")
    grown = {" ".join(each): max(one.grown for one in sent[each]) for each in ASKED}
    return Report(
        "formats",
        "what does a long answer cost, and what is kept of it?",
        [
            Table(
                f"{days * CODES:,} rows of `daily` in one answer", columns, [_row(*each, sent[each]) for each in ASKED]
            )
        ],
        [
            f"{rounds} answers each, one at a time, after one that is not counted. The client, on the same cores, throws away "
            "what it reads. Memory is the server process's own, looked at after every piece.",
        ],
        [f"{each}: memory grew by {grown[each]:.0f} MB" for each in grown if grown[each] > FLAT],
    )


def _ask(server: Serving, form: str, coding: str) -> Sent:
    url = f"{server.root}/datasets/daily/rows?start=20230101&limit=1000000&format={form}"
    request = urllib.request.Request(url, headers={"Accept-Encoding": coding})
    before, spent, size = memory(server.pid), cpu_seconds(family(server.pid)), 0
    most = before
    began = time.perf_counter()
    with urllib.request.urlopen(request, timeout=300) as response:
        first = time.perf_counter() - began
        while piece := response.read(2**16):
            size += len(piece)
            most = max(most, memory(server.pid))
    seconds = time.perf_counter() - began
    return Sent(seconds, first, size, cpu_seconds(family(server.pid)) - spent, most, most - before)


def _row(form: str, coding: str, sent: list[Sent]) -> tuple[str, ...]:
    def all_of(name: str) -> Figures:
        return Figures(tuple(getattr(each, name) for each in sent))

    return (
        form,
        "" if coding == "identity" else coding,
        figure(all_of("seconds")),
        number(all_of("first").median * 1000),
        number(sent[0].size / 10**6),
        number(all_of("app").median),
        number(all_of("resident").median),
        number(max(each.grown for each in sent)),
    )
