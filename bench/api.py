"""What does reading cost: made anew, from memory, and as "you have it already"; against four others.

A twin in FastAPI, SQLAlchemy's ORM and Pydantic; Datasette over the same rows in SQLite; finished bytes on the same server; and
the driver that fetches the same rows as records, without HTTP. All take turns under load, over the same rows.
"""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from statistics import median
from typing import TYPE_CHECKING, Any

from bench import chart, ground, serving, sqlite
from bench.measure import number
from bench.report import Report, Table
from stock_assistant_pipelines.catalog import CATALOG
from stock_assistant_pipelines.settings import SHANGHAI
from stock_assistant_pipelines.warehouse.embedded import conninfo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from bench.ground import Server
    from bench.serving import Cost, History, Serving
    from stock_assistant_pipelines.warehouse.database import Database

COLD, CACHED, KNOWN = "ours, cold", "ours, cached", "ours, 304"
TWIN, DATASETTE, STATIC, DRIVER = "twin", "Datasette", "static bytes", "driver, records"

COLUMNS = ("", "requests/s", "p50, ms", "p99, ms", "CPU app, ms", "CPU PostgreSQL, ms", "KB")

RATIOS: Mapping[str, tuple[str, str]] = {
    "cold × twin": (COLD, TWIN),
    "cold × Datasette": (COLD, DATASETTE),
    "cold × driver": (COLD, DRIVER),
    "cached × static": (CACHED, STATIC),
    "304 × static": (KNOWN, STATIC),
}
"""What is compared with what."""

SLOW = 60
"""Connections from which on the others have one round only: a request of theirs waits for all before it."""


@dataclass(frozen=True)
class Scale:
    """How large it is measured, and for how long."""

    rounds: int
    seconds: float
    connections: tuple[int, ...]
    days: int
    past: int
    """Stocks whose whole past is there."""
    stocks: int
    years: int
    """Years of income statements."""


FULL = Scale(3, 3.0, (1, 8, 64), days=250, past=20, stocks=5500, years=10)
QUICK = Scale(1, 0.2, (2,), days=3, past=1, stocks=300, years=1)


@dataclass(frozen=True)
class Question:
    """One thing to know, as each side is asked for it."""

    title: str
    ours: str
    twin: str
    query: str
    values: list[Any]


Costs = dict[tuple[str, str, int], list["Cost"]]
"""By question, side and connections."""


def run(*, quick: bool = False) -> Report:
    """Put all sides under load with each question, with few connections and with many."""
    scale = QUICK if quick else FULL
    with ground.server() as server, server.database("api") as (database, engine):
        with ground.market(engine, scale.stocks) as market:
            history = serving.fill(engine, market, scale.days, scale.past)
            history = serving.report(engine, market, history, scale.years)
        asked = questions(history)
        costs = _measured(server, database, history, asked, scale)
    return _report(costs, asked, history, scale)


def questions(history: History) -> dict[str, Question]:
    """What is asked, by a short name."""
    stock, code, last = f"/stocks/{history.code}/daily", history.code, history.last
    columns = ", ".join(f'"{name}"' for name in CATALOG["daily"].fields)
    bars = f"select {columns} from daily where ts_code = $1 and trade_date between $2 and $3 order by trade_date"
    market = f"select {columns} from daily where trade_date = $1 order by ts_code"
    fields = CATALOG["income"].fields
    statement = f"select {', '.join(fields)} from income_as_of($2) where ts_code = $1 order by end_date"

    def of_stock(title: str, first: Any) -> Question:
        path = f"{stock}?start={first}&end={last}"
        return Question(title, path, path, bars, [code, first, last])

    day = f"/daily?trade_date={last}"
    income = f"/stocks/{code}/statements/income?as_of={last}&fields={','.join(fields)}"
    twin = f"/stocks/{code}/income?as_of={last}"
    return {
        "history": of_stock("one stock's history", history.first),
        "year": of_stock("one stock's year", history.year_ago),
        "latest": of_stock("latest bar", last),
        "day": Question("one market day", day, day, market, [last]),
        "statement": Question("a statement as of a day", income, twin, statement, [code, last]),
    }


def _measured(
    server: Server, database: Database, history: History, asked: Mapping[str, Question], scale: Scale
) -> Costs:
    """Start all sides, make sure that they answer the same, and let them take turns."""
    with ExitStack() as stack:
        place = server.directory
        cold = stack.enter_context(serving.ours(place, database, API_CACHE_MB="0"))
        cached = stack.enter_context(serving.ours(place, database))
        twin = stack.enter_context(serving.twin(place, database))
        bodies = {name: cached.fetch(question.ours)[0] for name, question in asked.items()}
        static = stack.enter_context(serving.static(place / "static", database, bodies))
        others = _datasette(stack, place, database, history)
        _require_same(cold, twin, others, asked)
        sides = _sides(server, database, asked, {COLD: cold, CACHED: cached, TWIN: twin, STATIC: static}, others)
        return _in_turns(sides, asked, scale)


def _datasette(
    stack: ExitStack, place: Path, database: Database, history: History
) -> tuple[Serving, Mapping[str, str]] | None:
    """Datasette, and what it is asked; None where it cannot be installed."""
    program = sqlite.install(place)
    if program is None:
        return None
    server = stack.enter_context(serving.datasette(place, database, program))
    moment = datetime.combine(history.last + timedelta(days=1), time(), SHANGHAI).timestamp()
    return server, sqlite.paths(history, moment)


