"""What does reading cost, against the same routes written with FastAPI, SQLAlchemy's ORM and Pydantic?

Both are served by one uvicorn process, started in the same way, over the same database; they are put under load in turns.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench import ground, serving
from bench.measure import Figures, number, ratio
from bench.report import Report, Table

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.ground import Server
    from bench.serving import Cost, History, Serving

SIDES = ("ours", "twin")


def run(*, quick: bool = False) -> Report:
    """Put both under load with each question, with one connection and with eight."""
    rounds, seconds, days, stocks, size = (1, 0.1, 3, 1, 300) if quick else (3, 3.0, 250, 20, 5500)
    with ground.server() as server, server.database("api") as (database, engine):
        with ground.market(engine, size) as market:
            history = serving.fill(engine, market, days, stocks)
        with serving.ours(server.directory, database) as ours, serving.twin(server.directory, database) as twin:
            both = {"ours": ours, "twin": twin}
            _require_same(both, history)
            tables = [
                Table(
                    f"{connections} connection{'s' if connections > 1 else ''}",
                    ("", "requests/s", "× twin", "p50, ms", "p99, ms", "CPU app, ms", "CPU PostgreSQL, ms", "KB"),
                    [
                        row
                        for question, path in questions(history).items()
                        for row in _rows(question, _measure(server, both, path, connections, rounds, seconds))
                    ],
                )
                for connections in ((2,) if quick else (1, 8))
            ]
    return Report(
        "api",
        "what does reading cost?",
        tables,
        [
            f"{history.rows:,} rows in `daily`; one stock is {history.bars:,} rows, the market day {history.market:,}, "
            "latest 1. The same values from both, which is checked before.",
            f"{rounds} rounds of {seconds:g} s each, in turns; requests/s, latencies and CPU are medians of the rounds, "
            "ratios are taken round by round. CPU is processor time per request.",
            "The client runs on the same cores. Ours also says whether the range is complete and who told us, which costs a "
            "query or two more; the twin answers rows only.",
        ],
    )


def questions(history: History) -> dict[str, str]:
    """What is asked, as paths below the root of each server."""
    stock = f"/stocks/{history.code}/daily"
    return {
        "one stock's history": f"{stock}?start={history.first}",
        "one market day": f"/daily?trade_date={history.last}",
        "one stock's year": f"{stock}?start={history.year_ago}&end={history.last}",
        "latest bar": f"{stock}?start={history.last}&end={history.last}",
    }


def _require_same(both: Mapping[str, Serving], history: History) -> None:
    for path in questions(history).values():
        ours, twin = (both[name].get(path) for name in SIDES)
        if not serving.same_rows(ours["items"], twin, ours["fields"]):
            raise RuntimeError(f"the two answers to {path} differ")


def _measure(
    server: Server, both: Mapping[str, Serving], path: str, connections: int, rounds: int, seconds: float
) -> dict[str, list[Cost]]:
    costs: dict[str, list[Cost]] = {name: [] for name in SIDES}
    for at in range(rounds):
        for name in SIDES if at % 2 == 0 else reversed(SIDES):
            costs[name].append(serving.measure(server, both[name], path, connections, seconds))
    return costs


def _rows(question: str, costs: Mapping[str, list[Cost]]) -> list[tuple[str, ...]]:
    rate = {name: Figures(tuple(cost.load.rate for cost in costs[name])) for name in SIDES}
    rows = []
    for name in SIDES:
        figures = (
            Figures(tuple(pick)).median
            for pick in zip(
                *((c.load.p50 * 1e3, c.load.p99 * 1e3, c.app * 1e3, c.database * 1e3) for c in costs[name]),
                strict=True,
            )
        )
        faster = ratio(rate["ours"].over(rate["twin"])) if name == "ours" else "1"
        kilobytes = number(costs[name][0].load.body / 1000)
        rows.append((f"{question}, {name}", number(rate[name].median), faster, *map(number, figures), kilobytes))
    return rows
