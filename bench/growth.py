"""Does reading get dearer as the history grows? The same questions over a year of the whole market, and over all its days.

The answers are the same, byte by byte, which is checked: between the two only rows come that nobody asks for. The same servers
answer both times, and a route without a database, asked as well, shows how far the machine itself has changed meanwhile.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from sqlalchemy import text

from bench import api, ground, serving
from bench.asking import PASSING
from bench.measure import number, stopwatch
from bench.report import Report, Table

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date

    from sqlalchemy import Engine

    from bench.ground import Market, Server
    from bench.serving import Cost, History, Serving
    from stock_assistant_pipelines.catalog.dataset import Dataset

CONNECTIONS = 8
CONTROL = "no database"
COLUMNS = ("", "requests/s", "p50, ms", "p99, ms", "CPU app, ms", "CPU PostgreSQL, ms")


@dataclass(frozen=True)
class Scale:
    """How large it is measured, and for how long."""

    rounds: int
    seconds: float
    stocks: int
    days: int
    """Of the whole market, at first."""
    past: int
    """Stocks whose whole past is there, at first."""
    more: int | None
    """Days of the whole market that are added, the newest that are not there; None: all."""
    asked: tuple[str, ...] = ("history", "year", "latest", "day")
    """Of the questions of `bench.api`."""


FULL = Scale(3, 3.0, 5500, 250, 20, None)
QUICK = Scale(1, 0.1, 60, 3, 1, 20, asked=("day",))


@dataclass(frozen=True)
class State:
    """What was measured over so many rows."""

    rows: int
    costs: Mapping[tuple[str, str], Sequence[Cost]]
    """By side and question."""
    bodies: Mapping[str, bytes]


def run(*, quick: bool = False) -> Report:
    """Measure, fill in the days before, and measure again."""
    scale = QUICK if quick else FULL
    with (
        ground.server() as server,
        server.database("growth") as (database, engine),
        ground.market(engine, scale.stocks) as market,
    ):
        history = serving.fill(engine, market, scale.days, scale.past)
        questions = {name: each.ours for name, each in api.questions(history).items() if name in scale.asked}
        place = server.directory
        with serving.ours(place, database, API_CACHE_MB="0") as cold, serving.ours(place, database) as cached:
            sides = {api.COLD: cold, api.CACHED: cached}
            small = _measured(server, engine, sides, questions, scale)
            with stopwatch() as filling:
                days = grow(engine, market, scale)
            large = _measured(server, engine, sides, questions, scale)
    require_same(small.bodies, large.bodies)
    return _report(small, large, history, days, filling.seconds)


def grow(engine: Engine, market: Market, scale: Scale) -> int:
    """Fill in the days before, newest first, as a backfill does, of all stocks whose past is not there. Returns how many."""
    first = market.days[-scale.days]
    older = [day for day in reversed(market.days) if day < first][: scale.more]
    with engine.connect() as connection:
        query = text("select distinct ts_code from daily where trade_date < :first")
        there = frozenset(connection.execute(query, {"first": first}).scalars())
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda dataset: _add(engine, market, dataset, older, there), (ground.DAILY, ground.ADJ_FACTOR)))
    ground.vacuum(engine)
    return len(older)


def _add(engine: Engine, market: Market, dataset: Dataset, days: Sequence[date], there: Collection[str]) -> None:
    at = dataset.fields.index("ts_code")
    for day in days:
        rows = [row for row in market.of_day(dataset, day) if row[at] not in there]
        ground.copy(engine, dataset, dataset.api, rows)


def _measured(
    server: Server, engine: Engine, sides: Mapping[str, Serving], questions: Mapping[str, str], scale: Scale
) -> State:
    """Ask every question of both servers, in turns."""
    ground.checkpoint(engine)
    bodies = {name: PASSING.sub(b"", sides[api.COLD].fetch(path)[0]) for name, path in questions.items()}
    costs: dict[tuple[str, str], list[Cost]] = {}
    for at in range(scale.rounds):
        for name, path in {**questions, CONTROL: "/health/live"}.items():
            for side in list(sides)[:: 1 if at % 2 == 0 else -1]:
                cost = serving.measure(server, sides[side], path, CONNECTIONS, scale.seconds)
                costs.setdefault((side, name), []).append(cost)
    with engine.connect() as connection:
        rows = int(connection.execute(text("select count(*) from daily")).scalar_one())
    return State(rows, costs, bodies)


def require_same(small: Mapping[str, bytes], large: Mapping[str, bytes]) -> None:
    """Raise `RuntimeError` when an answer is not the same with more rows beside its own."""
    if differing := [name for name, body in small.items() if large[name] != body]:
        raise RuntimeError(f"other answers after the fill: {', '.join(differing)}")


def _report(small: State, large: State, history: History, days: int, seconds: float) -> Report:
    added = large.rows - small.rows
    sizes = {f"{state.rows / 1e6:.3g} M": state for state in (small, large)}
    return Report(
        "growth",
        "does reading get dearer as the history grows?",
        [
            Table(
                f"How many times as dear with {large.rows:,} rows in `daily` as with {small.rows:,}, {CONNECTIONS} connections",
                ("", "time per request", "p50", "p99"),
                [(_title(side, name), *_ratios(small, large, side, name)) for side, name in small.costs],
            ),
            *(
                Table(f"{size} rows", COLUMNS, [(_title(*key), *_figures(costs)) for key, costs in state.costs.items()])
                for size, state in sizes.items()
            ),
        ],
        [
            f"One stock is {history.bars:,} rows, the market day {history.market:,}. The answers are the same bytes before and "
            f"after, which is checked, and so are the servers. {CONTROL}: `/health/live`, which shows the machine alone.",
            f"{days:,} trading days with {added:,} rows of `daily`, and as many of `adj_factor`, were filled in, day by day, "
            f"with all indexes, in {number(seconds / 60)} minutes, {number(seconds / max(1, days) * 1000)} ms a day, vacuuming "
            f"included. Time per request is the inverse of requests per second; the goal is 1.2× at the most.",
        ],
    )


def _title(side: str, name: str) -> str:
    return f"{name}: {side}"


def _picked(costs: Sequence[Cost]) -> tuple[float, ...]:
    """The medians of the rounds, as in `COLUMNS`."""
    figures = ((c.load.rate, c.load.p50 * 1e3, c.load.p99 * 1e3, c.app * 1e3, c.database * 1e3) for c in costs)
    return tuple(median(values) for values in zip(*figures, strict=True))


def _figures(costs: Sequence[Cost]) -> tuple[str, ...]:
    return tuple(number(value) for value in _picked(costs))


def _ratios(small: State, large: State, side: str, name: str) -> tuple[str, ...]:
    """How many times as long a request takes, in the mean, in the middle, and of the slow ones."""
    one, other = (_picked(state.costs[side, name]) for state in (small, large))
    return tuple(f"**{number(value)}×**" for value in (one[0] / other[0], other[1] / one[1], other[2] / one[2]))