def _sides(
    server: Server,
    database: Database,
    asked: Mapping[str, Question],
    servers: Mapping[str, Serving],
    others: tuple[Serving, Mapping[str, str]] | None,
) -> dict[str, Callable[[str, int, float], Cost]]:
    """How each side is put under load, by the name of the question, connections and seconds."""
    dsn = conninfo(database.url)

    def known(name: str, connections: int, seconds: float) -> Cost:
        path = asked[name].ours
        _, tag = servers[CACHED].fetch(path)
        return serving.measure(server, servers[CACHED], path, connections, seconds, tag)

    def driver(name: str, connections: int, seconds: float) -> Cost:
        question = asked[name]
        return serving.measure_records(server, dsn, question.query, question.values, connections, seconds)

    def served(side: Serving, path: Callable[[str], str]) -> Callable[[str, int, float], Cost]:
        return lambda name, connections, seconds: serving.measure(server, side, path(name), connections, seconds)

    sides = {
        COLD: served(servers[COLD], lambda name: asked[name].ours),
        CACHED: served(servers[CACHED], lambda name: asked[name].ours),
        KNOWN: known,
        STATIC: served(servers[STATIC], lambda name: f"/{name}"),
        DRIVER: driver,
        TWIN: served(servers[TWIN], lambda name: asked[name].twin),
    }
    if others:
        sides[DATASETTE] = served(others[0], lambda name: others[1][name])
    return sides


def _in_turns(
    sides: Mapping[str, Callable[[str, int, float], Cost]], asked: Mapping[str, Question], scale: Scale
) -> Costs:
    costs: Costs = {}
    for connections in scale.connections:
        for name in asked:
            for at in range(scale.rounds):
                for side in list(sides)[:: 1 if at % 2 == 0 else -1]:
                    if at and connections >= SLOW and side in {TWIN, DATASETTE}:
                        continue
                    try:
                        cost = sides[side](name, connections, scale.seconds)
                    except subprocess.CalledProcessError:
                        continue  # it did not answer all in time: shown as such
                    costs.setdefault((name, side, connections), []).append(cost)
    return costs


def _require_same(
    ours: Serving, twin: Serving, others: tuple[Serving, Mapping[str, str]] | None, asked: Mapping[str, Question]
) -> None:
    """Raise `RuntimeError` when an answer holds other rows than ours."""
    for name, question in asked.items():
        answer = ours.get(question.ours)
        same = serving.same_rows(answer["items"], twin.get(question.twin), answer["fields"])
        if others:
            same = same and others[0].get(others[1][name])["rows"] == answer["items"]
        if not same:
            raise RuntimeError(f"the answers to {question.title} differ")


def _report(costs: Costs, asked: Mapping[str, Question], history: History, scale: Scale) -> Report:
    tables = [_ratios(costs, asked, scale.connections)]
    for connections in scale.connections:
        rows = [
            (f"{question.title}: {side}", *_figures(costs[name, side, connections]))
            for name, question in asked.items()
            for side in dict.fromkeys(side for known, side, _ in costs if known == name)
            if (name, side, connections) in costs
        ]
        tables.append(Table(f"{connections} connection{'s' if connections > 1 else ''}", COLUMNS, rows))
    shown = sorted(scale.connections)[len(scale.connections) // 2]
    return Report(
        "api",
        "what does reading cost?",
        tables,
        [
            f"{history.rows:,} rows in `daily`; one stock is {history.bars:,} rows, the market day {history.market:,}, "
            f"latest 1, its statements {history.reports} periods. The same rows from all sides, which is checked before.",
            f"{scale.rounds} rounds of {scale.seconds:g} s each, in turns; figures are medians of the rounds, ratios those "
            f"of the medians. From {SLOW} connections on the twin and Datasette have one round. –: not measured, or it failed.",
            "CPU is processor time per request. The client runs on the same cores. Ours also says whether the range is "
            "complete and who told us; none of the others does. Of the driver, KB are thousands of rows.",
            "Cold: with API_CACHE_MB=0, each answer is made anew. Cached: from memory, the data versions asked for each time.",
        ],
        plots={f"api-{shown}.svg": _plot(costs, asked, shown)},
    )


def _ratios(costs: Costs, asked: Mapping[str, Question], connections: Sequence[int]) -> Table:
    """How many times the requests per second of the other, for each question and number of connections."""
    rows = []
    for name, question in asked.items():
        for count in connections:
            pairs = [[costs.get((name, side, count)) for side in sides] for sides in RATIOS.values()]
            cells = (f"**{number(_rate(one) / _rate(other))}×**" if one and other else "–" for one, other in pairs)
            rows.append((f"{question.title}, {count}", *cells))
    return Table("Requests per second, against the others", ("question, connections", *RATIOS), rows)


def _rate(costs: Sequence[Cost]) -> float:
    return median(cost.load.rate for cost in costs)


def _figures(costs: Sequence[Cost]) -> tuple[str, ...]:
    picked = zip(
        *((c.load.rate, c.load.p50 * 1e3, c.load.p99 * 1e3, c.app * 1e3, c.database * 1e3) for c in costs), strict=True
    )
    kilobytes = costs[0].load.body / 1000
    return (*(number(median(values)) for values in picked), number(kilobytes))


def _plot(costs: Costs, asked: Mapping[str, Question], connections: int) -> str:
    sides = (COLD, CACHED, KNOWN, STATIC, DRIVER, TWIN, DATASETTE)
    groups = {
        question.title: {
            side: _rate(costs[name, side, connections]) for side in sides if (name, side, connections) in costs
        }
        for name, question in asked.items()
    }
    return chart.bars(f"Answers per second, {connections} connections", "/s", groups)
